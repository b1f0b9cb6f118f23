"""Where the tasks hang their workshop commands: ``mmcore evaluate``, ``mmcore bench`` and ``mmcore train``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from mmcore.commands.console import FAILED, complain, write_json

evaluate_app = typer.Typer(help="Measure a model on a data folder.", no_args_is_help=True)
bench_app = typer.Typer(help="Measure speed, as ratios to a stated reference.", no_args_is_help=True)
train_app = typer.Typer(help="Train the compact models anew.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(help="Folder with the data.", metavar="DIR")]


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
