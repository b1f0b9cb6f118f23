"""Speed as a ratio to a stated reference, measured in the same process on the same inputs.

The reference of the compact captioner is BLIP-base's architecture (random weights: the time does not depend on them) in
plain transformers calls, with the same number of beams and the same length.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions
from mmcore.tasks.captioning import caption

REFERENCE_TOKENS = 12
"""Length that the reference writes, about that of a compact caption."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: median and spread (interquartile range) of the repeats."""

    name: str
    median: float
    spread: float
    repeats: int


def measure(name: str, call: Callable[[], object], repeats: int, warm_up: int = 2) -> Timing:
    """Time a call ``repeats`` times after ``warm_up`` calls that do not count."""
    for _ in range(warm_up):
        call()
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    quarters = statistics.quantiles(seconds, n=4) if repeats > 1 else [seconds[0]] * 3
    return Timing(name, statistics.median(seconds), quarters[2] - quarters[0], repeats)


def blip_architecture(beams: int, tokens: int) -> Callable[[np.ndarray[Any, Any]], object]:
    """BLIP-base built from its configuration: a function of (H, W, 3) pixels that writes exactly ``tokens`` tokens."""
    import torch
    from transformers import BlipConfig, BlipForConditionalGeneration

    torch.manual_seed(0)
    model = BlipForConditionalGeneration(BlipConfig()).eval()
    side = model.config.vision_config.image_size

    @torch.inference_mode()
    def call(pixels: np.ndarray[Any, Any]) -> object:
        image = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
        values = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
        return model.generate(
            pixel_values=values, num_beams=beams, do_sample=False, min_new_tokens=tokens, max_new_tokens=tokens
        )

    return call


def run(pool: ModelPool, repeats: int = 10, beams: int = 3) -> dict[str, Any]:
    """The captioner of the pool's tier against BLIP-base's architecture: seconds a picture and their ratio."""
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    options = CaptionOptions(num_beams=beams)
    own = measure(caption(pool, image, options).model, lambda: caption(pool, image, options), repeats)
    reference = blip_architecture(beams, REFERENCE_TOKENS)
    other = measure("blip-base architecture", lambda: reference(pixels), max(3, repeats // 3), warm_up=1)
    return {
        "beams": beams,
        "timings": [asdict(own), asdict(other)],
        "ratio": own.median / other.median,
    }
