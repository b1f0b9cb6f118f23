from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.evaluation import audio, audio_bench
from mmcore.evaluation.sound_scores import ESC10, SPEECH, average_precision, class_scores, mean_average_precision
from mmcore.families import _audioset
from tests.sounds import encoded, silence, tone
from tests.tasks.test_audio import a_pool


def test_the_table_uses_names_that_exist():
    used = {name for names in ESC10.values() for name in names} | set(SPEECH)
    assert used <= set(_audioset.names())
    assert len(ESC10) == 10


def test_a_class_scores_as_the_best_of_its_names():
    scores = {"Bark": 0.4, "Dog": 0.3, "Sneeze": 0.2}
    assert class_scores(scores, {"dog": ("Dog", "Bark"), "cat": ("Cat",)}) == {"dog": 0.4, "cat": 0.0}


def test_average_precision_by_hand():
    # found at ranks 1 and 3: (1/1 + 2/3) / 2
    assert average_precision([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([0.5, 0.5], [1, 0]) == pytest.approx(0.5)  # no luck from the order of equals
    assert math.isnan(average_precision([0.5], [0]))


def test_average_precision_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics", reason="only the comparison needs it")
    generator = np.random.default_rng(0)
    for _ in range(20):
        scores, truth = generator.integers(0, 10, 50) / 10, generator.integers(0, 2, 50)
        truth[0] = 1
        assert average_precision(scores, truth) == pytest.approx(metrics.average_precision_score(truth, scores))


def test_map_leaves_out_classes_without_a_clip():
    assert mean_average_precision([[0.9, 0.5], [0.1, 0.5]], [[1, 0], [0, 0]]) == 1.0


def test_esc10_figures():
    scores = [{"Dog": 0.9}, {"Rain": 0.8, "Dog": 0.1}, {"Rain": 0.6, "Sneeze": 0.5}]
    figures = audio.esc10_figures(["dog", "rain", "sneezing"], scores)
    assert figures["top_1"] == pytest.approx(2 / 3)
    assert figures["map"] == pytest.approx(1.0)
    assert figures["classes"] == [{"dog": 1.0, "rain": 1.0, "sneezing": 0.0}]


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    (tmp_path / "audio").mkdir()
    for name, pitch in (("a", 300), ("b", 2500)):
        (tmp_path / "audio" / f"{name}.flac").write_bytes(encoded(tone(0.5, pitch, 8000), 8000, "FLAC"))
    (tmp_path / "labels.tsv").write_text("file\tsplit\tdigit\tspeaker\na.flac\ttest\t0\tx\nb.flac\ttest\t1\tx\n")
    return tmp_path


def test_run_on_spoken_digits(digits: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audio, "SPEECH", ("Low",))
    figures = audio.run(a_pool(), digits)
    assert figures["speech"] == 0.5
    assert (figures["model"], figures["clips"]) == ("compact-tagger", 2)


def test_run_by_fold_with_a_teacher(tmp_path: Path):
    (tmp_path / "audio").mkdir()
    for name, sound in (("a", tone(0.5, 300, 8000)), ("b", tone(0.5, 2500, 8000)), ("c", silence(0.5, 8000))):
        (tmp_path / "audio" / f"{name}.wav").write_bytes(encoded(sound, 8000))
    (tmp_path / "labels.tsv").write_text("file\tfold\tlabel\na.wav\t1\tdog\nb.wav\t1\train\nc.wav\t2\tdog\n")
    figures = audio.run(a_pool(), tmp_path, teacher="efficientat-mn04", fold=1)
    assert figures["clips"] == 2
    assert figures["top_1"] == 0.0  # nothing it knows is a class, so the first one is guessed, a chainsaw
    assert figures["agreement"] == figures["same_best"] == 1.0
    assert figures["teacher"][0]["model"] == "efficientat-mn04"
    with pytest.raises(InputError, match="no sound in the folder"):
        audio.run(a_pool(), tmp_path, fold=9)


def test_agreement_leaves_silence_out_and_looks_at_the_best_three():
    def result(*labels: str) -> Any:
        from types import SimpleNamespace

        return SimpleNamespace(labels=[SimpleNamespace(label=label) for label in labels])

    own = [result("a"), result("a"), result("Silence")]
    others = [result("x", "y", "a"), result("x", "y", "z", "a"), result("Silence")]
    assert audio.agreement(own, others) == 0.5
    assert audio.agreement(own, others, best=1) == 0.0
    assert audio.agreement(own, own, best=1) == 1.0


def test_a_folder_without_a_table_is_all_its_sounds(tmp_path: Path):
    (tmp_path / "deeper").mkdir()
    for path in ("b.wav", "a.OGG", "deeper/c.webm", "note.txt"):
        (tmp_path / path).write_bytes(b"x")
    assert [Path(clip.path).name for clip in audio.read_clips(tmp_path)] == ["a.OGG", "b.wav", "c.webm"]


def test_bench_is_a_ratio_to_the_reference_in_the_same_run(monkeypatch: pytest.MonkeyPatch):
    calls: list[int] = []
    monkeypatch.setattr(audio_bench, "ast_architecture", lambda: lambda samples: calls.append(len(samples)))
    figures = audio_bench.run(a_pool(), repeats=2)
    assert set(calls) == {160_000}
    names = [timing["name"] for timing in figures["timings"]]
    assert names == ["compact-tagger", "compact-tagger with timeline", "AST architecture"]
    medians = [timing["median"] for timing in figures["timings"]]
    assert figures["ratio"] == medians[0] / medians[2]
    assert figures["ratio_with_timeline"] == medians[1] / medians[2]
