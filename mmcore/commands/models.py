"""``mmcore models``, ``mmcore download`` and ``mmcore bench serving``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from mmcore.checkpoints import commits, locate, registry, repositories
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import Checkpoint
from mmcore.commands import workshop
from mmcore.commands.console import (
    FAILED,
    Json,
    Use,
    answers_only,
    complain,
    find_model,
    progress_bar,
    read_settings,
    shared_options,
    usage,
    write_json,
)
from mmcore.errors import MMCoreError, UnknownNameError
from mmcore.settings import Settings

app = typer.Typer()


@app.command("models", short_help="List the models and what they cost.")
def models_command(json_lines: Json = False) -> None:
    """List the models: where they come from, what they cost, whether they are here."""
    settings = read_settings()
    with answers_only() as out:
        repositories.restore(settings)
        for checkpoint in (*registry.CHECKPOINTS, *registry.named()):
            state = locate.availability(checkpoint, settings)
            if json_lines:
                write_json(out, _described(checkpoint, state))
                continue
            size = f"{readable_size(checkpoint.bytes)}, {checkpoint.parameters / 1e6:.0f} M parameters"
            print(f"{checkpoint.name}  [{checkpoint.task}, {checkpoint.tier}, {state.state}]", file=out)
            print(f"    {checkpoint.title}: {size}; {checkpoint.licence}", file=out)
            print(f"    from {_origin(checkpoint, settings)}", file=out)
            for quality in checkpoint.quality:
                print(f"    {quality.metric} {quality.value:g} ({quality.protocol}; {quality.source})", file=out)
            if state.problem is not None:
                print(f"    {state.problem}", file=out)


def _origin(checkpoint: Checkpoint, settings: Settings) -> str:
    """Where it comes from, with the commit that is used or will be."""
    if checkpoint.source != "hub":
        return "the package" if checkpoint.source == "bundled" else checkpoint.location
    commit = commits.pinned(checkpoint, settings).revision
    return f"{checkpoint.location} at {commit[:8] if commit else 'the newest commit with safetensors'}"


def _described(checkpoint: Checkpoint, state: locate.Availability) -> dict[str, Any]:
    problem = None if state.problem is None else state.problem.to_dict()
    return {**asdict(checkpoint), "state": state.state, "problem": problem}


@app.command("download", short_help="Bring models to this machine.")
def download_command(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME", help="Of `mmcore models`, or hub:OWNER/NAME.", show_default=False)
    ],
) -> None:
    """Bring models to this machine; a download that broke off goes on where it was."""
    settings, failed = read_settings(), False
    chosen = [find_model(name, settings) for name in names]
    for checkpoint in chosen:
        try:
            with progress_bar(checkpoint.name, readable_size) as progress:
                folder = locate.locate(checkpoint, settings, download=True, progress=progress)
            complain(f"{checkpoint.name}: {_origin(checkpoint, settings)}, in {folder}")
        except MMCoreError as error:
            failed = True
            complain(f"{checkpoint.name}: {error}")
    if failed:
        raise typer.Exit(FAILED)


@workshop.bench_app.command("serving")
@shared_options("json_lines")
def bench_serving_command(
    use: Use,
    rounds: Annotated[int, typer.Option(help="Measurements in turn, of which the median counts.", min=1)] = 3,
    part: Annotated[list[str] | None, typer.Option(help="overhead, batches or users; all where none is given.")] = None,
    pictures: Annotated[int, typer.Option(help="Pictures through CLIP.", min=2)] = 64,
    captions: Annotated[int, typer.Option(help="Pictures through BLIP.", min=2)] = 16,
    threads: Annotated[int, typer.Option(help="Processor cores that torch may use.", min=1)] = 1,
) -> None:
    """Overhead and batches of full-size CLIP, BLIP and AST against plain transformers calls; 16 users of the bundle.

    Times are processor seconds; random weights of full size. Each row is also said on stderr as it is measured.
    """
    from mmcore.evaluation.serving_bench import PARTS, run

    with usage():
        for name in part or ():
            if name not in PARTS:
                raise UnknownNameError("part", name, PARTS)
    workshop.measure(
        use,
        lambda pool, _: run(
            pool,
            rounds,
            part or PARTS,
            pictures=pictures,
            captions=captions,
            cores=threads,
            told=lambda row: complain(f"{row.name}: {row.ratio} (wanted {row.wanted}); {row.note}"),
        ),
    )
