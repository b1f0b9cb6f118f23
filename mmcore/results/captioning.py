"""Options and results of image captioning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from mmcore.results.notices import Notice, as_json
from mmcore.results.ocr import OcrResult
from mmcore.results.options import MAX_SEED, check, one_of, ranged
from mmcore.types import Floats

Decoding = Literal["beam", "nucleus", "greedy"]
DECODINGS: tuple[Decoding, ...] = ("beam", "nucleus", "greedy")
LANGUAGES = ("en", "zh")
"""What captions can be written in; a checkpoint lists those that it can."""
MAX_CAPTIONS = 10
MAX_WORDS = 60


@dataclass(frozen=True)
class CaptionOptions:
    """How to caption. Every family accepts every option; ``detail`` must be one that the checkpoint lists.

    Raises InputError for a value out of range.
    """

    decoding: Decoding = one_of("beam", DECODINGS)
    num_captions: int = ranged(1, 1, MAX_CAPTIONS)
    """How many captions, best first (1-10). Greedy decoding gives exactly one."""
    num_beams: int = ranged(3, 1, MAX_CAPTIONS)
    """Width of the beam search (1-10); raised to num_captions if that is more."""
    top_p: float = ranged(0.9, 0.05, 1.0)
    """Nucleus sampling draws from the smallest set of words whose probabilities sum to top_p (0.05-1)."""
    temperature: float = ranged(1.0, 0.05, 5.0)
    """Divides the logits before nucleus sampling (0.05-5)."""
    max_words: int = ranged(30, 1, MAX_WORDS)
    """Longest caption (1-60), in words for the compact model, in tokens for others; a multiple at higher detail."""
    seed: int = ranged(0, -MAX_SEED, MAX_SEED)
    """Seed of nucleus sampling: the same seed gives the same captions."""
    rerank: bool = True
    """Let a second network choose among many candidates of the beam search, for families that have one (compact)."""
    detail: str | None = None
    """Level of detail, for checkpoints that list some (Florence-2); None takes their first."""
    read_text: bool = False
    """Also read the text in the picture, where the extra ``ocr`` is installed."""
    language: str = one_of("en", LANGUAGES)
    """Language of the captions, one that the checkpoint lists: "en" English, "zh" Chinese."""
    explain: bool = False
    """Also compute the word -> region map of every caption."""
    ground: bool = False
    """Also find the things that the best caption names, for checkpoints that can (Florence-2): a box around each."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Word:
    """A word of a caption as it is shown, with the probability the model gave it (product over its sub-words)."""

    text: str
    probability: float


@dataclass(frozen=True, eq=False)
class Caption:
    """One caption. Its words, joined with blanks (Chinese: without), are its text up to blanks before punctuation."""

    text: str
    score: float
    """Geometric mean of the word probabilities, 0-1: how sure the model is of its own words."""
    words: tuple[Word, ...]
    maps: Floats | None = None
    """(words, rows, columns), >= 0, each word's map sums to 1: where in the picture the word comes from."""
    detail: str | None = None
    """Level of detail it was written at, for checkpoints that list some; a word map needs to know it."""
    language: str = "en"
    """It is written in, as is known to who wrote it; a word map needs to know it, too."""
    rank: float | None = None
    """What put it in its place among the others, a logarithm: higher is earlier; None where ``score`` did."""


Box: TypeAlias = tuple[float, float, float, float]
"""(left, top, right, bottom) as shares of the picture's width and height, each 0-1."""


@dataclass(frozen=True)
class GroundedPhrase:
    """Words of a caption, and where in the picture what they name is (phrase grounding)."""

    text: str
    boxes: tuple[Box, ...]
    """One for each such thing; never empty."""

    def to_dict(self) -> dict[str, Any]:
        """{"text", "boxes": [[left, top, right, bottom], ...]}."""
        return {"text": self.text, "boxes": [[round(side, 4) for side in box] for box in self.boxes]}


@dataclass(frozen=True)
class Tag:
    """A thing recognised in the picture, with its probability 0-1."""

    text: str
    probability: float


@dataclass(frozen=True, eq=False)
class CaptionResult:
    """Answer of the captioning task for one picture."""

    captions: tuple[Caption, ...]
    """Best first; never empty."""
    model: str
    device: str
    seconds: float
    tags: tuple[Tag, ...] = ()
    """What the recognition head sees, most probable first; empty for families without one."""
    confident: bool = True
    """False where the model itself doubts its caption: show the tags beside it."""
    extra: dict[str, Any] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""
    reads: OcrResult | None = None
    """The text in the picture; None where it was not asked for."""
    phrases: tuple[GroundedPhrase, ...] | None = None
    """Where the things are that the first caption names, as it names them; None where it was not asked for."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: {"captions": [{"text", "score"}], "model", "seconds"} and what else is known."""
        return {
            "captions": [{"text": caption.text, "score": round(caption.score, 4)} for caption in self.captions],
            "language": self.captions[0].language,
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            "confident": self.confident,
            "tags": [{"text": tag.text, "score": round(tag.probability, 4)} for tag in self.tags],
            **({} if self.reads is None else {"reads": self.reads.to_dict()}),
            **({} if self.phrases is None else {"phrases": [phrase.to_dict() for phrase in self.phrases]}),
            **as_json(self.notices),
        }
