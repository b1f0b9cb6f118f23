"""What a family must offer: one small protocol a task. Tensors live behind it, plain types in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.results import (
    AskOptions,
    Caption,
    CaptionOptions,
    GroundedPhrase,
    MapMethod,
    Post,
    SentimentPrediction,
    Tag,
    Turn,
)
from mmcore.results.ocr import TextLine
from mmcore.results.transcribe import Heard
from mmcore.types import Floats

if TYPE_CHECKING:
    from torch import Tensor


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Bytes that they take together: what a model's ``memory`` sums up."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@runtime_checkable
class Model(Protocol):
    """A loaded checkpoint."""

    checkpoint: Checkpoint
    device: str
    """As torch names it: "cpu", "cuda:0"."""

    def memory(self) -> int:
        """Bytes that the weights take."""
        ...


@runtime_checkable
class Captioner(Model, Protocol):
    """Pictures in, captions out."""

    def caption(self, images: Sequence[Image.Image], options: CaptionOptions) -> list[tuple[Caption, ...]]:
        """``options.num_captions`` captions of each RGB picture, best first, without maps. Pictures are one batch.

        ``options.language`` is one of the checkpoint's languages.
        """
        ...

    def word_maps(self, image: Image.Image, caption: Caption) -> Floats:
        """(words, rows, columns): where each word of ``caption.words`` looks; each map is >= 0 and sums to 1."""
        ...

    def confident(self, image: Image.Image, caption: Caption) -> bool:
        """Whether the model itself stands by this caption; True where it has no way to tell."""
        ...

    def tags(self, image: Image.Image, language: str = "en") -> tuple[Tag, ...]:
        """What a recognition head sees, most probable first, in words of that language; empty where there is none."""
        ...


@runtime_checkable
class Grounder(Model, Protocol):
    """A captioner whose checkpoint ``grounds``: it also says where the things are that a caption names."""

    def ground(self, image: Image.Image, caption: Caption) -> tuple[GroundedPhrase, ...]:
        """The phrases of ``caption`` that name something in the RGB picture, with its boxes; none where it finds none.

        The phrases stand in the order in which the model gives them, each text once.
        """
        ...


@runtime_checkable
class TextReader(Model, Protocol):
    """Pictures in, the lines of text in them out."""

    def read(self, images: Sequence[Image.Image]) -> list[tuple[TextLine, ...]]:
        """The lines of each RGB picture, from top to bottom, however unsure; none where there is no text."""
        ...


@runtime_checkable
class SoundTagger(Model, Protocol):
    """Sounds in, a score for every label out. Waveforms are float32, mono, in [-1, 1], at ``sample_rate``."""

    sample_rate: int
    """In Hz."""
    window_seconds: float
    """Length that it judges best, about that of its training clips."""
    timeline_seconds: float
    """Shorter length that it still judges, for the timeline; ``window_seconds`` where shorter ones cost as much."""
    timeline_hop: float
    """Seconds from one such window to the next, unless the person says otherwise."""
    names: tuple[str, ...]
    """Its own labels (AudioSet's display names for those trained on AudioSet)."""
    open_vocabulary: bool
    """Whether ``labels`` may be any words."""
    mel_frequencies: Floats
    """(mels,): the middle of each row of ``evidence`` in Hz, rising."""

    def scores(self, waveforms: Floats, labels: Sequence[str] = ()) -> Floats:
        """(N, samples) -> (N, labels), 0-1, in the order of ``names``, or of the free ``labels`` if there are any.

        Any number of samples from one on up to those of ``window_seconds``; short ones are padded as the model wants.
        """
        ...

    def evidence(self, waveform: Floats, label: str, labels: Sequence[str] = ()) -> Floats:
        """(samples,) -> (mels, frames), >= 0: what in the model's own spectrogram speaks for ``label``.

        The frames part the waveform equally; padding is left out. ``labels`` are those of ``scores``.
        """
        ...


@runtime_checkable
class Transcriber(Model, Protocol):
    """Speech in, words with their times out. Waveforms are float32, mono, in [-1, 1], at ``sample_rate``."""

    sample_rate: int
    """In Hz."""
    window_seconds: float
    """Longest sound that it takes at once."""

    def hear(self, waveform: Floats, language: str | None = None, beams: int = 8) -> Heard:
        """What is said in (samples,); ``language`` in two letters, None lets the model tell.

        ``beams`` is the width of the beam search. The same sound gives the same words.
        """
        ...


@dataclass(frozen=True)
class Calibration:
    """How the cosines of a dual encoder are spread between pictures and things that they do not show."""

    text_mean: float
    """Of pictures with generic texts ("a cup of coffee")."""
    text_spread: float
    """Standard deviation."""
    image_mean: float
    """Of pictures with other pictures."""
    image_spread: float


@runtime_checkable
class Retriever(Model, Protocol):
    """Pictures and texts as vectors of one space (a dual encoder): the nearer, the better they match."""

    width: int
    """C, the length of the vectors."""
    templates: tuple[str, ...]
    """Sentences with ``{}`` in the place of a label, for zero-shot classification; a label's vectors are averaged."""
    scale: float
    """Cosines times this are the logits of zero-shot classification (exp of the checkpoint's logit scale)."""
    bias: float
    """Added to the logit before the sigmoid, for checkpoints trained with one (SigLIP); 0 for the others."""
    map_method: MapMethod
    """How ``image_map`` comes about; "occlusion" where there is no grid, and ``image_map`` is not asked for."""
    calibration: Calibration | None
    """Cosines between what does not belong together, measured when it was trained; None: taken from the collection."""

    def image_vectors(self, images: Sequence[Image.Image]) -> Floats:
        """RGB pictures -> (N, C), each of length 1. Pictures are one batch."""
        ...

    def text_vectors(self, texts: Sequence[str]) -> Floats:
        """Clean texts -> (N, C), each of length 1. Raises InputError for a script that the checkpoint cannot read."""
        ...

    def image_map(self, image: Image.Image, vector: Floats) -> Floats:
        """(rows, columns), signed: what each place of the picture speaks for or against a query's vector (C,)."""
        ...


@runtime_checkable
class CellEncoder(Model, Protocol):
    """A network whose features have places: what is learned on their mean is explained by what each place adds."""

    fingerprint: str
    """Of the weights: whatever was learned on these features fits no others."""
    features: int
    """D, numbers of a cell."""

    def cells(self, item: Image.Image | Floats) -> Floats:
        """An RGB picture, or a waveform (samples,) at the tagger's rate -> (rows, columns, D).

        Rows of a picture go down. Those of a sound go up in pitch, and its columns part it equally.
        """
        ...


@runtime_checkable
class SentimentJudge(Model, Protocol):
    """Posts in, probabilities of negative, neutral, positive out (that order in every array).

    ``fusion`` below is one of ``fusions`` ("" is the first), or the folder of a head of one's own that was trained on
    this model's features; a model without fusions ignores it.
    """

    fusions: tuple[str, ...]
    """What it has, the default first; empty for a model that reads text only."""
    regions: tuple[int, int]
    """Rows and columns of regions that ``with_regions`` can take away; (0, 0) for a model that sees no pictures."""
    cheap_regions: bool
    """Whether hundreds of altered pictures cost little: only the last layers are computed again."""

    def judge(self, posts: Sequence[Post], fusion: str | Path = "") -> list[SentimentPrediction]:
        """Each post's answers: by every fusion (one's own head under its folder's name), and alone by ``fusion``.

        Raises InputError for a script that it cannot read, or a head that does not fit.
        """
        ...

    def with_texts(self, post: Post, texts: Sequence[str | None], fusion: str | Path = "") -> Floats:
        """(K, 3): the answer with each of the texts in the place of the post's own. The picture is seen once."""
        ...

    def with_regions(self, post: Post, kept: npt.NDArray[np.bool_], fusion: str | Path = "") -> Floats:
        """(K, rows, columns) -> (K, 3): the answer with some regions of the picture kept, the others made average."""
        ...

    def word_attention(self, post: Post, spans: Sequence[tuple[int, int]], fusion: str | Path = "") -> Floats | None:
        """(words, rows, columns), each >= 0 with the sum 1: where the words (places in the text) look; None without."""
        ...


@runtime_checkable
class Answerer(Model, Protocol):
    """Pictures and a question in, an answer in words out: a language model that sees."""

    def answer(
        self,
        images: Sequence[Image.Image],
        earlier: Sequence[Turn],
        question: str,
        options: AskOptions,
        heard: Callable[[str], None],
    ) -> tuple[str, bool]:
        """The answer, and whether it ended by itself (and was not cut off at ``options.max_tokens``).

        The pictures stand before the first question. ``heard`` is called with the text so far as it is written. Raises
        InputError where the conversation is longer than the model can take, Cancelled where nobody waits any more.
        """
        ...
