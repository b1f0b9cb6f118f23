"""The tree of AudioSet's classes."""

from __future__ import annotations

from mmcore.families._audioset import LAST_BELOW, kinds_of, names


def test_kinds_lie_behind_their_parent() -> None:
    order = {name: place for place, name in enumerate(names())}
    for parent, last in LAST_BELOW.items():
        assert order[last] > order[parent], parent


def test_spans_are_nested_or_apart() -> None:
    order = {name: place for place, name in enumerate(names())}
    spans = [(order[parent], order[last]) for parent, last in LAST_BELOW.items()]
    for start, end in spans:
        for other, its_end in spans:
            assert not start < other <= end < its_end, (names()[start], names()[other])


def test_kinds_of() -> None:
    assert kinds_of("Dog") == {"Bark", "Yip", "Howl", "Bow-wow", "Growling", "Whimper (dog)"}
    assert {"Dog", "Bark", "Whale vocalization"} <= kinds_of("Animal")
    assert "Music" not in kinds_of("Animal")
    assert kinds_of("Bark") == kinds_of("a sound of one's own") == frozenset()
