"""`mmcore bench serving` on small networks: both ways give the same answers, and every row says what it compares."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from mmcore.evaluation import serving_bench
from mmcore.evaluation.serving_bench import BLIP, CLIP
from mmcore.pool import ModelPool
from mmcore.settings import Settings

SMALL = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def small(networks: Any, name: str) -> Any:
    """The real input sizes and vocabularies, one narrow layer."""
    if name not in networks._made:
        torch.manual_seed(0)
        made: Any
        if name == CLIP:
            made = transformers.CLIPModel(transformers.CLIPConfig(text_config=SMALL, vision_config=SMALL))
        elif name == BLIP:
            config = transformers.BlipConfig(text_config=SMALL, vision_config={**SMALL, "patch_size": 96})
            made = transformers.BlipForConditionalGeneration(config)
        else:
            labels = {place: f"label {place}" for place in range(527)}
            made = transformers.ASTForAudioClassification(transformers.ASTConfig(**SMALL, id2label=labels))
        networks._made[name] = made.eval().requires_grad_(False)
    return networks._made[name]


def test_both_ways_give_the_same(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(serving_bench.Networks, "network", small)
    monkeypatch.setattr(serving_bench, "computes_bfloat16", lambda: True)
    before = torch.get_num_threads()
    told: list[serving_bench.Row] = []
    pool = ModelPool(Settings(device="cpu", offline=True))
    found = serving_bench.run(pool, 1, ("overhead", "batches"), pictures=10, captions=3, told=told.append)
    assert torch.get_num_threads() == before
    assert [row["name"] for row in found["rows"]] == [row.name for row in told]
    notes = {row.name: row.note for row in told}
    assert float(notes["CLIP B/32, a picture"].split()[-1]) > 0.99999
    assert notes["AST, 10 s of sound"].endswith("True")
    assert notes["BLIP base, a picture"].endswith("True")
    assert float(notes["CLIP B/32, 10 pictures, float32"].split()[-1]) > 0.9999
    assert 0.98 < float(notes["CLIP B/32, 10 pictures, bfloat16"].split()[-1]) <= 1.0001
    assert notes["BLIP base, 3 captions, float32"].startswith("3 of 3")
    assert "BLIP base, 3 captions, bfloat16" in notes
    for row in told:
        assert row.own > 0
        assert row.ratio == pytest.approx(
            row.own / row.reference if row.wanted.startswith("<") else row.reference / row.own, rel=0.5
        )
