"""Sounds on disk as the training reads them: 32 kHz, mono, 16 bits, one after the other in one file.

store = SoundStore(folder)
with store.adding() as add: add("scratch", "Animal/Dog1.wav", samples, held_out=False)
store.samples(3)     float32 in [-1, 1]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from mmcore.nets.log_mel import SAMPLE_RATE
from mmcore.types import Floats

Samples = Floats
SHORTEST = 0.03
"""Seconds; shorter sounds are passed over."""
QUIETEST = 1e-3
"""Peak; quieter windows are passed over."""


@dataclass(frozen=True)
class StoredSound:
    """One window of sound."""

    source: str
    path: str
    start: int
    """First sample in the file of samples."""
    length: int
    held_out: bool = False
    label: str = ""
    """ESC-10's class."""
    fold: int = 0


class SoundStore:
    """See the module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._samples, self._index = folder / "samples.i16", folder / "index.jsonl"
        self.entries: list[StoredSound] = []
        if self._index.is_file():
            self.entries = [StoredSound(**json.loads(line)) for line in self._index.read_text("utf-8").splitlines()]
        self._data: npt.NDArray[np.int16] | None = None

    def sources(self) -> set[str]:
        """Names of the sources that are in it."""
        return {entry.source for entry in self.entries}

    def samples(self, number: int) -> Samples:
        """The window of that number, in [-1, 1]."""
        if self._data is None:
            self._data = np.memmap(self._samples, np.int16, "r")
        entry = self.entries[number]
        return self._data[entry.start : entry.start + entry.length].astype(np.float32) / 32768.0

    @contextmanager
    def adding(self) -> Iterator[Callable[..., None]]:
        """Give a function that appends a window: (source, path, samples, **other fields of Entry)."""
        self._data = None
        with self._samples.open("ab") as samples_file, self._index.open("a", encoding="utf-8") as index:

            def add(source: str, path: str, samples: Samples, **fields: object) -> None:
                if len(samples) < SHORTEST * SAMPLE_RATE or np.abs(samples).max() < QUIETEST:
                    return
                entry = StoredSound(source, path, samples_file.tell() // 2, len(samples), **fields)  # type: ignore[arg-type]
                samples_file.write((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
                index.write(json.dumps(asdict(entry)) + "\n")
                self.entries.append(entry)

            yield add


def windows(path: Path, most: int, longest: float) -> Iterator[Samples]:
    """Up to ``most`` windows of at most ``longest`` seconds, spread over the file; 32 kHz mono.

    A file that cannot be read gives none: old game archives hold a few.
    """
    try:
        with soundfile.SoundFile(path) as file:
            rate, frames = file.samplerate, file.frames
            size = int(longest * rate)
            count = max(1, min(most, frames // size))
            for number in range(count):
                # in the middle of each of ``count`` equal parts; music begins and ends softly
                start = max(0, int((number + 0.5) * frames / count - size / 2))
                file.seek(start)
                block = file.read(size, dtype="float32", always_2d=True).mean(1)
                yield np.asarray(soxr.resample(block, rate, SAMPLE_RATE), np.float32)
    except (soundfile.LibsndfileError, RuntimeError, ValueError):
        return
