"""``mmcore caption``, and the captioner's ``evaluate``, ``bench`` and ``train``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from mmcore.checkpoints.locate import bundled_folder
from mmcore.checkpoints.registry import find
from mmcore.commands import console, workshop
from mmcore.commands.console import (
    FAILED,
    Use,
    answer_all,
    answers_only,
    chosen,
    complain,
    print_notices,
    progress_bar,
    shared_options,
    usage,
)
from mmcore.results import CaptionOptions, CaptionResult, ClipResult
from mmcore.tasks import captioning, ocr
from mmcore.tasks.clip_captions import caption_pictures_and_clips

app = typer.Typer()


@app.command("caption", short_help="Describe pictures, and short videos.")
@shared_options()
def caption_command(
    use: Use,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Pictures, or videos of up to two minutes.", show_default=False)
    ],
    num: Annotated[int, typer.Option(help="Captions a picture, best first (1-10).")] = 1,
    decoding: Annotated[str, typer.Option(help="beam, nucleus or greedy.")] = "beam",
    beams: Annotated[int, typer.Option(help="Width of the beam search (1-10).")] = CaptionOptions.num_beams,
    max_words: Annotated[int, typer.Option(help="Longest caption (1-60).")] = CaptionOptions.max_words,
    detail: Annotated[str | None, typer.Option(help="Level of detail, where the model has some.")] = None,
    seed: Annotated[int, typer.Option(help="Of nucleus sampling.")] = CaptionOptions.seed,
    read_text: Annotated[
        bool, typer.Option("--read-text", help="Also read the text in the pictures (extra `ocr`).")
    ] = CaptionOptions.read_text,
    language: Annotated[str, typer.Option(help="Of the captions: en or zh, where the model writes it.")] = "en",
    ground: Annotated[
        bool, typer.Option("--ground", help="Also find the things that the caption names, where the model can.")
    ] = CaptionOptions.ground,
) -> None:
    """Describe pictures in words, and short videos: key frames with their times, and what sounds in them."""
    with usage():
        options = CaptionOptions(
            decoding=decoding,  # type: ignore[arg-type]  # checked by CaptionOptions
            num_captions=num,
            num_beams=beams,
            max_words=max_words,
            detail=detail,
            seed=seed,
            read_text=read_text,
            language=language,
            ground=ground,
        )
        pool = console.make_pool(use.settings)
        captioning.checked(pool.choose(captioning.TASK, use.model), options)
    missing = ocr.unavailable(use.settings) if read_text else None
    if missing is not None:
        complain(f"mmcore: {missing}")
        raise typer.Exit(FAILED)
    with answers_only() as out, progress_bar("captioning") as progress:
        outcomes = caption_pictures_and_clips(pool, files, options, use.model, progress)
        answer_all(use, out, zip(files, outcomes, strict=True), _print_seen)


def _print_seen(out: TextIO, path: str, outcome: console.Answer) -> None:
    if isinstance(outcome, CaptionResult):
        _print_captions(out, path, outcome)
        return
    assert isinstance(outcome, ClipResult)
    _print_captions(out, path, outcome.best.seen)
    for moment in outcome.moments:
        best = moment.seen.captions[0]
        doubt = "" if moment.seen.confident else "  (not sure)"
        span = f"{moment.start:8.1f} - {moment.end:.1f} s"
        print(f"{path}: {span}  {best.text}  ({best.score:.2f}){doubt}", file=out, flush=True)
    for event in outcome.events:
        span = f"{event.start:8.1f} - {event.end:.1f} s"
        print(f"{path}: {span}  sounds: {event.label}  ({event.score:.2f})", file=out, flush=True)


def _print_captions(out: TextIO, path: str, outcome: CaptionResult) -> None:
    for caption in outcome.captions:
        print(f"{path}: {caption.text}  ({caption.score:.2f})", file=out, flush=True)
    if outcome.reads is not None:
        said = "; ".join(line.text for line in outcome.reads.lines)
        print(f"{path}: reads: {said or 'no text'}", file=out, flush=True)
        print_notices(out, path, outcome.reads.notices)
    for phrase in outcome.phrases or ():
        places = "; ".join(", ".join(f"{side:.3f}" for side in box) for box in phrase.boxes)
        print(f"{path}: where: {phrase.text}: {places}", file=out, flush=True)
    if not outcome.confident:
        seen = ", ".join(tag.text for tag in outcome.tags)
        print(f"{path}: not sure" + (f"; recognised: {seen}" if seen else ""), file=out, flush=True)


@workshop.evaluate_app.command("captioning")
@shared_options()
def evaluate_captioning_command(
    use: Use,
    data: workshop.Data,
    limit: workshop.Most = None,
    language: Annotated[
        str, typer.Option(help="en, or zh: by characters against the Chinese captions in DIR, or in DIR_cn beside it.")
    ] = "en",
) -> None:
    """CIDEr-D and BLEU-4 on captioned pictures (captions.jsonl), the naming rate on labelled ones (labels.tsv)."""
    from mmcore.evaluation.captioning import run

    with usage():
        options = CaptionOptions(language=language)
    workshop.measure(use, lambda pool, progress: run(pool, data, options, use.model, limit, progress), "captioning")


@workshop.bench_app.command("captioning")
@shared_options("tier", "device", "json_lines")
def bench_captioning_command(
    use: Use,
    repeats: workshop.Repeats = 10,
    beams: Annotated[int, typer.Option(help="Width of the beam search (1-10).", min=1, max=10)] = 3,
) -> None:
    """Time of one caption, compared with BLIP-base's architecture on this machine."""
    from mmcore.evaluation.bench import run

    workshop.measure(use, lambda pool, _: run(pool, repeats=repeats, beams=beams))


@workshop.train_app.command("captioning")
@shared_options("json_lines")
def train_captioning_command(
    use: Use,
    data: workshop.Data,
    work: workshop.Work = None,
    output: Annotated[Path | None, typer.Option(help="Where the model goes. Default: WORK/captioner.")] = None,
    encoder: workshop.Encoder = None,
    sentences: workshop.Sentences = None,
) -> None:
    """Train the compact captioner anew; DIR holds flickr8k/, objects/ and coco_extra/."""
    with workshop.recipe_imported():
        from mmcore.recipes.captioning.train_captioner import main
        from mmcore.recipes.pretrained import Ingredients

    def make(work: Path, output: Path) -> dict[str, Any]:
        return main(data, work, output, Ingredients(encoder, sentences), say=complain)

    workshop.run_recipe(use, ("captioning", "captioner"), work, output, make)


@workshop.train_app.command("captioner-zh")
@shared_options("json_lines")
def train_chinese_captions_command(
    use: Use,
    data: workshop.Data,
    names: Annotated[Path, typer.Option(help="Chinese names of what the tagger knows (JSON).")] = Path(
        "demo/locales/tags_zh.json"
    ),
    work: workshop.Work = None,
    output: Annotated[Path | None, typer.Option(help="Where the files go. Default: WORK/chinese.")] = None,
    openvino: Annotated[bool, typer.Option(help="See the pictures with OpenVINO (pip install openvino).")] = False,
    threads: Annotated[int, typer.Option(help="Processor cores.", min=1)] = 1,
) -> None:
    """Train the captioner's Chinese decoder anew; DIR holds flickr8k/, flickr8k_cn/, objects/ and coco_extra/."""
    with workshop.recipe_imported():
        from mmcore.recipes.captioning.train_chinese import main

    def make(work: Path, output: Path) -> dict[str, Any]:
        import torch

        torch.set_num_threads(threads)
        bundle = bundled_folder(find("compact-captioner"))
        return main(data, bundle, names, work, output, openvino=openvino, say=complain)

    workshop.run_recipe(use, ("captioner-zh", "chinese"), work, output, make)


@workshop.train_app.command("reranking")
@shared_options("json_lines")
def train_reranking_command(
    use: Use,
    data: workshop.Data,
    output: Annotated[Path, typer.Option(help="Folder of the captioner; its config.json gets the weights.")],
    limit: Annotated[int | None, typer.Option(help="Pictures at most.", min=10)] = None,
) -> None:
    """Fit how the captioner chooses among its candidates, on the dev pictures of DIR (captions.jsonl)."""
    with workshop.recipe_imported():
        from mmcore.recipes.captioning.reranking import main

    settings, _ = chosen(None, "compact-captioner", None, output)
    use = replace(use, settings=settings)
    workshop.measure(use, lambda pool, progress: main(pool, data, output, limit, progress), "candidates")
