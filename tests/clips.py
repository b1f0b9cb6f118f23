"""Short videos of known pictures and sounds, made by PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RATE = 16_000


def make(
    path: Path,
    shots: Sequence[tuple[Image.Image, float]],
    sound: Any = None,
    *,
    fps: int = 10,
    size: tuple[int, int] = (160, 120),
) -> Path:
    """Each picture for its seconds, one after the other; ``sound`` is (samples,) at RATE, from the beginning."""
    import av

    webm = path.suffix == ".webm"
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream("libvpx" if webm else "libx264", rate=fps)
        pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
        track: Any = None if sound is None else container.add_stream("libopus" if webm else "aac", rate=RATE)
        for picture, seconds in shots:
            frame = picture.convert("RGB").resize(size)
            for _ in range(round(seconds * fps)):
                container.mux(pictures.encode(av.VideoFrame.from_image(frame)))
        container.mux(pictures.encode())
        if track is not None:
            samples = np.asarray(sound, np.float32)[None]
            whole: Any = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            whole.sample_rate = RATE
            resampler = av.AudioResampler(format=track.format, layout="mono", rate=track.rate, frame_size=1024)
            for piece in (*resampler.resample(whole), *resampler.resample(None)):
                container.mux(track.encode(piece))
            container.mux(track.encode())
    return path


def silent_track(path: Path, seconds: float = 1.0) -> Path:
    """A file with sound only, in a video's container."""
    import av

    with av.open(str(path), "w") as container:
        track: Any = container.add_stream("aac", rate=RATE)
        whole: Any = av.AudioFrame.from_ndarray(
            np.zeros((1, round(seconds * RATE)), np.float32), format="fltp", layout="mono"
        )
        whole.sample_rate = RATE
        resampler = av.AudioResampler(format=track.format, layout="mono", rate=RATE, frame_size=1024)
        for piece in (*resampler.resample(whole), *resampler.resample(None)):
            container.mux(track.encode(piece))
        container.mux(track.encode())
    return path
