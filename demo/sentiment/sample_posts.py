"""The example posts of the sentiment tab, made up for the page, with what a person says of each.

``tests/bundle/test_example_promises.py`` asks the bundled model: POSTS are answered as the person does, FAILURES are
not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmcore.results import Sentiment

from ..ui import examples


@dataclass(frozen=True)
class ExamplePost:
    """A text, a picture or both."""

    label: Sentiment
    """What a person says of it."""
    text: Mapping[str, str]
    """Language -> the text; empty for a picture alone."""
    picture: str = ""
    """Below assets/; "" for a text alone."""

    def values(self, language: str) -> list[str | None]:
        """Text and path of the picture, as the two fields of the page take them."""
        path = str(examples.assets() / self.picture) if self.picture else None
        return [self.text.get(language) or None, path]


def _said(english: str, chinese: str) -> Mapping[str, str]:
    return {"en": english, "zh": chinese}


CONFLICTS: tuple[ExamplePost, ...] = (
    ExamplePost("negative", _said("The food made me ill.", "这里的饭菜让我生病了。"), "collection/sushi.jpg"),
    ExamplePost(
        "negative",
        _said("I missed the last train home.", "我错过了回家的末班车。"),
        "collection/beacon-street-sunset.jpg",
    ),
)
"""Text alone and picture alone say opposite things, and not all fusions settle it alike."""

POSTS: tuple[ExamplePost, ...] = (
    ExamplePost(
        "positive",
        _said("What a lovely morning, could not be happier!", "多么美好的早晨，太开心了！"),
        "examples/mountain-path.jpg",
    ),
    *CONFLICTS,
    ExamplePost("negative", _said("Worst day ever, I want to cry.", "最糟糕的一天，我想哭。"), "examples/two-dogs.jpg"),
    ExamplePost(
        "neutral",
        _said("Taken at 9:40 from the same place as yesterday.", "9:40 拍的，和昨天同一个地方。"),
        "examples/dandelion.jpg",
    ),
    ExamplePost(
        "positive", _said("So proud and so happy today!", "今天真骄傲，真高兴！"), "collection/gathering-storm.jpg"
    ),
    ExamplePost(
        "negative",
        _said("I cannot stand this noise any longer, so tired of it.", "我再也受不了这噪音了，烦死了。"),
    ),
    ExamplePost("positive", {}, "collection/sunflower.jpg"),
    ExamplePost("negative", _said("今天真是太糟糕了", "今天真是太糟糕了")),
)
"""They agree, they contradict each other, one says nothing, one is missing, one is in Chinese."""

FAILURES: tuple[ExamplePost, ...] = (
    ExamplePost(
        "negative",
        _said(
            "Oh wonderful, two hours in here already. Best day of my life.",
            "太好了，已经等了两个小时，真是最棒的一天。",
        ),
        "examples/waiting-room.jpg",
    ),
    ExamplePost("negative", _said("All my savings are gone.", "我的积蓄全没了。"), "collection/piggy-bank.jpg"),
    ExamplePost("positive", _said("It never disappoints.", "从不让人失望。")),
)
"""Posts that the bundled model is known to get wrong; ``ui.sentiment.failures_why`` says why, in this order."""


def pictures() -> tuple[examples.Example, ...]:
    """The pictures of all these posts, with their credits."""
    names = {Path(post.picture).name for post in (*POSTS, *FAILURES)}
    return tuple(item for item in examples.collection() if item.path.name in names)
