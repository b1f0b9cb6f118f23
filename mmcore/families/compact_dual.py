"""Our own bundled dual encoder behind the Retriever protocol."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from PIL import Image
from safetensors import SafetensorError
from tokenizers import Tokenizer

from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import WeightsError
from mmcore.families._fingerprint import weights_fingerprint
from mmcore.families._languages import require_latin
from mmcore.families._resize import pixels_of
from mmcore.families.base import Calibration, bytes_of
from mmcore.nets.dual_encoder import DualEncoder
from mmcore.nets.image_encoder import FEATURES
from mmcore.nets.storage import load_weights
from mmcore.results import MapMethod
from mmcore.types import Floats

PLURALS = frozenset(("people", "men", "women", "children"))
"""Words without an s that take no article."""
BARE_WORD = re.compile(r"\s*([A-Za-z]+)\s*")

TEMPLATES = ("a photo of a {}", "{}")
"""Where config.json has none."""


def as_phrase(text: str, tokenizer: Tokenizer) -> str:
    """ "dog" -> "a dog"; anything else as it is: more than a word, a plural, a word that the tokenizer has to cut up.

    The encoder learnt from captions, where things have an article: 43 bare nouns find their pictures among the dev
    pictures with a mean average precision of 0.390, with the article 0.417 (cosine of the best picture 0.40 and 0.46).
    """
    found = BARE_WORD.fullmatch(text)
    if found is None:
        return text
    word = found[1].lower()
    plural = word in PLURALS or (word.endswith("s") and not word.endswith("ss"))
    if plural or tokenizer.token_to_id(word) is None:
        return text
    return f"{'an' if word[0] in 'aeiou' else 'a'} {found[1]}"


class _Read:
    """What was read from a folder. The captioner and the sentiment model look through the same network."""

    def __init__(self, network: DualEncoder, tokenizer: Tokenizer, config: dict[str, Any], folder: Path) -> None:
        self.network, self.tokenizer, self.config, self.folder = network, tokenizer, config, folder

    @cached_property
    def fingerprint(self) -> str:
        return weights_fingerprint(self.folder)


_read: WeakValueDictionary[tuple[object, ...], _Read] = WeakValueDictionary()
"""What is in memory, by folder, age of the weights, device and type; nobody is kept alive by it."""
_reading = threading.Lock()


class CompactDual:
    """Retriever protocol over ``nets/dual_encoder.py``. It reads English, in Latin letters."""

    map_method: MapMethod = "exact"
    bias = 0.0

    def __init__(self, checkpoint: Checkpoint, read: _Read, device: str) -> None:
        self.checkpoint, self.device, self._read = checkpoint, device, read
        self.network, self.tokenizer, config = read.network, read.tokenizer, read.config
        network = self.network
        self.width = network.width
        self.scale = math.exp(float(network.log_scale))
        self.templates = tuple(config.get("templates", TEMPLATES))
        known = config.get("calibration")
        self.calibration = None if known is None else Calibration(**known)

    def memory(self) -> int:
        """Bytes of the weights."""
        return bytes_of(self.network.state_dict().values())

    @torch.inference_mode()
    def image_vectors(self, images: Sequence[Image.Image]) -> Floats:
        """See ``Retriever.image_vectors``. The whole picture is squeezed into a square, nothing is cut off."""
        return self.network.image_vectors(pixels_of(images).to(self.device)).float().cpu().numpy()

    @torch.inference_mode()
    def text_vectors(self, texts: Sequence[str]) -> Floats:
        """See ``Retriever.text_vectors``; a bare word is read as a phrase. Raises InputError for another script."""
        require_latin(self.checkpoint, texts)
        phrases = [as_phrase(text, self.tokenizer) for text in texts]
        tokens, mask = (value.to(self.device) for value in tokens_of(self.tokenizer, phrases))
        return self.network.text_vectors(tokens, mask).float().cpu().numpy()

    @torch.inference_mode()
    def image_map(self, image: Image.Image, vector: Floats) -> Floats:
        """(7, 7): exactly what each cell adds to the cosine. The knowing tower's part has no place: left out."""
        query = torch.from_numpy(vector)[None].to(self.device, self.network.pooling.anchor.weight.dtype)
        cells, _ = self.network.cell_scores(pixels_of([image]).to(self.device), query)
        return cells[0].float().cpu().numpy()

    features = FEATURES

    @property
    def fingerprint(self) -> str:
        """See ``CellEncoder.fingerprint``."""
        return self._read.fingerprint

    @torch.inference_mode()
    def cells(self, item: Image.Image | Floats) -> Floats:
        """See ``CellEncoder.cells``: (7, 7, 1280) of the untouched ImageNet grid, which no caption has changed."""
        assert isinstance(item, Image.Image)
        grid = self.network.known_grid(pixels_of([item]).to(self.device))
        found: Floats = grid[0].permute(1, 2, 0).float().cpu().numpy()
        return found


def depths_of(model: CompactDual, image: Image.Image) -> list[Floats]:
    """(C, S, S) feature maps of a picture in the untouched Lite1: of the stem, each stage of the trunk, the top."""
    with torch.inference_mode():
        network = model.network
        maps = network.knowing_trunk.depths(network.normal(pixels_of([image]).to(model.device)))
        maps.append(network.knowing_top(maps[-1]))
        return [one[0].float().cpu().numpy() for one in maps]


def tokens_of(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts -> token ids and 1 for real ones, both (B, T); the tokenizer cuts long ones off."""
    encoded = [entry.ids for entry in tokenizer.encode_batch(list(texts))]
    longest = max(len(ids) for ids in encoded)
    tokens = torch.tensor([ids + [0] * (longest - len(ids)) for ids in encoded])
    mask = torch.tensor([[1.0] * len(ids) + [0.0] * (longest - len(ids)) for ids in encoded])
    return tokens, mask


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> CompactDual:
    """Build the network that config.json describes, fill it with model.safetensors and read tokenizer.json.

    What another model has in memory already is taken from there: nobody changes it. Raises WeightsError where a file is
    missing or does not fit.
    """
    try:
        key = (folder.resolve(), (folder / "model.safetensors").stat().st_mtime_ns, device, dtype)
    except OSError as error:
        raise _incomplete(checkpoint, folder, error) from error
    with _reading:
        found = _read.get(key)
        if found is None:
            found = _read[key] = _read_folder(checkpoint, folder, device, dtype)
    return CompactDual(checkpoint, found, device)


def _read_folder(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> _Read:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        network = DualEncoder(config["network"])
        network.load_state_dict(load_weights(folder / "model.safetensors"))
        written = (folder / "tokenizer.json").read_text(encoding="utf-8")
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise _incomplete(checkpoint, folder, error) from error
    try:
        tokenizer = Tokenizer.from_str(written)
    except Exception as error:  # what the library raises has no class of its own
        raise _incomplete(checkpoint, folder, error) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(network.text.config.max_length)
    network.eval().requires_grad_(False).fuse().to(device=device, dtype=dtype)
    return _Read(network, tokenizer, config, folder)


def _incomplete(checkpoint: Checkpoint, folder: Path, error: Exception) -> WeightsError:
    detail = (str(error).splitlines() or [type(error).__name__])[0]
    return WeightsError("weights_incomplete", name=checkpoint.name, folder=folder, detail=detail)
