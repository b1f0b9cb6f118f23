"""The bundled tagger on the sounds of the page: what it names first, and scores that stay what they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmcore import classify_audio
from mmcore.pool import ModelPool
from mmcore.settings import Settings

SOUNDS = Path(__file__).parents[2] / "assets" / "sounds"
REFERENCE = json.loads(Path(__file__).with_name("tagger_reference.json").read_text(encoding="utf-8"))
"""File -> its first three labels with their scores."""


@pytest.fixture(scope="module")
def pool() -> ModelPool:
    return ModelPool(Settings(offline=True, device="cpu"))


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_each_sound_is_named_as_before(pool: ModelPool, name: str) -> None:
    heard = {label.label: label.score for label in classify_audio(pool, SOUNDS / name, model="compact-tagger").labels}
    expected = REFERENCE[name]
    assert next(iter(heard)) == next(iter(expected))
    for label, score in expected.items():
        assert heard[label] == pytest.approx(score, abs=0.03)


def test_it_knows_all_labels_of_audioset(pool: ModelPool) -> None:
    tagger = pool.get("compact-tagger")
    assert len(tagger.names) == len(set(tagger.names)) == 527
