"""CIDEr-D and BLEU-4, the standard figures of image captioning.

CIDEr-D: Vedantam, Zitnick & Parikh, CVPR 2015. BLEU: Papineni et al., ACL 2002. Both follow the arithmetic of
the COCO caption evaluation (sigma 6, scale 10; corpus BLEU with the closest reference length); the tests compare
them with figures from that code. Text is lower-cased and punctuation is dropped, as its tokeniser does.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmcore.errors import InputError, MMCoreError
from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions
from mmcore.tasks.captioning import caption_many

NGRAM = 4
SIGMA = 6.0
Counts = Counter[tuple[str, ...]]


def tokenize(text: str) -> list[str]:
    """Lower-case words: "A dog's ball ." -> ["a", "dog", "'s", "ball"], as the Penn Treebank splits them."""
    return re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*|'s", text.lower())


def ngrams(words: Sequence[str]) -> Counts:
    """How often each run of one to four words occurs."""
    return Counter(
        tuple(words[start : start + length])
        for length in range(1, NGRAM + 1)
        for start in range(len(words) - length + 1)
    )


Vector = tuple[list[dict[tuple[str, ...], float]], list[float], int]
"""tf-idf weights by n-gram length, their norms, and the number of bigrams (the length CIDEr-D compares)."""


class CiderD:
    """CIDEr-D against a fixed set of references; the document frequencies are taken from that set.

    Reference vectors are computed once, so that many candidates can be scored (as self-critical training does).
    """

    def __init__(self, references: Mapping[str, Sequence[str]]) -> None:
        counted = {key: [ngrams(tokenize(text)) for text in texts] for key, texts in references.items()}
        self.document_frequency: Counter[tuple[str, ...]] = Counter()
        for counts in counted.values():
            self.document_frequency.update({ngram for count in counts for ngram in count})
        self.log_documents = math.log(max(len(counted), 2))
        self.references = {key: [self._vector(count) for count in counts] for key, counts in counted.items()}

    def _vector(self, counts: Counts) -> Vector:
        weights: list[dict[tuple[str, ...], float]] = [{} for _ in range(NGRAM)]
        norms = [0.0] * NGRAM
        length = 0
        for ngram, count in counts.items():
            n = len(ngram) - 1
            weight = count * (self.log_documents - math.log(max(1.0, self.document_frequency[ngram])))
            weights[n][ngram] = weight
            norms[n] += weight * weight
            if n == 1:
                length += count
        return weights, [math.sqrt(norm) for norm in norms], length

    def score(self, key: str, candidate: str) -> float:
        """CIDEr-D of one candidate for one picture (0 to about 10; 1.0 is written as 1.0 or 100)."""
        weights, norms, length = self._vector(ngrams(tokenize(candidate)))
        total = 0.0
        for reference_weights, reference_norms, reference_length in self.references[key]:
            penalty = math.exp(-((length - reference_length) ** 2) / (2 * SIGMA**2))
            for n in range(NGRAM):
                if norms[n] and reference_norms[n]:
                    reference = reference_weights[n]
                    overlap = sum(
                        min(weight, reference[ngram]) * reference[ngram]
                        for ngram, weight in weights[n].items()
                        if ngram in reference
                    )
                    total += penalty * overlap / (norms[n] * reference_norms[n])
        return 10.0 * total / NGRAM / len(self.references[key])


def bleu_4(candidates: Mapping[str, str], references: Mapping[str, Sequence[str]]) -> float:
    """Corpus BLEU-4 (0-1): geometric mean of the clipped n-gram precisions, with the brevity penalty."""
    matched, proposed = [0] * NGRAM, [0] * NGRAM
    candidate_length = reference_length = 0
    for key, candidate in candidates.items():
        words = tokenize(candidate)
        known = [tokenize(text) for text in references[key]]
        candidate_length += len(words)
        reference_length += min((len(text) for text in known), key=lambda length: (abs(length - len(words)), length))
        most: Counts = Counter()
        for text in known:
            most |= ngrams(text)
        for ngram, count in ngrams(words).items():
            matched[len(ngram) - 1] += min(count, most[ngram])
            proposed[len(ngram) - 1] += count
    if not all(matched):
        return 0.0
    precision = math.exp(sum(math.log(m / p) for m, p in zip(matched, proposed, strict=True)) / NGRAM)
    return precision * min(1.0, math.exp(1 - reference_length / max(candidate_length, 1)))


@dataclass(frozen=True)
class CaptionScores:
    """Corpus figures of one set of captions."""

    pictures: int
    cider_d: float
    bleu_4: float

    def to_dict(self) -> dict[str, float]:
        """As JSON."""
        return asdict(self)


def score_captions(candidates: Mapping[str, str], references: Mapping[str, Sequence[str]]) -> CaptionScores:
    """Score one caption a picture against its references; document frequencies come from those pictures' references.

    Raises KeyError where a candidate has no references.
    """
    judge = CiderD({key: references[key] for key in candidates})
    cider = sum(judge.score(key, text) for key, text in candidates.items()) / max(len(candidates), 1)
    return CaptionScores(len(candidates), cider, bleu_4(candidates, references))


def read_references(folder: Path) -> dict[str, tuple[str, ...]]:
    """``captions.jsonl`` of a folder ({"image", "captions", "split"?} a line): picture path -> captions.

    Where the file names a dev split, only that is measured. Raises InputError where there is no such file.
    """
    file = folder / "captions.jsonl"
    if not file.is_file():
        raise InputError("file_missing", path=file)
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(row.get("split") == "dev" for row in rows):
        rows = [row for row in rows if row.get("split") == "dev"]
    return {str(folder / "images" / row["image"]): tuple(row["captions"]) for row in rows}


def read_labels(folder: Path) -> dict[str, tuple[str, ...]]:
    """``labels.tsv`` of a folder of labelled pictures: the fifth that no training saw; picture path -> everyday words."""
    from mmcore.training.data import objects

    return {str(example.image): example.labels for example in objects(folder) if example.split == "held"}


def run(
    pool: ModelPool,
    data: Path,
    options: CaptionOptions | None = None,
    model: str | None = None,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Measure a captioner on a folder: CIDEr-D and BLEU-4 where it holds captions, the naming rate where it holds labels.

    Returns the figures with the number of pictures, the model and the median seconds a picture; ``captions`` holds
    what was written. Raises InputError for a folder without captions.jsonl and labels.tsv.
    """
    labelled = not (data / "captions.jsonl").is_file() and (data / "labels.tsv").is_file()
    truth = read_labels(data) if labelled else read_references(data)
    paths = list(truth)[:limit]
    captions: dict[str, str] = {}
    seconds = []
    name = ""
    for path, outcome in zip(
        paths, caption_many(pool, paths, options, model, progress, limit=len(paths)), strict=True
    ):
        if isinstance(outcome, MMCoreError):
            raise outcome
        captions[path] = outcome.captions[0].text
        seconds.append(outcome.seconds)
        name = outcome.model
    figures: dict[str, Any] = {"model": name, "pictures": len(captions), "seconds": statistics.median(seconds)}
    if labelled:
        named = sum(names_one_of(text, truth[path]) for path, text in captions.items())
        figures["named"] = named / len(captions)
    else:
        figures |= score_captions(captions, truth).to_dict()
    return {**figures, "captions": captions}
