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


class RapidOcr:
    """``TextReader`` over a RapidOCR engine."""

    def __init__(self, checkpoint: Checkpoint, engine: Any, size: int) -> None:
        self.checkpoint, self.device = checkpoint, "cpu"
        self._engine, self._size = engine, size

    def memory(self) -> int:
        """Bytes that the weights take."""
        return self._size

    def read(self, images: Sequence[Image.Image]) -> list[tuple[TextLine, ...]]:
        """The lines of each RGB picture, from top to bottom, whatever their scores."""
        return [self._read(image) for image in images]

    def _read(self, image: Image.Image) -> tuple[TextLine, ...]:
        seen, size = prepared(image)
        found, _ = self._engine(np.asarray(seen)[:, :, ::-1])  # it takes BGR
        lines = []
        for corners, text, score in found or ():
            box = tuple((_share(x, size[0]), _share(y, size[1])) for x, y in corners)
            if text.strip() and len(box) == 4:
                lines.append(TextLine(text.strip(), float(score), box))
        return tuple(lines)


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


def _share(place: float, whole: int) -> float:
    return min(1.0, max(0.0, float(place) / whole))
