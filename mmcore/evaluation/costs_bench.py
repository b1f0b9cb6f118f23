"""What answers cost beside what they rest on: processor seconds of this process, as ratios, in one run.

Three rows: a caption against its networks' own forward passes, and an explained post and an explained sound against the
same answers without explanation. The parts of each ratio are measured in turn, so that a busy machine makes both slow.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from PIL import Image

from mmcore.io.images import decode_image
from mmcore.pool import ModelPool
from mmcore.results import AudioOptions, CaptionOptions, Post, SentimentOptions
from mmcore.tasks.audio import classify_audio
from mmcore.tasks.captioning import OPEN, caption
from mmcore.tasks.sentiment import classify_sentiment

POST = "What a lovely day at the lake with all of you! Only the train home was late again."
SOUND_SECONDS = 10
RATE = 16_000
WARM_UP = 2


def in_turn(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Processor seconds of each call, ``repeats`` times one after the other, after WARM_UP rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(WARM_UP + repeats):
        for name, call in calls.items():
            began = process_time()
            call()
            if number >= WARM_UP:
                seconds[name].append(process_time() - began)
    return seconds


def run(pool: ModelPool, repeats: int = 9, file: Path | None = None) -> dict[str, Any]:
    """The three ratios, of medians, and the seconds they are made of; one thread.

    ``file`` is the picture; without one a drawing, of which a captioner is unsure, so that its drafts differ much.
    """
    image = _picture() if file is None else decode_image(file, pool.settings)
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = in_turn(_calls(pool, image), repeats)
    finally:
        torch.set_num_threads(threads)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "seconds": [
            {"name": name, "median": medians[name], "least": min(values), "most": max(values)}
            for name, values in seconds.items()
        ],
        "caption_ratio": medians["caption"] / medians["caption, forward"],
        "post_ratio": medians["post, explained"] / medians["post"],
        "sound_ratio": medians["sound, explained"] / medians["sound"],
    }


def _calls(pool: ModelPool, image: Image.Image) -> dict[str, Callable[[], object]]:
    options = CaptionOptions()
    import torch

    from mmcore.families._resize import pixels_of

    best = caption(pool, image, options).captions[0]

    captioner = pool.get(OPEN)
    pixels = pixels_of([image])
    writer = captioner.writer("en")
    tokens = torch.tensor([writer.tokens(best)])

    @torch.inference_mode()
    def forward() -> None:
        # The picture's networks, from pixels of their size, and one pass of the decoder over the finished caption.
        writer.decoder(tokens, captioner.network.see(pixels).memory)

    noise, post = _sound(), Post(POST, image)
    plain, explained = (AudioOptions(timeline=False, explain=explain) for explain in (False, True))
    alone, with_parts = (SentimentOptions(explain=explain) for explain in (False, True))
    return {
        "caption, forward": forward,
        "caption": lambda: caption(pool, image, options),
        "post": lambda: classify_sentiment(pool, post, alone),
        "post, explained": lambda: classify_sentiment(pool, post, with_parts),
        "sound": lambda: classify_audio(pool, noise, plain),
        "sound, explained": lambda: classify_audio(pool, noise, explained),
    }


def _picture() -> Image.Image:
    """A smooth drawing of 640 x 480: something that a camera could have taken."""
    rows, columns = np.mgrid[0:480, 0:640].astype(np.float32)
    channels = [np.sin(rows / 90 + phase) * np.cos(columns / 130 - phase) for phase in (0.0, 1.0, 2.0)]
    return Image.fromarray(((np.stack(channels, -1) + 1) * 127).astype(np.uint8))


def _sound() -> bytes:
    import soundfile

    file = BytesIO()
    soundfile.write(file, np.random.default_rng(0).normal(0, 0.1, SOUND_SECONDS * RATE), RATE, format="WAV")
    return file.getvalue()
