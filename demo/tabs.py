"""The tabs of the page, in the order in which they stand. Adding one is a module here and a line in TABS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from .ask import tab as ask
from .audio import tab as audio
from .captioning import tab as captioning
from .classes import tab as classes
from .lab import tab as lab
from .lessons import tab as lessons
from .models import tab as models
from .retrieval import tab as retrieval
from .sentiment import tab as sentiment

if TYPE_CHECKING:
    from .ui.page import Page


class Tab(NamedTuple):
    """One tab: ``name`` is its id and, as ``ui.tab.<name>``, the key of its title."""

    name: str
    build: Callable[[Page], None]


TABS: tuple[Tab, ...] = (
    Tab("captioning", captioning.build),
    Tab("retrieval", retrieval.build),
    Tab("sentiment", sentiment.build),
    Tab("audio", audio.build),
    Tab("ask", ask.build),
    Tab("lab", lab.build),
    Tab("classes", classes.build),
    Tab("lessons", lessons.build),
    Tab("models", models.build),
)
