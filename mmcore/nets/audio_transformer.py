"""CED: a plain vision transformer over a mel spectrogram, distilled from an ensemble of larger taggers.

Dinkel, Wang, Yan, Zhang and Wang, "CED: Consistent ensemble distillation for audio tagging", ICASSP 2024
(https://arxiv.org/abs/2308.11957).

    decibels (64 mel, T) -> batch norm a band -> patches of 16 x 16 -> + places in time and in frequency
      -> 12 pre-norm blocks -> layer norm -> mean over all patches -> layer norm -> linear -> 527 logits

Positions in time and in frequency are learned apart, so that a sound of any length up to ten seconds is read as it is,
without padding. The names of the weights are those of the published files.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLE_RATE = 16_000
"""Hz."""
HOP_LENGTH = 160
"""Samples from one column to the next: a column each 10 ms."""
N_FFT = 512
"""Points of the Fourier transform, and samples under its Hann window: 32 ms."""
FMAX = 8_000.0
"""Upper edge of the highest band in Hz; the lowest begins at 0."""
FLOOR = 1e-10
"""Power below which its logarithm does not go: -100 dB."""
RANGE = 120.0
"""Decibels below the loudest point of a sound that are told apart."""
SILENT_DECIBELS = -100.0
"""What digital silence becomes."""
PATCH = 16
"""Side of a patch: 16 bands by 16 columns."""
HEAD_WIDTH = 64
"""Dimensions of an attention head, in every published size."""


def mel_points(bands: int) -> Tensor:
    """Edges and middles of the bands in Hz, (bands + 2,): even steps on the mel axis, mel = 2595 log10(1 + f / 700)."""
    highest = 2595.0 * torch.log10(torch.tensor(1.0 + FMAX / 700.0, dtype=torch.float64))
    return 700.0 * (10.0 ** (torch.linspace(0.0, 1.0, bands + 2, dtype=torch.float64) * highest / 2595.0) - 1.0)


def mel_filters(bands: int) -> Tensor:
    """Triangles on the axis of frequencies, height 1, (bands, FFT / 2 + 1)."""
    points = mel_points(bands)
    frequencies = torch.linspace(0.0, SAMPLE_RATE / 2, N_FFT // 2 + 1, dtype=torch.float64)[None]
    left, centre, right = points[:-2, None], points[1:-1, None], points[2:, None]
    rising, falling = (frequencies - left) / (centre - left), (right - frequencies) / (right - centre)
    return torch.minimum(rising, falling).clamp_min(0.0).float()


class MelDecibels(nn.Module):
    """Mono sound at 16 kHz in [-1, 1] -> mel spectrogram in decibels.

    (batch, samples) -> (batch, bands, samples // 160 + 1 columns), low bands first. Each sound's range is its own, so
    that a quiet one is not flattened by a loud neighbour in the batch. Holds no weights.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("filters", mel_filters(bands), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """See the class."""
        if waveform.shape[-1] < N_FFT:
            waveform = F.pad(waveform, (0, N_FFT - waveform.shape[-1]))
        spectrum = torch.stft(waveform, N_FFT, HOP_LENGTH, N_FFT, self.window, center=True, return_complex=True)
        bands = torch.matmul(self.filters, spectrum.real.square() + spectrum.imag.square())
        decibels = 10.0 * torch.log10(bands.clamp_min(FLOOR))
        return torch.maximum(decibels, decibels.amax((-2, -1), keepdim=True) - RANGE)


class Attention(nn.Module):
    """Self-attention with one matrix for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, states: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        batch, places, width = states.shape
        queries, keys, values = (
            self.qkv(states).view(batch, places, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        )
        mixed = F.scaled_dot_product_attention(queries, keys, values)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, places, width))
        return out


class Mlp(nn.Module):
    """Two layers with GELU between them, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, states: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(states)))
        return out


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)

    def forward(self, states: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        states = states + self.attn(self.norm1(states))
        out: Tensor = states + self.mlp(self.norm2(states))
        return out


class Patches(nn.Module):
    """Patches of the spectrogram as vectors."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, width, PATCH, PATCH)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 1, bands, columns) -> (B, D, bands / 16, columns // 16)."""
        out: Tensor = self.proj(image)
        return out


class Encoder(nn.Module):
    """Spectrogram -> states of its patches."""

    def __init__(self, bands: int, columns: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.init_bn = nn.BatchNorm2d(bands)
        self.patch_embed = Patches(width)
        self.time_pos_embed = nn.Parameter(torch.zeros(1, width, 1, columns))
        self.freq_pos_embed = nn.Parameter(torch.zeros(1, width, bands // PATCH, 1))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, decibels: Tensor) -> Tensor:
        """(B, bands, T) -> (B, patches, D); T from 16 up to 16 times the columns that have a place."""
        normed = self.init_bn(decibels.unsqueeze(-1)).squeeze(-1).unsqueeze(1)  # a mean and a spread for each band
        patches = self.patch_embed(normed)
        patches = patches + self.time_pos_embed[..., : patches.shape[-1]] + self.freq_pos_embed
        out: Tensor = self.norm(self.blocks(patches.flatten(2).transpose(1, 2)))
        return out


class CedNetwork(nn.Module):
    """See the module. (B, bands, T) decibels -> (B, labels) logits, one label a sigmoid of its own."""

    def __init__(
        self, labels: int = 527, width: int = 192, depth: int = 12, heads: int = 3, bands: int = 64, columns: int = 63
    ) -> None:
        super().__init__()
        self.bands, self.columns = bands, columns
        self.encoder = Encoder(bands, columns, width, depth, heads)
        self.outputlayer = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, labels))

    def forward(self, decibels: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.outputlayer(self.encoder(decibels).mean(1))
        return out


def network_for(weights: Mapping[str, Tensor], heads: int | None = None) -> CedNetwork:
    """A network of the size of published weights, with them in it; ``heads`` None: as wide as in every published size.

    Raises KeyError, ValueError and RuntimeError where they are of another network.
    """
    width = weights["encoder.patch_embed.proj.weight"].shape[0]
    heads = heads or max(1, width // HEAD_WIDTH)
    if width % heads:
        raise ValueError(f"{width} dimensions cannot be shared by {heads} heads")
    depth = len({name.split(".")[2] for name in weights if name.startswith("encoder.blocks.")})
    network = CedNetwork(
        labels=weights["outputlayer.1.bias"].shape[0],
        width=width,
        depth=depth,
        heads=heads,
        bands=weights["encoder.init_bn.weight"].shape[0],
        columns=weights["encoder.time_pos_embed"].shape[-1],
    )
    network.load_state_dict(dict(weights))
    return network
