"""Weights that come inside other people's packages: nothing is loaded but the very bytes that were checked."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mmcore.checkpoints.locate import package_files, package_folder
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import WeightsError


def verified(checkpoint: Checkpoint, folder: Path) -> tuple[Path, ...]:
    """The files of a package's weights; those in a folder of one's own are taken as they are.

    Raises WeightsError where the package holds others than the table says.
    """
    files = package_files(checkpoint, folder)
    if folder != package_folder(checkpoint):
        return files
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    if digest.hexdigest() != checkpoint.sha256:
        raise WeightsError(
            "weights_package_other",
            name=checkpoint.title,
            packages=", ".join(name.replace("_", "-") for name in checkpoint.needs),
            extra=checkpoint.extra,
            actual=digest.hexdigest(),
            expected=checkpoint.sha256,
        )
    return files
