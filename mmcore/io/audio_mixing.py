"""Many channels -> one, without losing what one of them holds.

The plain mean loses sounds: two channels of which one was wired the wrong way round cancel each other out, and one
microphone among eight channels is an eighth as loud. So the mean is taken over the channels in which something sounds,
and a channel that runs against the loudest one is turned over first, where the mean would otherwise be as good as
silent. Constant parts (DC) are taken away: they cannot be heard, but they have a level.
"""

from __future__ import annotations

import numpy as np

from mmcore.types import Floats

PIECE_SECONDS = 0.5
"""How often the channels are compared."""
CANCELLED = 0.1
"""Part of the energy that channels without any relation would keep in the mean; with less they cancel each other."""
DEAD = 1e-4
"""A channel with less of the loudest one's energy (-40 dB) holds nothing."""
NOTHING = 1e-8
"""Energy (-80 dB) below which nothing can be told of the channels."""
CONSTANT = 1e-3
"""Least constant part that is taken away (-60 dB): that of the first piece, from the whole sound."""
OUTSTANDING = 0.01
"""Part of the first piece's energy that a constant part has at least: any sound has a little by chance."""

Block = Floats


class Mixer:
    """Give it the blocks (frames, channels) of one sound in order; it gives (frames,)."""

    def __init__(self, channels: int, sample_rate: int) -> None:
        self._size = max(1, round(PIECE_SECONDS * sample_rate))
        self._signs = np.ones(channels, np.float32)
        self._live = np.zeros(channels, bool)
        self._constant: Block | None = None
        self.turned = False
        """Whether channels had to be turned over."""

    def mix(self, block: Block) -> Block:
        """The next piece as one channel."""
        if self._constant is None and len(block):
            first = block[: self._size]
            means = first.mean(axis=0, dtype=np.float64).astype(np.float32)
            plain = (np.abs(means) >= CONSTANT) & (np.square(means) > OUTSTANDING * first.var(axis=0))
            self._constant = np.where(plain, means, np.float32(0))
        if self._constant is not None and self._constant.any():
            block = block - self._constant
        if block.shape[1] == 1:
            return block[:, 0]
        pieces = [self._piece(block[first : first + self._size]) for first in range(0, len(block), self._size)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def _piece(self, piece: Block) -> Block:
        around = piece - piece.mean(axis=0)
        products = around.T @ around / len(piece)  # (channels, channels)
        energies = np.diag(products)
        loudest = int(energies.argmax())
        if energies[loudest] > NOTHING:
            self._live |= energies > DEAD * energies[loudest]
            apart = float(energies[self._live].sum())
            if self._kept(products) < CANCELLED * apart:
                self._signs = np.where(products[loudest] < 0, np.float32(-1), np.float32(1))
                self.turned = True
        if not self._live.any() or (self._live.all() and (self._signs > 0).all()):
            mean: Block = piece.mean(axis=1, dtype=np.float32)
            return mean
        mixed: Block = piece @ (self._signs * self._live / self._live.sum()).astype(np.float32)
        return mixed

    def _kept(self, products: Floats) -> float:
        """Energy of the sum of the living channels."""
        weights = self._signs * self._live
        return float(weights @ products @ weights)
