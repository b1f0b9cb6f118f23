"""``mmcore models`` and ``mmcore download``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from mmcore.checkpoints import locate, registry
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import Checkpoint
from mmcore.commands.console import (
    FAILED,
    Json,
    answers_only,
    complain,
    failures_reported,
    progress_bar,
    read_settings,
    usage,
    write_json,
)
from mmcore.errors import MMCoreError

app = typer.Typer()
models_app = typer.Typer(help="List the models: where they come from, what they cost, whether they are here.")
app.add_typer(models_app, name="models")


@models_app.callback(invoke_without_command=True)
def models_command(context: typer.Context, json_lines: Json = False) -> None:
    """List the models: where they come from, what they cost, whether they are here."""
    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    with answers_only() as out:
        for checkpoint in registry.CHECKPOINTS:
            state = locate.availability(checkpoint, settings)
            if json_lines:
                write_json(out, _described(checkpoint, state))
                continue
            size = f"{readable_size(checkpoint.bytes)}, {checkpoint.parameters / 1e6:.0f} M parameters"
            print(f"{checkpoint.name}  [{checkpoint.task}, {checkpoint.tier}, {state.state}]", file=out)
            print(f"    {checkpoint.title}: {size}; {checkpoint.licence}", file=out)
            for quality in checkpoint.quality:
                print(f"    {quality.metric} {quality.value:g} ({quality.protocol}; {quality.source})", file=out)
            if state.problem is not None:
                print(f"    {state.problem}", file=out)


def _described(checkpoint: Checkpoint, state: locate.Availability) -> dict[str, Any]:
    problem = None if state.problem is None else state.problem.to_dict()
    return {**asdict(checkpoint), "state": state.state, "problem": problem}


@models_app.command("pin")
def pin_command(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Default: all without one.")] = None,
) -> None:
    """Look up the revisions of hub models and write them into mmcore/checkpoints/registry.py."""
    from mmcore.checkpoints.pins import pin

    settings, failed = read_settings(), False
    with usage():
        for name in names or ():
            registry.find(name)
    with failures_reported():
        for found in pin(settings, names or ()):
            failed = failed or found.problem is not None
            complain(f"{found.name}: {found.problem or f'{found.revision} ({found.origin})'}")
    if failed:
        raise typer.Exit(FAILED)


@app.command("download")
def download_command(names: Annotated[list[str], typer.Argument(metavar="NAME", show_default=False)]) -> None:
    """Bring models to this machine; a download that broke off goes on where it was."""
    settings, failed = read_settings(), False
    with usage():
        chosen = [registry.find(name) for name in names]
    for checkpoint in chosen:
        try:
            with progress_bar(checkpoint.name, readable_size) as progress:
                folder = locate.locate(checkpoint, settings, download=True, progress=progress)
            complain(f"{checkpoint.name}: {folder}")
        except MMCoreError as error:
            failed = True
            complain(f"{checkpoint.name}: {error}")
    if failed:
        raise typer.Exit(FAILED)
