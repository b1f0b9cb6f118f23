"""What the bundled captioner's image encoder sees of every training picture, computed once for the Chinese decoder.

The encoder stays as it is: it was tuned for English captions of the same pictures, and both languages share it. Two
files: ``grid.npy``, float16 (pictures, 49, 1280), of the top that was tuned for captions, and ``pooled.npy``, float16
(pictures, 1280), of the top that recognises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor, nn

from mmcore.nets.caption_decoder import CELLS
from mmcore.nets.captioner import CompactCaptioner
from mmcore.nets.image_encoder import FEATURES, normalize
from mmcore.recipes.trunk_features import view_of
from mmcore.types import Floats

NOTED = 320
"""Pictures after which the place is noted, from which a run that was cut off goes on."""

Eyes = Callable[[Tensor], tuple[Floats, Floats]]
"""Normalised pixels (1, 3, 224, 224) -> cells (1, 49, 1280) and the pooled features of recognition (1, 1280)."""


class Encoder(nn.Module):
    """Both tops of the captioner over their common trunk."""

    def __init__(self, network: CompactCaptioner) -> None:
        super().__init__()
        self.trunk, self.top, self.recognition_top = network.trunk, network.top, network.recognition_top

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Eyes``."""
        shared = self.trunk(pixels)
        return self.top(shared).flatten(2).transpose(1, 2), self.recognition_top(shared).mean((2, 3))


def eyes_of(network: CompactCaptioner, *, openvino: bool) -> Eyes:
    """The encoder, by torch or compiled by OpenVINO for one core: the same to 1e-4, twice as fast without AMX.

    Raises FileNotFoundError where the package openvino is wanted and missing.
    """
    encoder = Encoder(network).eval()
    if not openvino:

        def look(pixels: Tensor) -> tuple[Floats, Floats]:
            cells, pooled = encoder(pixels)
            return cells.numpy(), pooled.numpy()

        return look
    try:
        import openvino as ov
    except ModuleNotFoundError:
        raise FileNotFoundError("the package openvino is not installed: pip install openvino") from None
    example = torch.zeros(1, 3, 224, 224)
    compiled = ov.compile_model(
        ov.convert_model(encoder, example_input=example, input=[1, 3, 224, 224]),
        "CPU",
        {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"},
    )

    def see(pixels: Tensor) -> tuple[Floats, Floats]:
        found = compiled(pixels.numpy())
        return cast("Floats", found[0]), cast("Floats", found[1])

    return see


@torch.inference_mode()
def store_views(eyes: Eyes, paths: Sequence[Path], work: Path) -> None:
    """Write what is seen of the whole pictures; finished files are left alone, unfinished ones gone on with."""
    targets = [work / "grid.npy", work / "pooled.npy"]
    if all(target.exists() for target in targets):
        return
    parts = [target.with_suffix(".part.npy") for target in targets]
    note = work / "views.done"
    done = int(note.read_text()) if note.exists() else 0
    shapes = ((len(paths), CELLS, FEATURES), (len(paths), FEATURES))
    grid, pooled = (
        open_memmap(part, mode="r+" if done else "w+", dtype=np.float16, shape=shape)
        for part, shape in zip(parts, shapes, strict=True)
    )
    for row in range(done, len(paths)):
        if row % NOTED == 0:
            grid.flush()
            pooled.flush()
            note.write_text(str(row))
            print(f"pictures: {row}/{len(paths)}", flush=True)
        grid[row], pooled[row] = (
            seen[0] for seen in eyes(normalize(torch.from_numpy(view_of(paths[row], 0).copy()[None])))
        )
    for made, part, target in zip((grid, pooled), parts, targets, strict=True):
        made.flush()
        part.rename(target)
    note.unlink(missing_ok=True)
