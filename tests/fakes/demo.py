"""A captioner that needs no weights, loaded through the real pool."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.pool import ModelPool
from mmcore.results import Caption, CaptionOptions, GroundedPhrase, Tag, Word
from mmcore.settings import Settings
from tests.fakes.demo_audio import FakeTagger
from tests.fakes.demo_retrieval import FakeRetriever
from tests.fakes.demo_sentiment import FakeJudge
from tests.fakes.engines import FakeLanguageModel, FakeReader, FakeTranscriber, one_word_heard

SENTENCES = ("a brown dog runs on the grass .", "two dogs play outside .", "an animal in a field .", "a dog .")
CHINESE_SENTENCES = ("棕色 的 狗 在 草地上 奔跑", "两只 狗 在 玩耍", "田野 里 的 动物", "一只 狗")
GRID = (7, 7)
HELD = (81, 61)
"""Size of pictures that wait, from their second batch on, until the file RELEASE is in MMCORE_HOME; in English only,
since an answer asks for both languages."""
RELEASE = "release"
ASKED = "asked.jsonl"
"""File in MMCORE_HOME: one line a request, with the options that reached the model."""


class FakeCaptioner:
    """Says the same of every picture, but what it says depends on the options; dark pictures leave it unsure.

    The word at place i looks at cell (i, i) of the grid.
    """

    confidence_threshold = 0.3

    def __init__(self, checkpoint: Checkpoint, device: str, log: Path) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self._log = log
        self._held = 0

    def memory(self) -> int:
        return 20_000_000

    def caption(self, images: Sequence[Image.Image], options: CaptionOptions) -> list[tuple[Caption, ...]]:
        if images[0].size == HELD and options.language == "en":
            self._held += 1
            while self._held > 1 and not (self._log.parent / RELEASE).exists():
                time.sleep(0.05)
            time.sleep(1)  # a batch takes its time, so that Stop can come between two
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps({"model": self.checkpoint.name, "pictures": len(images), **asdict(options)}) + "\n")
        count = 1 if options.decoding == "greedy" else options.num_captions
        return [
            tuple(self._one(place, self._light(image), options.language) for place in range(count)) for image in images
        ]

    def _light(self, image: Image.Image) -> float:
        return float(np.asarray(image.convert("L")).mean()) / 255

    def _one(self, place: int, light: float, language: str) -> Caption:
        sentences = CHINESE_SENTENCES if language == "zh" else SENTENCES
        text = sentences[place % len(sentences)]
        sure = 0.9 if light > 0.1 else 0.2
        words = tuple(Word(word, sure - 0.05 * index) for index, word in enumerate(text.split()))
        text = text.replace(" ", "") if language == "zh" else text.replace(" .", ".")
        return Caption(text=text, score=sure / (place + 1), words=words, language=language)

    def word_maps(self, image: Image.Image, caption: Caption) -> npt.NDArray[np.float32]:
        maps = np.full((len(caption.words), *GRID), 0.2 / 49, np.float32)
        for place in range(len(caption.words)):
            maps[place, place % GRID[0], place % GRID[1]] += 0.8
        return maps

    def confident(self, image: Image.Image, caption: Caption) -> bool:
        return caption.score >= self.confidence_threshold

    def tags(self, image: Image.Image, language: str = "en") -> tuple[Tag, ...]:
        if language == "zh":
            return (Tag("浓缩咖啡", 0.93), Tag("杯子", 0.4), Tag("桌子", 0.01))
        return (Tag("espresso", 0.93), Tag("cup", 0.4), Tag("table", 0.01))

    def ground(self, image: Image.Image, caption: Caption) -> tuple[GroundedPhrase, ...]:
        return (GroundedPhrase(caption.words[1].text, ((0.1, 0.2, 0.5, 0.6),)),)


class FakeEyes(FakeCaptioner):
    """Of all words it knows the dog, and is sure of it."""

    def word_probability(self, image: Image.Image, words: Sequence[str]) -> float | None:
        return 0.99 if "dog" in words else None


def located(checkpoint: Checkpoint, settings: Settings, **_: Any) -> Path:
    return settings.home


def fake_of(record: Checkpoint, model: type[FakeCaptioner] = FakeCaptioner) -> Any:
    """The kind of fake for a checkpoint's task."""
    return FAKES.get("vlm" if record.family == "vlm" else record.task, model)


FAKES: dict[str, Any] = {
    "ask": FakeEyes,
    "audio": FakeTagger,
    "ocr": lambda record, *_: FakeReader(record),
    "retrieval": FakeRetriever,
    "sentiment": FakeJudge,
    "vlm": lambda record, *_: FakeLanguageModel(record),
    "transcribe": lambda record, *_: FakeTranscriber(record, one_word_heard),
}
"""Task, or family -> fake; for the tasks that are not in it, the captioner."""


def fake_pool(settings: Settings, model: type[FakeCaptioner] = FakeCaptioner) -> ModelPool:
    """A real pool whose models are fakes; every checkpoint loads. What they are asked is kept in ASKED."""
    settings.home.mkdir(parents=True, exist_ok=True)
    return ModelPool(
        settings,
        loader=lambda record, folder, device, dtype: fake_of(record, model)(record, device, folder / ASKED),
        locate=located,
    )
