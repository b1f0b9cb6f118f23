"""The bundled captioner as the eyes of composed answers: what it does for captions, and how probable any word is.

What it knows is put together with other sources in ``mmcore/tasks/composed_answers.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families import compact_captioner
from mmcore.families.compact_captioner import CompactCaptioning


class CompactAnswers(CompactCaptioning):
    """A captioner that can be asked about one word."""

    @torch.inference_mode()
    def word_probability(self, image: Image.Image, words: Sequence[str]) -> float | None:
        """Probability (0-1) that the tagger gives to the likeliest of the words; None where it knows none of them."""
        places = [self._tag_places[word] for word in words if word in self._tag_places]
        if not places:
            return None
        seen, row = self._seen.row(image, lambda: self.see([image]))
        return float(seen.tag_probabilities[row, places].max())


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> CompactAnswers:
    """The networks of the captioner's folder. Raises what ``compact_captioner.load`` raises."""
    read = compact_captioner.load(checkpoint, folder, device, dtype)
    return CompactAnswers(checkpoint, read.network, read.config, device, read.dual, read.chinese)
