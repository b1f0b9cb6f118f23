"""Whisper as faster-whisper runs it with CTranslate2, from weights that packages carry.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", ICML 2023. Sound comes decoded, from
``mmcore.io``. Whisper writes sentences for silence and noise, too, so Silero VAD, which faster-whisper brings, says
first where somebody speaks: without speech the model is not asked, and words that it puts elsewhere are left out.
(Cutting what is no speech out of the sound, as ``vad_filter`` does, made it hear other words.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._packages import verified
from mmcore.results.transcribe import Heard, SpokenWord
from mmcore.types import Floats

REPEATING = 2.4
"""Whisper's own limit of zlib's compression ratio, beyond which a text repeats itself."""
TOKENS_A_SECOND = 15
"""More than anybody speaks; a model that writes more has come to repeat itself."""
WINDOW_TOKENS = 224
"""That Whisper writes for one window at most."""
SHORT_SECONDS = 1.5
"""A sound that is shorter is heard with silence around it."""
SILENCE_SECONDS = 1.0
"""Of it on each side. Whisper takes a lone word at the very beginning for what people often say alone: "Bye." for five,
"Thanks." for six. With a second of silence before it, it makes a third fewer errors on single digits."""
BESIDE = 0.5
"""Seconds that a word may lie beside what Silero VAD takes for speech: its times are rough."""


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> FasterWhisper:
    """The model, in 8 bit on a processor, in 16 bit on a GPU. Raises WeightsError for files that are others."""
    files = verified(checkpoint, folder)
    import ctranslate2
    from faster_whisper import WhisperModel

    cuda = device.startswith("cuda") and ctranslate2.get_cuda_device_count() > 0
    contents: dict[str, bytes] = {}
    for path in files:  # "model.bin.part1" and "model.bin.part2" are one file
        name = path.name.split(".part")[0]
        contents[name] = contents.get(name, b"") + path.read_bytes()
    size = sum(map(len, contents.values()))
    engine = WhisperModel(
        checkpoint.name,
        device="cuda" if cuda else "cpu",
        device_index=int(device.partition(":")[2] or 0) if cuda else 0,
        compute_type="float16" if cuda else "int8",
        cpu_threads=torch.get_num_threads(),
        files=contents,
    )
    return FasterWhisper(checkpoint, engine, device if cuda else "cpu", size if cuda else size // 2)


class FasterWhisper:
    """``Transcriber`` over a WhisperModel of faster-whisper."""

    sample_rate = 16_000
    window_seconds = 30.0

    def __init__(self, checkpoint: Checkpoint, engine: Any, device: str, size: int) -> None:
        self.checkpoint, self.device = checkpoint, device
        self._engine, self._size = engine, size

    def memory(self) -> int:
        """Bytes that the weights take."""
        return self._size

    def hear(self, waveform: Floats, language: str | None = None, beams: int = 8) -> Heard:
        """See ``Transcriber.hear``."""
        from faster_whisper.vad import get_speech_timestamps

        length, before = len(waveform) / self.sample_rate, 0.0
        if length < SHORT_SECONDS:
            waveform = np.pad(waveform, round(SILENCE_SECONDS * self.sample_rate))
            before = SILENCE_SECONDS
        spoken = get_speech_timestamps(waveform, sampling_rate=self.sample_rate)
        seconds = sum(part["end"] - part["start"] for part in spoken) / self.sample_rate
        if not spoken:
            return Heard((), language or "", 1.0 if language else 0.0, 0.0)
        segments, info = self._engine.transcribe(
            waveform,
            language=language,
            beam_size=beams,
            temperature=0.0,  # no drawing of words: the same sound gives the same transcript
            condition_on_previous_text=False,
            word_timestamps=True,
            max_new_tokens=min(WINDOW_TOKENS, 20 + round(TOKENS_A_SECOND * seconds)),
        )
        words: list[SpokenWord] = []
        repeating = False

        def within(word: Any, spans: Sequence[Mapping[str, int]]) -> bool:
            first, last = (time * self.sample_rate for time in (word.start - BESIDE, word.end + BESIDE))
            return any(first < span["end"] and last > span["start"] for span in spans)

        for segment in segments:
            if segment.compression_ratio > REPEATING:
                repeating = True
                continue
            written = [word for word in segment.words or () if word.word.strip() and within(word, spoken)]
            words += [_word(word, before, length) for word in written]
        return Heard(tuple(words), info.language, float(info.language_probability), seconds, repeating)


def _word(word: Any, before: float, length: float) -> SpokenWord:
    """Its times count from the beginning of the sound, ``before`` seconds into what was heard, and stay within it."""
    spaced = word.word[:1].isspace()
    start, end = (min(max(float(time) - before, 0.0), length) for time in (word.start, word.end))
    return SpokenWord(word.word.strip(), start, end, float(word.probability), spaced)
