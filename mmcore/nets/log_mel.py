"""Sound -> log-mel spectrogram: what every audio tagger here looks at.

    waveform -> pre-emphasis -> short-time Fourier transform -> power -> mel bands -> logarithm -> about -1..1

The numbers are those of EfficientAT (Schmid, Koutini and Widmer, ICASSP 2023, https://arxiv.org/abs/2211.04772),
so that its published weights and ours see the same picture. The mel scale and its triangles are Kaldi's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SAMPLE_RATE = 32_000
"""Hz."""
HOP_LENGTH = 320
"""Samples from one column to the next: a column each 10 ms."""
WIN_LENGTH = 800
"""Samples under the Hann window: 25 ms."""
N_FFT = 1024
"""Points of the Fourier transform."""
N_MELS = 128
"""Mel bands."""
FMAX = 15_000.0
"""Upper edge of the highest band in Hz; the lowest begins at 0."""
PRE_EMPHASIS = 0.97
FLOOR = 1e-5
"""Power added before the logarithm."""
SHIFT, SCALE = 4.5, 5.0
"""(log power + shift) / scale: about -1.4 for digital silence, about 1 for loud sound."""
SILENT_MEL = -1.4026
"""What digital silence becomes: (log(1e-5) + 4.5) / 5."""


def mel(hertz: Tensor) -> Tensor:
    """Hz -> mel, as Kaldi and HTK define it: 1127 ln(1 + f / 700)."""
    return 1127.0 * torch.log1p(hertz / 700.0)


def mel_filters() -> Tensor:
    """Triangles on the mel axis, height 1, (bands, FFT / 2 + 1): what each frequency adds to each band."""
    low, high = mel(torch.tensor([0.0, FMAX], dtype=torch.float64))
    edges = low + torch.arange(N_MELS + 2) * (high - low) / (N_MELS + 1)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    frequencies = mel(torch.arange(N_FFT // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / N_FFT)[None]
    rising = (frequencies - left) / (centre - left)
    falling = (right - frequencies) / (right - centre)
    filters = torch.minimum(rising, falling).clamp_min(0.0)
    filters[:, -1] = 0.0  # Kaldi leaves out the bin at half the rate
    return filters.float()


def band_frequencies() -> list[float]:
    """The middle of each band in Hz, for axes: element i belongs to row i of the spectrogram."""
    edges = mel(torch.tensor(FMAX, dtype=torch.float64)) * torch.arange(1, N_MELS + 1) / (N_MELS + 1)
    return [float(700.0 * (torch.exp(edge / 1127.0) - 1.0)) for edge in edges]


class LogMel(nn.Module):
    """Mono sound at 32 kHz in [-1, 1] -> log-mel spectrogram.

    (batch, samples) -> (batch, 128 bands, samples // 320 + 1 columns), low bands first. Sound shorter than one Fourier
    window is filled up with silence. Holds no weights: nothing of it is stored with a model.
    """

    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(WIN_LENGTH, periodic=False), persistent=False)
        self.register_buffer("filters", mel_filters(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """See the class."""
        if waveform.shape[-1] < N_FFT + 1:
            waveform = nn.functional.pad(waveform, (0, N_FFT + 1 - waveform.shape[-1]))
        sharp = waveform[..., 1:] - PRE_EMPHASIS * waveform[..., :-1]
        spectrum = torch.stft(sharp, N_FFT, HOP_LENGTH, WIN_LENGTH, self.window, center=True, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        bands = torch.matmul(self.filters, power)
        return (torch.log(bands + FLOOR) + SHIFT) / SCALE
