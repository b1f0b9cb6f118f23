"""``mmcore search`` and ``mmcore zero-shot``, and the retrievers' ``evaluate``, ``bench`` and ``train``."""

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
    as_dict,
    complain,
    failures_reported,
    print_notices,
    progress_bar,
    read_settings,
    shared_options,
    usage,
    write_json,
    wrong_usage,
)
from mmcore.errors import InputError, MMCoreError
from mmcore.index import Library
from mmcore.io.images import decode_image
from mmcore.pool import ModelPool
from mmcore.results import Query, SearchOptions, SearchResult, ZeroShotOptions, ZeroShotResult
from mmcore.settings import Settings
from mmcore.tasks import retrieval
from mmcore.types import Progress

app = typer.Typer()

CutOff = Annotated[float, typer.Option("--cut-off", help="Least score of a good match (0-1).")]


@app.command("search")
@shared_options("device", "json_lines")
def search_command(
    use: Use,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="See `mmcore index list`.")],
    text: Annotated[str | None, typer.Option(help="What to look for, in words.")] = None,
    image: Annotated[str | None, typer.Option(help="A picture to look for.", metavar="FILE")] = None,
    reading: Annotated[
        str | None, typer.Option(help="Text to find inside the pictures; see `mmcore index read`.", metavar="TEXT")
    ] = None,
    reading_weight: Annotated[
        float, typer.Option(help="How much that counts beside words and picture (0.1-5).", min=0.1, max=5)
    ] = 1.0,
    without: Annotated[str | None, typer.Option(help="What must not be in the pictures.", metavar="TEXT")] = None,
    queries: Annotated[str | None, typer.Option(help="Texts to look for, one a line.", metavar="FILE")] = None,
    top: Annotated[int, typer.Option(help="Matches, best first (1-1000).")] = SearchOptions.top,
    cut_off: CutOff = SearchOptions.cutoff,
    name: Annotated[str, typer.Option(help="Only files with this in their name; * and ? as usual.")] = "",
) -> None:
    """Find pictures of a collection by words, by a picture, by the text inside them, or all together."""
    settings = use.settings
    if queries is not None and (text or image or reading):
        wrong_usage("give --queries, or --text, --image and --reading")
    if queries is None and not (text or image or reading):
        wrong_usage("give --text, --image, --reading or --queries")
    with usage():
        options = SearchOptions(top=top, cutoff=cut_off, name=name)
        found = Library(settings).open(collection)
    with answers_only() as out:
        if queries is not None:
            asked, shown = _read_queries(queries, without, settings)
        else:
            shown = [text or image or reading or ""]
            try:
                picture = decode_image(image, settings) if image else None
                query = Query.of(
                    text, picture, without, image_name=image or "", reading=reading, reading_weight=reading_weight
                )
                asked = [query]
            except InputError as error:
                asked = [error]
        failed = _answer_queries(out, settings, found, asked, shown, options, use.json_lines)
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
        read = f"  reads: {match.reading}" if match.reading else ""
        read = f" at {match.moment:.1f} s{read}" if match.moment is not None else read
        print(f"{result.query}: {match.score:.2f}  {match.path}{read}{gone}", file=out, flush=True)
    print_notices(out, result.query, result.notices)


@app.command("zero-shot")
@shared_options()
def zero_shot_command(
    use: Use,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Pictures.", show_default=False)],
    labels: Annotated[str, typer.Option(help='Your own words: "a cat,a dog".')],
    template: Annotated[
        list[str] | None, typer.Option(help='A sentence for the labels: "a drawing of {}"; may be given again.')
    ] = None,
) -> None:
    """Tell pictures apart by your own words."""
    with usage():
        options = ZeroShotOptions.of(labels, template or None)
        pool = console.make_pool(use.settings)
        pool.choose(retrieval.TASK, use.model)
    with failures_reported(), answers_only() as out, progress_bar("classifying") as progress:
        outcomes = retrieval.zero_shot_many(pool, files, options, use.model, progress=progress, limit=len(files))
        answer_all(use, out, zip(files, outcomes, strict=True), _print_labels)


def _print_labels(out: TextIO, path: str, outcome: ZeroShotResult) -> None:
    best = ", ".join(f"{one.label} {one.score:.2f}" for one in outcome.labels[:5])
    print(f"{path}: {best}", file=out, flush=True)


@workshop.evaluate_app.command("retrieval")
@shared_options()
def evaluate_retrieval_command(
    use: Use,
    data: workshop.Data,
    limit: workshop.Most = None,
    language: Annotated[
        str, typer.Option(help='"en", or "zh": the Chinese captions in the folder beside DIR called DIR_cn.')
    ] = "en",
) -> None:
    """Recall@1/5/10 both ways on captioned pictures (captions.jsonl), zero-shot top-1 on labelled ones (labels.tsv).

    Both also say how many nonsense queries find "no good match", and how many real ones do.
    """
    if language not in ("en", "zh"):
        wrong_usage(f"--language is {language!r}; it must be en or zh")
    from mmcore.evaluation.retrieval import run

    def work(pool: ModelPool, progress: Progress) -> dict[str, Any]:
        return run(pool, data, model=use.model, limit=limit, progress=progress, language=language)

    workshop.measure(use, work, "embedding")


@workshop.bench_app.command("retrieval")
@shared_options("tier", "device", "json_lines")
def bench_retrieval_command(use: Use, repeats: workshop.Repeats = 10) -> None:
    """Time of embedding a picture and a text, compared with CLIP ViT-B/32's architecture on this machine."""
    from mmcore.evaluation.retrieval_bench import run

    workshop.measure(use, lambda pool, _: run(pool, repeats=repeats))


@workshop.train_app.command("retrieval")
def train_retrieval_command(
    data: workshop.Data,
    work: workshop.Work = None,
    output: Annotated[Path | None, typer.Option(help="Where the model goes. Default: WORK/retriever.")] = None,
    encoder: workshop.Encoder = None,
    second_encoder: workshop.SecondEncoder = None,
    sentences: workshop.Sentences = None,
) -> None:
    """Train the compact retriever anew; DIR holds flickr8k/, objects/, coco_extra/ and, if there, mvsa_single/."""
    with workshop.recipe_imported():
        from mmcore.recipes.pretrained import Ingredients
        from mmcore.recipes.retrieval.train_retriever import main

    def make(work: Path, output: Path) -> None:
        main(data, work, output, Ingredients(encoder, sentences, second_encoder), say=complain)
        complain(f"{output}: measure it with `mmcore evaluate retrieval --local {output} --model compact-retriever`")

    workshop.run_recipe(Use(read_settings()), ("retrieval", "retriever"), work, output, make)
