"""Posts as numbers: what the encoders say of texts and pictures, ready for a fusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class EncodedPosts:
    """N posts. Arrays may be stored in half precision; the network turns them into float32."""

    words: npt.NDArray[np.float16]
    """(N, T, W) states of the text's tokens, zero behind its end."""
    word_counts: npt.NDArray[np.int64]
    """(N,) how many of the T are there; 0 without text."""
    text: npt.NDArray[np.float16]
    """(N, D) what else is known of the whole text: sentence vector, lexicon scores, ..."""
    regions: npt.NDArray[np.float16]
    """(N, R, V) features of the picture's regions."""
    image: npt.NDArray[np.float16]
    """(N, P) what is known of the whole picture."""
    has_image: npt.NDArray[np.bool_]
    """(N,)"""
