"""The Models tab: what is on this machine, what is loaded, what a download costs, and any repository of the hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..ui import events, style
from ..ui import page as shell
from ..ui.i18n import LANGUAGES, text, ui
from ..ui.owner import is_owner
from . import api, service
from .jobs import Jobs

if TYPE_CHECKING:
    from ..ui.page import Page

WATCHED = 1.0
"""Seconds between two looks at a download."""


def build(page: Page) -> None:
    """Lay out the tab and connect its events."""
    jobs = Jobs(page.settings)
    api.build(page)
    gr.Markdown(ui("models_intro"))
    settings = page.settings
    login = gr.LoginButton(*_login_words(), size="sm") if settings.owners else None
    with gr.Row(equal_height=False, elem_classes="mm-buttons", visible=not settings.public) as lookup_row:
        repository = gr.Textbox(
            label=ui("models_repository"),
            placeholder="openai/clip-vit-base-patch16",
            info=ui("models_repository_info"),
            max_length=200,
            scale=3,
            elem_id="mm-repository",
        )
        look_up = gr.Button(ui("models_look_up"), elem_id="mm-look-up", min_width=120)
    message = gr.HTML("", elem_id="mm-models-message")
    table = gr.HTML("", js_on_load=style.web_file("models.js"), elem_id="mm-models-table", min_height=240)
    refresh = gr.Button(ui("refresh"), min_width=120, elem_id="mm-models-refresh")
    clock = gr.Timer(WATCHED, active=False)

    def seen(language: str, owner: bool) -> tuple[Any, ...]:
        # Asked before the table is made: a download that ends between the two is then looked at once more.
        watching = gr.update(active=jobs.running())
        return service.table(page.pool, language, jobs, owner=owner), watching

    # gradio puts the profile in: of who is logged in on the hub, as its signed cookie says; else None.
    @events.reported
    def show(profile: gr.OAuthProfile | None, language: str) -> tuple[Any, ...]:
        return seen(language, is_owner(settings, profile))

    def act(profile: gr.OAuthProfile | None, language: str, event: gr.EventData) -> tuple[Any, ...]:
        owner = is_owner(settings, profile)
        return told(lambda: service.act(page.pool, jobs, event._data, language, owner=owner), language, owner)

    def find(profile: gr.OAuthProfile | None, name: str, language: str) -> tuple[Any, ...]:
        owner = is_owner(settings, profile)
        return told(lambda: service.look_up(page.pool, name, language, owner=owner), language, owner)

    def told(work: Callable[[], str], language: str, owner: bool) -> tuple[Any, ...]:
        try:
            said = work()
        except Exception as error:
            said = service.problem(events.failure(error), language)
        return said, *seen(language, owner)

    def offer(profile: gr.OAuthProfile | None) -> Any:
        return gr.update(visible=is_owner(settings, profile))

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    table.select(act, page.language, [message, table, clock], api_name="models_act", **quiet)
    gr.on(
        [look_up.click, repository.submit],
        find,
        [repository, page.language],
        [message, table, clock],
        api_name="models_look_up",
        **quiet,
    )
    clock.tick(show, page.language, [table, clock], api_name="models_watch", **quiet)
    refresh.click(show, page.language, [table, clock], api_name="models_refresh", **quiet)
    page.language.change(show, page.language, [table, clock], api_name="models_translate", **quiet)
    if page.tab is not None:  # what is loaded changes while other tabs are used
        page.tab.select(show, page.language, [table, clock], api_name="models_open", **quiet)
    if login is not None:
        page.demo.load(offer, None, lookup_row, api_name="models_offer", **quiet)
    page.demo.load(show, page.language, [table, clock], js=shell.with_language(0), api_name="models_load", **quiet)


def _login_words() -> tuple[str, str]:
    """What the login button says, before and after, in both languages at once: gradio does not translate its words."""
    login, logout = (" · ".join(text(code, f"ui.models_{key}") for code in LANGUAGES) for key in ("login", "logout"))
    return login, f"{logout} ({{}})"  # gradio puts the name in
