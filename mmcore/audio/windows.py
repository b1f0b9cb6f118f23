"""A stream of samples -> overlapping windows of one length, without ever holding more than one window and a piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from mmcore.types import Floats


@dataclass(frozen=True)
class Window:
    """Some samples of a stream, and where they begin in it."""

    start: int
    samples: Floats


class WindowCutter:
    """Windows of ``size`` samples, one every ``hop``; a last one ends with the stream, so that all of it is covered.

    A stream that is shorter than a window gives one window with all of it.
    """

    def __init__(self, size: int, hop: int) -> None:
        self.size, self.hop = size, hop
        self._kept = np.zeros(0, np.float32)
        self._position = 0
        """Place of the first kept sample in the stream."""
        self._next = 0
        """Where the next window begins."""
        self._covered = 0
        """Samples that some window holds."""

    def add(self, samples: Floats) -> Iterator[Window]:
        """The windows that this piece completes."""
        self._kept = np.concatenate([self._kept, samples])
        while self._next + self.size <= self._position + len(self._kept):
            yield self._cut(self._next)
            self._next += self.hop
        # The last ``size`` samples stay for the last window.
        spare = min(self._next - self._position, len(self._kept) - self.size)
        if spare > 0:
            self._kept, self._position = self._kept[spare:], self._position + spare

    def finish(self) -> Iterator[Window]:
        """The stream has ended: the window that ends with it, if some of it is not covered yet."""
        end = self._position + len(self._kept)
        if self._covered < end:
            yield self._cut(max(0, end - self.size))

    def _cut(self, start: int) -> Window:
        first = start - self._position
        window = self._kept[first : first + self.size].copy()
        self._covered = start + len(window)
        return Window(start, window)


def window_at(blocks: Iterable[Floats], start: int, size: int) -> Window:
    """The window that begins at ``start``, or the one that ends with the stream where that comes earlier."""
    kept, position = np.zeros(0, np.float32), 0
    for block in blocks:
        kept = np.concatenate([kept, block])
        if position + len(kept) >= start + size:
            first = start - position
            return Window(start, kept[first : first + size])
        spare = len(kept) - size
        if spare > 0:
            kept, position = kept[spare:], position + spare
    return Window(position, kept)
