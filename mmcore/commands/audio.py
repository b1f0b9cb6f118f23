"""``mmcore audio``, and the tagger's ``evaluate`` and ``bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from mmcore.checkpoints.registry import find
from mmcore.commands import console, workshop
from mmcore.commands.console import (
    Use,
    answer_all,
    answers_only,
    complain,
    progress_bar,
    shared_options,
    usage,
)
from mmcore.pool import ModelPool
from mmcore.results import AudioOptions, AudioResult
from mmcore.tasks import audio
from mmcore.types import Progress

app = typer.Typer()


@app.command("audio")
@shared_options()
def audio_command(
    use: Use,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Sounds.", show_default=False)],
    labels: Annotated[
        str | None,
        typer.Option(help='Only these, with commas between them: "rain,dog". Any words where the model takes them.'),
    ] = None,
    top: Annotated[int, typer.Option(help="Labels a file, best first (1-1000).")] = AudioOptions.top,
    threshold: Annotated[
        float, typer.Option(help="Leave out labels and events with a lower score (0-1).")
    ] = AudioOptions.threshold,
    pooling: Annotated[
        str, typer.Option(help="Score of a file from those of its windows: max or mean.")
    ] = AudioOptions.pooling,
    hop: Annotated[float | None, typer.Option(help="Seconds between the windows of the timeline (0.1-10).")] = None,
    timeline: Annotated[bool, typer.Option("--timeline/--no-timeline", help="Also say when.")] = True,
) -> None:
    """Say what sounds in files, and when."""
    with usage():
        options = AudioOptions(
            top=top,
            threshold=threshold,
            labels=tuple(label.strip() for label in (labels or "").split(",") if label.strip()),
            pooling=pooling,  # type: ignore[arg-type]  # checked by AudioOptions
            hop=hop,
            timeline=timeline,
        )
        pool = console.make_pool(use.settings)
        audio.checked(pool.choose(audio.TASK, use.model), options, use.settings)
    with answers_only() as out, progress_bar("listening", _minutes) as listening:
        outcomes = audio.classify_audio_many(
            pool,
            files,
            options,
            use.model,
            limit=len(files),
            listening=lambda done, total: listening(done, max(done, total)),  # the total may not be known
        )
        answer_all(use, out, zip(files, outcomes, strict=True), _print_sounds)


def _minutes(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"


def _print_sounds(out: TextIO, path: str, outcome: AudioResult) -> None:
    ordered = [outcome.labels[place] for place in outcome.reading_order]
    shown = ", ".join(f"{one.label} ({one.score:.2f})" for one in ordered)
    print(f"{path}: {shown or 'nothing reaches the threshold'}", file=out, flush=True)
    for event in outcome.events:
        span = f"{event.start:8.1f} - {event.end:.1f} s"
        print(f"{path}: {span}  {event.label}  ({event.score:.2f})", file=out, flush=True)


@workshop.evaluate_app.command("audio")
@shared_options()
def evaluate_audio_command(
    use: Use,
    data: workshop.Data,
    teacher: Annotated[str | None, typer.Option(help="Also compare with this model.", metavar="NAME")] = None,
    fold: Annotated[int | None, typer.Option(help="Only this fold of the table.")] = None,
    limit: Annotated[int | None, typer.Option(help="Clips at most.", min=1)] = None,
) -> None:
    """Top-1 and mAP on labelled clips (labels.tsv), agreement with a teacher on any."""
    from mmcore.evaluation.audio import run

    if teacher is not None:
        with usage():
            find(teacher, audio.TASK)

    def work(pool: ModelPool, progress: Progress) -> dict[str, Any]:
        return run(pool, data, model=use.model, teacher=teacher, fold=fold, limit=limit, progress=progress)

    workshop.measure(use, work, "listening")


@workshop.bench_app.command("audio")
@shared_options()
def bench_audio_command(use: Use, repeats: workshop.Repeats = 10) -> None:
    """Time of 10 s of sound, compared with AST's architecture on this machine."""
    from mmcore.evaluation.audio_bench import run

    workshop.measure(use, lambda pool, _: run(pool, use.model, repeats))


@workshop.train_app.command("audio")
@shared_options("json_lines")
def train_audio_command(
    use: Use,
    data: workshop.Data,
    teacher: Annotated[Path, typer.Option(help="Weights of EfficientAT mn04_as; its label file lies beside them.")],
    work: workshop.Work = None,
    output: Annotated[Path | None, typer.Option(help="Where the model goes. Default: WORK/tagger.")] = None,
    cross_validate: Annotated[
        bool, typer.Option(help="Also tune on three folds of ESC-10 and test on the fourth.")
    ] = True,
) -> None:
    """Train the compact tagger anew; DIR holds esc10/, fsdd/ and examples/, other sounds come from Debian packages."""
    with workshop.recipe_imported():
        from mmcore.recipes.audio.train_tagger import main

    def make(work: Path, output: Path) -> dict[str, Any]:
        return main(data, work, output, teacher, cross_validate=cross_validate, say=complain)

    workshop.run_recipe(use, ("audio", "tagger"), work, output, make)
