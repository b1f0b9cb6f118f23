"""How the tagger of sounds is taught, tuned, calibrated and written down."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcore.nets.audio_tagger import AudioTagger, Stage, TaggerConfig
from mmcore.nets.storage import load_weights
from mmcore.recipes.audio.scenes import HIDDEN, Scenes
from mmcore.recipes.audio.tagger_export import best_threshold, calibrated, export
from mmcore.recipes.audio.tagger_learning import (
    LearningRecipe,
    batches,
    begin_at_the_mean,
    learn,
    masked,
    mixed,
    rate_at,
    top_agreement,
)
from mmcore.recipes.audio.tagger_tuning import SURE, VIEWS, Clips, class_probabilities, corrected, cross_validated
from mmcore.recipes.optimisation import averaged_model

LABELS = 6
SMALL = TaggerConfig(
    stem=8, features=32, hidden=HIDDEN, labels=LABELS, stages=(Stage(8, 1, 1, 2, False), Stage(16, 2, 1, 2, True))
)
HIDDEN_OF = torch.randn(LABELS, HIDDEN, generator=torch.Generator().manual_seed(0)).clamp_min(-0.3)
"""What the teacher's last layer holds for each label."""
RECIPE = LearningRecipe(
    seconds_a_step=15, steps=240, rate=1e-2, warmup=5, average=0.8, hidden_weight=3.0, mixup=0.1, masks=False
)


def heard(count: int, columns: int, seed: int) -> Scenes:
    """Scenes whose label n is a bright stripe in the n-th sixth of the bands."""
    draw = np.random.default_rng(seed)
    features = draw.normal(-1.2, 0.05, (count, 128, columns)).astype(np.float16)
    logits = torch.full((count, LABELS), -5.0)
    for row in range(count):
        label = row % LABELS
        features[row, label * 21 : label * 21 + 15] += 1.5
        logits[row, label] = 3.0
    return Scenes(features, logits, HIDDEN_OF[torch.arange(count) % LABELS])


@pytest.fixture(scope="module")
def scenes() -> dict[int, list[Scenes]]:
    return {250: [heard(24, 250, 0)], 500: [heard(12, 500, 1), heard(12, 500, 2)], 1000: []}


@pytest.fixture(scope="module")
def lesson(scenes: dict[int, list[Scenes]]) -> tuple[AudioTagger, list[float]]:
    """A student that has learned, and the losses on its way."""
    torch.manual_seed(0)
    losses: list[float] = []
    student = AudioTagger(SMALL)
    begin_at_the_mean(student, scenes)
    student = learn(student, batches(scenes, RECIPE), RECIPE, report=lambda _, loss, __: losses.append(loss), every=10)
    return student, losses


def test_batches_have_the_same_sound_in_every_length(scenes: dict[int, list[Scenes]]) -> None:
    material = batches(scenes, RECIPE)
    seen = set()
    for _ in range(10):
        batch = next(material)
        seen.add(batch.features.shape)
        assert batch.probabilities.shape == (len(batch.features), LABELS)
        assert batch.features.isfinite().all()
        assert ((batch.probabilities >= 0) & (batch.probabilities <= 1)).all()
    assert seen == {(6, 128, 250), (3, 128, 500)}


def test_mixing_adds_powers() -> None:
    silent, loud = torch.full((1, 128, 4), math.log(1e-5) / 5 + 0.9), torch.full((1, 128, 4), 0.5)
    torch.testing.assert_close(mixed(loud, silent), loud)
    torch.testing.assert_close(mixed(loud, loud), loud + math.log(2) / 5, atol=1e-4, rtol=0)


def test_masks_hide_a_stripe_behind_the_mean() -> None:
    features = torch.randn(6, 128, 100)
    hidden = masked(features, np.random.default_rng(0))
    changed = (hidden != features).float().mean((1, 2))
    assert changed.max() > 0
    assert changed.max() < 0.3
    assert not torch.equal(features, hidden)


def test_the_student_comes_to_agree_with_the_teacher(lesson: tuple[AudioTagger, list[float]]) -> None:
    student, losses = lesson
    assert losses[-1] < losses[0]
    fresh = heard(18, 300, 9)
    with torch.inference_mode():
        own = student(torch.from_numpy(fresh.features).float())
    assert top_agreement(own, fresh.logits, 1) > 0.8
    assert not student.training


def test_a_new_student_begins_with_the_teachers_mean(scenes: dict[int, list[Scenes]]) -> None:
    student = AudioTagger(SMALL)
    begin_at_the_mean(student, scenes)
    torch.testing.assert_close(student.output.bias, torch.full((LABELS,), -5.0 + 8.0 / LABELS))


def test_learning_can_be_limited_in_time(scenes: dict[int, list[Scenes]]) -> None:
    steps: list[int] = []
    learn(
        AudioTagger(SMALL),
        batches(scenes, RECIPE),
        RECIPE,
        report=lambda step, *_: steps.append(step),
        every=1,
        seconds=1e-9,
    )
    assert steps == []


def test_the_rate_warms_up_and_falls() -> None:
    rates = [rate_at(step, RECIPE) for step in range(RECIPE.steps)]
    assert rates[0] < rates[4] == 1.0
    assert rates[-1] < 0.01


def test_the_average_follows_and_copies_counts() -> None:
    first, second = AudioTagger(SMALL), AudioTagger(SMALL)
    second.stem[1].num_batches_tracked.fill_(7)
    average = averaged_model(first, 0.75)
    for step in range(1, 40):
        before = average.module.output.weight.clone()
        average.update_parameters(second)
        kept = min(0.75, (1 + step) / (10 + step))
        torch.testing.assert_close(average.module.output.weight, kept * before + (1 - kept) * second.output.weight)
    assert kept == 0.75
    assert int(average.module.stem[1].num_batches_tracked) == 7
    assert not average.module.training
    assert torch.equal(averaged_model(first, 0.75).module.output.weight, first.output.weight)  # nothing was learnt yet


def test_agreement_counts_the_teachers_best_and_only_what_is_allowed() -> None:
    teacher = torch.tensor([[5.0, 4.0, 3.0, 0.0], [0.0, 1.0, 2.0, 3.0]])
    student = torch.tensor([[0.0, 0.0, 9.0, 1.0], [9.0, 0.0, 0.0, 8.0]])
    assert top_agreement(student, teacher, 3) == 0.5
    assert top_agreement(student, teacher, 1) == 0.0
    assert top_agreement(student, teacher, 3, [False, True, True, True]) == 1.0


def test_the_teacher_is_put_right_about_a_clip() -> None:
    names = [[0, 1], [2]]
    out = corrected(torch.tensor([[0.1, 0.3, 0.8, 0.5]]), torch.tensor([0]), names)
    torch.testing.assert_close(out, torch.tensor([[0.1, SURE, 0.2, 0.5]]))


def test_cross_validation_tests_on_the_fold_that_was_left_out(
    scenes: dict[int, list[Scenes]], lesson: tuple[AudioTagger, list[float]]
) -> None:
    torch.manual_seed(0)
    base, _ = lesson
    count = 16
    classes = torch.arange(count) % 2
    whole = [torch.from_numpy(heard(2, 300, seed).features[seed % 2]).float() for seed in range(count)]
    views = torch.stack([one[:, :250] for one in whole for _ in range(VIEWS)]).half()
    logits = torch.full((count * VIEWS, LABELS), -4.0)
    hidden = HIDDEN_OF[classes].repeat_interleave(VIEWS, 0)
    clips = Clips(views, logits, hidden, whole, classes, torch.arange(count) // 4 + 1)
    names = [[0], [1]]
    recipe = LearningRecipe(seconds_a_step=40, steps=6, rate=1e-3, warmup=1, average=0.5)
    found = cross_validated(base, clips, batches(scenes, RECIPE), names, recipe)
    assert list(found) == [1, 2, 3, 4]
    assert sum(found.values()) / 4 > 0.9
    assert class_probabilities(base, clips, [0, 3], names).shape == (2, 2)


def test_thresholds_follow_the_teacher() -> None:
    scores = np.array([0.05, 0.2, 0.22, 0.45, 0.9], np.float32)
    assert 0.22 <= best_threshold(scores, np.array([False, False, False, True, True])) <= 0.45
    assert best_threshold(scores, np.array([False, True, True, True, True])) <= 0.2


def test_labels_without_scenes_stay_unknown_and_the_files_hold_the_model(
    scenes: dict[int, list[Scenes]], lesson: tuple[AudioTagger, list[float]], tmp_path: Path
) -> None:
    student, _ = lesson
    few = {250: [Scenes(part.features, part.logits.clone(), part.hidden) for part in scenes[250]]}
    few[250][0].logits[5::LABELS, 5] = -5.0  # nothing holds the last label any more
    plenty = {250: few[250] * 6}
    labels = [f"label {number}" for number in range(LABELS)]
    settings = calibrated(student, plenty, few, labels)
    assert settings["known"][-1] is False
    assert any(settings["known"])
    assert len(settings["thresholds"]) == len(settings["precisions"]) == LABELS
    export(student, settings, tmp_path / "tagger")
    config = json.loads((tmp_path / "tagger" / "config.json").read_text(encoding="utf-8"))
    assert config["labels"] == labels
    again = AudioTagger(TaggerConfig.from_dict(config["network"])).eval()
    again.load_state_dict(load_weights(tmp_path / "tagger" / "model.safetensors"))
    seen = torch.from_numpy(scenes[250][0].features[:3]).float()
    with torch.inference_mode():
        torch.testing.assert_close(again(seen), student(seen), atol=0.05, rtol=0.02)
