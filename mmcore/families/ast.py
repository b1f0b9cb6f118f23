"""AST: a transformer over patches of a log-mel spectrogram.

Gong, Chung and Glass, "AST: Audio spectrogram transformer", Interspeech 2021; transformers' ASTForAudioClassification.
AudioSet's labels are not exclusive and the network was trained with one sigmoid a label, so these are its scores.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import ASTFeatureExtractor, ASTForAudioClassification

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._integrated_gradients import integrated_gradients, positive
from mmcore.families._loading import incomplete, load_network
from mmcore.families.base import bytes_of
from mmcore.types import Floats

FRAME, HOP = 400, 160
"""Samples under the extractor's window and from one frame to the next (25 and 10 ms)."""
LOWEST = 20.0
"""Hz where its lowest band begins."""
FLOOR = 1.192092955078125e-07
"""Power below which its logarithm does not go."""
STEPS = 4
"""Of the integrated gradients; each costs seconds on a processor."""


class Ast:
    """AST behind the SoundTagger protocol. It always computes its full length, so the timeline has no finer windows."""

    open_vocabulary = False

    def __init__(self, checkpoint: Checkpoint, network: Any, extractor: Any, device: str) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.network = network.eval().requires_grad_(False).to(device)
        self.extractor = extractor
        self.sample_rate: int = extractor.sampling_rate
        # Frames of 25 ms every 10 ms: the last one must end with the sound.
        self.window_seconds = ((extractor.max_length - 1) * HOP + FRAME) / self.sample_rate
        self.timeline_seconds = self.window_seconds
        self.timeline_hop = self.window_seconds / 2
        labels = network.config.id2label
        self.names = tuple(str(labels[index]) for index in range(len(labels)))
        bands = extractor.num_mel_bins
        low, high = (1127 * np.log1p(hertz / 700) for hertz in (LOWEST, self.sample_rate / 2))
        middles = low + (high - low) * np.arange(1, bands + 1) / (bands + 1)
        self.mel_frequencies = (700 * np.expm1(middles / 1127)).astype(np.float32)

    def memory(self) -> int:
        """Bytes of the weights."""
        return bytes_of(self.network.state_dict().values())

    def _see(self, waveforms: Floats) -> Tensor:
        """(N, samples) -> (N, frames, bands), normalised, filled up to the full length."""
        least = max(FRAME, waveforms.shape[1])
        padded = np.pad(waveforms, ((0, 0), (0, least - waveforms.shape[1])))
        values = self.extractor(list(padded), sampling_rate=self.sample_rate, return_tensors="pt")["input_values"]
        seen: Tensor = values.to(device=self.device, dtype=self.network.dtype)
        return seen

    @torch.inference_mode()
    def scores(self, waveforms: Floats, labels: Sequence[str] = ()) -> Floats:
        """See ``SoundTagger.scores``."""
        scores: Floats = self.network(self._see(waveforms)).logits.float().sigmoid().cpu().numpy()
        return scores

    def evidence(self, waveform: Floats, label: str, labels: Sequence[str] = ()) -> Floats:
        """See ``SoundTagger.evidence``."""
        place = self.names.index(label)
        seen = self._see(waveform[None])
        silence = (np.log(FLOOR) - self.extractor.mean) / (2 * self.extractor.std)

        def logit(point: Tensor) -> Tensor:
            logits: Tensor = self.network(point).logits
            return logits[:, place].float()

        frames = 1 + (max(FRAME, len(waveform)) - FRAME) // HOP
        found = integrated_gradients(logit, seen, float(silence), STEPS)[0, :frames].float().T
        made: Floats = positive(found).cpu().numpy()
        return made


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> Ast:
    """AST from a local folder. Raises WeightsError where something is missing."""
    network = load_network(ASTForAudioClassification, checkpoint, folder, dtype)
    try:
        with warnings.catch_warnings():
            # Its lowest bands are narrower than a frequency of its transform; the weights were trained with that.
            warnings.filterwarnings("ignore", message="At least one mel filter")
            extractor = ASTFeatureExtractor.from_pretrained(folder, local_files_only=True)
    except OSError as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    return Ast(checkpoint, network, extractor, device)
