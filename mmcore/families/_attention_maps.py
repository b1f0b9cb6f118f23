"""Where in the picture does a word come from: attention weights in, one picture-shaped map a word out.

While a captioner writes a word, its *cross-attention* spreads weights, which sum to 1, over the parts of the picture.
Two readings of these weights are offered:

``mean_attention``
    The plain weights, averaged over heads and layers: where the model **looks** (Xu et al., "Show, attend and tell",
    ICML 2015). Simple, but a model also looks at places that change nothing ("Attention is not explanation", Jain &
    Wallace, NAACL 2019); large picture encoders even keep a few background patches as scratch paper.

``attention_times_gradient``
    Weights times their gradient, negative parts cut off: what the model looks at **and** what made the word likelier.
    It is Grad-CAM (Selvaraju et al., ICCV 2017) on attention, the rule of Chefer et al., "Generic attention-model
    explainability", ICCV 2021, eq. 5, and how ALBEF and BLIP's own authors draw their maps.

Everything here is plain numpy, so that it can be read, tried and tested without any model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmcore.types import Floats


def mean_attention(attentions: npt.ArrayLike) -> Floats:
    """Cross-attention weights (layers, heads, ..., keys) -> their mean over layers and heads (..., keys)."""
    mean: Floats = np.asarray(attentions, np.float32).mean(axis=(0, 1))
    return mean


def attention_times_gradient(attentions: npt.ArrayLike, gradients: npt.ArrayLike) -> Floats:
    """What was looked at and raised the word's probability: mean over layers and heads of max(0, A * dy/dA).

    ``attentions`` A and ``gradients`` dy/dA: (layers, heads, ..., keys), where y is the log-probability of the word.
    Returns (..., keys), >= 0; all zero where nothing that was looked at spoke for the word.
    """
    evidence = np.asarray(attentions, np.float32) * np.asarray(gradients, np.float32)
    mean: Floats = np.maximum(evidence, 0).mean(axis=(0, 1))
    return mean


def normalize(maps: npt.ArrayLike) -> Floats:
    """Scale each map of (..., rows, columns) to the sum 1; a map without any weight becomes even."""
    weights = np.maximum(np.nan_to_num(np.asarray(maps, np.float64), posinf=0.0), 0)
    total = weights.sum(axis=(-2, -1), keepdims=True)
    even = np.full_like(weights, 1 / (weights.shape[-2] * weights.shape[-1]))
    scaled: Floats = np.divide(weights, total, out=even, where=total > 0).astype(np.float32)
    return scaled


def word_maps(
    relevance: npt.ArrayLike,
    groups: Sequence[Sequence[int]],
    grid: tuple[int, int],
    first: int = 0,
    fallback: npt.ArrayLike | None = None,
) -> Floats:
    """Relevance of the keys for each token -> one map a word, (words, rows, columns), each >= 0 with the sum 1.

    ``relevance``: (tokens, keys), for example of ``attention_times_gradient``. ``groups``: for each word the indices of
    its tokens; a word of several sub-words gets the mean of their maps. ``grid``: rows and columns of the picture's
    patches, which are the keys ``first``, ``first + 1``, ... row by row; other keys (CLS, prompt, tags) are left out.
    ``fallback``: (tokens, keys) used for a token whose relevance is zero everywhere in the picture. A word without
    tokens gets an even map.
    """
    rows, columns = grid
    cells = _cells(relevance, rows, columns, first)
    if fallback is not None:
        silent = cells.sum(axis=(-2, -1)) <= 0
        cells[silent] = _cells(fallback, rows, columns, first)[silent]
    cells = normalize(cells)
    maps = np.zeros((len(groups), rows, columns), np.float32)
    for index, tokens in enumerate(groups):
        if len(tokens):
            maps[index] = cells[list(tokens)].mean(axis=0)
    return normalize(maps)


def _cells(relevance: npt.ArrayLike, rows: int, columns: int, first: int) -> Floats:
    """The keys that are patches of the picture: (tokens, keys) -> (tokens, rows, columns)."""
    keys = np.array(relevance, np.float32)
    return keys[:, first : first + rows * columns].reshape(len(keys), rows, columns)


def center_of_mass(heat: npt.ArrayLike) -> tuple[float, float]:
    """Where a map (rows, columns) has its weight: (down, right), 0 at the top or left edge and 1 at the other edge."""
    weights = normalize(heat)
    rows, columns = weights.shape
    down = float(weights.sum(axis=1) @ ((np.arange(rows) + 0.5) / rows))
    right = float(weights.sum(axis=0) @ ((np.arange(columns) + 0.5) / columns))
    return down, right


def share(heat: npt.ArrayLike, top: float, left: float, bottom: float, right: float) -> float:
    """Part (0-1) of a map's weight inside a box given in fractions of height and width, by cell centres."""
    weights = normalize(heat)
    rows, columns = weights.shape
    down = (np.arange(rows) + 0.5) / rows
    across = (np.arange(columns) + 0.5) / columns
    inside = np.outer((down >= top) & (down <= bottom), (across >= left) & (across <= right))
    return float(weights[inside].sum())
