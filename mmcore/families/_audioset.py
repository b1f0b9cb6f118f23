"""AudioSet's 527 classes, in the order of every model that was trained on it.

Gemmeke et al., "Audio Set: an ontology and human-labeled dataset for audio events", ICASSP 2017; the display names are
those of class_labels_indices.csv (CC BY 4.0, Google).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def names() -> tuple[str, ...]:
    """The display names by class index."""
    return tuple(Path(__file__).with_name("audioset.txt").read_text(encoding="utf-8").splitlines())
