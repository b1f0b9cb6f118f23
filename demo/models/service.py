"""What the Models tab asks of the core: states, downloads, removal, unloading, and any repository of the hub."""

from __future__ import annotations

from html import escape
from typing import Any

from mmcore.checkpoints import locate, registry, repositories
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import CHECKPOINTS, find
from mmcore.errors import InputError, UnknownNameError, WeightsError
from mmcore.pool import ModelPool

from ..ui.events import Failure, failure
from ..ui.facts import in_language
from ..ui.html import device_name, notice
from ..ui.i18n import text
from . import view
from .jobs import Jobs


def states(pool: ModelPool, jobs: Jobs | None = None) -> list[view.ModelState]:
    """Every checkpoint with what this machine has of it: by task, what can be used at once first. Needs no network."""
    loaded = {model.name: model for model in pool.loaded()}
    found = []
    for checkpoint in (*CHECKPOINTS, *registry.named()):
        folder, problem = None, None
        try:
            folder = locate.find_local(checkpoint, pool.settings)
        except WeightsError as error:
            problem = failure(error)
        job = jobs.of(checkpoint.name) if jobs is not None and folder is None else None
        if job is not None and job.error is not None:
            problem = failure(job.error)
        model = loaded.get(checkpoint.name)
        found.append(
            view.ModelState(
                checkpoint,
                folder,
                device=model.device if model else None,
                memory=model.bytes if model else 0,
                job=job if job is not None and job.running else None,
                partial=0 if folder else locate.partial(checkpoint, pool.settings),
                problem=problem,
                removable=folder is not None and locate.removable(checkpoint, pool.settings),
            )
        )
    return sorted(found, key=lambda state: (view.TASKS.index(state.checkpoint.task), state.folder is None))


def table(pool: ModelPool, language: str, jobs: Jobs | None = None, *, owner: bool = False) -> str:
    """The table and the line of totals under it; where strangers use the page only its owner sees buttons."""
    loaded = pool.loaded()
    budget = pool.settings.memory_budget
    total = text(
        language,
        "text.models.memory",
        count=len(loaded),
        used=readable_size(pool.memory()),
        # Asking the machine would import torch; before the first model there is only the setting.
        device=device_name(loaded[0].device) if loaded else pool.settings.device,
        budget=readable_size(budget) if budget else text(language, "text.models.no_budget"),
    )
    rows = view.models_table(states(pool, jobs), language, buttons=owner or not pool.settings.public)
    return rows + f'<p class="mm-line">{escape(total)}</p>'


ACTIONS = ("download", "stop", "remove", "unload")
"""What a button in a row can do."""


def act(pool: ModelPool, jobs: Jobs, asked: Any, language: str, *, owner: bool = False) -> str:
    """Do what a button in a row asks for, ``{"action": one of ACTIONS, "name": ...}``; returns what is said about it.

    Raises CapacityError for a model in use, WeightsError, UnknownNameError, and InputError on a public page for all
    but its ``owner``.
    """
    _owner_only(pool, owner)
    asked = asked if isinstance(asked, dict) else {}
    action, checkpoint = asked.get("action"), find(str(asked.get("name")))
    name = checkpoint.name
    if action == "download":
        jobs.start(checkpoint)
        return ""
    if action == "stop":
        jobs.stop(name)
        return ""
    if action == "remove":
        pool.unload(name)
        freed = locate.remove(checkpoint, pool.settings)
        jobs.forget(name)
        if repositories.is_reference(name):
            repositories.forget(name, pool.settings)
        return notice(
            text(
                language,
                "text.models.removed",
                title=in_language(language, checkpoint.title),
                size=readable_size(freed),
            )
        )
    if action == "unload":
        return unload(pool, name, language, owner=owner)
    raise UnknownNameError("action", str(action), ACTIONS)


def unload(pool: ModelPool, name: str, language: str, *, owner: bool = False) -> str:
    """Let a model go. Raises CapacityError while it is in use, InputError on a public page."""
    _owner_only(pool, owner)
    key = "text.models.unloaded" if pool.unload(name) else "text.models.was_not_loaded"
    return notice(text(language, key, title=in_language(language, find(name).title)))


def look_up(pool: ModelPool, repository: str, language: str, *, owner: bool = False) -> str:
    """Put any repository of the hub into the list, and say what it is and costs.

    Raises InputError (no name of a repository, a type that is not known, a public page) and WeightsError.
    """
    _owner_only(pool, owner)
    asked = repository.strip().removeprefix("https://huggingface.co/").strip("/")
    name = asked if asked.startswith(repositories.HUB) else repositories.HUB + asked
    found = repositories.find_checkpoint(name, pool.settings)
    said = text(
        language,
        "text.models.looked_up",
        title=found.title,
        task=text(language, f"ui.tab.{found.task}"),
        size=readable_size(found.bytes),
        licence=found.licence,
        languages=", ".join(found.languages) or text(language, "text.models.not_stated"),
    )
    return notice(said)


def problem(failure: Failure, language: str) -> str:
    """An error as it stands above the table."""
    return f'<div class="mm-error" role="alert">{escape(failure.message(language))}</div>'


def _owner_only(pool: ModelPool, owner: bool) -> None:
    """Raise InputError for strangers where they use the page: disk, network and memory are the owner's."""
    if pool.settings.public and not owner:
        raise InputError("owner_only")
