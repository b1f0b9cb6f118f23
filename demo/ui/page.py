"""What every tab shares: the pool, the settings, and the parts of the header that tabs listen to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmcore.checkpoints import locate
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import Checkpoint, of_task
from mmcore.pool import ModelPool
from mmcore.settings import TIERS, Settings

from . import facts, html
from .i18n import error_text, text
from .rooms import Rooms
from .translations import Translations
from .ways import Ways

if TYPE_CHECKING:
    import gradio as gr


@dataclass(frozen=True)
class Page:
    """Handed to each tab's ``build``."""

    pool: ModelPool
    settings: Settings
    demo: gr.Blocks
    """For events of the page itself: ``demo.load``."""
    language: gr.Radio
    """Code of the chosen language; the last input of every event."""
    tier: gr.Radio
    """The tier in use."""
    tabs: gr.Tabs
    """To open another tab: ``gr.update(selected=name)``."""
    heads: gr.BrowserState
    """Fusions that this visitor trained and kept: (title, name of the head) each; the browser remembers them."""
    address: gr.Textbox
    """Empty; an event of the page's start takes it as an input where its script fills in what the address says."""
    rooms: Rooms
    """The classes that are open."""
    tab: gr.Tab | None = None
    """The one that is built: for what happens when it is opened."""
    translations: Translations = field(default_factory=Translations)
    """What a switch of the language fills in anew."""
    ways: Ways = field(default_factory=Ways)
    """To let the address follow, and to carry pictures to other tabs."""


def with_language(count: int) -> str:
    """JavaScript for ``demo.load``: ``count`` inputs as they are, then the language that the browser remembers."""
    names = [f"value{index}" for index in range(count)]
    return f"({', '.join([*names, '_language'])}) => [{', '.join([*names, 'window.mmcore.language()'])}]"


def offered_tiers() -> tuple[str, ...]:
    """The tiers that hold at least one checkpoint of some task."""
    from mmcore.checkpoints.registry import CHECKPOINTS

    return tuple(tier for tier in TIERS if any(checkpoint.tier == tier for checkpoint in CHECKPOINTS))


@dataclass(frozen=True)
class Choice:
    """What becomes of a visitor's choice of a tier or model."""

    checkpoint: Checkpoint
    """The one in use from now on."""
    line: str
    """HTML of the line under the header."""
    download: bool
    """Whether a download would give the visitor what was asked for."""


def choose(wanted: Checkpoint, current: Checkpoint, settings: Settings, language: str) -> Choice:
    """Take ``wanted`` if it is on this machine; else stay with ``current`` and say why and what would help."""
    state = locate.availability(wanted, settings)
    if state.ready:
        return Choice(wanted, html.model_line(wanted, language, cached=True), False)
    download = state.state == "download"
    if download or state.problem is None:
        reason = text(
            language,
            "text.tier_download",
            title=facts.in_language(language, wanted.title),
            size=readable_size(state.bytes),
            licence=facts.in_language(language, wanted.licence),
            quality=html.quality_text(wanted, language) or text(language, "text.quality_unknown"),
        )
    else:
        reason = error_text(language, state.problem)
    if wanted is current:
        return Choice(current, model_facts(current, settings, language), False)
    tier = text(language, f"text.tier.{wanted.tier}")
    kept = text(
        language, "text.tier_kept", tier=tier, current=facts.in_language(language, current.title), reason=reason
    )
    return Choice(current, html.notice(kept) + model_facts(current, settings, language), download)


def model_facts(checkpoint: Checkpoint, settings: Settings, language: str) -> str:
    """The line of facts about the checkpoint in use, with what is wrong with it if something is."""
    state = locate.availability(checkpoint, settings)
    line = html.model_line(checkpoint, language, cached=state.ready)
    if state.state == "broken" and state.problem is not None:
        return html.notice(error_text(language, state.problem)) + line
    return line


def best_of_tier(task: str, tier: str, settings: Settings) -> Checkpoint:
    """The first checkpoint of a tier that is on this machine, else its first. Raises KeyError for an empty tier."""
    candidates = of_task(task, tier)
    if not candidates:
        raise KeyError(tier)
    return next((item for item in candidates if locate.is_cached(item, settings)), candidates[0])
