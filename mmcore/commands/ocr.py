"""``mmcore read``: the text in pictures."""

from __future__ import annotations

from typing import Annotated, TextIO

import typer

from mmcore.commands import console, workshop
from mmcore.commands.console import Use, answer_all, answers_only, progress_bar, shared_options, usage
from mmcore.results.ocr import OcrOptions, OcrResult
from mmcore.tasks import ocr

app = typer.Typer()


@app.command("read", short_help="Read the text in pictures.")
@shared_options("model", "local", "json_lines")
def read_command(
    use: Use,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Pictures.", show_default=False)],
    threshold: Annotated[
        float, typer.Option(help="Leave out lines that were read less surely (0-1).")
    ] = OcrOptions.threshold,
) -> None:
    """Read the text in pictures, line by line, in English and Chinese."""
    with usage():
        options = OcrOptions(threshold=threshold)
        pool = console.make_pool(use.settings)
        ocr.chosen(pool, use.model)
    with answers_only() as out, progress_bar("reading") as progress:
        outcomes = ocr.read_text_many(pool, files, options, use.model, progress=progress, limit=len(files))
        answer_all(use, out, zip(files, outcomes, strict=True), _print_lines)


def _print_lines(out: TextIO, path: str, outcome: OcrResult) -> None:
    if not outcome.lines:
        print(f"{path}: no text", file=out, flush=True)
    for line in outcome.lines:
        print(f"{path}: {line.text}  ({line.score:.2f})", file=out, flush=True)


@workshop.evaluate_app.command("ocr")
@shared_options("model", "local", "json_lines")
def evaluate_ocr_command(use: Use) -> None:
    """Share of characters right on forty pictures that are made with known texts, in English and Chinese."""
    from mmcore.evaluation.ocr import run

    workshop.measure(use, lambda pool, progress: run(pool, use.model, progress), "reading")
