"""The captioning task over a fake model: options, order, broken files, cancelling, what a result carries."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import Cancelled, CapacityError, InputError, MMCoreError, UnknownNameError, WeightsError
from mmcore.pool import ModelPool
from mmcore.results import Caption, CaptionOptions, CaptionResult
from mmcore.settings import Settings
from mmcore.tasks import batching, captioning
from mmcore.tasks.batching import AHEAD, BATCH
from mmcore.tasks.captioning import caption, caption_many
from tests.fakes.families import FakeCaptioner, fake_pool

NAME = "compact-captioner"


def picture(width: int = 6, height: int = 4) -> Image.Image:
    return Image.new("RGB", (width, height), "white")


def files(folder: Path, count: int, broken: Sequence[int] = ()) -> list[Path]:
    """``count`` pictures, the k-th k + 1 pixels wide; those in ``broken`` are no pictures."""
    paths = []
    for number in range(count):
        path = folder / f"{number}.png"
        if number in broken:
            path.write_text("not a picture")
        else:
            picture(number + 1, 2).save(path)
        paths.append(path)
    return paths


def texts(outcomes: Sequence[CaptionResult | MMCoreError]) -> list[str]:
    return [
        outcome.captions[0].text if isinstance(outcome, CaptionResult) else type(outcome).__name__
        for outcome in outcomes
    ]


def model_of(pool: ModelPool) -> FakeCaptioner:
    model = pool.get(NAME)
    assert isinstance(model, FakeCaptioner)
    return model


# one picture


def test_a_result_says_what_it_is_and_where_it_was_made():
    result = caption(fake_pool(), picture(), CaptionOptions(num_captions=3))
    assert [one.text for one in result.captions] == [
        "a picture 6 by 4",
        "a picture 6 by 4 again",
        "a picture 6 by 4 again again",
    ]
    assert (result.model, result.device) == (NAME, "cpu")
    assert result.seconds > 0
    assert [tag.text for tag in result.tags] == ["picture"]
    assert all(one.maps is None for one in result.captions)


def test_a_result_says_its_language_and_a_model_without_it_is_refused_at_once():
    pool = fake_pool()
    assert caption(pool, picture()).to_dict()["language"] == "en"
    assert [tag.text for tag in caption(pool, picture(), CaptionOptions(language="zh")).tags] == ["图片"]
    with pytest.raises(InputError, match=r"BLIP base does not write captions in Chinese\. Models that do: Compact"):
        caption_many(pool, ["a.jpg"], CaptionOptions(language="zh"), "blip-base")
    with pytest.raises(InputError, match=r"no language called 'fr'\. Choose one of: en, zh"):
        CaptionOptions(language="fr")


def test_explain_adds_a_map_for_every_word():
    result = caption(fake_pool(), picture(), CaptionOptions(num_captions=2, explain=True))
    for one in result.captions:
        assert one.maps is not None
        assert one.maps.shape == (len(one.words), 2, 2)
        np.testing.assert_allclose(one.maps.sum((1, 2)), 1)


@pytest.mark.parametrize(("score", "confident"), [(0.9, True), (0.5, True), (0.49, False)])
def test_the_model_decides_about_confidence(score: float, confident: bool):
    pool = fake_pool()
    model_of(pool).score = score
    assert caption(pool, picture()).confident is confident


def test_the_tier_of_the_settings_decides_without_a_name():
    assert caption(fake_pool(Settings(tier="standard", offline=True)), picture()).model == "florence-2-base"
    assert caption(fake_pool(), picture(), model="blip-base").model == "blip-base"


def test_two_models_side_by_side_are_two_calls():
    pool = fake_pool()
    results = [caption(pool, picture(), model=name) for name in (NAME, "blip-base")]
    assert [result.model for result in results] == [NAME, "blip-base"]
    assert sorted(model.name for model in pool.loaded()) == ["blip-base", NAME]


def test_detail_must_be_one_that_the_checkpoint_lists():
    pool = fake_pool()
    assert caption(pool, picture(), CaptionOptions(detail="very detailed"), model="florence-2-base")
    with pytest.raises(InputError, match="short, detailed, very detailed"):
        caption(pool, picture(), CaptionOptions(detail="endless"), model="florence-2-base")
    with pytest.raises(InputError, match="Compact captioner does not offer detail 'short'"):
        caption(pool, picture(), CaptionOptions(detail="short"))


def test_boxes_are_those_of_the_best_caption_where_the_model_finds_them():
    asked = CaptionOptions(num_captions=2, ground=True)
    result = caption(fake_pool(), picture(), asked, "florence-2-base")
    assert result.to_dict()["phrases"] == [{"text": "a picture 6 by 4", "boxes": [[0.0, 0.25, 0.5, 0.75]]}]
    assert "phrases" not in caption(fake_pool(), picture(), model="florence-2-base").to_dict()
    with pytest.raises(InputError, match=r"Compact captioner does not find .*\. Models that do: Florence-2 base\."):
        caption(fake_pool(), picture(), asked)


def test_unknown_models_are_named():
    with pytest.raises(UnknownNameError, match=NAME):
        caption(fake_pool(), picture(), model="nonsense")


def test_seconds_are_the_models_own_and_leave_out_the_loading(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]

    class Slow(FakeCaptioner):
        def caption(self, images: Sequence[Image.Image], options: CaptionOptions) -> list[tuple[Caption, ...]]:
            now[0] += 2.0 * len(images)
            return super().caption(images, options)

    def load(checkpoint: Checkpoint, *rest: object) -> FakeCaptioner:
        now[0] += 100.0
        return Slow(checkpoint)

    monkeypatch.setattr(captioning, "perf_counter", lambda: now[0])
    assert caption(fake_pool(loader=load), picture()).seconds == 2.0


# many files


def test_many_files_keep_their_order_and_go_in_batches(tmp_path: Path):
    pool = fake_pool()
    count = 2 * BATCH + 3
    outcomes = list(caption_many(pool, files(tmp_path, count)))
    assert texts(outcomes) == [f"a picture {number + 1} by 2" for number in range(count)]
    assert model_of(pool).batches == [BATCH, BATCH, 3]


def test_broken_files_are_reported_in_their_place(tmp_path: Path):
    outcomes = list(caption_many(fake_pool(), [*files(tmp_path, 5, broken=[0, 3]), tmp_path / "missing.png"]))
    assert texts(outcomes) == [
        "InputError",
        "a picture 2 by 2",
        "a picture 3 by 2",
        "InputError",
        "a picture 5 by 2",
        "InputError",
    ]
    assert "missing.png" in str(outcomes[-1])


def test_nothing_but_broken_files_needs_no_model(tmp_path: Path):
    pool = fake_pool()
    assert texts(list(caption_many(pool, files(tmp_path, 3, broken=[0, 1, 2])))) == ["InputError"] * 3
    assert pool.loaded() == []


def test_bytes_are_sources_too(tmp_path: Path):
    (path,) = files(tmp_path, 1)
    assert texts(list(caption_many(fake_pool(), [path.read_bytes(), path]))) == ["a picture 1 by 2"] * 2


def test_large_pictures_close_a_batch_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batching, "BATCH_PIXELS", 8)  # the pictures have 2, 4, 6, ... pixels
    pool = fake_pool()
    list(caption_many(pool, files(tmp_path, 5)))
    assert model_of(pool).batches == [3, 1, 1]


def test_only_a_few_pictures_are_decoded_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    decoded: list[str] = []

    def decode(source: Path, settings: Settings) -> Image.Image:
        decoded.append(source.name)
        return picture()

    monkeypatch.setattr(batching, "decode_image", decode)
    outcomes = caption_many(fake_pool(), files(tmp_path, 40))
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert BATCH <= len(decoded) <= BATCH + AHEAD


def test_a_picture_that_makes_its_batch_fail_fails_alone(tmp_path: Path):
    pool = fake_pool()
    model_of(pool).fails_on = lambda image: CapacityError("busy", count=1) if image.width == 2 else None
    outcomes = list(caption_many(pool, files(tmp_path, 3)))
    assert texts(outcomes) == ["a picture 1 by 2", "CapacityError", "a picture 3 by 2"]


def test_missing_weights_are_the_error_of_every_file(tmp_path: Path):
    def locate(checkpoint: object, settings: object, **_: object) -> Path:
        raise WeightsError("weights_not_cached", name="blip-base", size="990 MB")

    outcomes = list(caption_many(fake_pool(locate=locate), files(tmp_path, 2), model="blip-base"))
    assert texts(outcomes) == ["WeightsError", "WeightsError"]


def test_bugs_are_not_hidden(tmp_path: Path):
    pool = fake_pool()
    model_of(pool).fails_on = lambda image: ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        list(caption_many(pool, files(tmp_path, 2)))


def test_progress_counts_every_file(tmp_path: Path):
    steps: list[tuple[int, int]] = []
    list(caption_many(fake_pool(), files(tmp_path, 3, broken=[1]), progress=lambda *step: steps.append(step)))
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_cancelling_keeps_what_is_done(tmp_path: Path):
    kept: list[CaptionResult | MMCoreError] = []
    outcomes = caption_many(fake_pool(), files(tmp_path, 3 * BATCH), cancelled=lambda: len(kept) >= BATCH)

    def collect() -> None:
        for outcome in outcomes:
            kept.append(outcome)

    with pytest.raises(Cancelled, match=f"{BATCH} of {3 * BATCH} files are done"):
        collect()
    assert texts(kept) == [f"a picture {number + 1} by 2" for number in range(BATCH)]


def test_limits_are_checked_at_once(tmp_path: Path):
    pool = fake_pool(replace(Settings(offline=True), files=2))
    with pytest.raises(InputError, match="3 files were given; the limit is 2"):
        caption_many(pool, files(tmp_path, 3))
    assert len(list(caption_many(pool, files(tmp_path, 3), limit=3))) == 3
    with pytest.raises(InputError, match="Nothing was given"):
        caption_many(pool, [])
    with pytest.raises(UnknownNameError):
        caption_many(pool, files(tmp_path, 1), model="nonsense")


def test_requests_of_many_threads_do_not_mix(tmp_path: Path):
    pool, answers = fake_pool(), {}

    def work(width: int) -> None:
        answers[width] = [caption(pool, picture(width)).captions[0].text for _ in range(5)]

    threads = [threading.Thread(target=work, args=(width,)) for width in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {width: [f"a picture {width} by 4"] * 5 for width in range(1, 9)}
