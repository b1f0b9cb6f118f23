"""Many posts at once: a table, alone or in a ZIP with its pictures."""

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
    tab="sentiment",
    prefix="mm-sentiment-batch",
    kind=service.POSTS,
    file_types=[".csv", ".tsv", ".zip"],
    title="sentiment.batch",
    files="sentiment.batch_file",
    run="sentiment.batch_run",
    table="sentiment.batch_table",
    widths=["14%", "30%", "14%", "9%", "7%", "7%", "7%", "7%", "5%"],
)


def build(page: Page, form: Sequence[gr.components.Component]) -> None:
    """Lay out the accordion. ``form`` is the model and the fusion."""
    batch.build(page, form, LAYOUT, partial(service.describe_many, page.pool))
