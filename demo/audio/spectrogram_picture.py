"""Sounds as pictures: log-mel spectrograms, what a model found in them, and the marks of the axes.

As librosa draws them: seconds to the right, Hz on a mel axis upwards, viridis, the 80 dB below the loudest point.
Axes and words are not in the pictures: the page writes them beside these in its own type.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.results import Envelope, Spectrogram
from mmcore.types import Floats

from ..ui.colours import data_uri, viridis

RANGE = 80.0
"""dB from the darkest to the brightest colour."""
QUIETEST = -60.0
"""dB that the brightest colour stands for at least, so that the faint noise of a silent file stays dark."""
WIDTH = 1000
"""Columns of a picture at most."""
HEIGHT = 192
OUTLINE = 400
"""Points of a drawn waveform or curve at most."""
HERTZ = (128, 256, 512, 1024, 2048, 4096, 8192, 16384)
"""Where the frequency axis has marks, as librosa's mel axis."""
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
"""Seconds between the marks of the time axis."""


def _levels(spectrogram: Spectrogram) -> npt.NDArray[np.uint8]:
    """(HEIGHT, columns) 0-255, the highest frequency first, as pictures are stored."""
    values = spectrogram.values
    top = max(float(values.max()), QUIETEST)
    scaled = np.clip((values - top) / RANGE + 1, 0, 1)[::-1].astype(np.float32)
    columns = min(WIDTH, max(values.shape[1], 2))
    # BOX averages where a long sound is squeezed, so that a short click leaves a trace.
    filtered = Image.Resampling.BOX if columns < values.shape[1] else Image.Resampling.BILINEAR
    picture = Image.fromarray(scaled).resize((columns, HEIGHT), filtered)
    levels: npt.NDArray[np.uint8] = np.rint(np.clip(np.asarray(picture), 0, 1) * 255).astype(np.uint8)
    return levels


def spectrogram_picture(spectrogram: Spectrogram) -> str:
    """data: address of the spectrogram in viridis."""
    return data_uri(Image.fromarray(viridis()[_levels(spectrogram)]), "JPEG")


def grey_picture(spectrogram: Spectrogram) -> str:
    """The same in greys, to lay something coloured over it."""
    return data_uri(Image.fromarray((_levels(spectrogram) * 0.85).astype(np.uint8)), "JPEG")


def evidence_picture(evidence: Floats) -> str:
    """data: address of a map (mels, frames), >= 0, as a transparent picture: nothing where there is no evidence."""
    mels, frames = evidence.shape
    flipped = Image.fromarray(evidence[::-1].astype(np.float32))
    # Gradients are grainy: four cells each way become one, and are drawn as a smooth hill.
    coarse = flipped.resize((max(1, min(WIDTH, frames) // 4), max(1, mels // 4)), Image.Resampling.BOX)
    smooth = np.asarray(coarse.resize((max(2, min(WIDTH // 2, frames)), HEIGHT // 2), Image.Resampling.BICUBIC))
    # A single brightest point must not hide the rest: the scale ends where one cell in two hundred lies above.
    highest = float(np.quantile(smooth, 0.995)) or float(smooth.max()) or 1.0
    share = np.clip(smooth / highest, 0, 1)
    colours = np.empty((*share.shape, 4), np.uint8)
    colours[..., :3] = viridis()[np.rint(share * 255).astype(np.uint8)]
    colours[..., 3] = np.rint(np.clip(share * 1.6, 0, 0.9) * 255).astype(np.uint8)
    return data_uri(Image.fromarray(colours), "PNG")


def waveform_path(envelope: Envelope) -> str:
    """SVG path of the waveform in a box 1000 wide, from -1 to 1, stretched so that its loudest point fills it."""
    low, high = _fewer(envelope.low, np.minimum), _fewer(envelope.high, np.maximum)
    if not high.size:
        return ""
    loudest = max(float(np.abs(low).max()), float(high.max()), 1e-3)
    across = np.linspace(0, 1000, high.size)
    points = [*zip(across, -high / loudest, strict=True), *zip(across[::-1], -low[::-1] / loudest, strict=True)]
    return "M" + "L".join(f"{x:.0f} {y:.3f}" for x, y in points) + "Z"


def curve_path(scores: Floats) -> str:
    """SVG path of a score (cells,) over time in a box 1000 wide and 1 high, filled down to zero."""
    fewer = _fewer(scores, np.maximum)
    edges = np.linspace(0, 1000, fewer.size + 1)
    steps = [f"{x0:.0f} {1 - y:.3f}L{x1:.0f} {1 - y:.3f}" for (x0, x1), y in zip(pairwise(edges), fewer, strict=True)]
    return f"M0 1L{'L'.join(steps)}L1000 1Z"


def _fewer(values: Floats, kept: np.ufunc) -> Floats:
    """At most OUTLINE values, each the lowest or highest of its piece."""
    if values.size <= OUTLINE:
        return values
    starts = np.unique(np.linspace(0, values.size, OUTLINE, endpoint=False).astype(int))
    reduced: Floats = kept.reduceat(values, starts)
    return reduced


def hertz_marks(frequencies: Sequence[float] | Floats) -> list[tuple[str, float]]:
    """(label, share of the height from the bottom) of the marks that the rows reach."""
    rows = np.asarray(frequencies, np.float64)
    places = np.arange(len(rows)) + 0.5
    shown = [mark for mark in HERTZ if rows[0] <= mark <= rows[-1]]
    marks = [(str(mark), float(np.interp(mark, rows, places)) / len(rows)) for mark in shown]
    kept: list[tuple[str, float]] = []
    for mark in reversed(marks):  # low frequencies lie close together: the higher mark stays
        if not kept or kept[-1][1] - mark[1] >= 0.1:
            kept.append(mark)
    return kept[::-1]


def clock(seconds: float, step: float = 1.0) -> str:
    """75 -> "1:15"; below a minute "7 s", with tenths where ``step`` has them."""
    if seconds >= 60:
        return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
    return f"{seconds:.1f} s" if step < 1 else f"{seconds:.0f} s"


def time_marks(start: float, end: float) -> list[tuple[str, float]]:
    """(label, share of the width) of about five to eight marks."""
    length = max(end - start, 1e-9)
    step = next((step for step in STEPS if length / step <= 8), STEPS[-1])
    first = ceil(start / step - 1e-9)
    count = int((end - first * step) / step + 1e-9) + 1
    times = [(first + index) * step for index in range(count)]
    return [(clock(time, step), (time - start) / length) for time in times]
