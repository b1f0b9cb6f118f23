"""Speed of a retriever as a ratio to a stated reference, measured in the same process on the same inputs.

The reference is CLIP ViT-B/32's architecture (random weights: the time does not depend on them) in plain transformers
calls: one picture from its pixels to its vector, and one sentence of 12 tokens to its vector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from PIL import Image

from mmcore.evaluation.bench import measure
from mmcore.pool import ModelPool
from mmcore.tasks.embedding import TASK, embed_images, embed_texts

SENTENCE = "a brown dog runs over the green grass"
TOKENS = 12


def clip_architecture() -> tuple[Callable[[Image.Image], object], Callable[[], object]]:
    """CLIP ViT-B/32 built from its configuration: functions that embed a picture, and TOKENS tokens."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig()).eval()
    side = model.config.vision_config.image_size
    tokens = torch.arange(TOKENS)[None] + 1000

    @torch.inference_mode()
    def picture(image: Image.Image) -> object:
        small = image.resize((side, side), Image.Resampling.BICUBIC)
        values = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 127.5 - 1
        return model.get_image_features(pixel_values=values).pooler_output

    @torch.inference_mode()
    def text() -> object:
        return model.get_text_features(input_ids=tokens).pooler_output

    return picture, text


def run(pool: ModelPool, repeats: int = 10) -> dict[str, Any]:
    """The retriever of the pool's tier against CLIP ViT-B/32's architecture: seconds, and their ratios."""
    name = pool.choose(TASK).name
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8))
    own_image = measure(f"{name}, picture", lambda: embed_images(pool, [image], name), repeats)
    own_text = measure(f"{name}, text", lambda: embed_texts(pool, [SENTENCE], name), repeats)
    picture, text = clip_architecture()
    other_image = measure("clip-vit-b-32 architecture, picture", lambda: picture(image), repeats)
    other_text = measure("clip-vit-b-32 architecture, text", text, repeats)
    return {
        "timings": [asdict(timing) for timing in (own_image, own_text, other_image, other_text)],
        "picture_ratio": own_image.median / other_image.median,
        "text_ratio": own_text.median / other_text.median,
    }
