"""Many pictures at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import gradio as gr

from ..ui import batch, batch_rows
from . import service

if TYPE_CHECKING:
    from ..ui.page import Page

LAYOUT = batch.Layout(
    tab="captioning",
    prefix="mm-batch",
    kind=batch_rows.CAPTIONS,
    file_types=["image"],
    title="batch",
    files="batch_files",
    run="batch_run",
    table="batch_table",
    widths=["25%", "55%", "10%", "10%"],
)


def build(page: Page, form: Sequence[gr.components.Component]) -> None:
    """Lay out the accordion. ``form`` is the model, the detail level and the options of the tab."""
    batch.build(page, form, LAYOUT, partial(service.describe_many, page.pool))
