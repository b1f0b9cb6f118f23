"""``mmcore ask``, and ``evaluate ask``."""

from __future__ import annotations

from typing import Annotated

import typer
from PIL import Image

from mmcore.commands import console, workshop
from mmcore.commands.console import Use, answers_only, complain, print_notices, shared_options, usage, write_json
from mmcore.errors import InputError, MMCoreError
from mmcore.io.images import decode_image
from mmcore.results import MAX_PICTURES, MAX_TURNS, AskOptions, Turn
from mmcore.tasks import ask as asking

app = typer.Typer()


@app.command("ask")
@shared_options()
def ask_command(
    use: Use,
    files: Annotated[list[str], typer.Argument(metavar="FILE [FILE2]", help="A picture, or two.", show_default=False)],
    question: Annotated[
        list[str], typer.Option("--question", "-q", help="Given again, the conversation goes on.", show_default=False)
    ],
    max_tokens: Annotated[
        int, typer.Option(help="Longest answer of a language model (1-1024).")
    ] = AskOptions.max_tokens,
    decoding: Annotated[str, typer.Option(help="greedy or nucleus.")] = "greedy",
    seed: Annotated[int, typer.Option(help="Of nucleus sampling.")] = AskOptions.seed,
) -> None:
    """Ask about a picture, or about two.

    The compact tier puts its answers together from what it recognises and says what it cannot know; larger ones answer
    with a language model. One JSON line a question.
    """
    with usage():
        options = AskOptions(max_tokens=max_tokens, decoding=decoding, seed=seed)  # type: ignore[arg-type]  # checked
        if len(files) > MAX_PICTURES:
            raise InputError("ask_pictures", count=len(files), limit=MAX_PICTURES)
        if len(question) > MAX_TURNS + 1:
            raise InputError("ask_turns", count=len(question) - 1, limit=MAX_TURNS)
        pool = console.make_pool(use.settings)
        pool.choose(asking.TASK, use.model)
    failed = False
    with answers_only() as out:

        def refuse(path: str, error: MMCoreError, **more: object) -> None:
            if use.json_lines:
                write_json(out, {"path": path, **more, "error": error.to_dict()})
            else:
                complain(f"{path}: {error}")

        images: list[Image.Image] = []
        turns: list[Turn] = []
        for file in files:
            try:
                images.append(decode_image(file, asking.full_size(use.settings)))
            except MMCoreError as error:
                refuse(file, error)
                raise typer.Exit(console.FAILED) from None
        for one in question:
            try:
                result = asking.ask(pool, images, one, options, turns, use.model)
            except MMCoreError as error:
                failed = True
                refuse(files[0], error, question=one)
                continue
            turns.append(Turn(one, result.answer))
            if use.json_lines:
                several = {"paths": files} if len(files) > 1 else {}
                write_json(out, {"path": files[0], **several, **result.to_dict()})
                continue
            print(f"{one}\n  {result.answer}", file=out, flush=True)
            print_notices(out, files[0], result.notices)
    if failed:
        raise typer.Exit(console.FAILED)


@workshop.evaluate_app.command("ask")
@shared_options("tier", "device", "json_lines")
def evaluate_ask_command(use: Use, data: workshop.Data, limit: workshop.Most = None) -> None:
    """How often the composed yes, no and choice are right, on pictures whose labels are all known (captions.jsonl)."""
    from mmcore.evaluation.ask import run

    workshop.measure(use, lambda pool, progress: run(pool, data, limit=limit, progress=progress), "asking")
