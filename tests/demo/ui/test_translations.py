"""A switch of the language: all parts of the page by one event. Words stand for the components."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from demo.ui.translations import Translations


def test_each_function_gets_its_inputs_and_one_that_fails_keeps_no_other_from_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(language: str) -> str:
        raise ZeroDivisionError(language)

    translations: Any = Translations()
    translations.add(lambda number, code: (f"{number} {code}", f"{code}!"), ["kept"], ["first", "third"])
    translations.add(broken, [], ["second"])
    translations.add(lambda word, number, code: f"{word}{number}{code}", ["chosen", "kept"], ["chosen"])
    assert translations.inputs == ["kept", "chosen"]  # each once
    with caplog.at_level(logging.ERROR):
        values = dict(zip(translations.outputs, translations.fill(3, "gone", "zh"), strict=True))
    assert values.pop("second") == {"__type__": "update"}  # it stays as it is
    assert values == {"first": "3 zh", "third": "zh!", "chosen": "gone3zh"}
    assert "second" in caplog.text


def test_nothing_is_filled_by_two() -> None:
    translations: Any = Translations()
    translations.add(str, [], ["panel"])
    with pytest.raises(ValueError, match="translated twice"):
        translations.add(str, [], ["panel"])


def test_a_function_that_forgets_a_component_is_told_of() -> None:
    translations: Any = Translations()
    translations.add(lambda code: (code,), [], ["one", "two"])
    with pytest.raises(ValueError, match="1 values for 2 components"):
        translations.fill("en")
