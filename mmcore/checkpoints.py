"""Every checkpoint is one frozen record in one table: what it is, where it comes from, how good it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmcore.errors import UnknownNameError

Source = Literal["bundled", "hub", "url"]


@dataclass(frozen=True)
class Quality:
    """One measured or published figure, with its protocol and source."""

    metric: str
    value: float
    protocol: str
    source: str


@dataclass(frozen=True)
class Checkpoint:
    """What is known of a checkpoint before it is loaded."""

    name: str
    """Unique, lower case, used on the command line, in settings and in results."""
    title: str
    """As people write it."""
    task: str
    family: str
    """Module in mmcore/families that loads it."""
    tier: str
    source: Source
    location: str
    """Folder in mmcore/bundled, hub repository, or address of the file."""
    licence: str
    bytes: int
    """Size of the download (or of the bundled folder)."""
    parameters: int
    languages: tuple[str, ...]
    image_size: int | None = None
    """Side of the square input in pixels."""
    revision: str | None = None
    """40-hex commit of the hub repository; None where it could not be looked up yet (`mmcore models pin`)."""
    sha256: str | None = None
    """Of the file, for url sources."""
    details: tuple[str, ...] = ()
    """Levels of detail that the captioner offers, the default first; empty where it has one only."""
    quality: tuple[Quality, ...] = ()
    needs: tuple[str, ...] = ()
    """Packages beyond the project's own dependencies."""


CHECKPOINTS: tuple[Checkpoint, ...] = (
    Checkpoint(
        name="compact-captioner",
        title="Compact captioner",
        task="captioning",
        family="compact",
        tier="compact",
        source="bundled",
        location="captioner",
        licence="Apache-2.0 (trained on Flickr8k: research and teaching use)",
        bytes=25_545_002,
        parameters=12_706_426,
        languages=("en",),
        image_size=224,
        quality=(
            Quality("CIDEr-D", 54.8, "Flickr8k dev, 1,000 pictures, beam 3", "mmcore evaluate captioning"),
            Quality("CIDEr-D", 59.9, "187 COCO pictures, none in training", "mmcore evaluate captioning"),
        ),
    ),
    Checkpoint(
        name="blip-base",
        title="BLIP base",
        task="captioning",
        family="blip",
        tier="standard",
        source="hub",
        location="Salesforce/blip-image-captioning-base",
        licence="BSD-3-Clause",
        bytes=990_000_000,
        parameters=247_000_000,
        languages=("en",),
        image_size=384,
        quality=(Quality("CIDEr", 133.5, "COCO Karpathy test, fine-tuned, beam 3", "Li et al., BLIP, ICML 2022"),),
    ),
    Checkpoint(
        name="florence-2-base",
        title="Florence-2 base",
        task="captioning",
        family="florence2",
        tier="standard",
        source="hub",
        location="florence-community/Florence-2-base",
        licence="MIT",
        bytes=464_000_000,
        parameters=232_000_000,
        languages=("en",),
        image_size=768,
        details=("short", "detailed", "very detailed"),
        quality=(Quality("CIDEr", 133.0, "COCO Karpathy test, zero-shot, short caption", "Xiao et al., CVPR 2024"),),
    ),
)


def find(name: str) -> Checkpoint:
    """The checkpoint of that name. Raises UnknownNameError, which lists the known names."""
    for checkpoint in CHECKPOINTS:
        if checkpoint.name == name:
            return checkpoint
    raise UnknownNameError("model", name, [checkpoint.name for checkpoint in CHECKPOINTS])


def of_task(task: str, tier: str | None = None) -> tuple[Checkpoint, ...]:
    """The checkpoints of a task (and tier), best default first within a tier."""
    return tuple(c for c in CHECKPOINTS if c.task == task and (tier is None or c.tier == tier))
