"""Stand-ins for the engines of the extras, behind the real protocols and the real pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.results import AskOptions, Turn
from mmcore.results.ocr import TextLine
from mmcore.results.transcribe import Heard, SpokenWord
from mmcore.types import Floats

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


class FakeReader:
    """Reads the size of a picture ("6 by 4"), sure of it, and below it a smudge that it is not sure of."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint, self.device = checkpoint, "cpu"

    def memory(self) -> int:
        return 1000

    def read(self, images: Sequence[Image.Image]) -> list[tuple[TextLine, ...]]:
        lines = [f"{image.width} by {image.height}" for image in images]
        return [(TextLine(line, 0.9, WHOLE), TextLine("smudge", 0.2, WHOLE)) for line in lines]


class FakeTranscriber:
    """Hears what it is told to: a function of the piece's samples, the language and the beams."""

    sample_rate = 1000
    window_seconds = 3.0

    def __init__(self, checkpoint: Checkpoint, hear: Callable[[Floats, str | None], Heard] | None = None) -> None:
        self.checkpoint, self.device = checkpoint, "cpu"
        self.told = hear or seconds_heard
        self.asked: list[tuple[float, str | None, int]] = []
        """Seconds, language and beams of each call."""

    def memory(self) -> int:
        return 1000

    def hear(self, waveform: Floats, language: str | None = None, beams: int = 8) -> Heard:
        self.asked.append((len(waveform) / self.sample_rate, language, beams))
        return self.told(waveform, language)


class FakeLanguageModel:
    """Repeats what it was given, letter by letter; ``max_tokens`` are letters."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint, self.device = checkpoint, "cpu"

    def memory(self) -> int:
        return 1000

    def answer(
        self,
        images: Sequence[Image.Image],
        earlier: Sequence[Turn],
        question: str,
        options: AskOptions,
        heard: Callable[[str], None],
    ) -> tuple[str, bool]:
        text = f"{len(images)} pictures, {len(earlier)} turns: {question}"
        for end in range(1, len(text) + 1):
            heard(text[:end])
        return text[: options.max_tokens], options.max_tokens >= len(text)


def seconds_heard(waveform: Floats, language: str | None) -> Heard:
    """One word for each second of the piece, all of it speech."""
    count = len(waveform) // 1000
    words = tuple(SpokenWord(f"word{one}.", float(one), one + 0.5, 0.9) for one in range(count))
    return Heard(words, language or "en", 1.0 if language else 0.9, len(waveform) / 1000)


def one_word_heard(waveform: Floats, language: str | None) -> Heard:
    """The same word, however short the recording."""
    return Heard((SpokenWord("word0.", 0.0, 0.5, 0.9),), language or "en", 0.9, len(waveform) / 1000)


def loader(*models: Any) -> Callable[[Checkpoint, Path, str, str], Any]:
    """Has the signature of ``families.load``: the model given for each checkpoint, a fake for the others."""
    given = {model.checkpoint.name: model for model in models}

    def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> Any:
        if checkpoint.name in given:
            return given[checkpoint.name]
        return FakeReader(checkpoint) if checkpoint.task == "ocr" else FakeTranscriber(checkpoint)

    return load


def reader() -> FakeReader:
    return FakeReader(find("pp-ocrv4"))


def transcriber(
    hear: Callable[[Floats, str | None], Heard] | None = None, name: str = "whisper-base"
) -> FakeTranscriber:
    return FakeTranscriber(find(name), hear)
