"""Measure a retriever on a folder of pictures with captions or with labels.

Captions: recall@k, the part of the captions whose picture is among the first k of all pictures (text -> image), and of
the pictures one of whose captions is among the first k of all captions (image -> text). Labels: the part of the
held-back pictures whose label is the most probable of twenty words that never occur in Flickr8k, and of all labels.

Both: is "no good match" said for nonsense, and only there? ``nonsense_refused`` is the part of 40 nonsense queries that
find none among the pictures, ``real_refused`` the part of the real ones: the stored ones whose words some picture's
captions or labels contain, and the first caption or the label of up to 100 pictures. The constants of the scores were
set with other queries ("nonsense_seen" and "real_seen" of the stored ones), but in part with the same pictures,
captions and labels. ``background`` is what the cosines of these pictures are between what does not belong together:
the "calibration" that a bundled model's config.json may have (see ``mmcore/tasks/calibration.py``).
"""

from __future__ import annotations

import json
import re
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmcore.errors import MMCoreError
from mmcore.evaluation.captioning import read_chinese, read_labels, read_references
from mmcore.pool import ModelPool
from mmcore.results import DEFAULT_CUTOFF, ZeroShotOptions
from mmcore.tasks.batching import answers
from mmcore.tasks.calibration import SAMPLE, CosineBaseline
from mmcore.tasks.embedding import TASK, background, embed_images, embed_texts, traits
from mmcore.tasks.matching import label_vectors
from mmcore.types import Progress, Vectors

RANKS = (1, 5, 10)
OWN = 100
"""Captions or labels of the folder itself that are asked for."""
STOPWORDS = frozenset(
    re.findall(r"\w+", "a an the of on in into with at and to two group person people playing riding running")
)


def stored_queries(kind: str) -> list[str]:
    """ "nonsense", "real", the two that were "..._seen" when the constants were set, or words "outside_flickr8k"."""
    file = resources.files("mmcore.evaluation") / "retrieval_queries.json"
    found: list[str] = json.loads(file.read_text(encoding="utf-8"))[kind]
    return found


def recall(cosines: npt.NDArray[np.floating[Any]], owner: npt.NDArray[np.int64]) -> dict[str, float]:
    """Recall@1/5/10 both ways of cosines (texts, pictures); ``owner`` (texts,) is the picture of each text.

    A tie counts as found only after all that are as near: a model that gives one vector to everything finds nothing.
    """
    own = cosines[np.arange(len(owner)), owner]
    text_rank = (cosines >= own[:, None]).sum(1) - 1
    best = np.full(cosines.shape[1], -np.inf)
    np.maximum.at(best, owner, own)
    # Other texts that are as near as the nearest of its own.
    foreign = owner[:, None] != np.arange(cosines.shape[1])
    image_rank = ((cosines >= best) & foreign).sum(0)
    return {
        **{f"text_to_image_r{k}": float((text_rank < k).mean()) for k in RANKS},
        **{f"image_to_text_r{k}": float((image_rank < k).mean()) for k in RANKS},
    }


def run(
    pool: ModelPool,
    data: Path,
    model: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
    language: str = "en",
) -> dict[str, Any]:
    """Measure a retriever on a folder (see above). Returns the figures with the model and the number of pictures.

    ``language`` "zh": on the captions that Chinese speakers wrote of the same pictures (``read_chinese``).
    Raises InputError for a folder without captions.jsonl and labels.tsv, and for a picture that cannot be read.
    """
    if language == "zh":
        return _chinese(pool, data, model, limit, progress)
    labelled = not (data / "captions.jsonl").is_file() and (data / "labels.tsv").is_file()
    truth = read_labels(data) if labelled else read_references(data)
    paths = list(truth)[:limit]
    truth = {path: truth[path] for path in paths}
    name = pool.choose(TASK, model).name
    pictures = _embedded(pool, name, paths, progress)
    figures: dict[str, Any] = {"model": name, "pictures": len(paths)}
    if labelled:
        figures |= _zero_shot(pool, name, pictures, truth)
    else:
        captions = [text for texts in truth.values() for text in texts]
        owner = np.repeat(np.arange(len(truth)), [len(texts) for texts in truth.values()])
        figures |= {"texts": len(captions), **recall(embed_texts(pool, captions, name) @ pictures.T, owner)}
    return figures | _refusals(pool, name, pictures, truth)


def _chinese(
    pool: ModelPool, data: Path, model: str | None, limit: int | None, progress: Progress | None
) -> dict[str, Any]:
    truth = dict(list(read_chinese(data).items())[:limit])
    name = pool.choose(TASK, model).name
    pictures = _embedded(pool, name, list(truth), progress)
    captions = [text for texts in truth.values() for text in texts]
    owner = np.repeat(np.arange(len(truth)), [len(texts) for texts in truth.values()])
    found = recall(embed_texts(pool, captions, name) @ pictures.T, owner)
    return {"model": name, "language": "zh", "pictures": len(truth), "texts": len(captions), **found}


def _embedded(pool: ModelPool, name: str, paths: Sequence[str], progress: Progress | None) -> Vectors:
    vectors = []
    for outcome in answers(pool.settings, paths, lambda images: list(embed_images(pool, images, name)), progress):
        if isinstance(outcome, MMCoreError):
            raise outcome
        vectors.append(outcome)
    return np.stack(vectors)


def _zero_shot(pool: ModelPool, name: str, pictures: Vectors, truth: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    labels = list(truth.values())
    everything = tuple(sorted({label for own in labels for label in own}))
    novel = tuple(word for word in stored_queries("outside_flickr8k") if word in everything)
    figures: dict[str, Any] = {"labels": len(everything)}
    for title, words in (("outside_flickr8k", novel), ("all_labels", everything)):
        if not words:
            continue
        shown = [place for place, own in enumerate(labels) if set(own) & set(words)]
        # In groups of as many labels as a request may have.
        size = pool.settings.labels
        vectors = np.concatenate(
            [label_vectors(pool, name, ZeroShotOptions(words[s : s + size])) for s in range(0, len(words), size)]
        )
        guesses = [words[place] for place in (pictures[shown] @ vectors.T).argmax(1)]
        right = [guess in labels[place] for guess, place in zip(guesses, shown, strict=True)]
        figures[f"{title}_words"], figures[f"{title}_pictures"] = len(words), len(shown)
        figures[f"{title}_top1"] = statistics.fmean(right)
        if title == "outside_flickr8k":
            figures["table"] = _table([labels[place] for place in shown], guesses, words)
    return figures


def _table(labels: Sequence[tuple[str, ...]], guesses: Sequence[str], words: Sequence[str]) -> list[dict[str, Any]]:
    """A row for every word: pictures, how many were named, and what the others were called."""
    found: dict[str, list[str]] = defaultdict(list)
    for own, guess in zip(labels, guesses, strict=True):
        found[next(word for word in words if word in own)].append(guess)
    return [
        {
            "word": word,
            "pictures": len(said),
            "named": sum(guess == word for guess in said),
            "instead": " ".join(guess for guess in said if guess != word) or "-",
        }
        for word, said in found.items()
    ]


def _refusals(pool: ModelPool, name: str, pictures: Vectors, truth: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    stretch = max(1, len(pictures) // SAMPLE)
    known = background(pool, name, pictures[::stretch][:SAMPLE])
    own = [texts[0] for texts in list(truth.values())[:: max(1, len(truth) // OWN)][:OWN]]
    real = [query for query in stored_queries("real") if occurs(query, truth.values())] + list(dict.fromkeys(own))
    figures: dict[str, Any] = {}
    for kind, queries in (("nonsense", stored_queries("nonsense")), ("real", real)):
        best = best_scores(pool, name, pictures, queries, known)
        figures[f"{kind}_queries"] = len(queries)
        if queries:
            refused = [query for query, score in zip(queries, best, strict=True) if score < DEFAULT_CUTOFF]
            figures[f"{kind}_refused"] = len(refused) / len(queries)
            wrong = refused if kind == "real" else [query for query in queries if query not in refused]
            figures[f"{kind}_wrong"] = [f"{query} ({best[queries.index(query)]:.2f})" for query in wrong]
    measured = asdict(CosineBaseline.of(known.texts, pictures[::stretch][:SAMPLE], None).spread)
    return {**figures, "cutoff": DEFAULT_CUTOFF, "background": [measured], "device": traits(pool, name).device}


def best_scores(
    pool: ModelPool, name: str, pictures: Vectors, queries: Sequence[str], known: CosineBaseline
) -> npt.NDArray[np.float64]:
    """The calibrated score (N,) of each query's best picture."""
    if not queries:
        return np.zeros(0)
    vectors = embed_texts(pool, queries, name)
    return known.text_scores((pictures @ vectors.T).max(0), vectors)


def occurs(query: str, described: Any) -> bool:
    """Whether the words of a query (not articles and the like) stand together in what describes some picture."""
    words = [word for word in re.findall(r"[a-z]+", query.lower()) if word not in STOPWORDS]
    return any(all(re.search(rf"\b{word[:6]}", text) for word in words) for text in map(_joined, described))


def _joined(texts: Sequence[str]) -> str:
    return " ".join(texts).lower()
