"""A short name for a set of weights, by which what was learned on its features knows it again."""

from __future__ import annotations

import hashlib
from pathlib import Path


def weights_fingerprint(folder: Path) -> str:
    """Sixteen hex digits of model.safetensors in ``folder``."""
    with (folder / "model.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
