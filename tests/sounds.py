"""Sounds that tests make: known signals, in every format that is read."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

Floats = npt.NDArray[np.float32]


def tone(seconds: float, frequency: float = 440.0, rate: int = 32000, amplitude: float = 0.5) -> Floats:
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def noise(seconds: float, rate: int = 32000, amplitude: float = 0.1, seed: int = 0) -> Floats:
    return (amplitude * np.random.default_rng(seed).standard_normal(round(seconds * rate))).astype(np.float32)


def silence(seconds: float, rate: int = 32000) -> Floats:
    return np.zeros(round(seconds * rate), np.float32)


def encoded(samples: npt.NDArray[Any], rate: int = 32000, format: str = "WAV", subtype: str | None = None) -> bytes:
    """A sound file by libsndfile; ``samples`` (frames,) or (frames, channels)."""
    file = BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def contained(
    samples: Floats,
    rate: int = 48000,
    container: str = "webm",
    codec: str = "libopus",
    video: bool = False,
    live: bool = False,
) -> bytes:
    """A sound file by FFmpeg's libraries: ("webm", "libopus") as browsers record it, ("ipod", "aac") is M4A.

    ``live``: as a browser streams it, with no length in its header.
    """
    import av

    file = BytesIO()
    with av.open(file, "w", format=container, options={"live": "1"} if live else {}) as output:
        picture: Any = None
        if video:
            picture = output.add_stream("mpeg4", rate=5)
            picture.width = picture.height = 32
            picture.pix_fmt = "yuv420p"
        stream: Any = output.add_stream(codec, rate=rate, layout="mono") if len(samples) else None
        if picture is not None:
            for packet in picture.encode(av.VideoFrame(32, 32, "yuv420p")):
                output.mux(packet)
            output.mux(picture.encode())
        if stream is not None:
            fifo = av.AudioFifo()
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = rate
            resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
            for piece in resampler.resample(frame):
                fifo.write(piece)
            size = stream.frame_size or 1024
            while part := fifo.read(size, partial=True):
                output.mux(stream.encode(part))
            output.mux(stream.encode())
    return file.getvalue()


class PitchTagger:
    """A SoundTagger without weights: "Low" is the share of energy below 1 kHz, "High" that above, by 0.9.

    ``heard`` keeps what it was given. Its evidence is the power spectrogram of the label's half.
    """

    sample_rate = 8000
    window_seconds = 4.0
    timeline_seconds = 1.0
    timeline_hop = 0.5
    names: tuple[str, ...] = ("Low", "High", "Silence", "Male speech, man speaking")
    mel_frequencies = np.linspace(50, 3950, 40).astype(np.float32)

    def __init__(self, checkpoint: Any, device: str = "cpu", open_vocabulary: bool = False) -> None:
        self.checkpoint, self.device, self.open_vocabulary = checkpoint, device, open_vocabulary
        self.heard: list[tuple[tuple[int, ...], tuple[str, ...]]] = []
        self.fails: Exception | None = None

    def memory(self) -> int:
        return 1000

    def _power(self, waveforms: Floats) -> npt.NDArray[np.float64]:
        size = 200
        count = max(1, waveforms.shape[1] // size)
        padded = np.pad(waveforms, ((0, 0), (0, max(0, size - waveforms.shape[1]))))[:, : count * size]
        return np.abs(np.fft.rfft(padded.reshape(len(waveforms), count, size), axis=2)) ** 2

    def scores(self, waveforms: Floats, labels: Any = ()) -> Floats:
        self.heard.append((waveforms.shape, tuple(labels)))
        if self.fails is not None:
            raise self.fails
        power = self._power(waveforms).sum(1)
        low = power[:, :25].sum(1) / np.maximum(power.sum(1), 1e-9)
        shares = [low, 1 - low, np.full_like(low, 0.7), np.full_like(low, 0.05)]
        if labels:
            shares = (shares * len(labels))[: len(labels)]
        return (0.9 * np.stack(shares, axis=1)).astype(np.float32)

    def evidence(self, waveform: Floats, label: str, labels: Any = ()) -> Floats:
        power = self._power(waveform[None])[0, :, :100].T
        low, high = (0, 25) if label == "Low" else (25, 100)
        kept = np.zeros_like(power)
        kept[low:high] = power[low:high]
        rows = np.linspace(0, 99, len(self.mel_frequencies)).round().astype(int)
        return kept[rows].astype(np.float32)
