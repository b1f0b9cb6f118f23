"""CLIP, SigLIP, SigLIP 2 and Chinese-CLIP behind the Retriever protocol; which one it is stands in config.json.

Radford et al., "Learning transferable visual models from natural language supervision", ICML 2021; Zhai et al.,
"Sigmoid loss for language image pre-training", ICCV 2023; Tschannen et al., "SigLIP 2", 2025; Yang et al.,
"Chinese CLIP", 2022. CLIPModel, SiglipModel, Siglip2Model and ChineseCLIPModel of transformers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._clip_texts import Tokenize, reader
from mmcore.families._loading import incomplete, load_network, require_one_of
from mmcore.families.base import Calibration, Retriever, bytes_of
from mmcore.results import MapMethod
from mmcore.types import Floats

ENGLISH = ("a photo of {}", "a photo of a {}", "a picture of the {}", "a close-up of {}", "there is {} in the picture")
CHINESE = ("{}", "一张{}的照片", "一幅{}的图片", "{}的特写", "图中有{}")
FINER = 4
"""A map of a cropped picture is laid into a grid of cells of a quarter of the patch's side, to put it in its place."""


@dataclass(frozen=True)
class ClipVariant:
    """What differs between the architectures."""

    network: str
    """Class of transformers."""
    image_processor: Any
    first_patch: int
    """1 where state 0 of the picture's network is CLS."""
    templates: tuple[str, ...]


KINDS = {
    "clip": ClipVariant("CLIPModel", CLIPImageProcessorPil, 1, ENGLISH),
    "siglip": ClipVariant("SiglipModel", SiglipImageProcessorPil, 0, ENGLISH + CHINESE),
    "siglip2": ClipVariant("Siglip2Model", Siglip2ImageProcessorPil, 0, ENGLISH + CHINESE),
    "chinese_clip": ClipVariant("ChineseCLIPModel", ChineseCLIPImageProcessorPil, 1, CHINESE),
}
"""``model_type`` of config.json -> kind. SigLIP 2 at a fixed resolution has the architecture of SigLIP."""


class Clip:
    """A checkpoint of one of the KINDS."""

    map_method: MapMethod = "patches"
    calibration: Calibration | None = None

    def __init__(
        self,
        checkpoint: Checkpoint,
        kind: ClipVariant,
        network: Any,
        image_processor: Any,
        tokenize: Tokenize,
        device: str,
    ) -> None:
        self.checkpoint, self.kind, self.network, self.device = checkpoint, kind, network, device
        self.image_processor, self.tokenize = image_processor, tokenize
        self.templates = kind.templates
        self.scale = float(network.logit_scale.exp())
        bias = getattr(network, "logit_bias", None)
        self.bias = 0.0 if bias is None else float(bias)
        projection = getattr(network, "visual_projection", None)
        self.width: int = network.config.vision_config.hidden_size if projection is None else projection.out_features

    def memory(self) -> int:
        """Bytes of the weights."""
        return bytes_of(self.network.parameters())

    def image_vectors(self, images: Sequence[Image.Image]) -> Floats:
        """See ``Retriever.image_vectors``."""
        with torch.inference_mode():
            return _unit(self.network.get_image_features(**self._pixels(images)).pooler_output).cpu().numpy()

    def text_vectors(self, texts: Sequence[str]) -> Floats:
        """See ``Retriever.text_vectors``. Longer text than the network reads is cut off."""
        with torch.inference_mode():
            tokens = {name: value.to(self.device) for name, value in self.tokenize(texts).items()}
            return _unit(self.network.get_text_features(**tokens).pooler_output).cpu().numpy()

    def _pixels(self, images: Sequence[Image.Image]) -> dict[str, Tensor]:
        """Arguments of ``get_image_features``."""
        inputs = self.image_processor(images=list(images), return_tensors="pt")
        return {
            name: value.to(self.device, self.network.dtype) if name == "pixel_values" else value.to(self.device)
            for name, value in inputs.items()
        }

    def image_map(self, image: Image.Image, vector: Floats) -> Floats:
        """What the cosine would lose, to first order, if a patch looked like the picture's average.

        Taken where the patches are mixed for the last time: before the last layer where CLS reads them, before the
        pooling head of SigLIP. With h_p the state of patch p there, and m the mean of all: (h_p - m) * dcos/dh_p.
        Where the checkpoint crops the picture, the map is zero beyond the crop.
        """
        states: list[Tensor] = []

        def keep(module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            given = arguments[0] if arguments else named.pop("hidden_states")
            states.append(given.detach().requires_grad_())
            return (states[0], *arguments[1:]), named

        vision = self.network.vision_model
        mixing = vision.encoder.layers[-1] if self.kind.first_patch else vision.head
        inputs = self._pixels([image])
        hook = mixing.register_forward_pre_hook(keep, with_kwargs=True)
        try:
            with torch.enable_grad():
                pooled = self.network.get_image_features(**inputs).pooler_output
                cosine = (_unit(pooled)[0] * torch.from_numpy(vector).to(self.device)).sum()
                (slope,) = torch.autograd.grad(cosine, states[0])
        finally:
            hook.remove()
        rows, columns = self._grid(inputs)
        patches = slice(self.kind.first_patch, self.kind.first_patch + rows * columns)
        state, slope = states[0][0, patches].detach().float(), slope[0, patches].float()
        heat = ((state - state.mean(0)) * slope).sum(-1).view(rows, columns).cpu().numpy()
        return _uncropped(heat, image) if getattr(self.image_processor, "do_center_crop", False) else heat

    def _grid(self, inputs: dict[str, Tensor]) -> tuple[int, int]:
        if "spatial_shapes" in inputs:  # SigLIP 2 that keeps the picture's shape
            rows, columns = inputs["spatial_shapes"][0].tolist()
            return rows, columns
        patch = self.network.config.vision_config.patch_size
        return inputs["pixel_values"].shape[-2] // patch, inputs["pixel_values"].shape[-1] // patch


def _unit(vectors: Tensor) -> Tensor:
    return F.normalize(vectors.float(), dim=-1)


def _uncropped(heat: Floats, image: Image.Image) -> Floats:
    """A map of the square in the middle -> a map of the whole picture, zero beyond the square."""
    fine = np.kron(heat, np.ones((FINER, FINER), np.float32))
    side, short = len(fine), min(image.size)
    rows, columns = (max(side, round(side * length / short)) for length in (image.height, image.width))
    whole = np.zeros((rows, columns), np.float32)
    top, left = (rows - side) // 2, (columns - side) // 2
    whole[top : top + side, left : left + side] = fine
    return whole


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: Any) -> Retriever:
    """The checkpoint in a local folder. Raises WeightsError where something is missing, or it is of another kind."""
    require_one_of(checkpoint, folder, "config.json")
    named = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    if named not in KINDS:
        raise incomplete(checkpoint, folder, f"config.json says {named!r}, not one of {', '.join(KINDS)}")
    kind = KINDS[named]
    network = load_network(getattr(transformers, kind.network), checkpoint, folder, dtype)
    network.requires_grad_(False).eval().to(device)
    tokenize = reader(named, checkpoint, folder, network.config)
    require_one_of(checkpoint, folder, "preprocessor_config.json", "processor_config.json")
    try:
        image_processor = kind.image_processor.from_pretrained(folder, local_files_only=True)
    except OSError as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    return Clip(checkpoint, kind, network, image_processor, tokenize, device)
