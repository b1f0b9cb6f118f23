"""What the families share whose networks look at a mel spectrogram of any length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._integrated_gradients import integrated_gradients, positive
from mmcore.families.base import bytes_of
from mmcore.nets.log_mel import HOP_LENGTH, SAMPLE_RATE, SILENT_MEL, LogMel, band_frequencies
from mmcore.types import Floats

LEAST_SECONDS = 2.0
"""Shorter windows are filled up to this."""
STEPS = 6
"""Of the integrated gradients. For the example sounds the maps that are drawn have cosines of 0.98 to 0.999 with those
of 60 steps; 12 steps have 0.998 and take twice the time."""


class MelTagger:
    """SoundTagger over a network that takes (B, bands, T) log-mel and gives logits (B, labels), each a sigmoid's.

    Windows may have any length: the networks end with a mean over time. ``front`` makes the spectrogram of
    (B, samples), ``nets/log_mel.py`` unless given, and ``frequencies`` are the middles of its bands in Hz.
    """

    sample_rate = SAMPLE_RATE
    hop_length = HOP_LENGTH
    silence = SILENT_MEL
    """What digital silence becomes in the spectrogram."""
    window_seconds = 10.0
    timeline_seconds = 2.0
    timeline_hop = 1.0
    open_vocabulary = False

    def __init__(
        self,
        checkpoint: Checkpoint,
        network: nn.Module,
        names: Sequence[str],
        device: str,
        dtype: torch.dtype,
        front: nn.Module | None = None,
        frequencies: Sequence[float] | None = None,
    ) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.names = tuple(names)
        self.dtype = dtype
        self.front = (front or LogMel()).to(
            device
        )  # in float32: squares of a spectrum leave the range of half precision
        self.network = network.eval().requires_grad_(False).to(device=device, dtype=dtype)
        self.mel_frequencies = np.array(frequencies or band_frequencies(), np.float32)

    def memory(self) -> int:
        """Bytes of the weights."""
        return bytes_of(self.network.state_dict().values())

    def _see(self, waveforms: Floats) -> Tensor:
        """(N, samples) -> (N, bands, T) log-mel; with silence after it, so that a short sound is not all edges."""
        missing = max(0, round(LEAST_SECONDS * self.sample_rate) - waveforms.shape[1])
        padded = np.pad(waveforms, ((0, 0), (0, missing)))
        seen: Tensor = self.front(torch.from_numpy(padded).to(self.device))
        return seen

    @torch.inference_mode()
    def scores(self, waveforms: Floats, labels: Sequence[str] = ()) -> Floats:
        """See ``SoundTagger.scores``: sigmoids, since several sounds may be there at once."""
        logits: Tensor = self.network(self._see(waveforms).to(self.dtype))
        probabilities: Floats = logits.float().sigmoid().cpu().numpy()
        return probabilities

    def evidence(self, waveform: Floats, label: str, labels: Sequence[str] = ()) -> Floats:
        """See ``SoundTagger.evidence``."""
        place = self.names.index(label)
        seen = self._see(waveform[None])

        def logit(point: Tensor) -> Tensor:
            logits: Tensor = self.network(point.to(self.dtype))
            return logits[:, place].float()

        columns = max(1, round(len(waveform) / self.hop_length))
        found = positive(integrated_gradients(logit, seen, self.silence, STEPS)[0, :, :columns])
        evidence: Floats = found.cpu().numpy()
        return evidence
