"""The bundled captioner itself: what it says of the example pictures, and that its maps point where the thing is."""

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcore import CaptionOptions, ModelPool, Settings, caption, caption_many, decode_image
from mmcore.checkpoints.locate import bundled_folder
from mmcore.checkpoints.registry import find
from mmcore.errors import WeightsError
from mmcore.evaluation.naming import names_one_of
from mmcore.families import compact_captioner
from mmcore.families._attention_maps import center_of_mass, share
from mmcore.families._reranking import ARTICLES
from mmcore.nets.vocabulary import SPECIAL
from mmcore.results import CaptionResult, Word
from mmcore.settings import local_variable

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
REFERENCE = json.loads(Path(__file__).with_name("bundle_reference.json").read_text(encoding="utf-8"))
"""File -> caption and score with the default options, as the bundle gave them when it was made."""
CHINESE = json.loads(Path(__file__).with_name("chinese_reference.json").read_text(encoding="utf-8"))
"""The same with ``language="zh"``."""


@pytest.fixture(scope="module")
def pool() -> ModelPool:
    return ModelPool(Settings(offline=True, device="cpu"))


def open_example(name: str) -> Image.Image:
    return decode_image(EXAMPLES / name, Settings(offline=True))


@cache
def described(pool: ModelPool, name: str) -> CaptionResult:
    """An example alone, with the default options: asked once, for all tests."""
    return caption(pool, open_example(name))


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_says_what_it_said_when_it_was_made(pool: ModelPool, name: str) -> None:
    result = described(pool, name)
    assert result.captions[0].text == REFERENCE[name]["text"]
    assert result.captions[0].score == pytest.approx(REFERENCE[name]["score"], abs=0.02)


@pytest.mark.parametrize(
    ("name", "labels"),
    [("cat.jpg", ["cat"]), ("coffee.jpg", ["espresso"]), ("two-dogs.jpg", ["dog"]), ("monkey.jpg", ["monkey"])],
)
def test_names_the_thing_and_is_confident(pool: ModelPool, name: str, labels: list[str]) -> None:
    result = described(pool, name)
    assert names_one_of(result.captions[0].text, labels)
    assert result.confident
    assert any(names_one_of(tag.text, labels) for tag in result.tags)


def test_a_strong_tag_contradicts_a_caption_that_leaves_it_out(
    pool: ModelPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = decode_image(EXAMPLES.parent / "collection" / "polar-bear.jpg", Settings(offline=True))
    captioner = pool.get("compact-captioner")
    (best,) = captioner.caption([picture], CaptionOptions())[0]
    assert captioner.confident(picture, best)
    dog = replace(best, words=(Word("a", 0.9), Word("dog", 0.9)))
    assert not captioner.confident(picture, dog)
    monkeypatch.setattr(compact_captioner, "CONTRADICTED", 100.0)
    assert captioner.confident(picture, dog)  # the tagger alone would let it pass


def test_doubts_what_it_does_not_recognise(pool: ModelPool) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    for picture in (Image.new("RGB", (300, 200), (128, 128, 128)), Image.fromarray(noise)):
        assert not caption(pool, picture).confident


@pytest.mark.parametrize(("name", "word"), [("cat.jpg", "cat"), ("monkey.jpg", "monkey")])
@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("column", [0, 1])
def test_the_map_of_a_word_points_to_its_corner(pool: ModelPool, name: str, word: str, row: int, column: int) -> None:
    """An animal in one corner of an empty picture: the word's map lies there, by weight and by its middle."""
    picture = Image.new("RGB", (448, 448), (128, 128, 128))
    picture.paste(open_example(name).resize((224, 224)), (224 * column, 224 * row))
    best = caption(pool, picture, CaptionOptions(explain=True)).captions[0]
    texts = [one.text for one in best.words]
    assert word in texts
    heat = best.maps[texts.index(word)]
    quarter = share(heat, row / 2, column / 2, row / 2 + 0.5, column / 2 + 0.5)
    assert quarter > 0.5, "chance is 0.25"
    middle = center_of_mass(heat)
    assert (middle[0] > 0.5) == bool(row)
    assert (middle[1] > 0.5) == bool(column)


@pytest.mark.parametrize("decoding", ["beam", "nucleus", "greedy"])
def test_options_are_kept(pool: ModelPool, decoding: str) -> None:
    options = CaptionOptions(decoding=decoding, num_captions=4, max_words=6, seed=3, explain=True)  # type: ignore[arg-type]
    result = caption(pool, open_example("cat.jpg"), options)
    again = caption(pool, open_example("cat.jpg"), options)
    assert [one.text for one in result.captions] == [one.text for one in again.captions]
    assert len(result.captions) == (1 if decoding == "greedy" else 4)
    if decoding != "beam":  # whose candidates a second network has put in order
        assert [one.score for one in result.captions] == sorted((one.score for one in result.captions), reverse=True)
    else:
        ranks = [one.rank for one in result.captions if one.rank is not None]
        assert len(ranks) == 4
        assert ranks == sorted(ranks, reverse=True)
        assert len({one.text for one in result.captions}) == 4
    for one in result.captions:
        assert 1 <= len(one.words) <= 6
        assert one.maps is not None
        assert one.maps.shape == (len(one.words), 7, 7)
        assert np.allclose(one.maps.sum((1, 2)), 1, atol=1e-4)
        logs = [math.log(word.probability) for word in one.words]
        assert one.score == pytest.approx(math.exp(sum(logs) / len(logs)))


def test_a_batch_says_what_single_pictures_say(pool: ModelPool) -> None:
    paths = sorted(EXAMPLES.glob("*.jpg"))[:3]
    together = list(caption_many(pool, paths))
    for path, result in zip(paths, together, strict=True):
        assert isinstance(result, CaptionResult)
        alone = described(pool, path.name)
        assert result.captions[0].text == alone.captions[0].text
        assert result.captions[0].score == pytest.approx(alone.captions[0].score, abs=1e-3)


def test_odd_shapes_are_read_whole(pool: ModelPool) -> None:
    for size in ((1, 1), (3, 900), (900, 3)):
        picture = Image.new("RGB", size, (200, 30, 30))
        assert caption(pool, picture, CaptionOptions(decoding="greedy")).captions[0].text


# Chinese


@pytest.mark.parametrize("name", sorted(CHINESE))
def test_says_in_chinese_what_it_said_when_it_was_made(pool: ModelPool, name: str) -> None:
    result = caption(pool, open_example(name), CaptionOptions(language="zh"))
    best = result.captions[0]
    assert best.text == CHINESE[name]["text"]
    assert best.score == pytest.approx(CHINESE[name]["score"], abs=0.02)
    assert result.confident == CHINESE[name]["confident"]
    assert best.text == "".join(word.text for word in best.words)
    assert (best.language, result.to_dict()["language"]) == ("zh", "zh")


def test_tags_are_named_in_chinese_and_noise_is_doubted(pool: ModelPool) -> None:
    tags = [tag.text for tag in caption(pool, open_example("cat.jpg"), CaptionOptions(language="zh")).tags]
    assert "猫" in tags
    assert "cat" not in tags
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8))
    assert not caption(pool, noise, CaptionOptions(language="zh")).confident


@pytest.mark.parametrize("decoding", ["beam", "nucleus", "greedy"])
def test_options_and_maps_are_kept_in_chinese(pool: ModelPool, decoding: str) -> None:
    options = CaptionOptions(decoding=decoding, num_captions=3, max_words=6, language="zh", explain=True)  # type: ignore[arg-type]
    found = caption(pool, open_example("two-dogs.jpg"), options).captions
    assert len(found) == (1 if decoding == "greedy" else 3)
    for one in found:
        assert 1 <= len(one.words) <= 6
        assert one.maps is not None
        assert one.maps.shape == (len(one.words), 7, 7)
        assert np.allclose(one.maps.sum((1, 2)), 1, atol=1e-4)
    if decoding == "beam":
        said = [frozenset(word.text for word in one.words) - ARTICLES for one in found]
        assert len(set(said)) == len(said), "alternatives differ in more than a particle"


def test_the_map_of_a_chinese_word_points_to_its_corner(pool: ModelPool) -> None:
    picture = Image.new("RGB", (448, 448), (128, 128, 128))
    picture.paste(open_example("cat.jpg").resize((224, 224)), (224, 0))
    best = caption(pool, picture, CaptionOptions(language="zh", explain=True)).captions[0]
    place = next(place for place, word in enumerate(best.words) if "猫" in word.text)
    assert best.maps is not None
    assert share(best.maps[place], 0, 0.5, 0.5, 1) > 0.5, "chance is 0.25"


def test_words_and_weights_of_the_chinese_decoder_belong_together() -> None:
    folder = bundled_folder(find("compact-captioner"))
    config = json.loads((folder / "chinese.json").read_text(encoding="utf-8"))
    words = config["network"]["vocabulary"]
    assert tuple(words[: len(SPECIAL)]) == SPECIAL
    assert len(set(words)) == len(words)
    english = json.loads((folder / "config.json").read_text(encoding="utf-8"))["network"]["tag_words"]
    assert len(config["network"]["tag_names"]) == len(english)
    assert [english[place] for place in config["witnesses"]["狗"]] == ["dog", "dogs"]


def test_a_decoder_of_another_encoder_is_refused(tmp_path: Path) -> None:
    record = find("compact-captioner")
    for file in bundled_folder(record).iterdir():
        (tmp_path / file.name).symlink_to(file)
    settings = json.loads((tmp_path / "chinese.json").read_text(encoding="utf-8"))
    (tmp_path / "chinese.json").unlink()
    (tmp_path / "chinese.json").write_text(json.dumps({**settings, "encoder": "0" * 64}), encoding="utf-8")
    pool = ModelPool(Settings(offline=True, device="cpu", local={local_variable(record.name): tmp_path}))
    with pytest.raises(WeightsError, match="was trained with other weights of Compact captioner"):
        caption(pool, open_example("cat.jpg"))
    (tmp_path / "chinese.json").unlink()
    pool = ModelPool(Settings(offline=True, device="cpu", local={local_variable(record.name): tmp_path}))
    with pytest.raises(WeightsError, match=r"write English only: chinese\.safetensors is not beside them"):
        caption(pool, open_example("cat.jpg"), CaptionOptions(language="zh"))
