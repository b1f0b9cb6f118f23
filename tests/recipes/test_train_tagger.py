"""How the tagger of sounds is distilled, block by block and together, tuned, measured and written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from mmcore.nets.audio_tagger import AudioTagger, TaggerConfig
from mmcore.nets.log_mel import SAMPLE_RATE
from mmcore.nets.mobilenet_tagger import EfficientAT, fold_norms
from mmcore.nets.storage import load_weights
from mmcore.recipes.audio.blockwise import (
    BlockRecipe,
    begin_normalised,
    bent,
    fit_linear,
    parts_of_student,
    parts_of_teacher,
    teach_from_file,
    write_inputs,
)
from mmcore.recipes.audio.soap import Soap, turned, turned_back
from mmcore.recipes.audio.sound_store import SoundStore
from mmcore.recipes.audio.tagger_export import VERSION, export
from mmcore.recipes.audio.tagger_figures import agreement, measured
from mmcore.recipes.audio.tagger_tuning import (
    SURE,
    Clips,
    Sounds,
    TuningRecipe,
    corrected,
    cross_validated,
    read_clips,
    seen,
    tuned,
)
from mmcore.recipes.audio.together import TogetherRecipe, listened, teach_together

SMALL = TaggerConfig(width=0.1, widening=2.0, hidden=128)
TOGETHER = TogetherRecipe(steps=49, batch=4, rate=8e-3, warmup=2, average=0.5, finished=1)


@pytest.fixture(scope="module")
def teacher() -> EfficientAT:
    torch.manual_seed(0)
    network = EfficientAT(0.1).requires_grad_(False)
    begin_normalised(network, sounds(16, 50))
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.mul_(4)
    return network


def student(seed: int = 1) -> AudioTagger:
    torch.manual_seed(seed)
    model = AudioTagger(SMALL)
    begin_normalised(model, sounds(16, 51))
    return model


def sounds(count: int, seed: int) -> Tensor:
    """Stripes and columns at random places."""
    draw = torch.Generator().manual_seed(seed)
    log_mel = torch.full((count, 128, 64), -1.0) + 0.1 * torch.randn((count, 128, 64), generator=draw)
    for row in log_mel:
        band, column = (int(value) for value in torch.randint(0, 50, (2,), generator=draw))
        row[band * 2 : band * 2 + 20] += 1.0
        row[:, column : column + 6] += 0.7
    return log_mel


def distance(first: Tensor, second: Tensor) -> float:
    return float((first - second).detach().square().mean())


def test_soap_walks_down_a_narrow_valley_that_adam_creeps_along() -> None:
    torch.manual_seed(0)
    turn = torch.linalg.qr(torch.randn(6, 6))[0]
    inputs = torch.randn(400, 6) * torch.tensor([10, 3, 1, 0.3, 0.1, 0.03]) @ turn.T
    wanted = inputs @ torch.randn(6, 4) * 3
    left = {}
    for kind in (Soap, torch.optim.Adam):
        weight = torch.zeros(6, 4, requires_grad=True)
        optimizer = kind([weight], lr=0.05)
        for _ in range(150):
            loss = (inputs @ weight - wanted).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        left[kind] = float(loss.detach())
    assert left[Soap] < 0.5 * left[torch.optim.Adam]
    matrix, vectors = torch.randn(6, 6), torch.linalg.qr(torch.randn(6, 6))[0]
    torch.testing.assert_close(turned_back(turned(matrix, turn, vectors), turn, vectors), matrix)


def test_inputs_of_each_part_are_the_teachers_own(teacher: EfficientAT, tmp_path: Path) -> None:
    log_mels = [sounds(3, 0), sounds(3, 1)]
    write_inputs(teacher, log_mels, tmp_path)
    parts = parts_of_teacher(teacher)
    assert len(list(tmp_path.glob("part-*.npy"))) == len(parts) == len(parts_of_student(student()))
    outputs = listened(parts, log_mels[1]).outputs
    kept = torch.from_numpy(np.load(tmp_path / "part-05.npy")[3:].astype(np.float32))
    torch.testing.assert_close(kept, outputs[4], atol=2e-3, rtol=2e-3)
    torch.testing.assert_close(outputs[-1], teacher(log_mels[1]))


def test_a_block_learns_what_the_teachers_does(teacher: EfficientAT, tmp_path: Path) -> None:
    write_inputs(teacher, [sounds(8, seed) for seed in range(6)], tmp_path)
    own = parts_of_student(student())
    short, long = BlockRecipe(steps=2, batch=4), BlockRecipe(steps=120, batch=4, bent=0.2)
    for number in (4, len(own) - 2):
        wanted, part = parts_of_teacher(teacher)[number], own[number]
        before = teach_from_file(number, wanted, deepcopy(part), tmp_path, short)
        assert teach_from_file(number, wanted, part, tmp_path, long) < 0.6 * before


def test_a_linear_layer_is_solved(teacher: EfficientAT) -> None:
    wanted, own = teacher.classifier[5], student().output
    assert isinstance(wanted, nn.Linear)
    assert fit_linear(wanted, own, torch.randn(300, 128)) < 1e-5
    torch.testing.assert_close(own.weight, wanted.weight, atol=1e-3, rtol=1e-2)


def test_bending_leaves_some_inputs_as_they_are() -> None:
    x = torch.randn(200, 3, 4, 4)
    out = bent(x, torch.ones(3), BlockRecipe(bent=0.5), torch.Generator().manual_seed(0))
    same = (out == x).flatten(1).all(1)
    assert 60 < int(same.sum()) < 140
    assert torch.isfinite(out).all()


def test_all_parts_learn_together_and_go_on_where_they_stopped(teacher: EfficientAT, tmp_path: Path) -> None:
    lines: list[str] = []

    def batches(seed: int) -> Callable[[], Tensor]:
        return lambda: sounds(4, seed % 7)

    own, kept = student(), tmp_path / "together.pt"
    stem = deepcopy(own.features[0].state_dict())
    fresh = sounds(8, 99)
    before = distance(own(fresh), teacher(fresh))
    out = teach_together(teacher, own, batches, TOGETHER, kept, say=lines.append)
    assert distance(out(fresh), teacher(fresh)) < 0.8 * before
    assert all(torch.equal(value, own.features[0].state_dict()[name]) for name, value in stem.items())
    other = student(5)
    again = teach_together(teacher, other, batches, TOGETHER, kept, say=lines.append)  # finished: nothing is left to do
    torch.testing.assert_close(again(fresh), out(fresh))
    assert lines == []  # it speaks every 50 steps


def test_the_teacher_is_put_right_about_a_clip() -> None:
    out = corrected(torch.tensor([[0.1, 0.3, 0.8, 0.5]]), torch.tensor([0]), [[0, 1], [2]])
    torch.testing.assert_close(out, torch.tensor([[0.1, SURE, 0.2, 0.5]]))


def test_tuning_finds_the_classes_and_leaves_the_lower_parts(teacher: EfficientAT) -> None:
    base = student()
    recipe = TuningRecipe(steps=70, clips=12, others=4, rate=5e-3, views=2, first_trained=12)
    log_mel = torch.full((32, 128, 64), -1.3) + 0.05 * torch.randn(32, 128, 64)
    log_mel[0::4, :40] += 1.5
    log_mel[1::4, :40] += 1.5
    log_mel[2::4, 80:] += 1.5
    log_mel[3::4, 80:] += 1.5
    views: Sounds = seen(base, teacher, [log_mel], recipe.first_trained)
    clips = Clips(views, torch.arange(16) % 2, torch.arange(16) // 4 + 1)
    others = seen(base, teacher, [sounds(8, 3)], recipe.first_trained)
    names = [[3, 4], [7]]
    found = cross_validated(base, clips, others, names, recipe)
    assert list(found) == [1, 2, 3, 4]
    assert sum(found.values()) / 4 > 0.9
    model = tuned(base, clips, range(16), others, names, replace(recipe, steps=5))
    assert torch.equal(model.features[3].block[0][0].weight, base.features[3].block[0][0].weight)
    assert not torch.equal(model.output.weight, base.output.weight)


def test_clips_are_read_with_views_and_what_the_teacher_hears(teacher: EfficientAT, tmp_path: Path) -> None:
    store, draw = SoundStore(tmp_path), np.random.default_rng(0)
    with store.adding() as add:
        for number in range(2):
            sound = np.asarray(draw.standard_normal(SAMPLE_RATE) * 0.1, np.float32)
            add("esc10", f"{number}.ogg", sound, label=("dog", "rain")[number], fold=number + 1)
        add("other", "x.ogg", np.asarray(draw.standard_normal(SAMPLE_RATE) * 0.1, np.float32), held_out=True)
    folder = tmp_path / "examples" / "audio"
    folder.mkdir(parents=True)
    soundfile.write(folder / "noise.ogg", draw.standard_normal(SAMPLE_RATE) * 0.1, SAMPLE_RATE)
    clips = read_clips(student(), teacher, store, ["rain", "dog"], TuningRecipe(views=2))
    assert clips.views.logits.shape == (4, 527)
    assert clips.classes.tolist() == [1, 0]
    assert clips.folds.tolist() == [1, 2]
    figures = measured(student(), teacher, store, tmp_path, silence=500)
    assert {"esc10", "other", "held_out"} <= set(figures)
    assert figures["held_out"]["clips"] == 1


def test_agreement_looks_both_ways() -> None:
    teachers = torch.tensor([[5.0, 4.0, 3.0, 0.0], [0.0, 1.0, 2.0, 3.0]])
    own = torch.tensor([[0.0, 3.0, 9.0, 1.0], [9.0, 0.0, 0.5, 8.0]])
    assert agreement(own, teachers) == {
        "clips": 2, "top_1_in_teachers_3": 0.5, "teachers_1_in_top_3": 0.5, "same_best": 0.0,
    }  # fmt: skip


def test_the_files_hold_the_model(tmp_path: Path) -> None:
    model, log_mel = student(), sounds(2, 1)
    export(model, tmp_path / "tagger")
    config = json.loads((tmp_path / "tagger" / "config.json").read_text(encoding="utf-8"))
    assert config["version"] == VERSION
    again = AudioTagger(TaggerConfig.from_dict(config["network"])).eval()
    fold_norms(again)
    again.load_state_dict(load_weights(tmp_path / "tagger" / "model.safetensors"))
    with torch.inference_mode():
        torch.testing.assert_close(again(log_mel), model(log_mel), atol=0.02, rtol=0.02)
