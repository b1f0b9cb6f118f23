"""``mmcore caption``, and the captioner's ``evaluate``, ``bench`` and ``train``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from mmcore.commands import console
from mmcore.commands.console import (
    FAILED,
    Use,
    answers_only,
    as_dict,
    chosen,
    complain,
    print_notices,
    progress_bar,
    shared_options,
    usage,
    write_json,
)
from mmcore.commands.workshop import (
    Data,
    Encoder,
    Most,
    Repeats,
    Sentences,
    Work,
    bench_app,
    evaluate_app,
    measure,
    recipe_imported,
    run_recipe,
    train_app,
)
from mmcore.errors import MMCoreError
from mmcore.results import CaptionOptions, CaptionResult
from mmcore.tasks import captioning

app = typer.Typer()


@app.command("caption")
@shared_options()
def caption_command(
    use: Use,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Pictures.", show_default=False)],
    num: Annotated[int, typer.Option(help="Captions a picture, best first (1-10).")] = 1,
    decoding: Annotated[str, typer.Option(help="beam, nucleus or greedy.")] = "beam",
    beams: Annotated[int, typer.Option(help="Width of the beam search (1-10).")] = CaptionOptions.num_beams,
    max_words: Annotated[int, typer.Option(help="Longest caption (1-60).")] = CaptionOptions.max_words,
    detail: Annotated[str | None, typer.Option(help="Level of detail, where the model has some.")] = None,
    seed: Annotated[int, typer.Option(help="Of nucleus sampling.")] = CaptionOptions.seed,
) -> None:
    """Describe pictures in words."""
    with usage():
        options = CaptionOptions(
            decoding=decoding,  # type: ignore[arg-type]  # checked by CaptionOptions
            num_captions=num,
            num_beams=beams,
            max_words=max_words,
            detail=detail,
            seed=seed,
        )
        pool = console.make_pool(use.settings)
        captioning.checked(pool.choose(captioning.TASK, use.model), options)
    failed = 0
    with answers_only() as out, progress_bar("captioning") as progress:
        outcomes = captioning.caption_many(pool, files, options, use.model, progress=progress, limit=len(files))
        for path, outcome in zip(files, outcomes, strict=True):
            failed += isinstance(outcome, MMCoreError)
            if use.json_lines:
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
@shared_options()
def evaluate_captioning_command(use: Use, data: Data, limit: Most = None) -> None:
    """CIDEr-D and BLEU-4 on captioned pictures (captions.jsonl), the naming rate on labelled ones (labels.tsv)."""
    from mmcore.evaluation.captioning import run

    measure(use, lambda pool, progress: run(pool, data, model=use.model, limit=limit, progress=progress), "captioning")


@bench_app.command("captioning")
@shared_options("tier", "device", "json_lines")
def bench_captioning_command(
    use: Use,
    repeats: Repeats = 10,
    beams: Annotated[int, typer.Option(help="Width of the beam search (1-10).", min=1, max=10)] = 3,
) -> None:
    """Time of one caption, compared with BLIP-base's architecture on this machine."""
    from mmcore.evaluation.bench import run

    measure(use, lambda pool, _: run(pool, repeats=repeats, beams=beams))


@train_app.command("captioning")
@shared_options("json_lines")
def train_captioning_command(
    use: Use,
    data: Data,
    work: Work = None,
    output: Annotated[Path | None, typer.Option(help="Where the model goes. Default: WORK/captioner.")] = None,
    encoder: Encoder = None,
    sentences: Sentences = None,
) -> None:
    """Train the compact captioner anew; DIR holds flickr8k/, objects/ and coco_extra/."""
    with recipe_imported():
        from mmcore.recipes.captioning.train_captioner import main
        from mmcore.recipes.pretrained import Ingredients

    def make(work: Path, output: Path) -> dict[str, Any]:
        return main(data, work, output, Ingredients(encoder, sentences), say=complain)

    run_recipe(use, ("captioning", "captioner"), work, output, make)


@train_app.command("reranking")
@shared_options("json_lines")
def train_reranking_command(
    use: Use,
    data: Data,
    output: Annotated[Path, typer.Option(help="Folder of the captioner; its config.json gets the weights.")],
    limit: Annotated[int | None, typer.Option(help="Pictures at most.", min=10)] = None,
) -> None:
    """Fit how the captioner chooses among its candidates, on the dev pictures of DIR (captions.jsonl)."""
    with recipe_imported():
        from mmcore.recipes.captioning.reranking import main

    settings, _ = chosen(None, "compact-captioner", None, output)
    use = replace(use, settings=settings)
    measure(use, lambda pool, progress: main(pool, data, output, limit, progress), "candidates")
