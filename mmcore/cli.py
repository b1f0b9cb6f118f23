"""The command line: ``mmcore ...`` or ``python -m mmcore ...``.

With ``--json`` stdout carries JSON lines, one per input in input order, and nothing else; progress and logs go to
stderr. Exit status: 0 done, 1 something failed (the other inputs are still done), 2 wrong usage.
The commands themselves are in ``mmcore/commands``, one module a task.
"""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from mmcore import __version__
from mmcore.commands import (
    ask,
    audio,
    captioning,
    few_shot,
    index,
    models,
    ocr,
    retrieval,
    sentiment,
    serve,
    space,
    transcribe,
    workshop,
)
from mmcore.commands.console import failures_reported

EXAMPLES = """\b
Examples:
  mmcore caption photo.jpg
  mmcore sentiment --text "what a lovely day" --image photo.jpg
  mmcore audio recording.wav --top 3
  mmcore index add holiday ~/pictures/holiday
  mmcore search holiday --text "a dog on a beach"
  mmcore demo
`mmcore COMMAND --help` says more."""

app = typer.Typer(
    help="Multimodal models that work offline and explain their answers.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text, which any terminal, screen reader and log can take
)
for part in (captioning, audio, transcribe, ocr, ask, models, retrieval, index, sentiment, few_shot, serve):
    app.add_typer(part.app)  # without a name: its commands become ours
app.add_typer(workshop.evaluate_app, name="evaluate")
app.add_typer(workshop.bench_app, name="bench")
app.add_typer(workshop.train_app, name="train")
app.add_typer(space.space_app, name="space")


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


@app.command("demo")
def demo_command(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, 0.0.0.0 for all. Default: this machine only.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Default: the first free one from 7860.")] = None,
    share: Annotated[
        bool | None, typer.Option("--share/--no-share", help="Make a public link for a while. Default: GRADIO_SHARE.")
    ] = None,
) -> None:
    """Open the demo in the browser."""
    # In a wheel it is called mmcore_demo; in a checkout it is the folder demo.
    package = "mmcore_demo" if find_spec("mmcore_demo") is not None else "demo"
    with failures_reported():
        import_module(f"{package}.app").main(host=host, port=port, share=share)
