"""The command line: ``mmcore ...`` or ``python -m mmcore ...``.

With ``--json`` stdout carries JSON lines, one per input in input order, and nothing else; progress and logs go to
stderr. Exit status: 0 done, 1 something failed (the other inputs are still done), 2 wrong usage.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any, TextIO

import typer

from mmcore import __version__, checkpoints, console, weights, workshop
from mmcore.checkpoints import Checkpoint
from mmcore.console import (
    FAILED,
    Device,
    Json,
    Local,
    Model,
    Tier,
    answers_only,
    chosen,
    complain,
    failures_reported,
    progress_bar,
    read_settings,
    usage,
    write_json,
)
from mmcore.downloads import readable_size
from mmcore.errors import MMCoreError
from mmcore.results import CaptionOptions, CaptionResult
from mmcore.tasks import captioning

app = typer.Typer(
    help="Multimodal models that work offline and explain their answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text, which any terminal, screen reader and log can take
)
models_app = typer.Typer(help="List the models: where they come from, what they cost, whether they are here.")
app.add_typer(models_app, name="models")
app.add_typer(workshop.evaluate_app, name="evaluate")
app.add_typer(workshop.bench_app, name="bench")
app.add_typer(workshop.train_app, name="train")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mmcore {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Say the version.", callback=_version, is_eager=True)
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more, on stderr.")] = False,
) -> None:
    """Multimodal models that work offline and explain their answers."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING)


@app.command("caption")
def caption_command(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Pictures.", show_default=False)],
    tier: Tier = None,
    model: Model = None,
    num: Annotated[int, typer.Option(help="Captions a picture, best first (1-10).")] = 1,
    decoding: Annotated[str, typer.Option(help="beam, nucleus or greedy.")] = "beam",
    beams: Annotated[int, typer.Option(help="Width of the beam search (1-10).")] = CaptionOptions.num_beams,
    max_words: Annotated[int, typer.Option(help="Longest caption (1-60).")] = CaptionOptions.max_words,
    detail: Annotated[str | None, typer.Option(help="Level of detail, where the model has some.")] = None,
    seed: Annotated[int, typer.Option(help="Of nucleus sampling.")] = CaptionOptions.seed,
    device: Device = None,
    local: Local = None,
    json_lines: Json = False,
) -> None:
    """Describe pictures in words."""
    settings, model = chosen(tier, model, device, local)
    with usage():
        options = CaptionOptions(
            decoding=decoding,  # type: ignore[arg-type]  # checked by CaptionOptions
            num_captions=num,
            num_beams=beams,
            max_words=max_words,
            detail=detail,
            seed=seed,
        )
        pool = console.make_pool(settings)
        captioning.checkpoint_for(pool, options, model)
    failed = 0
    with answers_only() as out, progress_bar("captioning") as progress:
        outcomes = captioning.caption_many(pool, files, options, model, progress=progress, limit=len(files))
        for path, outcome in zip(files, outcomes, strict=True):
            failed += isinstance(outcome, MMCoreError)
            if json_lines:
                write_json(out, {"path": path, **_answer(outcome)})
            else:
                _print_captions(out, path, outcome)
    if failed:
        raise typer.Exit(FAILED)


def _answer(outcome: CaptionResult | MMCoreError) -> dict[str, Any]:
    return {"error": outcome.to_dict()} if isinstance(outcome, MMCoreError) else outcome.to_dict()


def _print_captions(out: TextIO, path: str, outcome: CaptionResult | MMCoreError) -> None:
    if isinstance(outcome, MMCoreError):
        complain(f"{path}: {outcome}")
        return
    for caption in outcome.captions:
        print(f"{path}: {caption.text}  ({caption.score:.2f})", file=out, flush=True)
    if not outcome.confident:
        seen = ", ".join(tag.text for tag in outcome.tags)
        print(f"{path}: not sure" + (f"; recognised: {seen}" if seen else ""), file=out, flush=True)


@models_app.callback(invoke_without_command=True)
def models_command(context: typer.Context, json_lines: Json = False) -> None:
    """List the models: where they come from, what they cost, whether they are here."""
    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    with answers_only() as out:
        for checkpoint in checkpoints.CHECKPOINTS:
            state = weights.availability(checkpoint, settings)
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


def _described(checkpoint: Checkpoint, state: weights.Availability) -> dict[str, Any]:
    problem = None if state.problem is None else state.problem.to_dict()
    return {**asdict(checkpoint), "state": state.state, "problem": problem}


@models_app.command("pin")
def pin_command(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Default: all without one.")] = None,
) -> None:
    """Look up the revisions of hub models and write them into mmcore/checkpoints.py."""
    from mmcore.pins import pin

    settings, failed = read_settings(), False
    with usage():
        for name in names or ():
            checkpoints.find(name)
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
        chosen = [checkpoints.find(name) for name in names]
    for checkpoint in chosen:
        try:
            with progress_bar(checkpoint.name, readable_size) as progress:
                folder = weights.locate(checkpoint, settings, download=True, progress=progress)
            complain(f"{checkpoint.name}: {folder}")
        except MMCoreError as error:
            failed = True
            complain(f"{checkpoint.name}: {error}")
    if failed:
        raise typer.Exit(FAILED)


@app.command("demo")
def demo_command(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, 0.0.0.0 for all. Default: this machine only.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Default: the first free one from 7860.")] = None,
    share: Annotated[bool, typer.Option("--share", help="Make a public link for a while.")] = False,
) -> None:
    """Open the demo in the browser."""
    # In a wheel it is called mmcore_demo; in a checkout it is the folder demo.
    package = "mmcore_demo" if find_spec("mmcore_demo") is not None else "demo"
    with failures_reported():
        import_module(f"{package}.app").main(host=host, port=port, share=share)
