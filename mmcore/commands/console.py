"""What every command shares: options, stdout that carries answers only, errors and progress on stderr, exit status."""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn, Protocol, TextIO, TypeVar

import typer

from mmcore import ray_workers
from mmcore.checkpoints import registry, repositories
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import InputError, MMCoreError, UnknownNameError
from mmcore.pool import ModelPool
from mmcore.results import Notice
from mmcore.settings import DEVICES, TIER_CHOICES, Settings, local_variable
from mmcore.types import Progress

FAILED = 1
WRONG_USAGE = 2

Json = Annotated[bool, typer.Option("--json", help="JSON lines on stdout and nothing else.")]
Tier = Annotated[str | None, typer.Option(help=f"One of {', '.join(TIER_CHOICES)}.", metavar="TIER")]
Model = Annotated[
    str | None,
    typer.Option(help="Name of the model (see `mmcore models`), hub:OWNER/NAME[@COMMIT], or a folder.", metavar="NAME"),
]
Device = Annotated[str | None, typer.Option(help=f"One of {', '.join(DEVICES)}.", metavar="DEVICE")]
Local = Annotated[Path | None, typer.Option(help="Take the weights of --model from this folder.", metavar="DIR")]


def make_pool(settings: Settings) -> ModelPool:
    """The pool of a command; tests put theirs in its place."""
    return ray_workers.make_pool(settings)


def complain(message: object) -> None:
    """One line on stderr."""
    print(message, file=sys.stderr, flush=True)


def wrong_usage(message: object) -> NoReturn:
    """Say what is wrong with the command line and leave with exit status 2."""
    complain(f"mmcore: {message}")
    raise typer.Exit(WRONG_USAGE)


@contextmanager
def usage() -> Iterator[None]:
    """Around whatever reads options: a value that is not allowed is wrong usage, not a failed input."""
    try:
        yield
    except (UnknownNameError, InputError) as error:
        wrong_usage(error)


def read_settings(**changes: Any) -> Settings:
    """Settings of the environment, with those of the command line (None: not given) on top."""
    with usage():
        return replace(Settings.from_env(), **{name: value for name, value in changes.items() if value is not None})


def chosen(tier: str | None, model: str | None, device: str | None, local: Path | None) -> tuple[Settings, str | None]:
    """Settings for what the command line chooses, checked."""
    if tier is not None and model is not None:
        wrong_usage("give --tier or --model, not both")
    settings = read_settings(tier=tier, device=device)
    if model is not None:
        model = find_model(model, settings).name
    if local is not None:
        if model is None:
            wrong_usage("--local needs --model, to say whose weights the folder holds")
        settings = replace(settings, local={**settings.local, local_variable(model): local})
    return settings, model


@dataclass(frozen=True)
class Use:
    """What the options that commands share come to."""

    settings: Settings
    tier: str | None = None
    """As it was given."""
    model: str | None = None
    """None takes that of the settings' tier."""
    json_lines: bool = False


SHARED: dict[str, tuple[Any, Any]] = {
    "tier": (Tier, None),
    "model": (Model, None),
    "device": (Device, None),
    "local": (Local, None),
    "json_lines": (Json, False),
}
"""Options that commands share: their annotations and defaults."""


def shared_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of SHARED, or those named; it gets what they come to as its first argument, a Use."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        given_names = names or tuple(SHARED)
        _, *own = inspect.signature(function, eval_str=True).parameters.values()
        added = [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=kind, default=default)
            for name, (kind, default) in SHARED.items()
            if name in given_names
        ]

        @functools.wraps(function)
        def command(**given: Any) -> None:
            shared = {name: given.pop(name) if name in given_names else SHARED[name][1] for name in SHARED}
            settings, model = chosen(shared["tier"], shared["model"], shared["device"], shared["local"])
            function(Use(settings, shared["tier"], model, shared["json_lines"]), **given)

        command.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]  # typer reads it
        command.__annotations__ = {one.name: one.annotation for one in (*own, *added)}
        return command

    return decorate


def find_model(name: str, settings: Settings) -> Checkpoint:
    """The checkpoint of that name, repository or folder; what one costs that nobody named before is said first.

    Leaves with exit status 2 for a name that means nothing, and 1 where the hub does not tell.
    """
    known = {item.name for item in registry.named()} | {item.name for item in repositories.restore(settings)}
    with failures_reported(), usage():
        checkpoint = repositories.find_checkpoint(name, settings)
    if repositories.is_reference(name) and checkpoint.name not in known:
        complain(f"{checkpoint.name}: {repositories.facts(checkpoint)}")
    return checkpoint


@contextmanager
def answers_only() -> Iterator[TextIO]:
    """The stream for answers: stdout, which nothing else reaches meanwhile.

    What libraries print, also from C below Python, goes to stderr.
    """
    out = sys.stdout
    sys.stdout.flush()
    try:
        real = out.fileno() == 1
    except (OSError, ValueError, AttributeError):  # replaced, by a test or a notebook
        real = False
    if not real:
        with redirect_stdout(sys.stderr):
            yield out
        return
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr), os.fdopen(os.dup(saved), "w", encoding="utf-8") as stream:
            yield stream
    finally:
        os.dup2(saved, 1)
        os.close(saved)


class Answer(Protocol):
    """What every task's result offers."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What was not read."""


AnswerT = TypeVar("AnswerT", bound=Answer)


def as_dict(outcome: Answer | MMCoreError) -> dict[str, Any]:
    """An answer as JSON says it, or the error in its place."""
    return {"error": outcome.to_dict()} if isinstance(outcome, MMCoreError) else outcome.to_dict()


def write_json(out: TextIO, answer: dict[str, Any]) -> None:
    """One JSON line, at once. ASCII, so that no terminal's encoding and no odd file name can break it."""
    out.write(json.dumps(answer) + "\n")
    out.flush()


def answer_all(
    use: Use,
    out: TextIO,
    outcomes: Iterable[tuple[str, AnswerT | MMCoreError]],
    show: Callable[[TextIO, str, AnswerT], None],
) -> None:
    """Write the answer for each file, or say why there is none; then leave with exit status 1 where some failed.

    As JSON lines, or as ``show(out, file, answer)`` prints them, with what was not read.
    """
    failed = False
    for path, outcome in outcomes:
        failed = failed or isinstance(outcome, MMCoreError)
        if use.json_lines:
            write_json(out, {"path": path, **as_dict(outcome)})
        elif isinstance(outcome, MMCoreError):
            complain(f"{path}: {outcome}")
        else:
            show(out, path, outcome)
            print_notices(out, path, outcome.notices)
    if failed:
        raise typer.Exit(FAILED)


def print_notices(out: TextIO, name: str, notices: Iterable[Notice]) -> None:
    """A line for each thing that was not read, below the answer for ``name``."""
    for notice in notices:
        print(f"{name}: note: {notice.text()}", file=out, flush=True)


@contextmanager
def progress_bar(label: str, unit: Callable[[int], str] = str) -> Iterator[Progress]:
    """A ``progress(done, total)`` that draws a bar on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None, state="")

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, state=f"{unit(done)} / {unit(total)}")

        yield update


@contextmanager
def failures_reported() -> Iterator[None]:
    """Around a whole command: our own errors become a line on stderr and exit status 1."""
    try:
        yield
    except MMCoreError as error:
        complain(f"mmcore: {error}")
        raise typer.Exit(FAILED) from None
