"""The compact sentiment family over a small random encoder and heads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmcore.errors import InputError, WeightsError
from mmcore.families import compact_sentiment
from mmcore.families._lexicon import NAMES, hashtags_as_words, lexicon_scores
from mmcore.families.base import SentimentJudge
from mmcore.nets import fusion as fusions
from mmcore.nets.post_features import Looks
from mmcore.results import FUSIONS, Post, SentimentScores
from tests import tiny
from tests.families import sentiment as small

PICTURES = tiny.pictures(3, (64, 64))
POSTS = [
    Post("a red dog runs with the cat", PICTURES[0]),
    Post("two women sits on the black car", None),
    Post(None, PICTURES[1]),
    Post("great :) #HappyDay", PICTURES[2]),
]
each = pytest.mark.parametrize("fusion", FUSIONS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.save(tmp_path_factory.mktemp("sentiment"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    loaded = small.load(folder)
    assert isinstance(loaded, SentimentJudge)
    return loaded


def values(scores: SentimentScores) -> list[float]:
    return [scores.negative, scores.neutral, scores.positive]


def test_every_post_gets_all_fusions_and_what_it_has(model: Any) -> None:
    judgements = model.judge(POSTS)
    for post, found in zip(POSTS, judgements, strict=True):
        assert [name for name, _ in found.fusions] == list(FUSIONS)
        assert (found.text is None) == (post.text is None)
        assert (found.image is None) == (post.image is None)
        for scores in (found.text, found.image, *(scores for _, scores in found.fusions)):
            if scores is not None:
                assert sum(values(scores)) == pytest.approx(1, abs=1e-5)
        gates = dict(found.gates)
        assert set(gates) == {"weighted", "late"}
        for gate in gates.values():
            assert sum(gate) == pytest.approx(1, abs=1e-5)
            assert (gate[0] == 0) == (post.text is None)
            assert (gate[1] == 0) == (post.image is None)
    answers = np.array([[values(scores) for _, scores in found.fusions] for found in judgements])
    assert len({tuple(np.round(row.ravel(), 4)) for row in answers}) == len(POSTS), "different posts, different answers"


@each
def test_together_and_alone_agree_where_only_one_is_there(model: Any, fusion: str) -> None:
    judgements = model.judge(POSTS, fusion)
    assert values(dict(judgements[1].fusions)[fusion]) == pytest.approx(values(judgements[1].text), abs=1e-4)
    assert values(dict(judgements[2].fusions)[fusion]) == pytest.approx(values(judgements[2].image), abs=1e-4)


def test_a_picture_that_comes_twice_is_looked_at_once(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    grid = model.encoder.network.grid
    monkeypatch.setattr(model.encoder.network, "grid", lambda pixels: (looked.append(len(pixels)), grid(pixels))[1])
    same = [Post("a red dog", PICTURES[1]), Post(None, PICTURES[0]), Post("two women", PICTURES[1]), Post("cat", None)]
    found = model.encode(same)
    assert looked == [2]
    apart = model.encode([Post("a red dog", PICTURES[1].copy()), *same[1:]])
    assert looked == [2, 3]
    np.testing.assert_allclose(found.image.astype(float), apart.image.astype(float), atol=2e-3)
    np.testing.assert_allclose(found.regions.astype(float), apart.regions.astype(float), atol=2e-2)
    np.testing.assert_array_equal(found.image[0], found.image[2])


@each
def test_a_batch_says_what_single_posts_say(model: Any, fusion: str) -> None:
    together = model.judge(POSTS, fusion)
    for post, found in zip(POSTS, together, strict=True):
        (alone,) = model.judge([post], fusion)
        assert values(dict(alone.fusions)[fusion]) == pytest.approx(values(dict(found.fusions)[fusion]), abs=1e-3)


@each
def test_other_texts_and_other_regions_change_the_answer(model: Any, fusion: str) -> None:
    post = POSTS[0]
    whole = values(dict(model.judge([post])[0].fusions)[fusion])
    answers = model.with_texts(post, [post.text, "a red dog", None], fusion)
    np.testing.assert_allclose(answers[0], whole, atol=1e-3)
    assert np.abs(answers[1] - answers[0]).max() > 1e-3
    np.testing.assert_allclose(answers[2], values(model.judge([post], fusion)[0].image), atol=1e-3)
    kept = np.ones((3, *model.regions), bool)
    kept[1, 2, 3] = False
    kept[2] = False
    answers = model.with_regions(post, kept, fusion)
    np.testing.assert_allclose(answers[0], whole, atol=1e-3)
    assert np.abs(answers[1] - answers[0]).max() > 1e-6
    other = model.with_regions(Post(post.text, PICTURES[1]), kept[2:], fusion)
    np.testing.assert_allclose(answers[2:], other, atol=1e-3), "without regions every picture is the same"


def test_an_altered_grid_is_computed_as_if_it_were_a_picture(model: Any) -> None:
    draw = torch.Generator().manual_seed(0)
    looks = Looks(
        torch.rand(1, 1280, 7, 7, generator=draw),
        torch.randn(1, 112, 14, 14, generator=draw),
        torch.rand(1, 1280, 7, 7, generator=draw),
    )
    kept = torch.rand(40, 7, 7, generator=torch.Generator().manual_seed(1)) > torch.linspace(0, 1, 40)[:, None, None]
    features, network = model.post_features, model.encoder.network
    finer = kept.repeat_interleave(2, 1).repeat_interleave(2, 2)
    altered = Looks(
        *(
            torch.where(there[:, None], seen, average[:, None, None])
            for there, seen, average in (
                (kept, looks.grid, features.cell_mean),
                (finer, looks.known_features, features.known_feature_mean),
                (kept, looks.known_grid, features.known_cell_mean),
            )
        )
    )
    with torch.inference_mode():
        whole = features.picture(network, altered)
        shared = features.picture_without(network, looks, kept)
    for one, other in zip(whole, shared, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_texts_of_any_order_keep_their_places(model: Any) -> None:
    texts = ["dog", "a red dog runs with the cat", "", "the cat", "two women sits on the black car"]
    together = model.with_texts(POSTS[0], texts)
    for place, text in enumerate(texts):
        np.testing.assert_allclose(together[place], model.with_texts(POSTS[0], [text])[0], atol=2e-3)


def test_words_look_at_regions_only_with_cross_attention(model: Any) -> None:
    text = POSTS[0].text or ""
    spans = [(0, 1), (2, 5), (6, 9), (10, 14)]
    maps = model.word_attention(POSTS[0], spans, "cross_attention")
    assert maps.shape == (4, 4, 4)
    np.testing.assert_allclose(maps.sum((1, 2)), 1, atol=1e-5)
    assert np.abs(maps[1] - maps[2]).max() > 1e-6, text
    assert model.word_attention(POSTS[0], spans, "concat") is None
    assert model.word_attention(POSTS[1], spans, "cross_attention") is None


def test_other_scripts_are_refused_with_the_checkpoint_that_reads_them(model: Any) -> None:
    with pytest.raises(InputError, match="multilingual-sentiment"):
        model.judge([Post("今天天气真好", None)])


def test_a_head_of_ones_own_stands_beside_the_others(model: Any, tmp_path: Path) -> None:
    torch.manual_seed(7)
    own = fusions.build("concat", small.CONFIG)
    fusions.save(own, tmp_path / "mine", {"features": model.fingerprint})
    found = model.judge(POSTS, tmp_path / "mine")[0]
    assert set(dict(found.fusions)) == {*FUSIONS, "mine"}
    assert values(dict(found.fusions)["mine"]) != pytest.approx(values(dict(found.fusions)["concat"]), abs=1e-3)
    (tmp_path / "mine" / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="mine cannot be read"):
        model.judge(POSTS, tmp_path / "mine")


def test_a_head_of_other_numbers_is_refused(model: Any, tmp_path: Path) -> None:
    fusions.save(fusions.build("late", small.CONFIG), tmp_path / "old", {"features": "0123456789abcdef"})
    with pytest.raises(InputError, match="other encoders"):
        model.judge(POSTS, tmp_path / "old")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "encoder/tokenizer.json"])
def test_an_incomplete_folder_is_named(tmp_path: Path, file: str) -> None:
    broken = small.save(tmp_path / "sentiment")
    (broken / file).unlink()
    with pytest.raises(WeightsError):
        small.load(broken)


def test_the_fingerprint_is_that_of_encoder_and_projections(folder: Path, model: Any, tmp_path: Path) -> None:
    state = {"features.word_mean": torch.zeros(3), "late.balance": torch.zeros(())}
    first = compact_sentiment.fingerprint_of(folder / "encoder", state)
    assert first == compact_sentiment.fingerprint_of(folder / "encoder", {**state, "late.balance": torch.ones(())})
    assert first != compact_sentiment.fingerprint_of(folder / "encoder", {**state, "features.word_mean": torch.ones(3)})
    assert len(model.fingerprint) == 16


def test_encoded_posts_hold_what_is_there(model: Any) -> None:
    encoded = model.encode(POSTS)
    assert encoded.text.shape == (4, small.CONFIG.text)
    assert encoded.image.shape == (4, small.CONFIG.image)
    assert encoded.regions.shape == (4, 16, small.CONFIG.region)
    assert encoded.words.shape[2] == small.CONFIG.word
    assert encoded.word_counts.tolist()[:3] == [7, 7, 0]
    assert encoded.has_image.tolist() == [True, False, True, True]
    for row, count in enumerate(encoded.word_counts.tolist()):
        assert not encoded.words[row, count:].any()
        assert encoded.words[row, :count].any() == bool(count)


def test_config_says_which_heads_there_are(folder: Path) -> None:
    assert list(json.loads((folder / "config.json").read_text("utf-8"))["heads"]) == list(FUSIONS)


def test_the_lexicon_reads_hashtags_and_emoji() -> None:
    place = {name: number for number, name in enumerate(NAMES)}
    happy, sad = lexicon_scores("I #LoveThis \U0001f60d"), lexicon_scores("RT @you: worst. day. ever!")
    assert happy.shape == (len(NAMES),)
    assert hashtags_as_words("so #HappyDay").split() == ["so", "Happy", "Day"]
    assert happy[place["compound"]] > 0.3, "the emoji counts"
    assert happy[place["hashtags_compound"]] > happy[place["compound"]], "and the word in the hashtag"
    assert sad[place["compound"]] < -0.3
    assert sad[place["lowest"]] < -2
    assert (sad[place["retweet"]], sad[place["mentions"]], sad[place["exclamations"]]) == (1, 1, 1)
    assert np.isfinite(lexicon_scores("")).all()
