"""``mmcore transcribe``, and its ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TextIO

import typer

from mmcore.commands import console, workshop
from mmcore.commands.console import Use, answer_all, answers_only, progress_bar, shared_options, usage
from mmcore.results.transcribe import TranscribeOptions, TranscribeResult
from mmcore.tasks import transcribe

app = typer.Typer()


@app.command("transcribe")
@shared_options()
def transcribe_command(
    use: Use,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Sounds.", show_default=False)],
    language: Annotated[str, typer.Option(help="What is spoken: en, zh, or auto.")] = TranscribeOptions.language,
    beams: Annotated[int, typer.Option(help="Width of the beam search (1-10).")] = TranscribeOptions.beams,
) -> None:
    """Write down what is said in files, with the time of every word."""
    with usage():
        options = TranscribeOptions(language=language, beams=beams)  # type: ignore[arg-type]  # checked there
        pool = console.make_pool(use.settings)
        transcribe.checked(pool.choose(transcribe.TASK, use.model), options)
    with answers_only() as out, progress_bar("listening", _minutes) as listening:
        outcomes = transcribe.transcribe_many(
            pool,
            files,
            options,
            use.model,
            limit=len(files),
            listening=lambda done, total: listening(done, max(done, total)),  # the total may not be known
        )
        answer_all(use, out, zip(files, outcomes, strict=True), _print_passages)


def _minutes(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"


def _print_passages(out: TextIO, path: str, outcome: TranscribeResult) -> None:
    for one in outcome.passages:
        print(f"{path}: {one.start:8.1f} - {one.end:.1f} s  {one.text}", file=out, flush=True)


@workshop.evaluate_app.command("transcribe")
@shared_options()
def evaluate_transcribe_command(
    use: Use,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with clips and labels.tsv; none: 50 sentences by espeak-ng.", metavar="DIR"),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Clips at most.", min=1)] = None,
    tell: Annotated[bool, typer.Option("--tell", help="Let the model tell the language.")] = False,
) -> None:
    """Word error rate (Chinese: of characters) on known sentences, and the time that a second of sound takes."""
    from mmcore.evaluation.transcribe import run

    workshop.measure(
        use,
        lambda pool, progress: run(pool, data, model=use.model, limit=limit, tell=tell, progress=progress),
        "listening",
    )
