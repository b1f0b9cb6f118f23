"""``/ask``, asked as a program would ask, and the tab's service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from demo.ask import service, view
from demo.ui.events import Failure, Stop
from mmcore.pool import ModelPool
from tests.demo.serving import Server, connect


def test_it_answers_with_the_json_contract(server: Server, photo: Path) -> None:
    answer = connect(server).predict(handle_file(photo), "Is there a dog?", api_name="/ask")
    assert answer["answer"].startswith("Yes, I think so: “a dog”")
    assert (answer["kind"], answer["refused"], answer["model"]) == ("presence", False, "compact-answers")
    assert [(part["code"], part["source"]) for part in answer["parts"]] == [("yes", "retriever")]
    assert answer["question"] == "Is there a dog?"
    assert answer["seconds"] >= 0


def test_a_conversation_and_a_second_picture_reach_the_task(server: Server, photo: Path, night: Path) -> None:
    answer = connect(server).predict(
        handle_file(photo), "And where is it?", handle_file(night), [["Is there a dog?", "Yes."]], api_name="/ask"
    )
    assert answer["kind"] == "where"
    assert {part["picture"] for part in answer["parts"]} == {1, 2}
    written = connect(server).predict(
        handle_file(photo), "hm", None, [["a", "b"], ["c", "d"]], "smolvlm2-256m", max_tokens=22, api_name="/ask"
    )
    assert (written["answer"], written["complete"]) == ("1 pictures, 2 turns: h", False)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"question": " "}, "There is no question"),
        ({"question": "a", "history": [["a"]]}, "must be a list of [question, answer]"),
        ({"question": "a", "history": "no"}, "must be a list of [question, answer]"),
        ({"question": "a", "history": [["a", "b"]] * 21}, "21 answered questions; the limit is 20"),
        ({"question": "a", "max_tokens": 0}, "max_tokens is 0; it must be between 1 and 1024"),
    ],
)
def test_what_is_wrong_is_named(server: Server, photo: Path, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AppError) as caught:
        connect(server).predict(image=handle_file(photo), **given, api_name="/ask")
    assert sentence in str(caught.value)


# The tab's own way


@pytest.fixture
def upload(photo: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(service.uploads, "path_of", lambda payload: Path(payload["path"]))
    return {"path": str(photo)}


def ask(pool: ModelPool, upload: Any, question: str, model: str, before: list[view.Exchange]) -> list[Any]:
    return list(service.answer(pool, [upload, None], question, before, model, {}, Stop()))


def test_an_answer_is_shown_while_it_is_written(pool: ModelPool, upload: dict[str, str]) -> None:
    *writing, done = ask(pool, upload, "and now?", "smolvlm2-256m", [])
    assert isinstance(done, view.Exchange)
    assert all(isinstance(one, service.Writing) and done.result.answer.startswith(one.text) for one in writing)
    again = ask(pool, upload, "and now?", "smolvlm2-256m", [done])[-1]
    assert again.result.answer == "1 pictures, 1 turns: and now?"


def test_what_goes_wrong_takes_the_place_of_the_answer(pool: ModelPool, upload: dict[str, str]) -> None:
    (failed,) = ask(pool, upload, "", "compact-answers", [])
    assert isinstance(failed, Failure)
    shown = view.panel((), "zh", question="?", failed=failed)
    assert "还没有问题" in shown
    (nothing,) = ask(pool, None, "what is this?", "compact-answers", [])
    assert isinstance(nothing, Failure)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_parts_have_sources_and_maps_and_nothing_is_markup(
    pool: ModelPool, upload: dict[str, str], language: str
) -> None:
    done = ask(pool, upload, "Is there a <b>dog</b>?", "compact-answers", [])[-1]
    shown = view.panel([done], language)
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown
    seen = ask(pool, upload, "What is this?", "compact-answers", [done])[-1]
    shown = view.panel([done, seen], language)
    assert {"en": "from the captioner", "zh": "来自描述模型"}[language] in shown
    dog = ask(pool, upload, "Is there a dog?", "compact-answers", [])[-1]
    assert "mm-overlay" in view.panel([dog], language)
    assert shown.count("mm-foot") == 1, "what made it stands once, under the last answer"


def test_examples_have_words_in_both_languages() -> None:
    for language in ("en", "zh"):
        assert view.suggestions(service.SUGGESTED, language).count("data-index") == len(service.SUGGESTED)
