"""Training of fusions on made-up posts: what can be learned is learned, and nothing else; stopping and going on."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcore.checkpoints import fusion_heads
from mmcore.errors import InputError
from mmcore.evaluation.cross_validation import DEV, cross_validate, held_back
from mmcore.evaluation.cross_validation import OPTIONS as BUNDLED
from mmcore.fusion.feature_sets import FeatureSet, read, write
from mmcore.fusion.trainer import Training, class_weights
from mmcore.nets.fusion import load
from mmcore.results import FUSIONS, TrainingOptions
from mmcore.settings import Settings
from tests.posts import make_set

OPTIONS = TrainingOptions(learning_rate=1e-2, batch_size=32, epochs=25, dropout=0.1, smoothing=0.0, width=32)


def trained(features: FeatureSet, options: TrainingOptions) -> Training:
    training = Training(features, options)
    for _ in training.run():
        pass
    return training


def state(training: Training) -> dict[str, torch.Tensor]:
    return dict(training.best().state_dict())


def same(one: Training, other: Training) -> bool:
    mine, theirs = state(one), state(other)
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_learns_what_both_say(fusion: str) -> None:
    training = trained(make_set(300), replace(OPTIONS, fusion=fusion))  # type: ignore[arg-type]
    assert training.scores().accuracy > 0.85
    for view in ({"image": False}, {"text": False}):
        right = training.dev_probabilities(**view).argmax(1) == training.features.labels[training.dev_rows]
        assert right.mean() > 0.65, f"{fusion} cannot do without {view}"


def test_where_only_the_combination_decides_late_fusion_guesses_and_cross_attention_knows() -> None:
    """XOR: positive where the signs of text and picture are equal. Averaged answers cannot tell; a joint look can."""
    features = make_set(600, rule="xor")
    options = replace(OPTIONS, epochs=60, patience=0, modality_dropout=0.0)
    joint = Training(features, replace(options, fusion="cross_attention"))
    assert any(report.dev.accuracy > 0.95 for report in joint.run())  # it need not go on then
    guesses = trained(features, replace(options, fusion="late", epochs=len(joint.reports()) + 10)).scores().accuracy
    assert guesses < 0.65


def test_the_same_seed_gives_the_same_head_whatever_runs_beside_it() -> None:
    features = make_set(120)
    options = replace(OPTIONS, epochs=4, fusion="cross_attention")
    alone = trained(features, options)
    noise = [threading.Thread(target=trained, args=(features, replace(options, seed=seed))) for seed in (1, 2)]
    for thread in noise:
        thread.start()
    again = trained(features, options)
    for thread in noise:
        thread.join()
    assert same(alone, again)
    assert not same(alone, trained(features, replace(options, seed=9)))


def test_reports_count_epochs_and_the_best_is_kept() -> None:
    training = Training(make_set(120), replace(OPTIONS, epochs=8, patience=0))
    reports = list(training.run())
    assert [report.epoch for report in reports] == list(range(1, 9))
    assert reports == list(training.reports())
    assert reports[-1].train_loss < reports[0].train_loss
    best = min(reports, key=lambda report: report.dev_loss)
    assert best.best
    assert best.dev.accuracy == pytest.approx(training.scores().accuracy), "temperatures change no answer"
    assert all(np.array(report.dev.confusion).sum() == len(training.dev_rows) for report in reports)
    assert list(training.run()) == []


def test_it_stops_early_where_dev_gets_no_better() -> None:
    features = make_set(120)
    noise = replace(features, labels=np.random.default_rng(1).permutation(features.labels))
    training = trained(noise, replace(OPTIONS, epochs=60, patience=3))
    reports = training.reports()
    assert len(reports) < 60
    assert len(reports) == max(report.epoch for report in reports if report.best) + 3


def test_left_and_gone_on_it_ends_where_an_unbroken_run_ends() -> None:
    features, options = make_set(120), replace(OPTIONS, epochs=6, patience=0)
    whole = trained(features, options)
    broken = Training(features, options)
    next(broken.run())
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked == 7  # inside the third epoch of this run, which has three batches

    first = list(broken.run(cancelled))
    assert [report.epoch for report in first] == [2, 3]
    assert [report.epoch for report in broken.run()] == [4, 5, 6]
    assert same(whole, broken)


def test_a_loss_that_leaves_the_numbers_ends_it() -> None:
    training = trained(make_set(120), replace(OPTIONS, optimiser="sgd", learning_rate=1.0, epochs=50, patience=0))
    reports = training.reports()
    if len(reports) < 50:
        assert not reports[-1].finite
    assert np.isfinite(training.dev_probabilities()).all(), "the best epoch is kept"


@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "adam", "adamw"])
def test_every_optimiser_lowers_the_loss(optimiser: str) -> None:
    rate = 0.05 if optimiser in ("sgd", "momentum") else 1e-2
    training = trained(make_set(120), replace(OPTIONS, optimiser=optimiser, learning_rate=rate, epochs=4))  # type: ignore[arg-type]
    assert training.reports()[-1].train_loss < training.reports()[0].train_loss


def test_mistakes_are_mistakes_surest_first() -> None:
    features = make_set(120)
    labels = features.labels.copy()
    training = Training(features, replace(OPTIONS, epochs=6))
    training.features.labels[training.dev_rows[:5]] = (labels[training.dev_rows[:5]] + 1) % 3
    again = Training(training.features, replace(OPTIONS, epochs=6), (training.train_rows, training.dev_rows))
    for _ in again.run():
        pass
    mistakes = again.mistakes(60)
    wrong = again.dev_probabilities().argmax(1) != again.features.labels[again.dev_rows]
    assert {mistake.row for mistake in mistakes} == set(again.dev_rows[wrong].tolist())
    assert len(mistakes) >= 4, "labels were changed"
    surest = [max(one.scores.to_dict().values()) for one in mistakes]
    assert surest == sorted(surest, reverse=True)
    assert all(one.truth != one.scores.label for one in mistakes)
    assert len(again.mistakes(2)) == 2


def test_a_kept_head_is_found_and_says_the_same(settings: Settings) -> None:
    training = trained(make_set(120), replace(OPTIONS, epochs=3, fusion="weighted"))
    folder = training.keep(settings, "my-head")
    assert fusion_heads.kept(settings) == ("my-head",)
    assert fusion_heads.find(settings, "my-head") == folder
    head, config = load(folder)
    assert config["features"] == "made-up"
    assert config["options"]["fusion"] == "weighted"
    for name, value in head.state_dict().items():
        torch.testing.assert_close(value, training.best().state_dict()[name], atol=1e-3, rtol=1e-3)
    fusion_heads.remove(settings, "my-head")
    assert fusion_heads.kept(settings) == ()


@pytest.mark.parametrize("name", ["../x", "", "A", "a b", "a/b", ".", "a" * 61, "-a"])
def test_names_that_could_lead_elsewhere_are_refused(settings: Settings, name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a head"):
        fusion_heads.folder_for(settings, name)


def test_one_class_teaches_nothing() -> None:
    features = make_set(60)
    with pytest.raises(InputError, match="none that are negative, neutral"):
        Training(replace(features, labels=np.full(60, 2)), OPTIONS)


def test_groups_are_never_split_and_classes_are_spread() -> None:
    features = replace(make_set(300), groups=np.arange(300) // 4)
    for seed in range(3):
        train, dev = features.split(0.2, seed)
        assert not set(features.groups[train]) & set(features.groups[dev])
        assert sorted([*train, *dev]) == list(range(300))
        assert len(dev) == pytest.approx(60, abs=8)
        assert np.bincount(features.labels[dev], minlength=3).min() >= 15
    fold = features.folds(5, 1)
    assert set(fold.tolist()) == set(range(5))
    assert all(len(set(fold[features.groups == group])) == 1 for group in range(75))
    assert not np.array_equal(fold, features.folds(5, 2))


def test_posts_held_back_are_those_that_the_bundled_heads_do_not_train_on() -> None:
    features = replace(make_set(300), groups=np.arange(300) // 2)
    _, dev = features.split(DEV, BUNDLED.seed)
    assert np.array_equal(np.flatnonzero(held_back(features.labels, features.groups)), dev)


def test_class_weights_keep_the_mean_at_one() -> None:
    labels = np.array([0] * 10 + [1] * 30 + [2] * 60)
    assert class_weights(labels, 0.0) is None
    weights = class_weights(labels, 1.0)
    assert weights is not None
    assert float(weights[labels].mean()) == pytest.approx(1.0)
    assert float(weights[0] / weights[2]) == pytest.approx(6.0)


def test_a_stored_set_is_read_back_nearly_the_same(tmp_path: Path) -> None:
    features = replace(make_set(50), ids=tuple(map(str, range(50))), texts=("é",) * 50, pictures=("",) * 50)
    write(features, tmp_path / "set.npz")
    again = read(tmp_path / "set.npz")
    assert (again.name, again.encoder) == ("agree", "made-up")
    assert (again.ids, again.texts) == (features.ids, features.texts)
    np.testing.assert_array_equal(again.labels, features.labels)
    for name in ("words", "text", "regions", "image"):
        ours, theirs = getattr(features, name).astype(float), getattr(again, name).astype(float)
        assert np.abs(ours - theirs).max() <= np.abs(ours).max() / 127
    assert list(tmp_path.iterdir()) == [tmp_path / "set.npz"]


def test_cross_validation_counts_every_post_once_and_tells_the_modalities_apart() -> None:
    said: list[str] = []
    steps: list[tuple[int, int]] = []
    rows = cross_validate(
        make_set(300, rule="text"),
        ["late", "text only", "image only"],
        2,
        replace(OPTIONS, epochs=15),
        progress=lambda done, total: steps.append((done, total)),
        say=said.append,
    )
    by_name = {row["head"]: row for row in rows}
    assert by_name["late"]["both_accuracy"] > 0.7
    assert by_name["text only"]["both_accuracy"] > 0.7
    assert by_name["image only"]["both_accuracy"] < 0.5, "the pictures of this set say nothing"
    assert by_name["late"]["both_accuracy_spread"] >= 0
    assert "text_accuracy" in by_name["late"]
    assert "text_accuracy" not in by_name["text only"]
    assert steps[-1] == (30, 30)
    assert len(said) == 3
