"""What the Models tab asks of the core: the state of every checkpoint, downloads, unloading."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from mmcore.checkpoints import locate
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import CHECKPOINTS, find
from mmcore.errors import InputError, WeightsError
from mmcore.pool import ModelPool

from ..ui.events import Failure, Step, Stop, in_background
from ..ui.html import device_name, notice, progress_bar
from ..ui.i18n import text
from . import view


def states(pool: ModelPool) -> list[view.ModelState]:
    """Every checkpoint of the table with what this machine has of it. Needs no network."""
    loaded = {model.name: model for model in pool.loaded()}
    found = []
    for checkpoint in CHECKPOINTS:
        try:
            folder = locate.find_local(checkpoint, pool.settings)
        except WeightsError:
            folder = None
        model = loaded.get(checkpoint.name)
        if model is None:
            found.append(view.ModelState(checkpoint, folder))
        else:
            found.append(view.ModelState(checkpoint, folder, model.device, model.bytes))
    return found


def table(pool: ModelPool, language: str) -> str:
    """The table and the line of totals under it."""
    loaded = pool.loaded()
    budget = pool.settings.memory_budget
    total = text(
        language,
        "text.models.memory",
        count=len(loaded),
        used=readable_size(sum(model.bytes for model in loaded)),
        # Asking the machine would import torch; before the first model there is only the setting.
        device=device_name(loaded[0].device) if loaded else pool.settings.device,
        budget=readable_size(budget) if budget else text(language, "text.models.no_budget"),
    )
    return view.models_table(states(pool), language) + f'<p class="mm-line">{escape(total)}</p>'


def unload(pool: ModelPool, name: str, language: str) -> str:
    """Let a model go. Raises CapacityError while it is in use, InputError on a public page."""
    _owner_only(pool)
    key = "text.models.unloaded" if pool.unload(name) else "text.models.was_not_loaded"
    return notice(text(language, key, title=find(name).title))


def download(pool: ModelPool, name: str, language: str, button: Stop | None = None) -> Iterator[str]:
    """Download a checkpoint; yields the progress bar, and at the end that it is here.

    Raises WeightsError, and Cancelled when ``button`` is pressed; what has arrived is kept.
    """
    _owner_only(pool)
    checkpoint = find(name)
    steps = in_background(
        lambda progress, cancelled: locate.locate(
            checkpoint, pool.settings, download=True, progress=progress, cancelled=cancelled
        ),
        button,
        models=False,
    )
    for step in steps:
        if isinstance(step, Step):
            done, total = readable_size(step.done), readable_size(step.total)
            label = text(language, "text.models.download_progress", title=checkpoint.title, done=done, total=total)
            yield progress_bar(step.done, step.total, label)
        else:
            yield notice(text(language, "text.models.download_done", title=checkpoint.title))


def problem(failure: Failure, language: str) -> str:
    """An error as it stands under the buttons."""
    return f'<div class="mm-error" role="alert">{escape(failure.message(language))}</div>'


def _owner_only(pool: ModelPool) -> None:
    """Raise InputError where strangers use the page: disk, network and memory are the owner's."""
    if pool.settings.public:
        raise InputError("owner_only")
