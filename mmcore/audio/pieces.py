"""A stream of samples -> pieces that follow each other without a gap, cut where it is quietest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmcore.audio.windows import Window
from mmcore.types import Floats

STEP_SECONDS = 0.1
"""A cut is in the middle of the quietest tenth of a second."""


class PieceCutter:
    """Pieces of ``shortest`` to ``longest`` seconds, the last one as short as what is left.

    So no word is cut in two where there is a pause to cut in; no more than one piece and a block is held.
    """

    def __init__(self, rate: int, shortest: float = 20.0, longest: float = 30.0) -> None:
        self._step = max(1, round(STEP_SECONDS * rate))
        self._shortest, self._longest = round(shortest * rate), round(longest * rate)
        self._kept = np.zeros(0, np.float32)
        self._position = 0

    def add(self, samples: Floats) -> Iterator[Window]:
        """The pieces that this block completes."""
        self._kept = np.concatenate([self._kept, samples])
        while len(self._kept) > self._longest:
            yield self._take(self._quietest())

    def finish(self) -> Iterator[Window]:
        """The stream has ended: what is left of it."""
        if len(self._kept):
            yield self._take(len(self._kept))

    def _take(self, size: int) -> Window:
        piece = Window(self._position, self._kept[:size].copy())
        self._kept, self._position = self._kept[size:], self._position + size
        return piece

    def _quietest(self) -> int:
        """Samples up to the middle of the quietest step between the shortest and the longest piece."""
        part = self._kept[self._shortest : self._longest]
        steps = part[: len(part) // self._step * self._step].reshape(-1, self._step)
        quietest = int(np.square(steps, dtype=np.float64).mean(axis=1).argmin())
        return self._shortest + quietest * self._step + self._step // 2
