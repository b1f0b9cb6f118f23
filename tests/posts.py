"""Made-up posts as numbers, for the fusions: no encoder is needed."""

from __future__ import annotations

import numpy as np

from mmcore.fusion.feature_sets import FeatureSet

WORDS, WIDTH, REGIONS = 6, 12, 4
TEXT, IMAGE = 16, 20


def make_set(count: int = 240, seed: int = 0, rule: str = "agree") -> FeatureSet:
    """Posts whose text and picture carry a sign each, +1 or -1, among noise.

    "text": the text's sign decides; "agree": both carry the label; "xor": positive where the signs are equal, negative
    where they differ, so that either alone says nothing.
    """
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % (2 if rule == "xor" else 3)
    labels = labels * 2 if rule == "xor" else labels
    text_sign = draw.choice([-1.0, 1.0], count) if rule == "xor" else labels - 1.0
    image_sign = text_sign * (labels - 1) if rule == "xor" else labels - 1.0
    if rule == "text":
        image_sign = np.zeros(count)
    words = draw.normal(0, 0.5, (count, WORDS, WIDTH))
    counts = draw.integers(2, WORDS + 1, count)
    words[np.arange(count), draw.integers(0, counts), 0] += 4 * text_sign
    regions = draw.normal(0, 0.5, (count, REGIONS, WIDTH))
    regions[np.arange(count), draw.integers(0, REGIONS, count), 0] += 4 * image_sign
    words[np.arange(WORDS) >= counts[:, None]] = 0
    text, image = draw.normal(0, 0.5, (count, TEXT)), draw.normal(0, 0.5, (count, IMAGE))
    text[:, 0] += 2 * text_sign
    image[:, 0] += 2 * image_sign
    return FeatureSet(
        words=words.astype(np.float16),
        word_counts=counts,
        text=text.astype(np.float16),
        regions=regions.astype(np.float16),
        image=image.astype(np.float16),
        has_image=np.ones(count, bool),
        name=rule,
        labels=labels.astype(np.int64),
        groups=np.arange(count),
        encoder="made-up",
    )
