"""The Lab tab: choose data and fusions, watch them learn, compare them, keep one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.results import FUSIONS, OPTIMISERS, TrainingOptions

from ..ui import events, fields
from ..ui.i18n import ui
from . import curves, keep_tab, links, service
from . import view as lab_render
from .status import LabView, about, again, announced, finished, title_of

if TYPE_CHECKING:
    from ..ui.page import Page

AT_ONCE = 8
"""Trainings that run at a time, whoever started them; the others wait in the queue. More than there are cores: each is
slower beside others, but a class sees its curves begin at once."""


def build(page: Page) -> None:
    """Lay out the tab and connect its events."""
    shelf = service.LabFeatures(page.pool)
    visitor = gr.State(service.LabSession())
    gr.Markdown(ui("lab.intro"))
    with gr.Row(equal_height=False, elem_classes="mm-columns"):
        with gr.Column(scale=4, min_width=320):
            data, file, said = _data(page)
            fusions, form = _form()
            with gr.Row():
                train = gr.Button(ui("lab.train"), variant="primary", elem_id="mm-lab-train")
                stop = gr.Button(ui("lab.stop"), variant="stop", interactive=False, elem_id="mm-lab-stop")
            link = keep_tab.share(page, data, fusions, form)
        with gr.Column(scale=8, min_width=320), gr.Column(elem_classes="mm-answers mm-lab-answers"):
            line = gr.HTML("", elem_id="mm-lab-line", min_height=44)
            with gr.Row():
                plots = [_plot(kind) for kind in ("accuracy", "loss")]
            runs = gr.HTML(lab_render.runs_table((), None, "en"), elem_id="mm-lab-runs", elem_classes="mm-panel")
            with gr.Row(elem_classes="mm-buttons"):
                pick = gr.Dropdown(
                    [], label=ui("lab.pick"), visible=False, filterable=False, scale=4, elem_id="mm-lab-pick"
                )
                clear = gr.Button(ui("lab.clear"), visible=False, min_width=120, elem_id="mm-lab-clear")
            name, keep = keep_tab.keeping()
            keep_tab.send(page, visitor)
            outcome = gr.HTML("", elem_id="mm-lab-outcome", elem_classes="mm-panel")
    panels = [line, *plots, runs, pick, clear, outcome, name, keep]

    def shown(view: LabView, language: str) -> tuple[Any, ...]:
        """Values of the panels; nothing but the line while there is nothing else to see."""
        if view.busy and not view.moved:
            return view.line, *(gr.skip() for _ in panels[1:])
        return (
            view.line,
            *(gr.update(**curves.plot(view.runs, kind, language, busy=view.busy)) for kind in ("accuracy", "loss")),
            lab_render.runs_table(view.runs, view.chosen, language),
            gr.update(
                choices=[(title_of(run, language), run.number) for run in view.runs if run.scores is not None],
                value=view.chosen,
                visible=view.chosen is not None,
            ),
            gr.update(visible=bool(view.runs)),
            gr.skip() if view.busy else lab_render.outcome(view.run, language),
            gr.update(visible=view.chosen is not None),
            gr.update(visible=view.chosen is not None),
        )

    def run_all(
        visitor: service.LabSession, data: str, payload: Any, fusions: Any, *rest: Any
    ) -> Iterator[tuple[Any, ...]]:
        *values, visitor.language = rest
        asked = dict(zip(form, values, strict=True))
        busy = gr.update(interactive=False), gr.update(interactive=True)
        yield (*shown(announced(visitor, None, visitor.language), visitor.language), visitor, *busy)
        try:
            for message in service.train(page.pool, shelf, visitor, data, payload, fusions or [], asked):
                yield (*shown(announced(visitor, message, visitor.language), visitor.language), visitor, *busy)
        except Exception as error:
            view = finished(visitor, visitor.language, events.failure(error))
        else:
            view = finished(visitor, visitor.language)
        idle = gr.update(interactive=True), gr.update(interactive=False)
        yield (*shown(view, visitor.language), visitor, *idle)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    begun = train.click(
        lambda: (gr.update(interactive=False), gr.update(interactive=True)),
        None,
        [train, stop],
        queue=False,
        api_name="lab_begin",
        **quiet,
    )
    begun.then(
        run_all,
        [visitor, data, file, fusions, *form.values(), page.language],
        [*panels, visitor, train, stop],
        preprocess=False,
        concurrency_id="training",
        concurrency_limit=AT_ONCE,
        api_name="lab_train",
        **quiet,
    )
    stop.click(_stop, visitor, stop, queue=False, api_name="lab_stop", **quiet)

    def look(visitor: service.LabSession, number: Any, language: str) -> tuple[Any, ...]:
        visitor.chosen, visitor.line = number, None
        return shown(again(visitor, language), language)

    def forget(visitor: service.LabSession, language: str) -> tuple[Any, ...]:
        visitor.forget()
        visitor.line = None
        return shown(again(visitor, language), language)

    def translate(visitor: service.LabSession, language: str) -> tuple[Any, ...]:
        visitor.language = language
        return shown(again(visitor, language), language)

    pick.input(look, [visitor, pick, page.language], panels, queue=False, api_name="lab_look", **quiet)
    clear.click(forget, [visitor, page.language], panels, queue=False, api_name="lab_forget", **quiet)
    page.translations.add(translate, [visitor], panels)
    keep_tab.connect_keeping(page, visitor, name, keep, line)
    keep_tab.connect_restoring(page, visitor, link, [data, file, said, fusions], form, line)


def _stop(visitor: service.LabSession) -> Any:
    visitor.button.press()
    return gr.update(interactive=False)


def _data(page: Page) -> tuple[gr.Radio, gr.File, gr.HTML]:
    start = links.start()
    titles = [
        (ui(f"lab.data.{name}") if name in (*service.MADE, service.OWN) else name, name)
        for name in service.data_names()
    ]
    titles = [(lab_render.data_title(name, "en") if title == name else title, name) for title, name in titles]
    data = gr.Radio(titles, value=start.data, label=ui("lab.data"), elem_id="mm-lab-data")
    said = gr.HTML(about(start.data, "en"), elem_id="mm-lab-about")
    file = gr.File(
        file_count="multiple",
        file_types=[".csv", ".tsv", ".xlsx", ".zip"],
        label=ui("lab.file"),
        height=130,
        visible=False,
        elem_id="mm-lab-file",
    )

    def described(data: str, language: str) -> tuple[Any, ...]:
        return about(data, language), gr.update(visible=data == service.OWN)

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    gr.on(
        [data.change, page.language.change],
        described,
        [data, page.language],
        [said, file],
        api_name="lab_describe",
        **quiet,
    )
    return data, file, said


def _form() -> tuple[gr.CheckboxGroup, dict[str, gr.components.Component]]:
    """The fusions, and the options of ``links.FIELDS`` by name."""
    slider = partial(fields.slider, TrainingOptions)
    fusions = gr.CheckboxGroup(
        [(ui(f"sentiment.fusion.{name}"), name) for name in FUSIONS],
        value=list(links.start().fusions),
        label=ui("lab.fusions"),
        elem_id="mm-lab-fusions",
    )
    with gr.Row():
        rate = gr.Number(
            TrainingOptions.learning_rate,
            label=ui("lab.learning_rate"),
            info=ui("lab.learning_rate_info"),
            min_width=200,
            elem_id="mm-lab-rate",
        )
        epochs = slider("epochs", step=1, label=ui("lab.epochs"), min_width=200, elem_id="mm-lab-epochs")
    with gr.Accordion(ui("lab.more"), open=False, elem_id="mm-lab-options"):
        optimiser = gr.Radio(
            [(ui(f"lab.optimiser.{name}"), name) for name in OPTIMISERS],
            value=TrainingOptions.optimiser,
            label=ui("lab.optimiser"),
            elem_id="mm-lab-optimiser",
        )
        with gr.Row():
            batch = slider("batch_size", maximum=512, step=4, label=ui("lab.batch_size"))
            patience = slider(
                "patience",
                maximum=50,
                step=1,
                label=ui("lab.patience"),
                info=ui("lab.patience_info"),
                elem_id="mm-lab-patience",
            )
        with gr.Row():
            dropout = slider("dropout", step=0.05, label=ui("lab.dropout"), info=ui("lab.dropout_info"))
            hiding = slider(
                "modality_dropout", step=0.05, label=ui("lab.modality_dropout"), info=ui("lab.modality_dropout_info")
            )
        seed = gr.Number(TrainingOptions.seed, precision=0, minimum=0, label=ui("lab.seed"), info=ui("lab.seed_info"))
    return fusions, {
        "optimiser": optimiser,
        "learning_rate": rate,
        "batch_size": batch,
        "epochs": epochs,
        "dropout": dropout,
        "modality_dropout": hiding,
        "patience": patience,
        "seed": seed,
    }


def _plot(kind: curves.Kind) -> gr.LinePlot:
    return gr.LinePlot(
        x="epoch",
        y="value",
        color="curve",
        y_title=" ",
        color_map=curves.colour_map(),
        colors_in_legend=[],  # the table of runs is the legend
        x_axis_format="d",
        height=300,
        min_width=280,
        elem_id=f"mm-lab-{kind}",
        **{name: value for name, value in curves.plot((), kind, "en").items() if name != "value"},
    )
