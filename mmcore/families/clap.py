"""CLAP: sounds and sentences in one space, so that any words can be labels.

Wu et al., "Large-scale contrastive language-audio pretraining with feature fusion and keyword-to-caption augmentation",
ICASSP 2023 (LAION's CLAP); ClapModel of transformers. Labels are put into a sentence and weighed against each other, as
the zero-shot pipeline of transformers does: the scores of one window sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

from mmcore.audio.spectrogram import hertz_to_mel, mel_to_hertz
from mmcore.checkpoints.registry import Checkpoint
from mmcore.families import _audioset
from mmcore.families._integrated_gradients import integrated_gradients, positive
from mmcore.families._loading import incomplete, load_network, require_one_of
from mmcore.families.base import bytes_of
from mmcore.types import Floats

TEMPLATE = "This is a sound of {}."
"""What LAION's own zero-shot evaluation and the pipeline of transformers say."""
SILENCE_DB = -100.0
"""What the extractor makes of digital silence."""
STEPS = 4
BATCH = 64
"""Sentences encoded at once."""


class Clap:
    """CLAP behind the SoundTagger protocol. Without labels it chooses among AudioSet's."""

    open_vocabulary = True

    def __init__(self, checkpoint: Checkpoint, network: Any, extractor: Any, tokenizer: Any, device: str) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.network = network.eval().requires_grad_(False).to(device)
        self.extractor, self.tokenizer = extractor, tokenizer
        self.sample_rate: int = extractor.sampling_rate
        self.window_seconds: float = extractor.nb_max_samples / extractor.sampling_rate
        self.timeline_seconds = self.window_seconds
        self.timeline_hop = self.window_seconds / 2
        self.names = _audioset.names()
        low, high = (hertz_to_mel(float(edge)) for edge in (extractor.frequency_min, extractor.frequency_max))
        self.mel_frequencies = mel_to_hertz(np.linspace(low, high, extractor.feature_size + 2)[1:-1]).astype(np.float32)
        self._sentences: tuple[tuple[str, ...], Tensor] | None = None

    def memory(self) -> int:
        """Bytes of the weights."""
        return bytes_of(self.network.state_dict().values())

    def _see(self, waveforms: Floats) -> tuple[Tensor, Tensor]:
        """(N, samples) -> (N, 1, frames, bands) in dB, short sounds repeated, and whether each was longer."""
        made = self.extractor(list(waveforms), sampling_rate=self.sample_rate, return_tensors="pt")
        return made["input_features"].to(device=self.device, dtype=self.network.dtype), made["is_longer"]

    @torch.inference_mode()
    def _texts(self, labels: tuple[str, ...]) -> Tensor:
        """Unit vectors of the labels' sentences (labels, C); those of the last labels are remembered."""
        if self._sentences is None or self._sentences[0] != labels:
            parts = []
            for first in range(0, len(labels), BATCH):
                texts = [TEMPLATE.format(label) for label in labels[first : first + BATCH]]
                tokens = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(self.device)
                parts.append(self.network.get_text_features(**tokens).pooler_output)
            vectors = torch.nn.functional.normalize(torch.cat(parts), dim=-1)
            self._sentences = labels, vectors
        return self._sentences[1]

    def _logits(self, features: Tensor, longer: Tensor, labels: tuple[str, ...]) -> Tensor:
        """(N, labels): cosines times the learned scale."""
        vectors = self.network.get_audio_features(input_features=features, is_longer=longer).pooler_output
        cosines = torch.nn.functional.normalize(vectors, dim=-1) @ self._texts(labels).clone().T
        scaled: Tensor = cosines * self.network.logit_scale_a.exp()
        return scaled

    @torch.inference_mode()
    def scores(self, waveforms: Floats, labels: Sequence[str] = ()) -> Floats:
        """See ``SoundTagger.scores``."""
        logits = self._logits(*self._see(waveforms), tuple(labels) or self.names)
        scores: Floats = logits.float().softmax(-1).cpu().numpy()
        return scores

    def evidence(self, waveform: Floats, label: str, labels: Sequence[str] = ()) -> Floats:
        """See ``SoundTagger.evidence``: what raises this label's logit above the mean of the others'."""
        known = tuple(labels) or self.names
        place = known.index(label)
        features, longer = self._see(waveform[None])

        def logit(point: Tensor) -> Tensor:
            logits = self._logits(point, longer, known).float()
            return logits[:, place] - logits.mean(-1)

        # A short sound was repeated up to the full length: what each repetition adds belongs to the same place.
        hop = self.extractor.hop_length
        frames = max(1, min(features.shape[2], len(waveform) // hop))
        found = integrated_gradients(logit, features, SILENCE_DB, STEPS)[0, 0].float()
        times = len(found) // frames
        folded = found[: times * frames].view(times, frames, -1).sum(0).T
        made: Floats = positive(folded).cpu().numpy()
        return made


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> Clap:
    """CLAP from a local folder. Raises WeightsError where something is missing."""
    require_one_of(checkpoint, folder, "tokenizer.json", "vocab.json")
    network = load_network(ClapModel, checkpoint, folder, dtype)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        extractor = ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
    except OSError as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    return Clap(checkpoint, network, extractor, tokenizer, device)
