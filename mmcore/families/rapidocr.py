"""PP-OCRv4 as rapidocr-onnxruntime runs it: lines are found, turned upright, and read, in Chinese and English.

Du et al., PP-OCR: A Practical Ultra Lightweight OCR System, 2020 (arXiv:2009.09941). The package carries three networks
for ONNX Runtime, on the processor: DBNet finds lines, a classifier tells those upside down, SVTR-LCNet reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._packages import verified
from mmcore.results.ocr import TextLine

MAX_SIDE = 2000
"""Pixels of the longer side; a larger picture is looked at smaller."""
ALONG = 0.85
"""Cosine of two lines' directions from which on they belong to one text; about 30 degrees."""
UPRIGHT_RATIO = 1.5
"""Boxes that are so much higher than wide are read from top to bottom, turned by a quarter: the engine's rule."""
MAX_RATIO = 4
"""Longer side by shorter one. What is more elongated is widened with grey: lines are found with the shorter side at 736
pixels, so that a strip would become as long as it likes."""


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> RapidOcr:
    """The three networks, on the processor whatever ``device`` is. Raises WeightsError for files that are others."""
    files = verified(checkpoint, folder)
    from rapidocr_onnxruntime import RapidOCR

    detector, classifier, recogniser = (str(path) for path in files)
    engine = RapidOCR(
        det_model_path=detector,
        cls_model_path=classifier,
        rec_model_path=recogniser,
        intra_op_num_threads=torch.get_num_threads(),
        text_score=0.0,  # what is unsure is left out, and counted, by those who ask
        max_side_len=MAX_SIDE,
    )
    return RapidOcr(checkpoint, engine, sum(path.stat().st_size for path in files))


class _Upright:
    """The engine's classifier, which keeps what it said of each line; the engine itself only acts on it."""

    def __init__(self, classifier: Any) -> None:
        self._classifier = classifier
        self.upside_down: tuple[bool, ...] = ()

    def __call__(self, pieces: Any) -> Any:
        turned, labels, seconds = self._classifier(pieces)
        sure = self._classifier.cls_thresh
        self.upside_down = tuple("180" in label and score > sure for label, score in labels)
        return turned, labels, seconds


class RapidOcr:
    """``TextReader`` over a RapidOCR engine."""

    def __init__(self, checkpoint: Checkpoint, engine: Any, size: int) -> None:
        self.checkpoint, self.device = checkpoint, "cpu"
        self._engine, self._size = engine, size
        self._upright = engine.text_cls = _Upright(engine.text_cls)

    def memory(self) -> int:
        """Bytes that the weights take."""
        return self._size

    def read(self, images: Sequence[Image.Image]) -> list[tuple[TextLine, ...]]:
        """The lines of each RGB picture, as they are read one after the other, whatever their scores."""
        return [self._read(image) for image in images]

    def _read(self, image: Image.Image) -> tuple[TextLine, ...]:
        seen, size = prepared(image)
        found, _ = self._engine(np.asarray(seen)[:, :, ::-1])  # it takes BGR
        lines = []
        for (corners, text, score), turned in zip(found or (), self._upright.upside_down, strict=False):
            first = first_corner(corners, upside_down=turned)
            box = tuple((_share(x, size[0]), _share(y, size[1])) for x, y in (*corners[first:], *corners[:first]))
            if text.strip() and len(box) == 4:
                lines.append(TextLine(text.strip(), float(score), box))
        return in_reading_order(lines, size)


def prepared(image: Image.Image) -> tuple[Image.Image, tuple[int, int]]:
    """The picture as it is looked at, and how much of that, from the upper left corner on, is the picture itself."""
    seen = image
    if max(image.size) > MAX_SIDE:
        seen = image.copy()
        seen.thumbnail((MAX_SIDE, MAX_SIDE))
    least = -(-max(seen.size) // MAX_RATIO)
    if min(seen.size) >= least:
        return seen, seen.size
    wide = Image.new("RGB", (max(seen.width, least), max(seen.height, least)), (127, 127, 127))
    wide.paste(seen, (0, 0))
    return wide, seen.size


def first_corner(corners: Sequence[Sequence[float]], *, upside_down: bool) -> int:
    """Which of four corners, clockwise from the upper left one, is the upper left one as the line is read."""
    points = np.asarray(corners, np.float64)
    width, height = np.linalg.norm(points[1] - points[0]), np.linalg.norm(points[3] - points[0])
    return int(height >= UPRIGHT_RATIO * width) + 2 * upside_down


def in_reading_order(lines: Sequence[TextLine], size: tuple[int, int]) -> tuple[TextLine, ...]:
    """Row by row, also where the text is turned: the engine's own order goes by the upper left corner alone.

    Lines that run in other directions than the longest one come after it, ordered in the same way.
    """
    rest = list(lines)
    ordered: list[TextLine] = []
    while rest:
        corners = {id(line): np.asarray(line.box) * size for line in rest}
        directions = {key: box[1] - box[0] for key, box in corners.items()}
        longest = max(directions.values(), key=lambda one: float(np.linalg.norm(one)))
        along = longest / max(float(np.linalg.norm(longest)), 1e-9)
        down = np.array((-along[1], along[0]))
        same = [line for line in rest if _cosine(directions[id(line)], along) >= ALONG] or rest
        places = {id(line): corners[id(line)].mean(0) for line in same}
        heights = {id(line): float(np.linalg.norm(corners[id(line)][3] - corners[id(line)][0])) for line in same}
        rows: list[list[TextLine]] = []
        for line in sorted(same, key=lambda one: float(places[id(one)] @ down)):
            last = rows[-1][-1] if rows else None
            between = 0.0 if last is None else float((places[id(line)] - places[id(last)]) @ down)
            if last is not None and between < min(heights[id(line)], heights[id(last)]) / 2:
                rows[-1].append(line)
            else:
                rows.append([line])
        for row in rows:
            ordered += sorted(row, key=lambda one: float(places[id(one)] @ along))
        taken = set(map(id, same))
        rest = [line for line in rest if id(line) not in taken]
    return tuple(ordered)


def _cosine(one: Any, unit: Any) -> float:
    return float(one @ unit) / max(float(np.linalg.norm(one)), 1e-9)


def _share(place: float, whole: int) -> float:
    return min(1.0, max(0.0, float(place) / whole))
