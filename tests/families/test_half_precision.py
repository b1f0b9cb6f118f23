"""Every family runs in bfloat16: its inputs follow the weights, its answers come back as float32."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmcore.checkpoints import registry, repositories
from mmcore.hardware import HALF_ON_PROCESSORS
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from mmcore.tasks.embedding import embed_images, embed_texts
from tests import tiny
from tests.checkpoints.test_hub_end_to_end import MAKERS, use

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")


@pytest.mark.parametrize("kind", MAKERS)
def test_a_checkpoint_answers_in_bfloat16(kind: str, settings: Settings, tmp_path: Path):
    half = replace(settings, device="cpu", dtype="bfloat16")
    checkpoint = repositories.find_checkpoint(str(MAKERS[kind](tmp_path)), half)
    try:
        answer = use(checkpoint, half)
        assert answer is not None
        pool = ModelPool(half)
        pool.get(checkpoint.name)
        (loaded,) = pool.loaded()
        assert loaded.dtype == "bfloat16"
        if checkpoint.family in HALF_ON_PROCESSORS:
            whole = ModelPool(replace(half, dtype="float32"))
            words = ["一只红色的狗"] if kind == "chinese_clip" else ["a red dog"]
            pictures = tiny.pictures(5)
            for embed, items in ((embed_images, pictures), (embed_texts, words)):
                found, expected = embed(pool, items, checkpoint.name), embed(whole, items, checkpoint.name)
                assert found.dtype == np.float32
                assert (found * expected).sum(1).min() > 0.99
    finally:
        registry.unregister(checkpoint.name)
