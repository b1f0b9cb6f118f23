"""From cosines to scores that mean the same for every checkpoint.

One model gives 0.3 to a picture and its caption, another 0.12, a third 0.7. What can be compared is how far a cosine
lies above those of pictures and texts that do not belong together. Such a *background* comes for free: 169 generic
texts ("a cup of coffee", "a road sign", ...) with up to 256 pictures of the collection itself; hardly any match.

    z(text)      = (cosine - mean) / spread of the background
    z(picture)   = the same with the collection's pictures among each other
    score        = 1 / (1 + exp(-SLOPE (z - BAR)))

A text that means nothing still lies near some picture. But it lies far from every generic text, so its bar is raised by
RAISE for each standard deviation (4 at most) that it is farther from its five nearest generic texts than they are from
theirs. All this is monotone in the cosine, so scores never change the ranking of a query's pictures.

The constants were set on an early state of the compact model, with 30 nonsense queries against 20 short sentences, the
270 label words of the held-back ``objects`` and 300 captions of Flickr8k's dev part over those 1,650 pictures. ``mmcore
evaluate retrieval`` asks other nonsense. The background is what should carry them over to other checkpoints; that has
been tried on made-up vectors only, since none of the hub's could be had.

A query of several parts wants all its plus parts and none of its minus parts:

    score = (product of plus scores^weight) ^ (1 / sum of weights) * product of (1 - minus score)^weight
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

from mmcore.families.base import Calibration
from mmcore.types import Vectors

BAR = 1.8
"""z at which a text or picture begins to match: score 0.5, the default cut-off."""
SLOPE = 1.2
RAISE = 0.4
FARTHEST = 4.0
NEAREST = 5
SAMPLE = 256
"""Pictures of a collection that make its background."""
FEW = 20.0
"""The typical picture-picture cosines below count like this many pairs, so that two pictures alone say little."""
TYPICAL_MEAN, TYPICAL_SPREAD = 0.3, 0.17


def generic_texts(language: str) -> tuple[str, ...]:
    """Generic texts in "en" or "zh"."""
    file = resources.files("mmcore.tasks") / "generic_texts.json"
    return tuple(json.loads(file.read_text(encoding="utf-8"))[language])


@dataclass(frozen=True, eq=False)
class CosineBaseline:
    """What the cosines of a checkpoint look like between what does not belong together."""

    texts: Vectors
    """(G, C): vectors of the generic texts."""
    spread: Calibration

    @classmethod
    def of(cls, texts: Vectors, pictures: Vectors, known: Calibration | None) -> CosineBaseline:
        """From generic texts (G, C) and pictures (N, C), unless the checkpoint has its own figures."""
        if known is not None:
            return cls(texts, known)
        if not len(pictures):
            return cls(texts, Calibration(0.0, 1.0, TYPICAL_MEAN, TYPICAL_SPREAD))
        cosines = (pictures @ texts.T).astype(np.float64)
        pairs = (pictures @ pictures.T).astype(np.float64)[np.triu_indices(len(pictures), 1)]
        weight = FEW + len(pairs)
        mean = (FEW * TYPICAL_MEAN + pairs.sum()) / weight
        variance = (FEW * TYPICAL_SPREAD**2 + ((pairs - mean) ** 2).sum()) / weight
        return cls(
            texts,
            Calibration(float(cosines.mean()), max(float(cosines.std()), 1e-6), float(mean), float(variance**0.5)),
        )

    def text_bars(self, queries: Vectors) -> npt.NDArray[np.float64]:
        """Text vectors (N, C) -> the z (N,) at which each begins to match: higher where far from all generic texts."""
        among = (self.texts @ self.texts.T).astype(np.float64)
        np.fill_diagonal(among, -np.inf)
        usual = _nearest(among)
        farther = (np.median(usual) - _nearest((queries @ self.texts.T).astype(np.float64))) / max(usual.std(), 1e-6)
        bars: npt.NDArray[np.float64] = BAR + RAISE * np.clip(farther, 0, FARTHEST)
        return bars

    def text_scores(self, cosines: npt.ArrayLike, queries: Vectors) -> npt.NDArray[np.float64]:
        """Cosines (..., N) of pictures with N texts, and the texts' vectors (N, C) -> scores 0-1 of the same shape."""
        z = (np.asarray(cosines, np.float64) - self.spread.text_mean) / self.spread.text_spread
        return _logistic(z - self.text_bars(queries))

    def image_scores(self, cosines: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Cosines of pictures with pictures -> scores 0-1 of the same shape."""
        z = (np.asarray(cosines, np.float64) - self.spread.image_mean) / self.spread.image_spread
        return _logistic(z - BAR)


def combine(scores: npt.ArrayLike, weights: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Scores (P, N) of N pictures for the parts of a query, and the parts' weights (P,) -> scores (N,) of the whole."""
    parts, sizes = np.asarray(scores, np.float64), np.asarray(weights, np.float64)
    plus, minus = sizes > 0, sizes < 0
    wanted = np.average(np.log(np.maximum(parts[plus], 1e-12)), axis=0, weights=sizes[plus])
    unwanted = (-sizes[minus, None] * np.log(np.maximum(1 - parts[minus], 1e-12))).sum(0)
    whole: npt.NDArray[np.float64] = np.exp(wanted + unwanted)
    return whole


def _nearest(cosines: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean of the largest NEAREST of each row."""
    count = min(NEAREST, cosines.shape[1] - 1)
    mean: npt.NDArray[np.float64] = np.sort(cosines, axis=1)[:, -count:].mean(1)
    return mean


def _logistic(distance: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return 1 / (1 + np.exp(-SLOPE * np.clip(np.asarray(distance, np.float64), -50, 50)))
