"""CIDEr-D and BLEU-4, the standard figures of image captioning.

CIDEr-D: Vedantam, Zitnick & Parikh, CVPR 2015. BLEU: Papineni et al., ACL 2002. Both follow the arithmetic of
the COCO caption evaluation (sigma 6, scale 10; corpus BLEU with the closest reference length); the tests compare
them with figures from that code. Text is lower-cased and punctuation is dropped, as its tokeniser does. Chinese
captions are compared by characters (``characters``), as is usual for Flickr8K-CN: no way of parting words decides.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

NGRAM = 4
SIGMA = 6.0
Counts = Counter[tuple[str, ...]]
Tokenize = Callable[[str], list[str]]


def tokenize(text: str) -> list[str]:
    """Lower-case words: "A dog's ball ." -> ["a", "dog", "'s", "ball"], as the Penn Treebank splits them."""
    return re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*|'s", text.lower())


def characters(text: str) -> list[str]:
    """Chinese characters one by one, Latin words and numbers whole, no punctuation: "穿T恤的人。" -> 穿 t 恤 的 人."""
    return re.findall(r"[\u3400-\u4dbf\u4e00-\u9fff]|[a-z0-9]+", text.lower())


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

    def __init__(self, references: Mapping[str, Sequence[str]], tokenizer: Tokenize = tokenize) -> None:
        self.tokenizer = tokenizer
        counted = {key: [ngrams(tokenizer(text)) for text in texts] for key, texts in references.items()}
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
        weights, norms, length = self._vector(ngrams(self.tokenizer(candidate)))
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


def bleu_4(
    candidates: Mapping[str, str], references: Mapping[str, Sequence[str]], tokenizer: Tokenize = tokenize
) -> float:
    """Corpus BLEU-4 (0-1): geometric mean of the clipped n-gram precisions, with the brevity penalty."""
    matched, proposed = [0] * NGRAM, [0] * NGRAM
    candidate_length = reference_length = 0
    for key, candidate in candidates.items():
        words = tokenizer(candidate)
        known = [tokenizer(text) for text in references[key]]
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


def score_captions(
    candidates: Mapping[str, str], references: Mapping[str, Sequence[str]], tokenizer: Tokenize = tokenize
) -> CaptionScores:
    """Score one caption a picture against its references; document frequencies come from those pictures' references.

    Raises KeyError where a candidate has no references.
    """
    judge = CiderD({key: references[key] for key in candidates}, tokenizer)
    cider = sum(judge.score(key, text) for key, text in candidates.items()) / max(len(candidates), 1)
    return CaptionScores(len(candidates), cider, bleu_4(candidates, references, tokenizer))
