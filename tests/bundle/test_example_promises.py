"""Every example of the page keeps what it promises: the bundled models answer it right, and the known failures fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.ui import examples
from mmcore import caption, decode_image
from mmcore.io.texts import WORD
from mmcore.pool import ModelPool
from mmcore.results import CaptionResult
from mmcore.settings import Settings


@pytest.fixture(scope="module")
def pool() -> ModelPool:
    return ModelPool(Settings(offline=True, device="cpu"))


def captioned(pool: ModelPool, path: Path) -> tuple[set[str], CaptionResult]:
    result = caption(pool, decode_image(path, pool.settings))
    return {word.lower() for word in WORD.findall(result.captions[0].text)}, result


@pytest.mark.parametrize("item", examples.captioned(), ids=lambda item: item.path.stem)
def test_the_caption_names_the_main_thing(pool: ModelPool, item: examples.Example) -> None:
    words, _ = captioned(pool, item.path)
    assert not words.isdisjoint(item.names)


def test_there_are_enough_examples() -> None:
    assert len(examples.captioned()) >= 16
    assert len(examples.failures()) == len(examples.FAILURES)


@pytest.mark.parametrize(
    ("name", "said", "sure"),
    [
        ("astronaut.jpg", {"red", "shirt"}, False),
        ("rocket.jpg", {"oil", "rig", "woman"}, True),
        ("raccoon.jpg", {"lemur"}, False),
    ],
)
def test_known_failures_fail_as_the_page_says(pool: ModelPool, name: str, said: set[str], sure: bool) -> None:
    (item,) = (item for item in examples.failures() if item.path.name == name)
    words, result = captioned(pool, item.path)
    assert said <= words
    assert result.confident is sure
