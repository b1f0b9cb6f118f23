"""How often composed answers are right where a yes, a no or a choice was given, on pictures whose labels are known.

For each thing that is in a picture, one is drawn that is not, as often as it is in others. "Is there a THING?" is asked
of both, and "is it a THING or an OTHER?" once. Where nothing was claimed ("I cannot tell") nothing is counted as wrong.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from mmcore.errors import InputError
from mmcore.io.images import decode_image
from mmcore.pool import ModelPool
from mmcore.tasks.ask import ask
from mmcore.types import Progress

SEED = 0


def run(pool: ModelPool, data: Path, limit: int | None = None, progress: Progress | None = None) -> dict[str, Any]:
    """Ask about the pictures of ``captions.jsonl`` that have "labels" (all that is in them of the folder's labels).

    Returns the shares that are right of the answers yes, no and choice, and the shares in which nothing was claimed.
    Raises InputError where there is no such file.
    """
    file = data / "captions.jsonl"
    if not file.is_file():
        raise InputError("file_missing", path=file)
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = [row for row in rows if row.get("labels")][:limit]
    often = Counter(label for row in rows for label in row["labels"])
    dice = random.Random(SEED)
    found: Counter[tuple[str, str]] = Counter()
    for done, row in enumerate(rows, 1):
        image = decode_image(data / "images" / row["image"], pool.settings)
        absent = [label for label in often if label not in row["labels"]]
        for label in row["labels"]:
            (other,) = dice.choices(absent, [often[one] for one in absent])
            pair = [label, other]
            dice.shuffle(pair)
            for thing, truth in ((label, "yes"), (other, "no")):
                part = ask(pool, [image], f"Is there a {thing}?", model="compact-answers").parts[0]
                found[truth, part.code] += 1
            part = ask(pool, [image], f"Is it a {pair[0]} or a {pair[1]}?", model="compact-answers").parts[0]
            first = dict(part.params)["first"]
            found["choice", "right" if first == f"a {label}" else "wrong"] += part.code == "choice"
            found["choice", "open"] += part.code != "choice"
        if progress is not None:
            progress(done, len(rows))
    things = sum(count for (truth, _), count in found.items() if truth in ("yes", "no"))
    return {
        "model": "compact-answers",
        "pictures": len(rows),
        "questions": things + sum(count for (truth, _), count in found.items() if truth == "choice"),
        "yes_right": _share(found["yes", "yes"], found["no", "yes"]),
        "no_right": _share(found["no", "no"], found["yes", "no"]),
        "presence_open": (found["yes", "unsure"] + found["no", "unsure"]) / things if things else 0.0,
        "choice_right": _share(found["choice", "right"], found["choice", "wrong"]),
        "choice_open": _share(found["choice", "open"], found["choice", "right"] + found["choice", "wrong"]),
    }


def _share(right: int, others: int) -> float:
    return right / (right + others) if right + others else 0.0
