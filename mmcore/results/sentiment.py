"""Options and results of sentiment from text and image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image

from mmcore.results.notices import Notice, as_json
from mmcore.results.ocr import OcrResult
from mmcore.results.options import check, one_of
from mmcore.results.spoken import SpokenPart
from mmcore.types import Floats

Sentiment = Literal["negative", "neutral", "positive"]
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
"""The classes, in the order that every array of this task keeps."""

Fusion = Literal["concat", "weighted", "cross_attention", "late", "multitask"]
FUSIONS: tuple[Fusion, ...] = ("concat", "weighted", "cross_attention", "late", "multitask")

Modality = Literal["text", "image"]

Interaction = Literal["dominance", "complement", "conflict"]
INTERACTIONS: dict[Interaction, str] = {
    "conflict": "Text alone and image alone say opposite things: one is positive, the other negative.",
    "dominance": "Text alone and image alone differ, and together they say what one of the two says: it dominates.",
    "complement": "Text alone and image alone agree, or together they say what neither says alone.",
}
"""What each name means, in the order in which they are tried: the first that holds is the interaction."""


@dataclass(frozen=True)
class SentimentOptions:
    """How to judge. Raises InputError for a fusion that does not exist."""

    fusion: Fusion | None = one_of(None, FUSIONS)
    """How text and image are brought together; None takes the model's default."""
    explain: bool = False
    """Also compute what each word and each region of the picture contributes."""
    read_text: bool = False
    """Also read the text in the picture, as memes have it, and judge it with the post's own (extra ``ocr``)."""
    head: str | None = None
    """Name of a fusion of one's own, kept in the Lab (``checkpoints.fusion_heads``); it stands in for ``fusion``."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, eq=False)
class Post:
    """What is judged: clean text, an RGB picture, or both; None for the one that is missing."""

    text: str | None = None
    image: Image.Image | None = None
    spoken: SpokenPart | None = None
    """What is said in its sound; its words are judged with the text."""
    reads: OcrResult | None = None
    """What was read in its picture; its words are judged with the text."""


@dataclass(frozen=True)
class SentimentScores:
    """Calibrated probabilities, 0-1, with the sum 1."""

    negative: float
    neutral: float
    positive: float

    @property
    def label(self) -> Sentiment:
        """The likeliest class."""
        return max(SENTIMENTS, key=lambda name: getattr(self, name))

    @property
    def valence(self) -> float:
        """From -1 (surely negative) to 1 (surely positive)."""
        return self.positive - self.negative

    def to_dict(self) -> dict[str, float]:
        """{"negative", "neutral", "positive"}, rounded so that they still sum to 1."""
        negative, positive = round(self.negative, 4), round(self.positive, 4)
        return {"negative": negative, "neutral": round(1 - negative - positive, 4), "positive": positive}


@dataclass(frozen=True)
class SentimentPrediction:
    """What a model says of one post, before the task names anything."""

    text: SentimentScores | None
    """Text alone; None without text, or where the model reads none."""
    image: SentimentScores | None
    """Image alone; None without a picture, or where the model sees none."""
    fusions: tuple[tuple[str, SentimentScores], ...]
    """Each fusion's answer, the default first; empty for a model of one modality."""
    gates: tuple[tuple[str, tuple[float, float]], ...] = ()
    """Weights of text and image (they sum to 1) in the fusions that have them."""


@dataclass(frozen=True)
class WordContribution:
    """What a word of the text does to the answer: by how much each probability is higher for its being there.

    The three sum to 0. ``positive - negative`` is the word's push in valence.
    """

    text: str
    start: int
    end: int
    """``text == whole_text[start:end]``."""
    negative: float
    neutral: float
    positive: float

    @property
    def valence(self) -> float:
        """Push towards positive (> 0) or negative (< 0)."""
        return self.positive - self.negative


@dataclass(frozen=True, eq=False)
class Explanation:
    """Shapley values of words and regions: they share out, without a rest, what the text and the picture changed."""

    words: tuple[WordContribution, ...] = ()
    """In reading order; empty without text."""
    without_words: SentimentScores | None = None
    """The answer with every word removed: it plus the words' contributions is the answer."""
    regions: Floats | None = None
    """(rows, columns, 3) in the order of SENTIMENTS: by how much each region of the picture raises each probability."""
    without_regions: SentimentScores | None = None
    """The answer with every region made neutral: it plus the regions' contributions is the answer."""
    text: str = ""
    """The text as the model read it (see ``mmcore.io.images.clean_text``); the words' places count in it."""
    attention: Floats | None = None
    """(words, rows, columns), where the fusion has cross-attention: where each word looks; each map sums to 1."""


@dataclass(frozen=True, eq=False)
class SentimentResult:
    """Answer of the sentiment task for one post."""

    scores: SentimentScores
    """Text and image together; the same as the one modality where the other is missing."""
    text: SentimentScores | None
    """Text alone; None without text."""
    image: SentimentScores | None
    """Image alone; None without a picture."""
    interaction: Interaction | None
    """See INTERACTIONS; None where a modality is missing."""
    dominant: Modality | None
    """Whose label the answer has, where the two differ."""
    fusion: str
    """The fusion that gave ``scores``, or the name of one's own head."""
    fusions: tuple[tuple[str, SentimentScores], ...]
    """Every fusion that the model has, on the same post."""
    gate: tuple[tuple[Modality, float], ...] | None
    """The weight of each modality (they sum to 1), where the fusion has one."""
    model: str
    device: str
    seconds: float
    explanation: Explanation | None = None
    reads: OcrResult | None = None
    """The text in the picture, which is part of the post's text; None where it was not asked for."""
    spoken: SpokenPart | None = None
    """What was said, which is part of the post's text, and how, which is not judged; None without a sound."""
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""

    @property
    def label(self) -> Sentiment:
        """The answer."""
        return self.scores.label

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: label, scores, modalities, interaction, model, seconds; and what else is known."""
        return {
            "label": self.label,
            "scores": self.scores.to_dict(),
            "modalities": {
                "text": None if self.text is None else self.text.to_dict(),
                "image": None if self.image is None else self.image.to_dict(),
            },
            "interaction": self.interaction,
            "dominant": self.dominant,
            "fusion": self.fusion,
            "fusions": {name: scores.to_dict() for name, scores in self.fusions},
            "gate": None if self.gate is None else {name: round(weight, 4) for name, weight in self.gate},
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            **({} if self.reads is None else {"reads": [line.to_dict() for line in self.reads.lines]}),
            **({} if self.spoken is None else {"spoken": self.spoken.to_dict()}),
            **as_json(self.notices),
        }
