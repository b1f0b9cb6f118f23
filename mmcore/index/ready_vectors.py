"""Vectors that come with files, so that those need not be embedded: one .npz beside the pictures.

It names the model and its weights: for another model, or other weights, it is ignored, and the log says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmcore.types import Vectors

logger = logging.getLogger(__name__)


def write(file: Path, model: str, fingerprint: str, vectors: Mapping[bytes, Vectors]) -> None:
    """Store unit vectors (D,) by the SHA-256 of their picture files, in half precision as a collection keeps them."""
    about = {"model": model, "fingerprint": fingerprint}
    names = sorted(vectors)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        file,
        allow_pickle=False,
        about=np.frombuffer(json.dumps(about).encode(), np.uint8),
        sha256=np.frombuffer(b"".join(names), np.uint8).reshape(len(names), 32),
        vectors=np.stack([vectors[name] for name in names]).astype(np.float16),
    )


def read(file: Path, model: str, fingerprint: str) -> dict[bytes, Vectors]:
    """What ``write`` stored for these weights; empty where there is no file, or one of others."""
    if not file.is_file():
        return {}
    with np.load(file, allow_pickle=False) as stored:
        about = json.loads(stored["about"].tobytes())
        if about != {"model": model, "fingerprint": fingerprint}:
            logger.warning(
                "%s holds vectors of %s %s, not of %s %s: pictures are embedded anew. "
                "`python -m mmcore.recipes.ready_made --assets assets` makes it anew.",
                file.name,
                about.get("model"),
                about.get("fingerprint"),
                model,
                fingerprint,
            )
            return {}
        vectors = stored["vectors"].astype(np.float32)
        return {name.tobytes(): vector for name, vector in zip(stored["sha256"], vectors, strict=True)}
