"""What the bundled encoders say of the example pictures and of the Lab's tables, so that nobody waits for it.

    python -m mmcore.recipes.ready_made --assets assets

writes ``ready/`` there: vectors of the pictures that can be searched, and features of ``lab/*.tsv``. It takes about a
minute of one core. To be run again when an encoder, a picture or a table has changed: until then the old files are
ignored, and the log says so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmcore.fusion import feature_sets
from mmcore.fusion.feature_sets import features_of, numbers_only
from mmcore.fusion.labelled_posts import read_posts
from mmcore.index import ready_vectors
from mmcore.io.images import decode_image
from mmcore.io.tables import ALL_ROWS
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from mmcore.tasks.retrieval import embed_images
from mmcore.types import Vectors

RETRIEVER = "compact-retriever"
FOLDERS = ("collection/", "examples/")
"""Of the pictures that can be searched."""
TABLES = ("pairs", "taste")
AT_ONCE = 8


def vectors_of(pool: ModelPool, files: list[Path]) -> dict[bytes, Vectors]:
    """SHA-256 of each picture file -> its unit vector (D,)."""
    found: dict[bytes, Vectors] = {}
    for start in range(0, len(files), AT_ONCE):
        some = files[start : start + AT_ONCE]
        vectors = np.asarray(embed_images(pool, [decode_image(file, pool.settings) for file in some], RETRIEVER))
        for file, vector in zip(some, vectors, strict=True):
            found[hashlib.sha256(file.read_bytes()).digest()] = vector / np.linalg.norm(vector)
    return found


def pictures_in(assets: Path) -> list[Path]:
    """The credited pictures that can be searched."""
    credits = json.loads((assets / "credits.json").read_text(encoding="utf-8"))
    return [assets / one["file"] for one in credits if one["file"].startswith(FOLDERS)]


def make(assets: Path, say: Callable[[str], None] = print) -> None:
    """Write all files of ``ready/``."""
    home = Path(tempfile.mkdtemp(prefix="mmcore-ready-"))
    pool = ModelPool(Settings(home=home, offline=True, device="cpu"))
    ready = assets / "ready"
    try:
        file = ready / f"{RETRIEVER}.npz"
        ready_vectors.write(file, RETRIEVER, pool.get(RETRIEVER).fingerprint, vectors_of(pool, pictures_in(assets)))
        say(f"{file} {file.stat().st_size / 1000:.0f} kB")
        for name in TABLES:
            table = assets / "lab" / f"{name}.tsv"
            features = features_of(pool, table, limit=ALL_ROWS)
            key = read_posts(table, pool.settings, ALL_ROWS).key(features.encoder)
            file = ready / f"{name}.npz"
            bare = numbers_only(features, np.arange(len(features)))
            feature_sets.write(replace(bare, name=name), file, key)
            say(f"{file} {file.stat().st_size / 1000:.0f} kB")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m mmcore.recipes.ready_made", description=__doc__)
    parser.add_argument("--assets", type=Path, default=Path("assets"))
    make(parser.parse_args().assets)


if __name__ == "__main__":
    main()
