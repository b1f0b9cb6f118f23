"""The two languages say the same things."""

from __future__ import annotations

import ast
import json
import string
from pathlib import Path

import pytest

from demo.ui import i18n, slots
from mmcore.checkpoints.registry import CHECKPOINTS
from mmcore.errors import MESSAGES, PHRASES, Cancelled, InputError, Phrase, UnknownNameError
from mmcore.results import DECODINGS
from mmcore.settings import TIERS

DEMO = Path(i18n.__file__).parents[1]
LANGUAGES = list(i18n.LANGUAGES)


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_key_sets_are_equal(language: str) -> None:
    assert set(i18n.texts(language)) == set(i18n.texts("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_fields_are_equal(language: str) -> None:
    different = {
        key for key, sentence in i18n.texts("en").items() if fields(sentence) != fields(i18n.texts(language)[key])
    }
    assert not different


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_and_phrase_is_there_with_its_fields(language: str) -> None:
    table = i18n.texts(language)
    assert {key.removeprefix("error.") for key in table if key.startswith("error.")} == set(MESSAGES)
    assert {key.removeprefix("phrase.") for key in table if key.startswith("phrase.")} == set(PHRASES)
    for key, sentence in MESSAGES.items():
        assert fields(table[f"error.{key}"]) == fields(sentence), key


def test_the_english_file_repeats_the_core_word_for_word() -> None:
    table = i18n.texts("en")
    assert all(table[f"error.{key}"] == sentence for key, sentence in MESSAGES.items())
    assert all(table[f"phrase.{key}"] == words for key, words in PHRASES.items())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_there_twice(language: str) -> None:
    keys: list[str] = []

    def noted(pairs: list[tuple[str, str]]) -> None:
        keys.extend(key for key, _ in pairs)

    for file in (DEMO / "locales" / language).glob("*.json"):
        json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=noted)
    assert sorted(keys) == sorted(set(keys))


def test_the_chinese_file_is_chinese() -> None:
    """Every sentence has a Chinese character in it; technical names alone may go without."""
    plain = [
        key
        for key, sentence in i18n.texts("zh").items()
        if not any("\u4e00" <= letter <= "\u9fff" for letter in sentence)
    ]
    names = ["lessons.06.adam", "lessons.06.slope.choice.0", "lessons.06.optimisers.choice.0", "lessons.07.recall1"]
    assert plain == [*names, "ui.top_p", "text.list_separator", "text.word_probability"]


def test_every_key_in_the_code_is_in_the_files() -> None:
    """Keys that are written out in ``ui("...")`` and ``text(language, "...")``."""
    used: set[str] = set()
    for path in DEMO.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("text."):
                used.add(node.value)
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name == "ui" and node.args and isinstance(node.args[0], ast.Constant):
                used.add(f"ui.{node.args[0].value}")
    used = {key for key in used if not key.endswith(".")}
    assert len(used) > 60
    assert used <= set(i18n.texts("en"))


def test_every_computed_key_is_in_the_files() -> None:
    known = set(i18n.texts("en"))
    details = {detail for checkpoint in CHECKPOINTS for detail in checkpoint.details}
    assert {f"ui.tier.{tier}" for tier in TIERS} | {f"text.tier.{tier}" for tier in TIERS} <= known
    assert {f"ui.decoding.{name}" for name in DECODINGS} | {f"ui.detail.{detail}" for detail in details} <= known


def test_an_error_is_told_in_the_language_with_its_values_translated() -> None:
    error = InputError("image_not_a_picture", kind=Phrase("kind_pdf"))
    assert i18n.error_text("en", error) == str(error)
    assert i18n.error_text("zh", error).startswith("这不是图片，而是PDF 文档。")
    unknown = UnknownNameError("model", "x", ["b", "a"])
    assert "a, b" in i18n.error_text("zh", unknown)


def test_a_language_that_is_not_known_reads_as_english() -> None:
    assert i18n.text("fr", "text.why") == "Why?"


def test_a_missing_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        i18n.text("en", "text.no_such_key")
    with pytest.raises(KeyError):
        i18n.ui("no_such_key")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-TW", "zh"),
        ("fr-FR,fr;q=0.9,zh;q=0.3", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("de", "en"),
        ("zh;q=0, en;q=0.1", "en"),
        ("zh;q=oops,en;q=0.5", "en"),
    ],
)
def test_accepted_language(header: str | None, language: str) -> None:
    assert i18n.accepted_language(header) == language


def test_the_browser_gets_only_the_fixed_texts() -> None:
    tables = i18n.browser_texts().translations_dict
    assert set(tables) == {"en", "zh-CN", "zh-TW"}
    assert tables["zh-CN"]["ui.run"] == "描述这张图片"
    assert all(key.startswith("ui.") for table in tables.values() for key in table)


def test_who_left_before_the_slot_was_free_is_no_fault_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="demo.ui.i18n")

    def broken() -> bool:
        raise RuntimeError("broken")

    for gone, level, said in ((lambda: True, "INFO", "a visitor left"), (broken, "ERROR", "unexpected error")):
        caplog.clear()
        try:
            with slots.slot(gone):
                pytest.fail("the slot is not given")
        except (Cancelled, RuntimeError):
            i18n._OneLine.print_exc()
        (record,) = caplog.records
        assert (record.levelname, record.message[: len(said)]) == (level, said)
        assert bool(record.exc_info) == (level == "ERROR")
