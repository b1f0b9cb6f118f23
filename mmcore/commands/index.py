"""``mmcore index``: collections of pictures to search in; and ``mmcore bench index``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TextIO

import typer
from PIL import Image

from mmcore.checkpoints.download import readable_size
from mmcore.commands import console, workshop
from mmcore.commands.console import (
    FAILED,
    Json,
    Use,
    answers_only,
    complain,
    failures_reported,
    progress_bar,
    read_settings,
    shared_options,
    usage,
    write_json,
    wrong_usage,
)
from mmcore.errors import MMCoreError
from mmcore.index import AddOptions, AddReport, Collection, Embed, Library, ReadReport
from mmcore.pool import ModelPool
from mmcore.tasks import ocr, retrieval
from mmcore.types import Vectors

app = typer.Typer()
index_app = typer.Typer(help="Collections of pictures to search in.", no_args_is_help=True)
app.add_typer(index_app, name="index")

LEFT_OUT = {
    "not_pictures": "no pictures",
    "other_formats": "pictures in formats that are not read",
    "linked_folders": "linked folders (--follow-links)",
    "excluded": "excluded",
    "hidden": "hidden",
    "unreadable": "not readable",
}
Check = Annotated[bool, typer.Option("--check", help="Compare the content of every file, not just size and times.")]

Name = Annotated[str, typer.Argument(metavar="COLLECTION", show_default=False)]


def _embed(pool: ModelPool, model: str) -> Embed:
    def embed(pictures: Sequence[Image.Image]) -> Vectors:
        return retrieval.embed_images(pool, pictures, model)

    return embed


@index_app.command("add")
@shared_options()
def add_command(
    use: Use,
    collection: Name,
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Pictures, short videos, and folders of them.")],
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out files and folders of this name; * and ? as usual; may be given again."),
    ] = None,
    follow_links: Annotated[bool, typer.Option("--follow-links", help="Walk linked folders, too.")] = False,
    check: Check = False,
    read_text: Annotated[
        bool, typer.Option("--read-text", help="Also read the text in the pictures, to be found by it (extra ocr).")
    ] = False,
) -> None:
    """Add pictures to a collection, which is made if it is not there; files it knows are skipped.

    Of a video each key frame is an entry. Files are told by their content. What is left out is counted; files that
    were moved keep their place. A run that was stopped goes on where it was when it is started again.
    """
    library, pool, model = Library(use.settings), console.make_pool(use.settings), use.model
    with failures_reported():
        if model is None and use.tier is None and collection in library.names():
            model = library.open(collection).checkpoint  # the one that it was made with
        with usage():
            model = pool.choose(retrieval.TASK, model).name
            if read_text:
                ocr.reader(pool)  # what is missing is said before anything is added
            found = library.open_or_create(collection, model)
    failed = 0
    how = AddOptions(tuple(exclude or ()), follow_links, check)
    with answers_only() as out:
        for path in paths:
            try:
                with progress_bar(f"adding {path}") as progress:
                    report = found.add([path], _embed(pool, model), checkpoint=model, progress=progress, how=how)
            except MMCoreError as error:
                failed += 1
                _print_error(out, path, error, use.json_lines)
                continue
            if [one.path for one in report.broken] == [path] and not (report.added or report.unchanged or report.moved):
                failed += 1  # the input itself is at fault
                _print_error(out, path, report.broken[0].error, use.json_lines)
                continue
            failed += bool(report.broken)
            if use.json_lines:
                write_json(out, {"path": path, "collection": collection, **report.to_dict(), "model": model})
            else:
                _print_report(out, path, report)
        if read_text:
            failed += bool(_read_texts(out, pool, found, use.json_lines).broken)
    if failed:
        raise typer.Exit(FAILED)


@index_app.command("read")
@shared_options("local", "json_lines")
def read_command(use: Use, collection: Name) -> None:
    """Read the text in those pictures of a collection where that was not done yet, so that it can be searched.

    It takes about a second a picture; a run that was stopped goes on where it was.
    """
    pool = console.make_pool(use.settings)
    with usage():
        found = Library(use.settings).open(collection)
    with failures_reported(), answers_only() as out:
        report = _read_texts(out, pool, found, use.json_lines)
    if report.broken:
        raise typer.Exit(FAILED)


def _read_texts(out: TextIO, pool: ModelPool, collection: Collection, json_lines: bool) -> ReadReport:
    with progress_bar(f"reading {collection.name}") as progress:
        report = collection.read_texts(ocr.reader(pool), progress=progress)
    if json_lines:
        write_json(out, {"collection": collection.name, **report.to_dict()})
    else:
        print(f"{collection.name}: {report.read} read, {report.with_text} with text", file=out, flush=True)
        for one in report.broken:
            complain(f"{one.path}: {one.error}")
    return report


def _print_error(out: TextIO, path: str, error: MMCoreError, json_lines: bool) -> None:
    if json_lines:
        write_json(out, {"path": path, "error": error.to_dict()})
    else:
        complain(f"{path}: {error}")


def _print_report(out: TextIO, path: str, report: AddReport) -> None:
    counts = {
        "added": len(report.added),
        "unchanged": len(report.unchanged),
        "broken": len(report.broken),
        "copies": len(report.duplicates),
        "near copies": len(report.near_duplicates),
        "moved": len(report.moved),
        "gone": len(report.missing),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "added")
    print(f"{path}: {told}", file=out, flush=True)
    if report.left_out:
        print(
            f"{path}: left out: {', '.join(f'{n} {LEFT_OUT[why]}' for why, n in report.left_out)}", file=out, flush=True
        )
    for one in report.broken:
        complain(f"{one.path}: {one.error}")


@index_app.command("list")
def list_command(json_lines: Json = False) -> None:
    """List the collections: model, pictures, size on the disk."""
    library = Library(read_settings())
    with failures_reported(), answers_only() as out:
        for one in library.summaries():
            if json_lines:
                answer = {"name": one.name, "model": one.checkpoint, "pictures": one.pictures, "bytes": one.bytes}
                write_json(out, answer)
            else:
                print(f"{one.name}: {one.pictures} pictures, {readable_size(one.bytes)}, {one.checkpoint}", file=out)


@index_app.command("remove")
def remove_command(collection: Name, json_lines: Json = False) -> None:
    """Delete a collection; the pictures themselves stay where they are."""
    library = Library(read_settings())
    with failures_reported(), answers_only() as out:
        with usage():
            library.remove(collection)
        if json_lines:
            write_json(out, {"name": collection, "removed": True})
        else:
            print(f"{collection}: removed", file=out)


@index_app.command("refresh")
@shared_options("device", "json_lines")
def refresh_command(
    use: Use,
    collection: Name,
    keep_gone: Annotated[bool, typer.Option("--keep-gone", help="Only list entries whose files are gone.")] = False,
    check: Check = False,
) -> None:
    """Look at every file of a collection again: changed ones are embedded anew, those that are gone leave it.

    Where files were moved, `index add` their new folder first: they keep their entries.
    """
    pool = console.make_pool(use.settings)
    with usage():
        found = Library(use.settings).open(collection)
    with failures_reported(), answers_only() as out:
        model = found.checkpoint
        with progress_bar(f"refreshing {collection}") as progress:
            how = AddOptions(check=check)
            report = found.refresh(_embed(pool, model), checkpoint=model, progress=progress, how=how)
        removed = 0 if keep_gone else found.remove(report.missing)
        if use.json_lines:
            answer = {"collection": collection, **report.to_dict(), "removed": removed, "model": model}
            write_json(out, answer)
        else:
            _print_report(out, collection, report)
            print(f"{collection}: {removed} removed", file=out)
    if report.broken:
        raise typer.Exit(FAILED)


@index_app.command("duplicates")
def duplicates_command(collection: Name, json_lines: Json = False) -> None:
    """List the pictures of a collection that are the same: byte for byte, or as they look."""
    with usage():
        found = Library(read_settings()).open(collection)
    with failures_reported(), answers_only() as out:
        for group in found.duplicates():
            paths = [entry.path for entry in group.entries]
            gone = [entry.path for entry in group.entries if entry.missing]
            if json_lines:
                write_json(
                    out,
                    {
                        "collection": collection,
                        "exact": group.exact,
                        "paths": paths,
                        **({"gone": gone} if gone else {}),
                    },
                )
            else:
                told = "the same file" if group.exact else "the same picture"
                shown = [f"{path} [the file is gone]" if path in gone else path for path in paths]
                print(f"{told}: {', '.join(shown)}", file=out)


@index_app.command("share")
def share_command(
    collection: Name,
    stop: Annotated[bool, typer.Option("--stop", help="Share it no longer.")] = False,
    json_lines: Json = False,
) -> None:
    """Let everybody who reaches the page search a collection, and see its pictures."""
    library = Library(read_settings())
    with failures_reported(), answers_only() as out:
        with usage():
            library.share(collection, not stop)
        if json_lines:
            write_json(out, {"name": collection, "shared": not stop})
        else:
            print(f"{collection}: {'no longer shared' if stop else 'shared with visitors of the page'}", file=out)


@index_app.command("embed")
@shared_options()
def embed_command(use: Use, collection: Name) -> None:
    """Embed a collection again, with another model; it can be searched as before until that is done."""
    if use.model is None and use.tier is None:
        wrong_usage("give --model or --tier, to say which model is to embed the collection")
    pool = console.make_pool(use.settings)
    with usage():
        model = pool.choose(retrieval.TASK, use.model).name
        found = Library(use.settings).open(collection)
    with failures_reported(), answers_only() as out:
        with progress_bar(f"embedding {collection}") as progress:
            report = found.reembed(_embed(pool, model), checkpoint=model, progress=progress)
        if use.json_lines:
            write_json(out, {"collection": collection, **report.to_dict(), "model": model})
        else:
            _print_report(out, collection, report)
    if report.broken:
        raise typer.Exit(FAILED)


@workshop.bench_app.command("index")
@shared_options("json_lines")
def bench_index_command(
    use: Use,
    vectors: Annotated[int, typer.Option(help="Vectors in the collection.", min=1000)] = 1_000_000,
    width: Annotated[int, typer.Option(help="Numbers in a vector.", min=8)] = 512,
    repeats: workshop.Repeats = 10,
) -> None:
    """Time of an exact search, compared with faiss IndexFlatIP, and the memory that it takes."""
    from mmcore.evaluation.index_bench import run

    workshop.measure(use, lambda _, progress: run(vectors, width, repeats, progress=progress), "vectors")
