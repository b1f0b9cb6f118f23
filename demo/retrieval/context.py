"""What the views of the retrieval tab share: the chosen collection and model, and whose uploads are searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

    from ..ui.page import Page
    from . import collections


@dataclass(frozen=True)
class Common:
    """What the views share."""

    page: Page
    shelf: collections.CollectionChooser
    model: gr.Dropdown
    choice: gr.Dropdown
    """Word of the chosen collection."""
    visitor: gr.State
    """The ``collections.UploadSession`` of this session; None until something is uploaded."""
    welcomed: Any
    """The event of the page's start that chooses the model."""
