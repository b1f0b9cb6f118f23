"""The tagger's outputs learnt again, typing and clapping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mmcore.nets.audio_tagger import AudioTagger
from mmcore.nets.log_mel import SAMPLE_RATE
from mmcore.nets.mobilenet_tagger import EfficientAT
from mmcore.recipes.audio import made_hits
from mmcore.recipes.audio.scenes import SHORTEST_WINDOW, Teacher
from mmcore.recipes.audio.sound_store import SoundStore
from mmcore.recipes.audio.tagger_export import calibrated_again
from mmcore.recipes.audio.tagger_outputs import (
    BATCH,
    KEPT_BACK,
    SECONDS,
    OutputRecipe,
    clip_rows,
    collected,
    fit_outputs,
    hit_rows,
    joined,
    mixed_rows,
    plain_rows,
)


def onsets(sound: np.ndarray) -> int:
    """Stretches of 20 ms that are much louder than the one before."""
    frames = sound[: len(sound) // 640 * 640].reshape(-1, 640)
    power = np.square(frames).mean(1) + 1e-6
    return int((power[1:] > 8 * power[:-1]).sum())


def test_hits_are_short_blows_with_quiet_between_them() -> None:
    draw = np.random.default_rng(0)
    assert onsets(made_hits.typing(draw, 5.0)) > 5
    recorded = [np.asarray(draw.standard_normal(3000) * 0.1, np.float32)]
    assert len(made_hits.typing(draw, 3.0, recorded)) == 3 * SAMPLE_RATE
    assert np.isfinite(made_hits.clapping(draw, 4.0)).all()
    assert 2 < onsets(made_hits.snapping(draw, 5.0)) < 25


def test_rows_are_of_two_lengths_and_keep_the_same_sounds_back(tmp_path: Path) -> None:
    store = SoundStore(tmp_path)
    draw = np.random.default_rng(0)
    with store.adding() as add:
        for number in range(KEPT_BACK * 2):
            add("a", str(number), np.asarray(draw.standard_normal(SAMPLE_RATE * (1 + number % 3)) * 0.1, np.float32))
    rows = list(plain_rows(store, range(len(store.entries)), draw))
    assert {len(row.wave) for row in rows} == {SHORTEST_WINDOW, SECONDS * SAMPLE_RATE}
    assert sum(row.kept_back for row in rows) == 2
    mixed = mixed_rows(store, range(len(store.entries)), [1, 2], draw)
    some = [next(mixed) for _ in range(40)]
    assert {len(row.wave) for row in some} <= {SHORTEST_WINDOW, SECONDS * SAMPLE_RATE}
    assert all(np.abs(row.wave).max() <= 1 for row in some)
    found = collected(AudioTagger().eval(), Teacher(EfficientAT(0.4)), iter(rows * 3), 3 * BATCH)
    assert len(found.embedded) == len(found.logits) == len(found.kept_back)
    assert len(found.embedded) % BATCH == 0
    assert len(found.embedded) >= BATCH
    both = joined(found, found)
    assert len(both.embedded) == len(both.kept_back) == 2 * len(found.logits)
    fresh = list(hit_rows([], draw, 2))
    assert [len(row.wave) for row in fresh] == [SECONDS * SAMPLE_RATE] * 2
    assert fresh[0].kept_back
    assert not fresh[1].kept_back
    assert list(clip_rows(store, draw)) == []


def test_only_free_rows_of_the_last_matrix_learn() -> None:
    torch.manual_seed(0)
    model = AudioTagger().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    embedded = torch.randn(600, 512)
    logits = embedded @ torch.randn(512, 527) * 0.1 - 3
    fit_outputs(model, embedded, logits, {3, 9}, OutputRecipe(rounds=6, batch=64, stay=0.0))
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if not name.startswith("output"))
    assert torch.equal(before["output.weight"][[3, 9]], after["output.weight"][[3, 9]])
    best = (model.output(embedded).argmax(1) == logits.argmax(1)).float().mean()
    assert float(best) > 5 * float((embedded @ before["output.weight"].T).argmax(1).eq(logits.argmax(1)).float().mean())


def test_a_label_becomes_known_once_it_is_told_apart() -> None:
    settings = {"labels": ["a", "b", "c"], "known": [False] * 3, "thresholds": [0.3] * 3, "precisions": [0.0] * 3}
    teachers = torch.tensor([[0.9, 0.9, 0.9]] * 5 + [[0.0] * 3] * 50)
    scores = torch.tensor([[0.8, 0.8, 0.01]] * 5 + [[0.1, 0.1, 0.3]] * 50)
    new = calibrated_again(settings, scores, teachers, torch.tensor([100, 100, 100]), {1})
    assert new["known"] == [True, False, False]
    assert new["precisions"][0] == 1.0
    assert settings["known"] == [False] * 3
