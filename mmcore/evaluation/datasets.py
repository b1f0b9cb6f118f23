"""The training folders (layout of ``flickr8k/``, ``objects/`` and ``coco_extra/``) as lists of examples."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmcore.evaluation.phrases import SYNSET_WORDS, everyday_word


@dataclass(frozen=True)
class LabelledPicture:
    """One picture with what is known about it."""

    image: Path
    source: str
    split: str
    """"train", "dev" or "held": only "train" is learnt from."""
    captions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """Everyday words (see phrases.py)."""


def flickr8k(folder: Path) -> Iterator[LabelledPicture]:
    """The 6,000 training pictures, the 91 outside the official splits (also used for training) and 1,000 dev."""
    for line in (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        split = "dev" if row["split"] == "dev" else "train"
        yield LabelledPicture(folder / "images" / row["image"], "flickr8k", split, captions=tuple(row["captions"]))


def objects(folder: Path, held_fraction: float = 0.2, seed: int = 0) -> Iterator[LabelledPicture]:
    """Labelled pictures; a fifth, drawn per source with a fixed seed, is held back for measuring."""
    with (folder / "labels.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for source in sorted({row["source"] for row in rows}):
        part = [row for row in rows if row["source"] == source]
        random.Random(seed).shuffle(part)
        held = round(held_fraction * len(part))
        for position, row in enumerate(part):
            words = [everyday_word(label) for label in row["label"].split("|")]
            if source == "imagenet1k_sample":
                words = [SYNSET_WORDS[row["image"].split("_")[2]]]
            yield LabelledPicture(
                folder / "images" / row["image"],
                source,
                "held" if position < held else "train",
                labels=tuple(dict.fromkeys(words)),
            )


def coco_extra(folder: Path) -> Iterator[LabelledPicture]:
    """The captioned pictures are held back as a whole; the ones with labels only are for training."""
    for line in (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        labels = tuple(everyday_word(label) for label in row.get("labels") or ())
        yield LabelledPicture(folder / "images" / row["image"], "coco", "held", tuple(row["captions"]), labels)
    with (folder / "labels.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            labels = tuple(everyday_word(label) for label in row["labels"].split("|"))
            yield LabelledPicture(folder / "images" / row["image"], "coco", "train", labels=labels)


def captioning_examples(data: Path) -> list[LabelledPicture]:
    """Everything the captioner is trained and measured on, in a fixed order."""
    return [*flickr8k(data / "flickr8k"), *objects(data / "objects"), *coco_extra(data / "coco_extra")]
