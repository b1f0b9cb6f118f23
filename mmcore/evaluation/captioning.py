"""Measure a captioner on a folder of pictures with captions or with labels.

Chinese captions are compared by characters with those that Chinese speakers wrote ("human" in Flickr8K-CN).
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from mmcore.errors import InputError, MMCoreError
from mmcore.evaluation.caption_scores import characters, score_captions, tokenize
from mmcore.evaluation.naming import names_one_of
from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions
from mmcore.tasks.captioning import caption_many
from mmcore.types import Progress


def read_references(folder: Path) -> dict[str, tuple[str, ...]]:
    """``captions.jsonl`` of a folder ({"image", "captions", "split"?} a line): picture path -> captions.

    Where the file names a dev split, only that is measured. Raises InputError where there is no such file.
    """
    file = folder / "captions.jsonl"
    if not file.is_file():
        raise InputError("file_missing", path=file)
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(row.get("split") == "dev" for row in rows):
        rows = [row for row in rows if row.get("split") == "dev"]
    return {str(folder / "images" / row["image"]): tuple(row["captions"]) for row in rows}


def read_chinese(folder: Path) -> dict[str, tuple[str, ...]]:
    """``captions.jsonl`` of a folder "<name>_cn": picture in the folder "<name>" beside it -> "human" captions, of dev.

    ``folder`` may be either of the two. Raises InputError where there is no such file.
    """
    pictures = folder.with_name(folder.name.removesuffix("_cn"))
    file = pictures.with_name(f"{pictures.name}_cn") / "captions.jsonl"
    if not file.is_file():
        raise InputError("file_missing", path=file)
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {str(pictures / "images" / row["image"]): tuple(row["human"]) for row in rows if row["split"] == "dev"}


def read_labels(folder: Path) -> dict[str, tuple[str, ...]]:
    """``labels.tsv`` of labelled pictures: the fifth that no training saw; picture path -> everyday words."""
    from mmcore.evaluation.datasets import objects

    return {str(example.image): example.labels for example in objects(folder) if example.split == "held"}


def run(
    pool: ModelPool,
    data: Path,
    options: CaptionOptions | None = None,
    model: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a captioner on a folder: CIDEr-D and BLEU-4 of captions, or the naming rate where it holds labels.

    With ``options.language`` "zh", against Chinese captions of the same pictures (``read_chinese``).
    Returns the figures with the number of pictures, the model and the median seconds a picture; ``captions`` holds
    what was written. Raises InputError for a folder without captions.jsonl and labels.tsv.
    """
    options = options or CaptionOptions()
    chinese = options.language == "zh"
    labelled = not chinese and not (data / "captions.jsonl").is_file() and (data / "labels.tsv").is_file()
    read = read_chinese if chinese else read_labels if labelled else read_references
    truth = read(data)
    paths = list(truth)[:limit]
    captions: dict[str, str] = {}
    seconds = []
    name = ""
    for path, outcome in zip(paths, caption_many(pool, paths, options, model, progress, limit=len(paths)), strict=True):
        if isinstance(outcome, MMCoreError):
            raise outcome
        captions[path] = outcome.captions[0].text
        seconds.append(outcome.seconds)
        name = outcome.model
    figures: dict[str, Any] = {
        "model": name,
        "language": options.language,
        "pictures": len(captions),
        "seconds": statistics.median(seconds),
    }
    if labelled:
        named = sum(names_one_of(text, truth[path]) for path, text in captions.items())
        figures["named"] = named / len(captions)
    else:
        figures |= score_captions(captions, truth, characters if chinese else tokenize).to_dict()
    return {**figures, "captions": captions}
