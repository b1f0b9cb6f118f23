"""What the fusions compute for one post on the way from its numbers to the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcore.results.sentiment import SentimentScores

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FusionView:
    """One fusion and one post, whole or with a modality taken away."""

    fusion: str
    has_text: bool
    has_image: bool
    values: Mapping[str, Floats]
    """Name -> values, without the axis of posts; see ``on_the_way`` of the fusions in ``nets/fusion.py``."""
    temperature: float
    """Divides the logits before softmax, so that the probabilities are calibrated."""
    scores: SentimentScores


@dataclass(frozen=True, eq=False)
class PostViews:
    """What is known of a post before anything meets, and what each fusion makes of it."""

    text: Floats
    """(D,) numbers of the text: the sentence vector, then the lexicon's scores."""
    image: Floats
    """(P,) numbers of the picture."""
    words: tuple[str, ...]
    attention: Floats
    """(words, 4, 4): where each word looks in ``cross_attention``, sum 1."""
    fusions: tuple[FusionView, ...]
    """Each fusion with both, with the text alone and with the picture alone."""

    def of(self, fusion: str, *, text: bool = True, image: bool = True) -> FusionView:
        """The view of that fusion with what is to be there. Raises KeyError where there is none."""
        for view in self.fusions:
            if (view.fusion, view.has_text, view.has_image) == (fusion, text, image):
                return view
        raise KeyError(fusion)
