"""What lesson 2 looks at inside the bundled encoders: feature maps by depth, words near each other, parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image

import mmcore
from mmcore.io.tag_names import chinese
from mmcore.nets.image_sizes import LITE1, STAGES, STEM, repeats_of
from mmcore.pool import ModelPool
from mmcore.tasks import embedding
from mmcore.types import Floats, Vectors

from . import seeing
from .plan import Setup

MODEL = "compact-retriever"
BUNDLE = Path(mmcore.__file__).parent / "bundled"
DEPTHS = (0, 2, 3, 5, 6)
"""Places in ``depths_of``: the stem, stages 2, 3 and 5, the top."""
CHANNELS = 8
"""Channels that are shown of each depth."""
WORDS = 300
"""Of the captioner's everyday words, the most frequent."""
NEAREST = 8
PARTS: Mapping[str, tuple[str, str, Mapping[str, tuple[str, ...]]]] = {
    "image": ("retriever", "", {"trunk": ("knowing_trunk.",), "top": ("knowing_top.",)}),
    "text": ("retriever", "text.", {"embedding": ("embedding.", "position"), "layers": ("layers.", "embedding_norm.")}),
    "sound": ("tagger", "", {"layers": ("features.",)}),
}
"""Encoder -> folder in the bundle, beginning of its tensors' names, and its parts by what follows."""

_maps: WeakKeyDictionary[ModelPool, dict[str, list[Floats]]] = WeakKeyDictionary()
_vectors: WeakKeyDictionary[ModelPool, Vectors] = WeakKeyDictionary()


def feature_maps(setup: Setup) -> list[Floats]:
    """(C, S, S) of each of DEPTHS for the chosen picture; kept."""

    def work(model: Any, images: Sequence[Image.Image]) -> list[list[Floats]]:
        from mmcore.families.compact_dual import depths_of  # brings torch

        return [depths_of(model, image) for image in images]

    kept = _maps.setdefault(setup.pool, {})
    name = str(seeing.chosen(setup))
    if name not in kept:
        (found,) = setup.pool.run(MODEL, work, [seeing.picture(setup)])
        kept[name] = [found[depth] for depth in DEPTHS]
    return kept[name]


def liveliest(maps: Floats, count: int = CHANNELS) -> list[int]:
    """The channels of (C, S, S) that vary most from place to place, most first."""
    return [int(one) for one in np.argsort(-maps.std((1, 2)), kind="stable")[:count]]


def layers_to(depth: int) -> list[tuple[int, int]]:
    """(kernel, stride) of every convolution that looks around, up to a place in ``depths_of``."""
    stages = range(min(depth, 5) if depth < 6 else len(STAGES))
    return [STEM] + [
        (STAGES[stage][4], STAGES[stage][3] if repeat == 0 else 1)
        for stage in stages
        for repeat in range(repeats_of(stage, LITE1))
    ]


@cache
def words() -> tuple[str, ...]:
    """English words of letters only, as the captioner knows them, the most frequent first."""
    return tuple(word for word in chinese() if word.isalpha())[:WORDS]


def vectors(setup: Setup) -> Vectors:
    """(WORDS, C): the words in the text encoder's space; computed once a pool."""
    if setup.pool not in _vectors:
        _vectors[setup.pool] = embedding.embed_texts(setup.pool, words(), MODEL)
    return _vectors[setup.pool]


def neighbours(setup: Setup, typed: str) -> list[tuple[str, float]]:
    """The words nearest to what was typed, with their cosines; itself is left out. Raises InputError."""
    (vector,) = embedding.embed_texts(setup.pool, [typed], MODEL)
    cosines = vectors(setup) @ vector
    order = np.argsort(-cosines, kind="stable")
    same = typed.strip().casefold()
    return [(words()[one], float(cosines[one])) for one in order if words()[one] != same][:NEAREST]


@cache
def parameters() -> Mapping[str, Mapping[str, int]]:
    """Encoder -> part -> how many numbers were learned, as the files in the bundle have them."""
    from safetensors import safe_open

    found: dict[str, dict[str, int]] = {}
    for encoder, (folder, prefix, parts) in PARTS.items():
        counts = dict.fromkeys(parts, 0)
        with safe_open(BUNDLE / folder / "model.safetensors", "numpy") as file:
            for name in file.keys():  # noqa: SIM118  (it is no dict)
                inside = name.removeprefix(prefix)
                part = next((one for one, begins in parts.items() if inside.startswith(begins)), None)
                if (
                    part is None
                    or not name.startswith(prefix)
                    or name.endswith(("::scale", "running_mean", "running_var", "num_batches_tracked"))
                ):
                    continue
                counts[part] += math.prod(file.get_slice(name).get_shape())
        found[encoder] = counts
    return found
