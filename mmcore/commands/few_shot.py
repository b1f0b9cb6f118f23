"""``mmcore classify`` by classes of one's own, and their ``train`` and ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from mmcore.commands import console, workshop
from mmcore.commands.console import (
    FAILED,
    Use,
    answer_all,
    answers_only,
    complain,
    failures_reported,
    progress_bar,
    shared_options,
    usage,
)
from mmcore.pool import ModelPool
from mmcore.results import ClassAnswer, FewShotReport
from mmcore.tasks import few_shot
from mmcore.types import Progress

app = typer.Typer()


@app.command("classify")
@shared_options("device", "json_lines")
def classify_command(
    use: Use,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Pictures, or sounds.", show_default=False)],
    head: Annotated[Path, typer.Option(help="What `mmcore train fewshot` or the page wrote.", metavar="FILE")],
) -> None:
    """Say which of your own classes pictures or sounds belong to."""
    with failures_reported(), answers_only() as out, progress_bar("classifying") as progress:
        pool = console.make_pool(use.settings)
        learned = few_shot.read_head(pool, head)
        outcomes = few_shot.classify_many(pool, learned, files, progress, limit=len(files))
        answer_all(use, out, zip(files, outcomes, strict=True), _print_class)


def _print_class(out: TextIO, path: str, outcome: ClassAnswer) -> None:
    shown = ", ".join(f"{one.label} {one.score:.2f}" for one in outcome.labels[:5])
    doubts = {"": "", "unlike": "not sure (unlike all classes): ", "between": "not sure (between classes): "}
    print(f"{path}: {doubts[outcome.doubt]}{shown}", file=out, flush=True)


@workshop.train_app.command("fewshot")
@shared_options("device", "json_lines")
def train_fewshot_command(
    use: Use,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER_OR_TABLE",
            help="A folder with a sub-folder of pictures or sounds a class, or a table with columns file, label.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where the head goes: a .safetensors file.", metavar="FILE")],
) -> None:
    """Teach your own classes from a few pictures or sounds of each, in about a second."""
    from mmcore.fusion.labelled_files import learn_files, read_files

    with usage():
        files = read_files(source, use.settings)
    with failures_reported(), answers_only() as answers, progress_bar("looking") as progress:
        learned, report = learn_files(console.make_pool(use.settings), files, progress)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            partial = out.with_name(f"{out.name}.partial")
            partial.write_bytes(learned.to_bytes())
            partial.replace(out)
        except OSError as error:
            complain(f"mmcore: {out} cannot be written: {error.strerror or error}")
            raise typer.Exit(FAILED) from None
        if use.json_lines:
            console.write_json(answers, {"head": str(out), **report.to_dict()})
        else:
            _print_report(answers, report, out, [files.paths[place] for place, _ in report.wrong])


def _print_report(out: TextIO, report: FewShotReport, where: Path, wrong: list[Path]) -> None:
    counted = ", ".join(f"{name} {count}" for name, count in zip(report.classes, report.counts, strict=True))
    protocol = "leave-one-out" if report.leave_one_out else f"{report.folds}-fold cross-validation"
    print(f"{where}: {len(report.classes)} classes of {report.kind}s ({counted})", file=out)
    print(f"accuracy ({protocol}): {report.accuracy:.4f}", file=out)
    for path, (_, taken) in zip(wrong, report.wrong, strict=True):
        print(f"  {path}: taken for {report.classes[taken]}", file=out)
    print(f"trained in {report.seconds:.2f} s; looking took {report.reading:.1f} s", file=out)


@workshop.evaluate_app.command("fewshot")
@shared_options("device", "json_lines")
def evaluate_fewshot_command(
    use: Use,
    data: workshop.Data,
    classes: Annotated[str, typer.Option(help='Labels to teach: "kitchen,bedroom,bathroom".')],
    examples: Annotated[int, typer.Option(help="Examples of each class.", min=3, max=100)] = 10,
    draws: Annotated[int, typer.Option(help="How often other examples are drawn.", min=1, max=50)] = 10,
    unlike: Annotated[str, typer.Option(help="Labels that are shown, but not taught: all others unless given.")] = "",
    limit: Annotated[int, typer.Option(help="Files of each label at most.", min=4)] = 40,
    column: Annotated[str, typer.Option(help="Column of labels.tsv that holds the labels.")] = "label",
) -> None:
    """Accuracy of classes learned from a few examples: left out, on others; and how often others are told apart."""

    def work(pool: ModelPool, progress: Progress) -> dict[str, Any]:
        from mmcore.evaluation.few_shot import run

        def names(given: str) -> tuple[str, ...]:
            return tuple(name.strip() for name in given.split(",") if name.strip())

        return run(pool, data, names(classes), examples, draws, names(unlike), limit, progress, column)

    workshop.measure(use, work, "looking")
