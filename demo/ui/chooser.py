"""The chooser of a tab's model, with its line of facts: size, licence, quality, and why a model cannot be used yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.checkpoints import registry

from . import events
from . import page as shell
from .facts import in_language
from .i18n import DEFAULT_LANGUAGE, ui

if TYPE_CHECKING:
    from .page import Page


Follower = tuple[gr.components.Component, Callable[[registry.Checkpoint], dict[str, Any]]]
"""A further component that follows the model in use, and its properties for a checkpoint."""


@dataclass(frozen=True)
class Chooser:
    """Its components."""

    model: gr.Dropdown
    line: gr.HTML
    to_models: gr.Button


def names(task: str, language: str = DEFAULT_LANGUAGE) -> list[tuple[str, str]]:
    """(title, name) of every model of a task, repositories that were looked up included."""
    known = (*registry.of_task(task), *registry.named(task))
    return [(in_language(language, record.title), record.name) for record in known]


def build(task: str, prefix: str, page: Page) -> Chooser:
    """Lay it out; the ids of its elements begin with ``prefix``."""
    return with_facts(models(task, prefix, page), prefix)


def models(task: str, prefix: str, page: Page) -> gr.Dropdown:
    """The list of models alone, for a tab that puts something beside it; ``with_facts`` makes it whole."""
    start = shell.best_of_tier(task, "compact", page.settings)
    return gr.Dropdown(names(task), value=start.name, label=ui("model"), elem_id=f"{prefix}-model", filterable=False)


def with_facts(model: gr.Dropdown, prefix: str) -> Chooser:
    """The line of facts and the way to the Models tab, under the list."""
    line = gr.HTML("", elem_id=f"{prefix}-line", elem_classes="mm-tab-line")
    to_models = gr.Button(
        ui("to_models"), visible=False, size="sm", elem_id=f"{prefix}-to-models", elem_classes="mm-link"
    )
    return Chooser(model, line, to_models)


def connect(
    chooser: Chooser,
    task: str,
    tab: str,
    page: Page,
    followers: Sequence[Follower] = (),
    on_start: Callable[[str], object] = lambda _: None,
) -> Any:
    """A tier chosen in the header and a model chosen here; what cannot be used is not taken, and the line says why.

    ``on_start`` is told the name of the model in use when a page is opened. The event of that is returned; it takes the
    model that the page's address names.
    """
    start = shell.best_of_tier(task, "compact", page.settings)
    in_use = gr.State(start.name)

    def taken(wanted: registry.Checkpoint, current: str, language: str) -> tuple[Any, ...]:
        choice = shell.choose(wanted, registry.find(current), page.settings, language)
        name = choice.checkpoint.name
        following = (gr.update(**properties(choice.checkpoint)) for _, properties in followers)
        listed = gr.update(
            value=name, choices=names(task, language)
        )  # with what was looked up since the page was built
        return listed, name, choice.line, gr.update(visible=choice.download), *following

    @events.reported
    def choose_tier(tier: str, current: str, language: str) -> tuple[Any, ...]:
        if not registry.of_task(task, tier):  # other tasks have some: the header stays as it is
            kept = taken(registry.find(current), current, language)
            return *kept[: len(outputs) - len(followers)], *(gr.skip() for _ in followers)
        return taken(shell.best_of_tier(task, tier, page.settings), current, language)

    @events.reported
    def choose_model(name: str, current: str, language: str) -> tuple[Any, ...]:
        return taken(registry.find(name), current, language)

    @events.reported
    def welcome(asked: str, language: str) -> tuple[Any, ...]:
        best = page.pool.choose(task)
        known = asked in {name for _, name in names(task)}  # the page says so of a name that is not
        chosen = taken(registry.find(asked) if known else best, best.name, language)
        on_start(chosen[1])
        return chosen

    def translate(current: str, language: str) -> tuple[Any, str]:
        listed = gr.update(choices=names(task, language))  # the value is the browser's, which may know a newer one
        return listed, shell.model_facts(registry.find(current), page.settings, language)

    outputs = [chooser.model, in_use, chooser.line, chooser.to_models, *(component for component, _ in followers)]
    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    language = page.language
    page.tier.input(choose_tier, [page.tier, in_use, language], outputs, api_name=f"{tab}_choose_tier", **quiet)
    chooser.model.input(
        choose_model, [chooser.model, in_use, language], outputs, api_name=f"{tab}_choose_model", **quiet
    )
    arrived = f"() => [window.mmcore.ways.asked('{tab}', 'model'), window.mmcore.language()]"
    welcomed = page.demo.load(
        welcome, [page.address, language], outputs, js=arrived, api_name=f"{tab}_welcome", **quiet
    )
    page.translations.add(translate, [in_use], [chooser.model, chooser.line])
    chooser.to_models.click(lambda: gr.update(selected="models"), None, page.tabs, api_name=f"{tab}_to_models", **quiet)
    return welcomed
