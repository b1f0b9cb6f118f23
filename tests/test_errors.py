"""One tree of errors, one table of sentences, and no sentence that nobody says."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import string
from pathlib import Path

import pytest

from mmcore import errors
from mmcore.errors import (
    MESSAGES,
    PHRASES,
    Cancelled,
    CapacityError,
    InputError,
    MMCoreError,
    Phrase,
    UnknownNameError,
    WeightsError,
)

ROOT = Path(__file__).resolve().parent.parent
CLASSES = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, MMCoreError)}


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def keys_in_code() -> dict[str, list[tuple[str, ast.Call]]]:
    """Key -> where an error (or a phrase) of that key is made, in mmcore and demo."""
    found: dict[str, list[tuple[str, ast.Call]]] = {}
    for folder in ("mmcore", "demo"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                    continue
                name = ast.unparse(node.func).rpartition(".")[2]
                if name in CLASSES - {"UnknownNameError"}:
                    found.setdefault(str(node.args[0].value), []).append((f"{path.name}:{node.lineno}", node))
    return found


def test_every_error_has_its_sentence_and_fills_it():
    calls = keys_in_code()
    assert "image_empty" in calls
    for key, places in calls.items():
        for place, call in places:
            assert key in MESSAGES, f"{place}: there is no sentence {key!r}"
            given = {keyword.arg for keyword in call.keywords}
            if None not in given:  # **values cannot be read here
                assert given == fields(MESSAGES[key]), place


@pytest.mark.parametrize("key", MESSAGES)
def test_sentences_are_sentences(key: str):
    sentence = MESSAGES[key]
    assert sentence[0].isupper() or sentence[0] == "{"
    assert sentence.endswith(".")
    assert "  " not in sentence
    assert all(name.isidentifier() for name in fields(sentence)), "fields are named"


@pytest.mark.parametrize("table", [MESSAGES, PHRASES], ids=["messages", "phrases"])
def test_no_sentence_is_left_over(table: dict[str, str]):
    code = "\n".join(
        path.read_text("utf-8")
        for folder in ("mmcore", "demo")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "errors.py"
    )
    own = Path(errors.__file__).read_text("utf-8").partition("class Phrase")[2]
    computed = {"kind_sound", "kind_video"}  # media.py makes these keys from the group of the kind
    assert [key for key in table if f'"{key}"' not in code + own and key not in computed] == []


def test_the_tree():
    for name in CLASSES - {"MMCoreError"}:
        assert issubclass(getattr(errors, name), MMCoreError)
    names = {"MMCoreError", "InputError", "UnknownNameError", "WeightsError", "CapacityError", "Cancelled"}
    assert names == CLASSES, "the tree is drawn in the docstring of mmcore/errors.py"
    assert all(name in (errors.__doc__ or "") for name in CLASSES)


def test_an_error_keeps_its_key_and_values():
    error = InputError("text_too_long", characters=9, limit=5)
    assert str(error) == "The text has 9 characters; the limit is 5."
    assert error.key == "text_too_long"
    assert error.values == {"characters": 9, "limit": 5}
    assert error.to_dict() == {"type": "InputError", "message": str(error)}


def test_braces_in_a_value_stay_as_they_are():
    assert str(InputError("file_missing", path="{x}.png")) == "There is no file {x}.png."


def test_an_unknown_name_lists_the_known_ones():
    error = UnknownNameError("model", "whatever", ["blip", "compact"])
    assert str(error) == "There is no model called 'whatever'. Known: blip, compact."
    assert error.to_dict()["type"] == "UnknownNameError"


def test_an_unknown_name_leads_to_the_one_that_was_meant_or_to_how_there_is_one():
    meant = UnknownNameError("model", "blop", ["blip", "compact"])
    assert str(meant) == "There is no model called 'blop'. Did you mean blip? Known: blip, compact."
    assert str(UnknownNameError("head", "mine", [])).endswith("there is none at all yet.")
    assert "Make one with `mmcore index add mine FOLDER`" in str(UnknownNameError("collection", "mine", []))


@pytest.mark.parametrize("kind", [InputError, WeightsError, CapacityError, Cancelled])
def test_a_missing_value_is_noticed_at_once(kind: type[MMCoreError]):
    with pytest.raises(KeyError):
        kind("cancelled", done=1)
    with pytest.raises(KeyError):
        kind("no such sentence")


@pytest.mark.parametrize("key", PHRASES)
def test_phrases_know_their_key(key: str):
    phrase = Phrase(key)
    assert phrase == PHRASES[key]
    assert f"{phrase}" == PHRASES[key]
    for copied in (copy.deepcopy(phrase), pickle.loads(pickle.dumps(phrase))):
        assert isinstance(copied, Phrase)
        assert (copied, copied.key) == (PHRASES[key], key)


def test_phrases_fit_into_sentences():
    for words in PHRASES.values():
        assert not words.endswith(".")
        assert not fields(words)
