"""One's own classes: a few pictures or sounds of each become features, and a head on them names what comes next.

The features are those of a bundled encoder: the mean of its grid's cells, scaled to length 1. A head is linear in them,
so that what each place of a picture, or of a spectrogram, adds to a class is known exactly, as in class activation
mapping (Zhou et al., "Learning deep features for discriminative localization", CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from mmcore.audio.spectrogram import LEVEL_SECONDS, audible_power, decibels
from mmcore.checkpoints.class_heads import ClassHead, read
from mmcore.errors import InputError, MMCoreError
from mmcore.families.base import CellEncoder
from mmcore.io.audio_files import open_sound
from mmcore.io.images import decode_image
from mmcore.pool import ModelPool
from mmcore.results import AudioOptions, ClassAnswer, Doubt, Kind, LabelScore, Notice, notices_of
from mmcore.results.few_shot import MOST_SECONDS
from mmcore.tasks.batching import check_sources, run_in_batches
from mmcore.types import Doubles, Floats, IsCancelled, Progress, Source

ENCODERS: dict[Kind, str] = {"picture": "compact-retriever", "sound": "compact-tagger"}
SURE = 0.6
"""Least probability of a class that is named without doubt: below it another class comes too near."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What an encoder made of one picture or sound."""

    cells: Floats
    """(rows, columns, D)"""
    duration: float
    """Of a sound, in seconds; 0 for a picture."""
    notices: tuple[Notice, ...]
    image: Image.Image | None = None
    """The picture."""
    samples: Floats | None = None
    """The sound, at the encoder's rate."""

    @property
    def mean(self) -> Floats:
        """(D,), of length 1."""
        mean: Floats = self.cells.mean((0, 1))
        return mean / max(float(np.linalg.norm(mean)), 1e-12)


def fingerprint(pool: ModelPool, kind: Kind) -> str:
    """Of the encoder for that kind."""
    encoder: CellEncoder = pool.get(ENCODERS[kind])
    return encoder.fingerprint


def look(pool: ModelPool, kind: Kind, source: Source | Image.Image) -> Seen:
    """Decode a picture or a sound and let the encoder look at it, or listen.

    Raises InputError for what cannot be decoded, for a sound of more than MOST_SECONDS and a silent one, and what
    ``ModelPool.run`` raises.
    """
    if kind == "picture":
        image = source if isinstance(source, Image.Image) else decode_image(source, pool.settings)
        (cells,) = pool.run(ENCODERS[kind], _cells, [image])
        return Seen(cells, 0.0, notices_of(image), image)
    assert not isinstance(source, Image.Image)
    rate: int = pool.get(ENCODERS[kind]).sample_rate
    samples, notices = _heard(pool, source, rate)
    (cells,) = pool.run(ENCODERS[kind], _cells, [samples])
    return Seen(cells, len(samples) / rate, notices, samples=samples)


def _cells(encoder: CellEncoder, items: Sequence[Image.Image | Floats]) -> list[Floats]:
    return [encoder.cells(item) for item in items]


def _heard(pool: ModelPool, source: Source, rate: int) -> tuple[Floats, tuple[Notice, ...]]:
    blocks, count = [], 0
    with open_sound(source, pool.settings) as sound:
        for block in sound.blocks(rate):
            blocks.append(block)
            count += len(block)
            if count > MOST_SECONDS * rate:
                seconds = max(sound.seconds or 0.0, count / rate)
                raise InputError("class_sound_long", seconds=seconds, limit=MOST_SECONDS)
        notices = sound.notices
    samples = np.concatenate(blocks)
    size = round(LEVEL_SECONDS * rate)
    loudest = max(
        float(audible_power(samples[None, start : start + size])[0])
        for start in range(0, max(1, len(samples) - size // 2), size)
    )
    level, least = float(decibels(loudest)), AudioOptions.silence_level
    if level < least:
        raise InputError("class_sound_silent", level=level, limit=least)
    return samples, notices


def read_head(pool: ModelPool, source: Source) -> ClassHead:
    """A head from a file or its bytes, if it fits the encoder that is here. Raises InputError."""
    head = read(source)
    name = ENCODERS[head.kind]
    here = fingerprint(pool, head.kind)
    if (head.encoder, head.fingerprint) != (name, here):
        raise InputError("class_head_encoder", made=f"{head.encoder} {head.fingerprint}", here=f"{name} {here}")
    return head


def classify(pool: ModelPool, head: ClassHead, source: Source | Image.Image) -> ClassAnswer:
    """Which of the head's classes is it? Raises what ``look`` raises."""
    begin = perf_counter()
    return answer(pool, head, look(pool, head.kind, source), begin)


def classify_many(
    pool: ModelPool,
    head: ClassHead,
    sources: Sequence[Source],
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    limit: int | None = None,
) -> Iterator[ClassAnswer | MMCoreError]:
    """Classify files: for each, in order, its answer or the error that it met; as ``caption_many``."""
    check_sources(pool.settings, sources, limit)

    def work(some: Sequence[Any]) -> list[ClassAnswer]:
        return [classify(pool, head, source) for source in some]

    return run_in_batches(sources, len(sources), work, 1, progress, cancelled)


def answer(pool: ModelPool, head: ClassHead, seen: Seen, begin: float | None = None) -> ClassAnswer:
    """What the head says of something that the encoder has looked at; ``begin`` is when that began."""
    begin = perf_counter() if begin is None else begin
    shares, cosines = judged(head, seen.mean)
    order = np.argsort(-shares, kind="stable")
    labels = tuple(LabelScore(head.classes[one], float(shares[one]), float(cosines[one])) for one in order)
    likeness = float(cosines.max())
    return ClassAnswer(
        labels=labels,
        doubt=doubt_of(head, shares, cosines),
        likeness=likeness,
        least=head.least,
        cells=_places(head, seen)[order],
        model=head.encoder,
        device=pool.get(head.encoder).device,
        seconds=perf_counter() - begin,
        duration=seen.duration,
        notices=seen.notices,
    )


def judged(head: ClassHead, mean: Floats) -> tuple[Doubles, Doubles]:
    """(C,) and (C,): the probability of each class, and the cosine with its prototype, of features (D,) of length 1."""
    logits = head.weight.astype(np.float64) @ mean + head.bias
    powers = np.exp(logits - logits.max())
    return powers / powers.sum(), head.prototypes.astype(np.float64) @ mean


def doubt_of(head: ClassHead, shares: Doubles, cosines: Doubles) -> Doubt:
    """Whether such an answer is to be relied on."""
    if cosines.max() < head.least:
        return "unlike"
    return "between" if shares.max() < SURE else ""


def _places(head: ClassHead, seen: Seen) -> Floats:
    """(C, rows, columns): each cell's part of the logits, less that of the mean example."""
    cells = seen.cells
    length = float(np.linalg.norm(cells.mean((0, 1))))
    apart = cells / max(length, 1e-12) - head.mean
    places: Floats = np.einsum("rkd,cd->crk", apart, head.weight) / (cells.shape[0] * cells.shape[1])
    return places.astype(np.float32)
