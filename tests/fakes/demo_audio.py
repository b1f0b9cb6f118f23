"""A sound tagger that needs no weights: it tells sounds by their pitch."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmcore.checkpoints.registry import Checkpoint

RATE = 16_000
NAMES = ("Speech", "Dog", "Rain", "Silence")
BORDERS = (400.0, 2000.0)
"""Hz: below is a dog, between is speech, above is rain."""
SLOW = 12_000.0
"""Hz: a sound with this rate takes its time, so that Stop can come in between."""
SURE = 0.9


class FakeTagger:
    """Sure of the label of a window's loudest frequency; the next label has a third of that."""

    sample_rate = RATE
    window_seconds = 4.0
    timeline_seconds = 1.0
    timeline_hop = 0.5
    names = NAMES
    mel_frequencies = np.linspace(50, 7950, 40).astype(np.float32)

    def __init__(self, checkpoint: Checkpoint, device: str, log: Path) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.open_vocabulary = checkpoint.family == "clap"
        self._log = log

    def memory(self) -> int:
        return 5_000_000

    def scores(self, waveforms: npt.NDArray[np.float32], labels: Sequence[str] = ()) -> npt.NDArray[np.float32]:
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps({"model": self.checkpoint.name, "windows": len(waveforms), "labels": labels}) + "\n")
        if waveforms.shape[1] == 4 * RATE and (self._log.parent / "slow").exists():
            time.sleep(0.5)  # the longest sound takes a minute, in which a busy machine finds the button for Stop
        pitches = [self._pitch(waveform) for waveform in waveforms]
        if labels:
            return np.tile(np.linspace(SURE, 0.1, len(labels), dtype=np.float32), (len(waveforms), 1))
        scores = np.full((len(waveforms), len(NAMES)), 0.01, np.float32)
        for row, pitch in enumerate(pitches):
            best = (1, 0, 2)[int(np.searchsorted(BORDERS, pitch))]
            scores[row, best] = SURE
            scores[row, (best + 1) % 3] = SURE / 3
        return scores

    def evidence(
        self, waveform: npt.NDArray[np.float32], label: str, labels: Sequence[str] = ()
    ) -> npt.NDArray[np.float32]:
        """All of it in the row of the loudest frequency."""
        made = np.zeros((len(self.mel_frequencies), 50), np.float32)
        made[int(np.argmin(np.abs(self.mel_frequencies - self._pitch(waveform))))] = 1 / 50
        return made

    def _pitch(self, waveform: npt.NDArray[np.float32]) -> float:
        spectrum = np.abs(np.fft.rfft(waveform))
        return float(spectrum.argmax() * RATE / len(waveform))
