"""The rest of the Lab tab: a run is kept for the sentiment tab, and a setting travels as a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..sentiment import service as sentiment
from ..ui import class_board, events, quotas, ways
from ..ui.i18n import ui
from ..ui.rooms import TEAM_LENGTH
from . import links, service, status, view

if TYPE_CHECKING:
    from ..ui.page import Page

QUIET: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}


def keeping() -> tuple[gr.Textbox, gr.Button]:
    """The name of the head and the button that keeps it."""
    with gr.Row(elem_classes="mm-buttons"):
        name = gr.Textbox(
            "",
            label=ui("lab.name"),
            placeholder=str(ui("lab.name_placeholder")),
            max_length=60,
            visible=False,
            scale=2,
            elem_id="mm-lab-name",
        )
        keep = gr.Button(ui("lab.keep"), visible=False, scale=3, elem_id="mm-lab-keep")
    return name, keep


def connect_keeping(page: Page, visitor: gr.State, name: gr.Textbox, keep: gr.Button, line: gr.HTML) -> None:
    """Write the chosen run to this machine, tell the browser, and open the sentiment tab with it."""

    @events.reported
    def kept(visitor: service.LabSession, title: str, heads: Any, language: str) -> tuple[Any, ...]:
        one = status.keep(page.pool, visitor, title, language)
        return (
            [*sentiment.titles(heads), one],
            gr.update(selected="sentiment"),
            status.kept_line(one[0], language),
            "",
        )

    keep.click(
        kept,
        [visitor, name, page.heads, page.language],
        [page.heads, page.tabs, line, name],
        api_name="lab_keep",
        **QUIET,
    )


def share(
    page: Page, data: gr.Radio, fusions: gr.CheckboxGroup, form: Mapping[str, gr.components.Component]
) -> gr.Textbox:
    """The link to the setting of the form. Returns the box that shows it."""
    with gr.Accordion(ui("lab.share"), open=False, elem_id="mm-lab-share"):
        link = gr.Textbox(
            "",
            label=ui("lab.share"),
            show_label=False,
            info=ui("lab.share_info"),
            buttons=["copy"],
            interactive=False,
            lines=2,
            elem_id="mm-lab-link",
        )
        make = gr.Button(ui("lab.share_run"), size="sm", elem_id="mm-lab-make-link")

    page.ways.follow("lab", {"data": data, "fusions": fusions, **form})
    # The browser puts the address of the page in the place of the box's value.
    names = ", ".join(f"value{index}" for index in range(len(form) + 2))
    address = f"({names}, _link, language) => [{names}, location.origin + location.pathname, language]"

    @events.reported
    def linked(*values: Any) -> str:
        data, fusions, *rest, here, language = values
        setting = links.Setting(data, tuple(fusions or ()), dict(zip(form, rest, strict=True)))
        return f"{here}?{links.query_of(setting)}&lang={language}"

    make.click(
        linked, [data, fusions, *form.values(), link, page.language], link, js=address, api_name="lab_link", **QUIET
    )
    return link


def send(page: Page, visitor: gr.State) -> None:
    """In a class: a team sends the chosen run to the board, which stands below. Hidden elsewhere."""
    with gr.Column(elem_classes="mm-class-only", elem_id="mm-lab-class"):
        with gr.Row(elem_classes="mm-buttons"):
            team = gr.Textbox(
                "",
                label=ui("lab.team"),
                info=ui("lab.team_info"),
                max_length=TEAM_LENGTH,
                scale=2,
                elem_id="mm-lab-team",
            )
            button = gr.Button(ui("lab.send"), scale=3, elem_id="mm-lab-send")
        said = gr.HTML("", elem_id="mm-lab-sent")
        code = gr.Textbox("", visible=False)
        board = gr.HTML(class_board.board(view.board_names("en"), "en"), elem_id="mm-lab-board")

    def sent(visitor: service.LabSession, team: str, code: str, language: str, request: gr.Request) -> tuple[str, str]:
        return status.send(page.rooms, visitor, team, code, quotas.visitor(request), language)

    button.click(
        sent,
        [visitor, team, code, page.language],
        [team, said],
        js="(visitor, team, _code, language) => [visitor, team, window.mmcore.classroom.room.code, language]",
        api_name="lab_send",
        **QUIET,
    ).then(None, None, None, js="() => { window.mmcore.classroom.look(); }")
    page.translations.add(lambda language: class_board.board(view.board_names(language), language), [], [board])


def connect_restoring(
    page: Page,
    visitor: gr.State,
    link: gr.Textbox,
    chosen: Sequence[gr.components.Component],
    form: Mapping[str, gr.components.Component],
    line: gr.HTML,
) -> None:
    """Who comes by such a link finds the form filled in and this tab open."""
    data, file, about, fusions = chosen

    @events.reported
    def restored(query: str, visitor: service.LabSession, language: str) -> tuple[Any, ...]:
        setting, problem = links.setting_of(query)
        if setting is None:
            return tuple(gr.skip() for _ in range(len(form) + 6))
        return (
            gr.update(selected="lab"),
            status.restored(visitor, setting, problem, language),
            setting.data,
            gr.update(visible=setting.data == service.OWN),
            status.about(setting.data, language),
            list(setting.fusions),
            *(setting.form[name] for name in form),
        )

    gr.on(
        [page.demo.load, ways.refill_button(links.TAB).click],
        restored,
        [link, visitor, page.language],
        [page.tabs, line, data, file, about, fusions, *form.values()],
        js="(_link, visitor, _language) => [location.search, visitor, window.mmcore.language()]",
        api_name="lab_restore",
        **QUIET,
    )
