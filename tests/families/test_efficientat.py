"""EfficientAT: the published layout through the real loader, and the published weights where they are at hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmcore.checkpoints.locate import file_name
from mmcore.checkpoints.registry import find
from mmcore.errors import WeightsError
from mmcore.families import _audioset
from mmcore.nets.mobilenet_tagger import EfficientAT, channels, width_of
from tests.families import taggers
from tests.sounds import silence, tone

TEACHER = Path(__file__).resolve().parents[3] / "shared" / "models" / "efficientat_mn04_as"
with_teacher = pytest.mark.skipif(not TEACHER.is_dir(), reason=f"the published weights are not in {TEACHER}")

NAME = "efficientat-mn04"


def network() -> EfficientAT:
    torch.manual_seed(0)
    made = EfficientAT(0.1)
    taggers.spread(made)
    return made.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow network in the format of the release."""
    made = tmp_path_factory.mktemp("efficientat")
    torch.save(network().state_dict(), made / file_name(find(NAME)))
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return taggers.load(NAME, folder)


def test_it_does_what_every_tagger_does(model: Any):
    taggers.check(model)
    assert len(model.names) == 527
    assert not model.open_vocabulary


def test_scores_are_the_networks_sigmoids(model: Any):
    from mmcore.nets.log_mel import LogMel

    waveforms = taggers.sounds(model, 3.0)
    with torch.inference_mode():
        expected = network()(LogMel()(torch.from_numpy(waveforms))).sigmoid().numpy()
    assert np.allclose(model.scores(waveforms), expected, atol=1e-4)  # folded norms round otherwise


def test_a_short_sound_is_filled_up_with_silence(model: Any):
    short = taggers.sounds(model, 0.5)
    padded = np.pad(short, ((0, 0), (0, 2 * 32000 - short.shape[1])))
    assert np.allclose(model.scores(short), model.scores(padded), atol=1e-6)


def test_the_same_weights_as_safetensors(model: Any, tmp_path: Path):
    save_file(network().state_dict(), tmp_path / "model.safetensors")
    waveforms = taggers.sounds(model, 1.0)
    assert np.array_equal(taggers.load(NAME, tmp_path).scores(waveforms), model.scores(waveforms))


def test_half_precision(folder: Path, model: Any):
    from mmcore.families import efficientat

    half = efficientat.load(find(NAME), folder, "cpu", torch.bfloat16)
    waveforms = taggers.sounds(model, 1.0)
    assert np.corrcoef(half.scores(waveforms).ravel(), model.scores(waveforms).ravel())[0, 1] > 0.99
    assert half.evidence(waveforms[0], "Speech").sum() > 0


class Surprise:
    """What a pickle could do on a machine that trusts it."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("the pickle was run",))


@pytest.mark.parametrize("content", ["code", "cut off", "another network", "text", "empty"])
def test_a_file_that_is_not_the_weights_is_refused(folder: Path, tmp_path: Path, content: str):
    path = tmp_path / file_name(find(NAME))
    whole = (folder / path.name).read_bytes()
    if content == "code":
        torch.save({"classifier.5.weight": Surprise()}, path)
    elif content == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    elif content == "another network":
        torch.save({"classifier.5.weight": torch.zeros(527, 512)}, path)
    else:
        path.write_bytes(b"weights" if content == "text" else b"")
    with pytest.raises(WeightsError, match=f"weights of {NAME} in .* are incomplete"):
        taggers.load(NAME, tmp_path)


def test_a_folder_without_them(tmp_path: Path):
    with pytest.raises(WeightsError, match=r"there is no mn04_as_mAP_432\.pt"):
        taggers.load(NAME, tmp_path)


def test_channels_are_multiples_of_eight():
    assert [channels(count) for count in (1, 6.4, 12, 16, 28.8, 33, 44)] == [8, 8, 16, 16, 32, 32, 48]


@pytest.mark.parametrize(("width", "parameters"), [(0.4, 983_599), (1.0, 4_878_000)])
def test_sizes_are_the_published_ones(width: float, parameters: int):
    made = EfficientAT(width)
    assert sum(value.numel() for value in made.parameters()) == pytest.approx(parameters, rel=0.01)
    assert width_of(made.state_dict()) == width


@with_teacher
def test_the_names_are_the_label_files():
    with (TEACHER / "class_labels_indices.csv").open(encoding="utf-8", newline="") as file:
        assert _audioset.names() == tuple(row["display_name"] for row in csv.DictReader(file))


@pytest.fixture(scope="module")
def teacher() -> Any:
    return taggers.load(NAME, TEACHER)


@with_teacher
def test_the_published_weights_know_a_tone_and_silence(teacher: Any):
    assert teacher.memory() == pytest.approx(3_914_716, rel=0.01)
    best = [teacher.names[place] for place in teacher.scores(tone(5.0, 1000.0)[None])[0].argsort()[::-1][:5]]
    assert "Sine wave" in best
    quiet = teacher.scores(silence(5.0)[None])[0]
    assert teacher.names[int(quiet.argmax())] == "Silence"


@with_teacher
def test_the_evidence_of_the_published_weights_sits_where_the_sound_is(teacher: Any):
    """A beep in the sixth and seventh second of ten that are nearly silent."""
    rng = np.random.default_rng(0)
    sound = (1e-4 * rng.standard_normal(320_000)).astype(np.float32)
    sound[5 * 32000 : 7 * 32000] += tone(2.0, 1000.0)
    label = "Sine wave"
    found = teacher.evidence(sound, label)
    inside = found[:, 480:720].sum() / found.sum()
    assert inside > 0.6  # of a quarter of the picture
    rows = np.abs(np.log2(teacher.mel_frequencies / 1000)) < 1
    columns = found[:, 480:720]
    assert columns[rows].sum() / columns.sum() > 2 * rows.mean()
