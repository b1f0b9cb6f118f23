"""Work on a model in another process: what each task sends there can travel, and answers as in one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmcore import remote_work
from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.errors import CapacityError, InputError, MMCoreError, Phrase, UnknownNameError
from mmcore.pool import ModelPool
from mmcore.results import AudioOptions, CaptionOptions, Post, Query, SentimentOptions, ZeroShotOptions
from mmcore.settings import Settings
from mmcore.tasks import ask, audio, captioning, embedding, few_shot, fusion_steps, matching, sentiment

ASSETS = Path(__file__).resolve().parents[1] / "assets"
CAT = ASSETS / "examples" / "cat.jpg"
DOG = ASSETS / "sounds" / "dog.ogg"


class OverThere:
    """Workers of every model, in this process: each parcel goes through bytes and onto another pool's models."""

    def __init__(self, pool: ModelPool) -> None:
        self.pool, self.asked = pool, list[str]()

    def takes(self, checkpoint: Checkpoint) -> bool:
        return True

    def run(self, checkpoint: Checkpoint, parcel: bytes) -> bytes:
        self.asked.append(checkpoint.name)
        return remote_work.worked_off(parcel, self.pool)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> ModelPool:
    return ModelPool(Settings(home=tmp_path_factory.mktemp("home"), device="cpu"))


@pytest.fixture(scope="module")
def workers(here: ModelPool) -> OverThere:
    return OverThere(here)


@pytest.fixture
def client(here: ModelPool, workers: OverThere) -> ModelPool:
    return ModelPool(here.settings, workers=workers)


@pytest.fixture(scope="module")
def cat() -> Image.Image:
    picture = Image.open(CAT).convert("RGB")
    picture.thumbnail((300, 300))
    return picture


def without_time(value: Any) -> Any:
    """The JSON of a result without how long it took."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    content = value.to_dict() if hasattr(value, "to_dict") else value
    if isinstance(content, dict):
        return {key: without_time(one) for key, one in content.items() if key != "seconds"}
    return [without_time(one) for one in content] if isinstance(content, list) else content


POST = Post("what a lovely day, I hate the rain", None)
VERBS: dict[str, Callable[[ModelPool, Image.Image], Any]] = {
    "captions": lambda pool, cat: captioning.caption(pool, cat, CaptionOptions(explain=True)),
    "attention": lambda pool, cat: captioning.word_attention(pool, cat, captioning.caption(pool, cat).captions[0]),
    "zero-shot": lambda pool, cat: matching.zero_shot(pool, cat, ZeroShotOptions(("a cat", "a dog"))),
    "match": lambda pool, cat: matching.explain_match(pool, cat, Query.of("a cat")).heat,
    "vectors": lambda pool, cat: embedding.embed_images(pool, [cat, cat]),
    "sentiment": lambda pool, cat: sentiment.classify_sentiment(pool, replace(POST, image=cat), SentimentOptions()),
    "pieces": lambda pool, cat: fusion_steps.pieces_of(pool, "a lovely day"),
    "sounds": lambda pool, cat: audio.classify_audio(pool, DOG, AudioOptions(top=3)),
    "classes": lambda pool, cat: few_shot.look(pool, "picture", cat).cells,
    "question": lambda pool, cat: ask.ask(pool, [cat], "Is there a dog?"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_each_task_answers_as_in_one_process(
    verb: str, here: ModelPool, client: ModelPool, workers: OverThere, cat: Image.Image
):
    workers.asked.clear()
    found = without_time(VERBS[verb](client, cat))
    assert workers.asked
    assert not client.loaded(), "no model is loaded here"
    assert found == without_time(VERBS[verb](here, cat))


@pytest.mark.parametrize(
    "error",
    [
        InputError("image_damaged", format="PNG", detail=Phrase("damage_ends")),
        UnknownNameError("tier", "huge", ("small", "large")),
        CapacityError("busy", count=3),
    ],
    ids=["phrase", "unknown name", "capacity"],
)
def test_an_error_arrives_as_it_was(error: MMCoreError, client: ModelPool):
    def work(model: Any, items: Any) -> list[None]:
        raise error

    with pytest.raises(type(error)) as caught:
        client.run("compact-retriever", work, [None])
    assert (str(caught.value), caught.value.key, caught.value.values) == (str(error), error.key, error.values)
    assert [getattr(value, "key", None) for value in caught.value.values.values()] == [
        getattr(value, "key", None) for value in error.values.values()
    ]


def test_an_error_that_cannot_travel_is_told_in_words(client: ModelPool):
    class Broken(Exception):
        def __reduce__(self) -> Any:
            raise TypeError("it stays")

    def work(model: Any, items: Any) -> list[None]:
        raise Broken("the card is gone")

    with pytest.raises(RuntimeError, match="Broken: the card is gone"):
        client.run("compact-retriever", work, [None])


def test_a_model_is_looked_at_from_afar(here: ModelPool, client: ModelPool, workers: OverThere):
    there, far = here.get("compact-tagger"), client.get("compact-tagger")
    for name in ("sample_rate", "window_seconds", "names", "open_vocabulary", "device", "checkpoint", "fingerprint"):
        assert getattr(far, name) == getattr(there, name), name
    np.testing.assert_array_equal(far.mel_frequencies, there.mel_frequencies)
    workers.asked.clear()
    assert client.get("compact-tagger") is far
    assert not workers.asked, "asked once"
    assert not hasattr(far, "scores")


def test_what_the_workers_do_not_take_is_loaded_here(here: ModelPool, workers: OverThere, cat: Image.Image):
    class Some(OverThere):
        def takes(self, checkpoint: Checkpoint) -> bool:
            return checkpoint == find("compact-captioner")

    client = ModelPool(here.settings, workers=Some(here))
    embedding.embed_images(client, [cat])
    captioning.caption(client, cat)
    assert [model.name for model in client.loaded()] == ["compact-retriever"]
