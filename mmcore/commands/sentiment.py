"""``mmcore sentiment``, and its ``evaluate`` and ``train``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from mmcore.commands import console, workshop
from mmcore.commands.console import (
    FAILED,
    Use,
    answers_only,
    complain,
    failures_reported,
    print_notices,
    progress_bar,
    shared_options,
    usage,
    write_json,
    wrong_usage,
)
from mmcore.errors import MMCoreError
from mmcore.io.images import decode_image
from mmcore.io.tables import ALL_ROWS
from mmcore.pool import ModelPool
from mmcore.results import FUSIONS, OPTIMISERS, Post, SentimentOptions, SentimentResult, TrainingOptions
from mmcore.results.ocr import one_line
from mmcore.tasks import ocr, sentiment, transcribe
from mmcore.types import Progress

app = typer.Typer()

Fusion = Annotated[str | None, typer.Option(help=f"One of {', '.join(FUSIONS)}.", metavar="NAME")]


@app.command("sentiment", short_help="Judge the sentiment of text and picture.")
@shared_options()
def sentiment_command(
    use: Use,
    text: Annotated[str | None, typer.Option(help="The text.", metavar="T")] = None,
    image: Annotated[str | None, typer.Option(help="The picture.", metavar="FILE")] = None,
    sound: Annotated[str | None, typer.Option(help="What is said (extra speech).", metavar="FILE")] = None,
    read_text: Annotated[
        bool, typer.Option("--read-text", help="The text in the picture is part of the post, as in memes (extra ocr).")
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option(help="A .tsv, .csv or .xlsx with columns text and image (a path relative to it).", metavar="FILE"),
    ] = None,
    fusion: Fusion = None,
    head: Annotated[str | None, typer.Option(help="A head of your own, by its name.", metavar="NAME")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each word contributes.")] = False,
) -> None:
    """Say whether a text, a picture or both are negative, neutral or positive."""
    nothing = text is None and image is None and sound is None
    if table is not None and not nothing:
        wrong_usage("give --table, or --text, --image and --sound")
    if table is None and nothing:
        wrong_usage("give --text, --image, --sound or several of them, or a --table")
    with usage():
        options = SentimentOptions(
            fusion=fusion,  # type: ignore[arg-type]  # checked there
            head=head,
            explain=explain,
            read_text=read_text,
        )
        pool = console.make_pool(use.settings)
        sentiment.checked(pool.choose(sentiment.TASK, use.model), options, use.settings)
    failed = 0
    with failures_reported(), answers_only() as out, progress_bar("sentiment") as progress:
        outcomes: Iterator[tuple[dict[str, str], SentimentResult | MMCoreError]]
        if table is not None:
            outcomes = sentiment.classify_sentiment_table(
                pool, table, options, use.model, progress=progress, limit=ALL_ROWS
            )
        else:
            given = {"text": text or "", "image": image or sound or ""}
            post = _post(pool, text, image, sound, options)
            outcomes = ((given, one) for one in sentiment.classify_sentiment_many(pool, [post], options, use.model))
        for row, outcome in outcomes:
            failed += isinstance(outcome, MMCoreError)
            name = row["image"].strip() or row["text"]
            if use.json_lines:
                write_json(out, _answer(row, outcome, with_input=table is not None))
            elif isinstance(outcome, MMCoreError):
                complain(f"{name}: {outcome}")
            else:
                _print(out, name, outcome)
    if failed:
        raise typer.Exit(FAILED)


def _post(
    pool: Any, text: str | None, image: str | None, sound: str | None, options: SentimentOptions
) -> Post | MMCoreError:
    decoding = ocr.full_size(pool.settings) if options.read_text else pool.settings
    try:
        picture = None if image is None else decode_image(image, decoding)
        return Post(text, picture, None if sound is None else transcribe.spoken_part(pool, sound))
    except MMCoreError as error:
        return error


def _answer(row: dict[str, str], outcome: SentimentResult | MMCoreError, *, with_input: bool) -> dict[str, Any]:
    if isinstance(outcome, MMCoreError):
        about = {"path": row["image"]} if row["image"] else {"query": row["text"]}
        return {**about, "error": outcome.to_dict()}
    answer = outcome.to_dict()
    if outcome.explanation is not None:
        answer["words"] = [
            {"text": word.text, "start": word.start, "end": word.end, "valence": round(word.valence, 4)}
            for word in outcome.explanation.words
        ]
    return {"text": row["text"], "image": row["image"], **answer} if with_input else answer


def _print(out: TextIO, name: str, result: SentimentResult) -> None:
    scores = result.scores.to_dict()
    shown = ", ".join(f"{label} {score:.2f}" for label, score in scores.items())
    interaction = f"; {result.interaction}" if result.interaction else ""
    print(f"{name}: {result.label}  ({shown}{interaction})", file=out, flush=True)
    if result.reads is not None and result.reads.lines:
        print(f"  reads: {one_line(result.reads.lines)}", file=out, flush=True)
    if result.spoken is not None:
        spoken = result.spoken.to_dict()
        voice = ", ".join(f"{name} {value}" for name, value in spoken["voice"].items())
        rate = spoken["words_a_minute"]
        print(f"  says: {spoken['text']}", file=out, flush=True)
        print(f"  voice, measured and not judged: words_a_minute {rate}, {voice}", file=out, flush=True)
    if result.explanation is not None and result.explanation.words:
        words = " ".join(f"{word.text}[{word.valence:+.2f}]" for word in result.explanation.words)
        print(f"  {words}", file=out, flush=True)
    print_notices(out, name, result.notices)


@workshop.evaluate_app.command("sentiment")
@shared_options()
def evaluate_sentiment_command(
    use: Use,
    data: workshop.Data,
    cross_validate: Annotated[
        bool, typer.Option("--cross-validate", help="Train every fusion anew on each four fifths, test on the rest.")
    ] = False,
    explanations: Annotated[
        bool, typer.Option("--explanations", help="Take away what is said to matter most, and something at random.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Of --cross-validate.", min=1, max=50)] = 5,
    listed_duplicates: Annotated[
        bool, typer.Option("--listed-duplicates", help="Keep together only the duplicates that the data itself lists.")
    ] = False,
    fusion: Fusion = None,
    limit: Annotated[int | None, typer.Option(help="Posts at most.", min=1)] = None,
) -> None:
    """Accuracy, F1, recall and calibration on a folder like MVSA-Single, tweets, or a table (text, image, label)."""
    with usage():
        options = SentimentOptions(fusion=fusion)  # type: ignore[arg-type]  # checked there

    def work(pool: ModelPool, progress: Progress) -> dict[str, Any]:
        from mmcore.evaluation import sentiment as evaluation

        if cross_validate:
            from mmcore.evaluation.cross_validation import cross_validation

            names = FUSIONS if fusion is None else (fusion,)
            return cross_validation(pool, data, names, seeds, progress, complain, listed_only=listed_duplicates)
        if explanations:
            return evaluation.explanations(pool, data, options, use.model, limit or 150, progress)
        return evaluation.run(pool, data, options, use.model, limit, progress)

    workshop.measure(use, work, "sentiment")


@workshop.train_app.command("sentiment")
@shared_options("json_lines")
def train_sentiment_command(
    use: Use,
    data: workshop.Data,
    fusion: Fusion = None,
    name: Annotated[str | None, typer.Option(help="Keep the head under this name.", metavar="NAME")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the head to this folder.", metavar="DIR")] = None,
    bundle: Annotated[bool, typer.Option("--bundle", help="Make the compact model anew, with all fusions.")] = False,
    optimiser: Annotated[str, typer.Option(help=f"One of {', '.join(OPTIMISERS)}.")] = TrainingOptions.optimiser,
    learning_rate: Annotated[float, typer.Option()] = TrainingOptions.learning_rate,
    batch_size: Annotated[int, typer.Option()] = TrainingOptions.batch_size,
    epochs: Annotated[int, typer.Option()] = TrainingOptions.epochs,
    dropout: Annotated[float, typer.Option()] = TrainingOptions.dropout,
    modality_dropout: Annotated[float, typer.Option()] = TrainingOptions.modality_dropout,
    weight_decay: Annotated[float, typer.Option()] = TrainingOptions.weight_decay,
    smoothing: Annotated[float, typer.Option(help="Label smoothing.")] = TrainingOptions.smoothing,
    balance: Annotated[float, typer.Option(help="0: posts alike, 1: classes alike.")] = TrainingOptions.balance,
    patience: Annotated[int, typer.Option(help="Epochs; 0 never stops early.")] = TrainingOptions.patience,
    width: Annotated[int, typer.Option(help="Size of the hidden layer.")] = TrainingOptions.width,
    seed: Annotated[int, typer.Option()] = TrainingOptions.seed,
) -> None:
    """Train a fusion of text and image on labelled posts: a folder like MVSA-Single, a table or a ZIP."""
    with usage():
        options = TrainingOptions(
            fusion=fusion or TrainingOptions.fusion,  # type: ignore[arg-type]  # checked there
            optimiser=optimiser,  # type: ignore[arg-type]
            learning_rate=learning_rate,
            batch_size=batch_size,
            epochs=epochs,
            dropout=dropout,
            modality_dropout=modality_dropout,
            weight_decay=weight_decay,
            smoothing=smoothing,
            balance=balance,
            patience=patience,
            width=width,
            seed=seed,
        )
        if name is not None:
            from mmcore.checkpoints.fusion_heads import check_name

            check_name(name)
    if bundle and output is None:
        wrong_usage("--bundle needs --output DIR")

    def work(pool: ModelPool, progress: Progress) -> dict[str, Any]:
        if bundle:
            with workshop.recipe_imported():
                from mmcore.recipes.sentiment.train_heads import make

            assert output is not None
            return make(pool, data, output, progress=progress, say=complain)
        from mmcore.fusion.feature_sets import features_of
        from mmcore.fusion.trainer import Training

        training = Training(features_of(pool, data, progress, limit=ALL_ROWS), options)
        for report in training.run():
            complain(
                f"epoch {report.epoch}: loss {report.train_loss:.4f}, dev loss {report.dev_loss:.4f}, "
                f"dev accuracy {report.dev.accuracy:.4f}{' *' if report.best else ''}"
            )
        where = output or (None if name is None else training.keep(use.settings, name))
        if output is not None:
            training.save(output)
        return {"fusion": options.fusion, "head": "" if where is None else str(where), **training.scores().to_dict()}

    workshop.measure(use, work, "sentiment")


@workshop.train_app.command("text-alone")
@shared_options("json_lines")
def train_text_alone_command(
    use: Use,
    data: workshop.Data,
    work: Annotated[Path, typer.Option(help="Folder for what is computed on the way.", metavar="DIR")],
    output: Annotated[Path, typer.Option(help="Folder of the compact sentiment model, to be added to.", metavar="DIR")],
    balance_only: Annotated[
        bool, typer.Option("--balance-only", help="Train nothing; choose anew how far classes are shifted.")
    ] = False,
) -> None:
    """Train what judges posts without a picture, on a folder of labelled tweets (train.tsv, dev.tsv)."""
    with workshop.recipe_imported():
        from mmcore.recipes.sentiment.train_text_alone import balance, make

    def run(work: Path, output: Path) -> dict[str, Any]:
        return balance(data, output, say=complain) if balance_only else make(data, work, output, say=complain)

    workshop.run_recipe(use, ("sentiment", "sentiment"), work, output, run)
