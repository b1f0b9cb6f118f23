"""Example posts of the fusion lesson, and what the bundled fusions compute for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mmcore.pool import ModelPool
from mmcore.results import Post, Sentiment
from mmcore.results.fusion_views import PostViews
from mmcore.tasks.fusion_steps import fusion_views

from ..ui import examples
from ..ui.examples import Example
from .captions import open_example
from .plan import Setup


@dataclass(frozen=True)
class ExamplePost:
    """A text with a picture, made up for the page, and what a person says of it."""

    text: str
    picture: str
    label: Sentiment


POSTS: Mapping[str, ExamplePost] = {
    "storm": ExamplePost("So proud and so happy today!", "gathering-storm.jpg", "positive"),
    "dogs": ExamplePost("Worst day ever, I want to cry.", "two-dogs.jpg", "negative"),
    "savings": ExamplePost("All my savings are gone.", "piggy-bank.jpg", "negative"),
}
"""The first one unless another is chosen."""

_views: WeakKeyDictionary[ModelPool, dict[str, PostViews]] = WeakKeyDictionary()


def chosen(setup: Setup) -> str:
    """The name of the post that the visitor chose."""
    return setup.choice if setup.choice in POSTS else next(iter(POSTS))


def picture_of(name: str) -> Example:
    """The picture of a post."""
    return next(item for item in examples.collection() if item.path.name == POSTS[name].picture)


def views(setup: Setup) -> PostViews:
    """What the fusions compute for the chosen post; kept, because nothing about it changes."""
    name, kept = chosen(setup), _views.setdefault(setup.pool, {})
    if name not in kept:
        image = open_example(picture_of(name), setup.settings)
        kept[name] = fusion_views(setup.pool, Post(POSTS[name].text, image))
    return kept[name]
