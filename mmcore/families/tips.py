"""TIPSv2: a dual encoder whose patches lie in the space of the texts, behind the Retriever protocol.

Cao et al., "TIPSv2: Advancing vision-language pretraining with enhanced patch-text alignment", CVPR 2026;
Tipsv2Model of transformers. Its training puts every patch where the words for what it shows are, so that the map of a
query is the cosine of each patch with the query, without gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import WeightsError
from mmcore.families._loading import incomplete, load_network, require_one_of
from mmcore.families.base import Calibration, Retriever, bytes_of
from mmcore.results import MapMethod
from mmcore.types import Floats

TEMPLATES = (
    "a photo of {}",
    "a photo of a {}",
    "a picture of the {}",
    "a close-up of {}",
    "there is {} in the picture",
)
EXTRA = "tips"

Tokens = Callable[[str], list[int]]
"""A text in lower case -> its token ids."""


class Tips:
    """A TIPSv2 checkpoint."""

    templates: tuple[str, ...] = TEMPLATES
    map_method: MapMethod = "patches"
    calibration: Calibration | None = None
    bias = 0.0

    def __init__(self, checkpoint: Checkpoint, network: Any, tokens: Tokens, device: str) -> None:
        self.checkpoint, self.network, self.tokens, self.device = checkpoint, network, tokens, device
        vision = network.config.vision_config
        self.width: int = vision.hidden_size
        self.side: int = vision.image_size
        self.cells = self.side // vision.patch_size
        self.first_patch = 1 + vision.num_register_tokens
        self.longest: int = network.config.text_config.max_position_embeddings
        self.scale = 1 / float(network.temperature)

    def memory(self) -> int:
        """Bytes of the weights."""
        return bytes_of(self.network.parameters())

    @torch.inference_mode()
    def image_vectors(self, images: Sequence[Image.Image]) -> Floats:
        """See ``Retriever.image_vectors``."""
        pooled = self.network.get_image_features(self._pixels(images)).pooler_output
        return F.normalize(pooled.float(), dim=-1).cpu().numpy()

    @torch.inference_mode()
    def text_vectors(self, texts: Sequence[str]) -> Floats:
        """See ``Retriever.text_vectors``. Longer text than the network reads is cut off."""
        rows = [torch.tensor(self.tokens(text.lower())[: self.longest]) for text in texts]
        ids = pad_sequence(rows, batch_first=True, padding_value=self.network.config.text_config.pad_token_id)
        mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
        tokens = {"input_ids": ids.to(self.device), "attention_mask": mask.to(self.device)}
        return F.normalize(self.network.get_text_features(**tokens).pooler_output.float(), dim=-1).cpu().numpy()

    @torch.inference_mode()
    def image_map(self, image: Image.Image, vector: Floats) -> Floats:
        """The cosine of each patch with the query, less the mean of the picture: (rows, columns)."""
        states = self.network.get_image_features(self._pixels([image])).last_hidden_state[0, self.first_patch :]
        cosines = F.normalize(states.float(), dim=-1) @ torch.from_numpy(vector).to(self.device)
        heat: Floats = (cosines - cosines.mean()).view(self.cells, self.cells).cpu().numpy()
        return heat

    def _pixels(self, images: Sequence[Image.Image]) -> Tensor:
        """(B, 3, side, side) in [0, 1]: squeezed into the square, as Tipsv2ImageProcessor does with torchvision."""
        small = [np.asarray(image.resize((self.side, self.side), Image.Resampling.BILINEAR)) for image in images]
        pixels = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).to(self.device)
        return pixels.to(self.network.dtype) / 255


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: Any) -> Retriever:
    """The checkpoint in a local folder. Raises WeightsError where something is missing, sentencepiece perhaps."""
    require_one_of(checkpoint, folder, "config.json")
    require_one_of(checkpoint, folder, "tokenizer.json", "tokenizer.model")
    tokens = _tokenizer(checkpoint, folder)
    network = load_network(transformers.Tipsv2Model, checkpoint, folder, dtype)
    network.requires_grad_(False).eval().to(device)
    return Tips(checkpoint, network, tokens, device)


def _tokenizer(checkpoint: Checkpoint, folder: Path) -> Tokens:
    """From tokenizer.json, or from tokenizer.model, which takes sentencepiece. No token is added at either end."""
    if (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        try:
            known = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # what the library raises has no class of its own
            raise incomplete(checkpoint, folder, str(error)) from error
        known.no_padding()
        known.no_truncation()
        return lambda text: list(known.encode(text).ids)
    try:
        import sentencepiece
    except ImportError as error:
        raise WeightsError("weights_extra", name=checkpoint.title, packages="sentencepiece", extra=EXTRA) from error
    try:
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    except (OSError, RuntimeError) as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    return lambda text: list(pieces.encode(text))
