"""What the captioning tab asks of the core, with the fake captioner in a real pool."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from demo.captioning import service
from demo.captioning.view import Answer, panel
from demo.ui.events import Failure
from mmcore.errors import InputError, WeightsError
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from tests.fakes.demo import FakeCaptioner, fake_pool


def uploaded(isolated: Path, source: Path) -> dict[str, Any]:
    """Put a file where gradio puts uploads; the raw value of a picture input."""
    target = isolated / "gradio" / source.name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(source.read_bytes())
    return {"path": str(target), "orig_name": source.name}


def test_describe_explains_every_caption(pool: ModelPool, isolated: Path, photo: Path) -> None:
    answer = service.describe(pool, uploaded(isolated, photo), "blip-base", {"decoding": "beam", "num_captions": 3})
    assert isinstance(answer, Answer)
    assert [one.maps is not None for one in answer.result.captions] == [True, True, True]
    assert answer.result.model == "blip-base"
    assert answer.size == (80, 60)


def test_an_answer_is_compared_with_another_decoding_or_another_model_but_not_with_itself() -> None:
    models = [("Compact captioner", "compact-captioner"), ("BLIP base", "blip-base")]
    offered = dict(service.others("compact-captioner", "beam", models, "en"))
    assert offered == {
        "None": "",
        "The same model: Nucleus sampling": "nucleus",
        "The same model: Greedy": "greedy",
        "The same model: Beam search without re-ranking": "unranked",
        "BLIP base": "blip-base",
    }
    assert "unranked" not in dict(service.others("blip-base", "beam", models, "en")).values()
    assert ("同一模型：束搜索", "beam") in service.others("blip-base", "greedy", models, "zh")
    form = {"decoding": "beam", "num_captions": 2}
    assert service.beside("blip-base", "greedy", form) == ("blip-base", {**form, "decoding": "greedy"})
    assert service.beside("blip-base", "unranked", form) == ("blip-base", {**form, "rerank": False})
    assert service.beside("blip-base", "git-base", form) == ("git-base", form)


def test_an_unusual_decoding_is_said_in_a_chip(pool: ModelPool, isolated: Path, photo: Path) -> None:
    upload = uploaded(isolated, photo)
    said = {"decoding": "greedy"}, {"decoding": "beam", "rerank": False}, {"decoding": "beam"}
    shown = [panel(service.describe(pool, upload, "blip-base", form), "en") for form in said]
    assert ["Greedy" in html for html in shown] == [True, False, False]
    assert ["without re-ranking" in html for html in shown] == [False, True, False]


def test_a_level_of_another_model_is_not_passed_on(pool: ModelPool, isolated: Path, photo: Path) -> None:
    assert isinstance(service.describe(pool, uploaded(isolated, photo), "blip-base", {"detail": "detailed"}), Answer)


@pytest.mark.parametrize("model", ["florence-2-base", "blip-base"])
def test_boxes_are_found_where_the_model_can(pool: ModelPool, isolated: Path, photo: Path, model: str) -> None:
    answer = service.describe(pool, uploaded(isolated, photo), model, {"ground": True})
    assert isinstance(answer, Answer)
    assert ("mm-phrases" in panel(answer, "en")) == (model == "florence-2-base")


@pytest.mark.parametrize(
    ("model", "chosen", "page", "language"),
    [
        ("compact-captioner", "", "zh", "zh"),
        ("compact-captioner", "", "en", "en"),
        ("compact-captioner", "en", "zh", "en"),
        ("compact-captioner", "zh", "en", "zh"),
        ("blip-base", "", "zh", "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_pages(
    pool: ModelPool, isolated: Path, photo: Path, model: str, chosen: str, page: str, language: str
) -> None:
    form = {"language": chosen, "page_language": page}
    answer = service.describe(pool, uploaded(isolated, photo), model, form)
    assert isinstance(answer, Answer)
    assert answer.result.captions[0].language == language
    *_, (rows, _) = service.describe_many(pool, [uploaded(isolated, photo)], model, form)
    assert rows[0].outcome.to_dict()["language"] == language


def test_a_model_without_chinese_says_so_where_it_is_asked_for(pool: ModelPool, isolated: Path, photo: Path) -> None:
    problem = service.describe(pool, uploaded(isolated, photo), "blip-base", {"language": "zh"})
    assert isinstance(problem, Failure)
    assert problem.message("en") == (
        "BLIP base does not write captions in Chinese. Models that do: Compact captioner, Qwen3-VL 2B."
    )
    assert "不能用中文写描述" in problem.message("zh")


def test_describe_tells_what_is_wrong(pool: ModelPool, isolated: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    problem = service.describe(pool, uploaded(isolated, empty), "compact-captioner", {})
    assert isinstance(problem, Failure)
    assert problem.message("en").startswith("The file is empty")
    assert isinstance(service.describe(pool, uploaded(isolated, empty), "no-model", {}), Failure)


def test_a_crash_of_the_model_is_hidden_and_logged(
    settings: Settings, isolated: Path, photo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Crashing(FakeCaptioner):
        def tags(self, image: Any, language: str = "en") -> Any:
            raise ZeroDivisionError("secret")

    with caplog.at_level(logging.ERROR):
        problem = service.describe(fake_pool(settings, Crashing), uploaded(isolated, photo), "blip-base", {})
    assert isinstance(problem, Failure)
    assert "secret" not in problem.message("en")
    assert problem.reference in caplog.text


def test_a_batch_keeps_order_and_goes_on_after_a_broken_file(
    pool: ModelPool, isolated: Path, photo: Path, night: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    files = [uploaded(isolated, path) for path in (photo, broken, night)]
    first, *_, last = service.describe_many(pool, files, "compact-captioner", {})
    assert first == ([], 3)
    rows, total = last
    assert total == 3
    assert [row.file for row in rows] == ["photo.jpg", "broken.png", "night.png"]
    assert [isinstance(row.outcome, Failure) for row in rows] == [False, True, False]


def test_a_batch_has_a_limit_and_needs_files(isolated: Path, photo: Path, settings: Settings) -> None:
    pool = fake_pool(Settings(home=settings.home, offline=True, files=2))
    with pytest.raises(InputError, match="3 files were given; the limit is 2"):
        next(service.describe_many(pool, [uploaded(isolated, photo)] * 3, "compact-captioner", {}))
    with pytest.raises(InputError, match="Nothing was given"):
        next(service.describe_many(pool, None, "compact-captioner", {}))


def test_warming_up_loads_and_never_raises(
    pool: ModelPool, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    service.warm_up(pool, "compact-captioner").join(10)
    assert [model.name for model in pool.loaded()] == ["compact-captioner"]

    def missing(*_: Any, **__: Any) -> Path:
        raise WeightsError("weights_not_cached", name="blip-base", size="1 GB")

    service.warm_up(ModelPool(settings, locate=missing), "blip-base").join(10)
    assert "could not be loaded ahead" in caplog.text
