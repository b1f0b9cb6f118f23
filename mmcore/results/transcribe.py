"""What is said in sounds: words with their times, options in and result out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

from mmcore.results.notices import Notice, as_json
from mmcore.results.options import check, one_of, ranged

Spoken = Literal["auto", "en", "zh"]
SPOKEN: tuple[Spoken, ...] = get_args(Spoken)
"""Languages that may be asked for."""

SENTENCE_ENDS = ".?!。？！…"
ABBREVIATED = frozenset(["mr", "mrs", "ms", "dr", "st", "prof", "sr", "jr", "vs", "no"])
"""Words whose full stop ends no sentence."""
PAUSE_SECONDS = 1.0
"""A longer silence parts two passages even without a full stop."""
PASSAGE_SECONDS = 15.0
"""A passage that is longer ends with its next comma."""


@dataclass(frozen=True)
class TranscribeOptions:
    """How to transcribe. Raises InputError for a value that is not offered or out of range."""

    language: Spoken = one_of("auto", SPOKEN)
    """What is spoken; "auto" lets the model tell, for each half minute anew."""
    beams: int = ranged(8, 1, 10)
    """Width of the beam search (1-10): 1 is quickest."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class SpokenWord:
    """One word as it is written, or one or a few signs in languages that write without spaces."""

    text: str
    """Without white space around it; punctuation belongs to the word before it."""
    start: float
    """Seconds from the beginning of the sound."""
    end: float
    score: float
    """The model's probability of the word, 0-1."""
    spaced: bool = True
    """Whether a space stands before it."""

    def to_dict(self) -> dict[str, Any]:
        """{"text", "start", "end", "score"}."""
        times = {"start": round(self.start, 2), "end": round(self.end, 2)}
        return {"text": self.text, **times, "score": round(self.score, 4)}


@dataclass(frozen=True)
class Heard:
    """What a recogniser makes of one piece of sound; times count from the beginning of the piece."""

    words: tuple[SpokenWord, ...]
    language: str
    """Two letters (ISO 639-1); "" where there was no speech to tell it from."""
    language_score: float
    """Probability of the language, 0-1; 1 where it was given."""
    speech_seconds: float
    """How much of the piece holds speech; 0 where there is none, and then there are no words."""
    repeating: bool = False
    """Whether it came to say the same again and again, which is no transcript: the words of that are left out."""


@dataclass(frozen=True)
class Passage:
    """Words that belong together: about a sentence."""

    words: tuple[SpokenWord, ...]

    @property
    def text(self) -> str:
        """As it is written."""
        return joined(self.words)

    @property
    def start(self) -> float:
        """Seconds from the beginning of the sound."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """Seconds from the beginning of the sound."""
        return self.words[-1].end


@dataclass(frozen=True)
class TranscribeResult:
    """What was said in one sound; without words where no speech was heard."""

    words: tuple[SpokenWord, ...]
    language: str
    """Two letters (ISO 639-1), of the most speech; "" where no speech was heard."""
    language_score: float
    """Mean probability of that language, 0-1; 1 where it was given."""
    duration: float
    """Of the sound, in seconds."""
    model: str
    device: str
    seconds: float
    """Time that the model took."""
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""

    @property
    def text(self) -> str:
        """All of it; "" where no speech was heard."""
        return joined(self.words)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The words by sentences, and by pauses."""
        return passages_of(self.words)

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: {"text", "language", "words": [{"text", "start", "end", "score"}], "model", "seconds"}."""
        return {
            "text": self.text,
            "language": self.language,
            "language_score": round(self.language_score, 4),
            "words": [word.to_dict() for word in self.words],
            "passages": [
                {"text": one.text, "start": round(one.start, 2), "end": round(one.end, 2)} for one in self.passages
            ],
            "duration": round(self.duration, 3),
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            **as_json(self.notices),
        }


def joined(words: Sequence[SpokenWord]) -> str:
    """Words as one text."""
    return "".join((" " if word.spaced else "") + word.text for word in words).strip()


def passages_of(words: Sequence[SpokenWord]) -> tuple[Passage, ...]:
    """Words parted where a sentence ends, where there is a pause, and where a long passage has a comma."""
    parts: list[list[SpokenWord]] = [[words[0]]] if words else []
    for before, word in pairwise(words):
        last = "" if before.text.rstrip(".").casefold() in ABBREVIATED else before.text[-1:]
        long = before.end - parts[-1][0].start > PASSAGE_SECONDS
        if (last and last in SENTENCE_ENDS) or word.start - before.end > PAUSE_SECONDS or (long and last in ",，、;；"):
            parts.append([])
        parts[-1].append(word)
    return tuple(Passage(tuple(part)) for part in parts)


def language_name(code: str) -> tuple[str, str]:
    """A language of Whisper's in English and in Chinese; the code itself for one that is not in the table."""
    return LANGUAGES_SPOKEN.get(code, (code, code))


LANGUAGES_SPOKEN: dict[str, tuple[str, str]] = {
    "ar": ("Arabic", "阿拉伯语"),
    "bg": ("Bulgarian", "保加利亚语"),
    "bn": ("Bengali", "孟加拉语"),
    "cs": ("Czech", "捷克语"),
    "cy": ("Welsh", "威尔士语"),
    "da": ("Danish", "丹麦语"),
    "de": ("German", "德语"),
    "el": ("Greek", "希腊语"),
    "en": ("English", "英语"),
    "es": ("Spanish", "西班牙语"),
    "fa": ("Persian", "波斯语"),
    "fi": ("Finnish", "芬兰语"),
    "fr": ("French", "法语"),
    "he": ("Hebrew", "希伯来语"),
    "hi": ("Hindi", "印地语"),
    "hr": ("Croatian", "克罗地亚语"),
    "hu": ("Hungarian", "匈牙利语"),
    "id": ("Indonesian", "印尼语"),
    "it": ("Italian", "意大利语"),
    "ja": ("Japanese", "日语"),
    "ko": ("Korean", "韩语"),
    "la": ("Latin", "拉丁语"),
    "ms": ("Malay", "马来语"),
    "my": ("Burmese", "缅甸语"),
    "nl": ("Dutch", "荷兰语"),
    "nn": ("Norwegian Nynorsk", "新挪威语"),
    "no": ("Norwegian", "挪威语"),
    "pl": ("Polish", "波兰语"),
    "pt": ("Portuguese", "葡萄牙语"),
    "ro": ("Romanian", "罗马尼亚语"),
    "ru": ("Russian", "俄语"),
    "sv": ("Swedish", "瑞典语"),
    "ta": ("Tamil", "泰米尔语"),
    "th": ("Thai", "泰语"),
    "tl": ("Tagalog", "他加禄语"),
    "tr": ("Turkish", "土耳其语"),
    "uk": ("Ukrainian", "乌克兰语"),
    "ur": ("Urdu", "乌尔都语"),
    "vi": ("Vietnamese", "越南语"),
    "yue": ("Cantonese", "粤语"),
    "zh": ("Chinese", "中文"),
}
"""Code (ISO 639) -> its name in English and in Chinese; Whisper knows more, which go by their code."""
