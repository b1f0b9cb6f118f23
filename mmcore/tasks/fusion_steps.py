"""The inside of the bundled sentiment model's fusions, for those who want to see how an answer comes about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, cast

from mmcore.errors import InputError
from mmcore.families.base import SentimentJudge
from mmcore.io.images import clean_text
from mmcore.pool import ModelPool
from mmcore.results.fusion_views import PostViews
from mmcore.results.sentiment import Post
from mmcore.tasks.contributions import parts_of

MODEL = "compact-sentiment"


class OpenJudge(Protocol):
    """A judge whose fusions may be looked into."""

    def pieces(self, text: str) -> list[str]:
        """See ``CompactSentiment.pieces``."""
        ...

    def views(self, post: Post, spans: Sequence[tuple[int, int]]) -> PostViews:
        """See ``CompactSentiment.views``."""
        ...


def fusion_views(pool: ModelPool, post: Post) -> PostViews:
    """What each fusion of the bundled model computes for a post with text and picture.

    Raises InputError where one of the two is missing or the text is in another script, WeightsError, CapacityError.
    """
    text = clean_text(post.text, pool.settings) if post.text else ""
    if not text or post.image is None:
        raise InputError("post_empty")

    def work(model: SentimentJudge, posts: Sequence[Post]) -> list[PostViews]:
        return [cast(OpenJudge, model).views(one, parts_of(text)) for one in posts]

    return pool.run(MODEL, work, [replace(post, text=text)])[0]


def pieces_of(pool: ModelPool, text: str) -> list[str]:
    """The pieces of a text that the bundled sentiment model reads as its words, in their order."""

    def work(model: SentimentJudge, texts: Sequence[str]) -> list[list[str]]:
        return [cast(OpenJudge, model).pieces(one) for one in texts]

    return pool.run(MODEL, work, [text])[0]
