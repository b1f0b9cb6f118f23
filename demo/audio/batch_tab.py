"""Many sounds at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import gradio as gr

from ..ui import batch
from . import service

if TYPE_CHECKING:
    from ..ui.page import Page

LAYOUT = batch.Layout(
    tab="audio",
    prefix="mm-sound-batch",
    kind=service.SOUNDS,
    file_types=["audio", "video"],
    title="sounds.batch",
    files="sounds.batch_files",
    run="sounds.batch_run",
    table="sounds.batch_table",
    widths=["20%", "35%", "35%", "10%"],
)


def build(page: Page, form: Sequence[gr.components.Component]) -> None:
    """Lay out the accordion. ``form`` is the model and the options of the tab."""
    batch.build(page, form, LAYOUT, partial(service.describe_many, page.pool))
