"""Every word that the bundled tagger can say has a Chinese name, but for the few that name nothing."""

from __future__ import annotations

import json
from importlib import resources

from mmcore.io.tag_names import chinese, tag_text

NAMELESS = {
    *("no", "coming", "prepares", "sticking", "few", "attempts", "lays", "end", "attached", "same", "just", "shot"),
}


def test_the_words_of_the_tagger_have_names() -> None:
    file = resources.files("mmcore") / "bundled" / "captioner" / "config.json"
    words = set(json.loads(file.read_text(encoding="utf-8"))["network"]["tag_words"])
    assert words - set(chinese()) <= NAMELESS
    assert all(name.strip() == name and name for name in chinese().values())


def test_a_tag_is_called_by_the_visitors_language() -> None:
    assert tag_text("zh", "cat") == "猫"
    assert tag_text("en", "cat") == "cat"
    assert tag_text("zh", "wombling") == "wombling"
