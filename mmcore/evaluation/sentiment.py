"""How well a sentiment model judges labelled posts, and whether its explanations point at what matters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.errors import InputError, MMCoreError
from mmcore.evaluation.cross_validation import held_back
from mmcore.families.base import SentimentJudge
from mmcore.fusion.labelled_posts import LabelledPosts, read_posts
from mmcore.fusion.metrics import score
from mmcore.io.images import clean_text, decode_image
from mmcore.io.tables import ALL_ROWS
from mmcore.pool import ModelPool
from mmcore.results.sentiment import SENTIMENTS, Post, SentimentOptions, SentimentScores
from mmcore.tasks.contributions import explain_post, parts_of, text_with
from mmcore.tasks.late_fusion import LateJudge
from mmcore.tasks.sentiment import TASK, checked, classify_sentiment_many
from mmcore.types import Progress

DEV_TABLE = "dev.tsv"
"""What a data set of tweets has beside train.tsv."""
AT_ONCE = 64
"""Posts whose pictures lie in memory together."""


def _values(scores: SentimentScores) -> list[float]:
    return [getattr(scores, name) for name in SENTIMENTS]


def _post(pool: ModelPool, posts: LabelledPosts, row: int) -> Post:
    picture = posts.pictures[row]
    text = clean_text(posts.texts[row], pool.settings)
    return Post(text or None, decode_image(picture, pool.settings) if picture else None)


def run(
    pool: ModelPool,
    data: Path,
    options: SentimentOptions,
    model: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Accuracy, F1, calibration error and macro recall of both together, text alone, image alone; recall of each class.

    ``data`` is what ``read_posts`` takes, or a folder of texts with a table dev.tsv in place of labels.tsv.
    Posts that the model refuses (texts in a script that it cannot read) are counted and left out. Raises what
    ``own_data.read_posts`` raises, and WeightsError and CapacityError.
    """
    dev = data / DEV_TABLE
    table = dev if dev.is_file() and not (data / "labels.tsv").is_file() else data
    posts = read_posts(table, pool.settings, ALL_ROWS)
    count = min(limit or len(posts.texts), len(posts.texts))
    refused = 0
    answers: dict[str, list[list[float]]] = {"both": [], "text": [], "image": []}
    truths: dict[str, list[int]] = {"both": [], "text": [], "image": []}
    for start in range(0, count, AT_ONCE):
        rows = range(start, min(start + AT_ONCE, count))
        for row, outcome in zip(
            rows, classify_sentiment_many(pool, [_post(pool, posts, row) for row in rows], options, model), strict=True
        ):
            if isinstance(outcome, InputError):
                refused += 1
                continue
            if isinstance(outcome, MMCoreError):
                raise outcome
            for view, scores in (("both", outcome.scores), ("text", outcome.text), ("image", outcome.image)):
                if scores is not None:
                    answers[view].append(_values(scores))
                    truths[view].append(int(posts.labels[row]))
        if progress is not None:
            progress(rows.stop, count)
    figures: dict[str, Any] = {"model": pool.choose(TASK, model).name, "posts": count, "refused": refused}
    for view, values in answers.items():
        if values:
            found = score(values, truths[view])
            figures |= {f"{view}_{name}": value for name, value in found.to_dict().items()}
            figures[f"{view}_macro_recall"] = round(found.macro_recall, 4)
            if view == "both":
                figures["recall"] = [{name: round(value, 4) for name, value in found.recalls.items()}]
                figures["confusion"] = [dict(zip(SENTIMENTS, row, strict=True)) for row in found.confusion]
    return figures


def explanations(
    pool: ModelPool,
    data: Path,
    options: SentimentOptions,
    model: str | None = None,
    limit: int = 150,
    progress: Progress | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Take away the word, or region, that is said to matter most for the answer, and beside it a random other one.

    Each figure is the mean fall of the answer's probability; ``*_better`` is the share of posts in which the named one
    makes it fall further than the random one. Only posts with at least two words and a picture count, drawn at random,
    those first that the recipe of the bundled heads holds back from training (``held_back`` of them). Raises what
    ``run`` raises.
    """
    posts = read_posts(data, pool.settings, ALL_ROWS)
    held = held_back(posts.labels, posts.groups)
    held_count = 0
    fusion = options.fusion or ""
    draw = np.random.default_rng(seed)
    falls: dict[str, list[float]] = {"word": [], "random_word": [], "region": [], "random_region": []}
    checkpoint = checked(pool.choose(TASK, model), options, pool.settings)

    def work(loaded: SentimentJudge, some: Sequence[Post]) -> list[tuple[float, float, float, float]]:
        judge: SentimentJudge = loaded if loaded.fusions else LateJudge(pool, loaded)
        return [_falls(judge, post, fusion, draw) for post in some]

    order = draw.permutation(len(posts.texts))
    for row in order[np.argsort(~held[order], kind="stable")].tolist():
        if len(falls["word"]) == limit:
            break
        post = _post(pool, posts, row)
        if post.image is None or len(parts_of(post.text or "")) < 2:
            continue
        for name, fall in zip(falls, pool.run(checkpoint.name, work, [post])[0], strict=True):
            falls[name].append(fall)
        held_count += int(held[row])
        if progress is not None:
            progress(len(falls["word"]), limit)
    figures: dict[str, Any] = {"model": checkpoint.name, "posts": len(falls["word"]), "held_back": held_count}
    for kind in ("word", "region"):
        named, random = np.array(falls[kind]), np.array(falls[f"random_{kind}"])
        figures |= {
            f"{kind}_fall": float(named.mean()),
            f"random_{kind}_fall": float(random.mean()),
            f"{kind}_better": float((named > random).mean()),
        }
    return figures


def _falls(
    model: SentimentJudge, post: Post, fusion: str, draw: np.random.Generator
) -> tuple[float, float, float, float]:
    """How far the answer's probability falls without the named word, a random one, the named region, a random one."""
    text = post.text or ""
    spans = parts_of(text)
    whole = model.with_texts(post, [text], fusion)[0]
    label = int(whole.argmax())
    found = explain_post(model, post, fusion)
    words = [getattr(word, SENTIMENTS[label]) for word in found.words]
    chosen = _named_and_random(np.array(words), draw)
    texts = [text_with(text, spans, np.arange(len(spans)) != place) or None for place in chosen]
    word, other_word = (whole[label] - model.with_texts(post, texts, fusion)[:, label]).tolist()
    assert found.regions is not None
    flat = found.regions[..., label].ravel()
    kept = np.ones((2, flat.size), bool)
    for row, place in enumerate(_named_and_random(flat, draw)):
        kept[row, place] = False
    fallen = whole[label] - model.with_regions(post, kept.reshape(2, *model.regions), fusion)[:, label]
    region, other_region = fallen.tolist()
    return word, other_word, region, other_region


def _named_and_random(values: np.ndarray[Any, Any], draw: np.random.Generator) -> tuple[int, int]:
    best = int(values.argmax())
    other = int(draw.integers(len(values) - 1))
    return best, other + (other >= best)
