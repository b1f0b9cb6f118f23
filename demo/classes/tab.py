"""The tab of one's own classes: show a few examples of each, train, see how well, try, take the head along."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.results import KINDS

from ..ui import events, style
from ..ui.i18n import ui
from . import api, service
from . import view as class_view

if TYPE_CHECKING:
    from ..ui.page import Page

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build(page: Page) -> None:
    """Lay out the tab and connect its events."""
    visitor, tried = gr.State(service.ClassSession()), gr.State(None)
    gr.Markdown(ui("classes.intro"))
    with gr.Row(equal_height=False, elem_classes="mm-columns"):
        with gr.Column(scale=6, min_width=320):
            kind = gr.Radio(
                [(ui(f"classes.kind.{name}"), name) for name in KINDS],
                value=KINDS[0],
                label=ui("classes.kind"),
                info=ui("classes.kind_info"),
                elem_id="mm-classes-kind",
            )
            page.ways.follow("classes", {"kind": kind})
            board = gr.HTML(
                class_view.board(service.ClassSession(), "en"),
                js_on_load=style.web_file("classes.js"),
                elem_id="mm-classes-board",
            )
            files = gr.File(
                file_count="multiple",
                file_types=["image"],
                label=ui("classes.files"),
                height=160,
                elem_id="mm-classes-files",
            )
            camera = gr.Image(
                type="filepath", sources=["webcam"], label=ui("classes.camera"), height=240, elem_id="mm-classes-camera"
            )
            microphone = gr.Audio(
                type="filepath",
                sources=["microphone"],
                buttons=[],
                label=ui("classes.microphone"),
                visible=False,
                elem_id="mm-classes-microphone",
            )
            train = gr.Button(ui("classes.train"), variant="primary", elem_id="mm-classes-train")
        with gr.Column(scale=6, min_width=320), gr.Column(elem_classes="mm-answers"):
            outcome = gr.HTML(
                class_view.learned(service.ClassSession(), "en"), elem_id="mm-classes-outcome", elem_classes="mm-panel"
            )
            picture = gr.Image(
                type="filepath",
                sources=["upload", "webcam", "clipboard"],
                label=ui("classes.try.picture"),
                placeholder=str(ui("picture_placeholder")),
                height=240,
                elem_id="mm-classes-try-picture",
            )
            sound = gr.Audio(
                type="filepath",
                sources=["upload", "microphone"],
                buttons=[],
                label=ui("classes.try.sound"),
                visible=False,
                elem_id="mm-classes-try-sound",
            )
            answer = gr.HTML("", js_on_load=style.web_file("classes_map.js"), elem_id="mm-classes-answer")

    def taken(steps: Iterator[events.Step], visitor: service.ClassSession, language: str) -> Iterator[tuple[Any, ...]]:
        """Values of board and outcome while examples are looked at, and then."""
        problem = None
        try:
            for step in steps:
                yield class_view.board(visitor, language, step), gr.skip()
        except Exception as error:
            problem = events.failure(error)
        yield class_view.board(visitor, language, None, problem), class_view.learned(visitor, language)

    def add(visitor: service.ClassSession, payload: Any, language: str) -> Iterator[tuple[Any, ...]]:
        if not payload:  # emptied by us
            yield gr.skip(), gr.skip(), gr.skip()
            return
        for shown in taken(service.take(page.pool, visitor, payload), visitor, language):
            yield (*shown, gr.skip())
        yield gr.skip(), gr.skip(), None

    def change(visitor: service.ClassSession, language: str, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        asked = event._data
        if isinstance(asked, dict) and asked.get("do") == "examples":
            for shown in taken(service.take_examples(page.pool, visitor, language), visitor, language):
                yield (*shown, "picture")
            return
        service.change(visitor, asked)
        yield class_view.board(visitor, language), class_view.learned(visitor, language), gr.skip()

    def choose(visitor: service.ClassSession, chosen: Any, language: str) -> tuple[Any, ...]:
        kind = service.kind_of(chosen)
        if kind != visitor.kind:
            visitor.begin(kind)
        pictures = kind == "picture"
        return (
            class_view.board(visitor, language),
            class_view.learned(visitor, language),
            gr.update(file_types=["image"] if pictures else ["audio", "video"], value=None),
            gr.update(visible=pictures, value=None),
            gr.update(visible=not pictures, value=None),
            gr.update(visible=pictures, value=None),
            gr.update(visible=not pictures, value=None),
            "",
            None,
        )

    def learn(visitor: service.ClassSession, language: str) -> tuple[Any, ...]:
        failed = events.attempt(service.learn, page.pool, visitor, language)
        problem = failed if isinstance(failed, events.Failure) else None
        return class_view.board(visitor, language), class_view.learned(visitor, language, problem), "", None

    def ask(visitor: service.ClassSession, payload: Any, language: str) -> tuple[Any, ...]:
        found = service.attempt_one(page.pool, visitor, payload)
        return class_view.answered(found, language), found

    def translate(visitor: service.ClassSession, found: Any, language: str) -> tuple[Any, ...]:
        return (
            class_view.board(visitor, language),
            class_view.learned(visitor, language),
            class_view.answered(found, language),
        )

    def adding(component: Any, trigger: Any, name: str) -> None:
        trigger(
            add,
            [visitor, component, page.language],
            [board, outcome, component],
            preprocess=False,
            concurrency_id=events.MODELS,
            api_name=f"classes_{name}",
            **QUIET,
        )

    adding(files, files.upload, "upload")
    adding(camera, camera.change, "camera")
    adding(microphone, microphone.change, "microphone")
    board.select(
        change,
        [visitor, page.language],
        [board, outcome, kind],
        concurrency_id=events.MODELS,
        trigger_mode="multiple",
        api_name="classes_change",
        **QUIET,
    )
    kind.change(
        choose,
        [visitor, kind, page.language],
        [board, outcome, files, camera, microphone, picture, sound, answer, tried],
        queue=False,
        api_name="classes_kind",
        **QUIET,
    )
    train.click(
        learn,
        [visitor, page.language],
        [board, outcome, answer, tried],
        concurrency_id=events.MODELS,
        show_progress="minimal",
        show_progress_on=outcome,
        api_name="classes_train",
        api_visibility="private",
    )
    for component, name in ((picture, "picture"), (sound, "sound")):
        component.change(
            ask,
            [visitor, component, page.language],
            [answer, tried],
            preprocess=False,
            concurrency_id=events.MODELS,
            trigger_mode="always_last",
            show_progress="minimal",
            show_progress_on=answer,
            api_name=f"classes_try_{name}",
            api_visibility="private",
        )
    page.translations.add(translate, [visitor, tried], [board, outcome, answer])
    api.build(page)
