"""Options and results of asking about a picture: questions in words, answers in words, each part with its source.

A language model that sees writes its answer itself. Without one the answer is composed: each part is a sentence of
SENTENCES whose gaps are filled by a model that can do just that, or by a measure, or it says what cannot be known. A
part is a code and its values, as a notice is, so that it can be said in English and in Chinese.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmcore.results.notices import LANGUAGES, Notice, Value, as_json
from mmcore.results.options import MAX_SEED, check, one_of, ranged
from mmcore.types import Floats

MAX_PICTURES = 2
MAX_TURNS = 20
"""Questions that were answered before, of one conversation."""

AskDecoding = Literal["greedy", "nucleus"]
ASK_DECODINGS: tuple[AskDecoding, ...] = ("greedy", "nucleus")

KINDS = (
    "what", "presence", "choice", "colour", "colours", "count", "where", "read", "doing", "compare", "who", "when",
    "why", "place", "measure", "statement", "other",
)  # fmt: skip
"""Kinds of question that are told apart where answers are composed; "free" is any, answered by a language model."""

SOURCES = ("captioner", "tagger", "retriever", "colours", "reader", "none")
"""What a part of an answer rests on; "none": it says what cannot be known."""

SENTENCES: dict[str, tuple[str, str, str]] = {
    # code: (source, English, Chinese)
    "seen": ("captioner", "I would describe it so: “{caption}”.", "我会这样描述它：“{caption}”。"),
    "seen_unsure": (
        "captioner",
        "I am not sure what it is; the best sentence that I find is “{caption}”.",
        "我不确定这是什么，能找到的最好的一句话是：“{caption}”。",
    ),
    "tags": ("tagger", "I recognise: {things}.", "认出的有：{things}。"),
    "tags_none": (
        "tagger", "There is nothing that I recognise with any certainty.", "没有能比较有把握地认出的东西。",
    ),
    "yes": (
        "retriever",
        "Yes, I think so: “{thing}” goes with the picture ({probability:.0%} sure).",
        "我认为有：“{thing}”与图片相符（把握 {probability:.0%}）。",
    ),
    "no": (
        "retriever",
        "No, I see nothing like “{thing}” ({probability:.0%} sure). Something small could escape me.",
        "没有，我没看到“{thing}”（把握 {probability:.0%}）。太小的东西我可能看不出来。",
    ),
    "unsure": (
        "retriever",
        "I cannot tell whether “{thing}” is in it: there may be ({probability:.0%}).",
        "我说不准有没有“{thing}”：有的可能性约为 {probability:.0%}。",
    ),
    "choice": (
        "retriever",
        "Rather “{first}” ({probability:.0%}) than {others}.",
        "更像“{first}”（{probability:.0%}），不太像{others}。",
    ),
    "choice_close": (
        "retriever",
        "I cannot tell: “{first}” ({probability:.0%}) is not clearly ahead of {others}.",
        "我说不准：“{first}”（{probability:.0%}）并不明显超过{others}。",
    ),
    "colours": ("colours", "The main colours are {colours}.", "主要颜色是{colours}。"),
    "colour_there": (
        "colours",
        "Where “{thing}” is most likely, the colours are {colours}; some of that may be what lies behind it.",
        "在最可能是“{thing}”的地方，颜色是{colours}；其中可能有一部分是背景。",
    ),
    "colour_words": (
        "retriever",
        "Of the words for colours, {colours} fit “{thing}” best.",
        "在各种颜色词中，与“{thing}”最相符的是{colours}。",
    ),
    "where": (
        "retriever",
        "Most of what speaks for “{thing}” is {place}.",
        "与“{thing}”相符的地方主要在{place}。",
    ),
    "where_unsure": (
        "retriever",
        "I am not sure that “{thing}” is in it ({probability:.0%}); if it is, then most likely {place}.",
        "我不确定有没有“{thing}”（{probability:.0%}）；如果有，最可能在{place}。",
    ),
    "where_nowhere": (
        "retriever",
        "I see nothing like “{thing}”, so I cannot say where it is.",
        "我没看到“{thing}”，所以说不出它在哪里。",
    ),
    "read": ("reader", "I read: {text}", "读到的文字：{text}"),
    "read_nothing": ("reader", "I find no text in it that can be read.", "没有找到能读出来的文字。"),
    "alike": (
        "retriever",
        "The two pictures show much the same ({score:.0%} alike).",
        "两张图片的内容很相近（相似度 {score:.0%}）。",
    ),
    "unlike": (
        "retriever",
        "The two pictures show different things ({score:.0%} alike).",
        "两张图片的内容不同（相似度 {score:.0%}）。",
    ),
    # what cannot be known
    "cannot_read": (
        "none",
        "To read text I need a part that is not installed. It comes with: {command}",
        "读取文字需要另外安装一个部分，命令是：{command}",
    ),
    "cannot_count": (
        "none",
        "I cannot count: nothing in me tells one thing from two.",
        "我不会数数：我分辨不出一个和两个。",
    ),
    "cannot_who": (
        "none",
        "I cannot know who somebody is: a picture does not say it, and I do not recognise people.",
        "我无法知道这是谁：图片里没有这个信息，我也不识别具体的人。",
    ),
    "cannot_when": (
        "none",
        "I cannot know when: a picture does not say it.",
        "我无法知道时间：图片里没有这个信息。",
    ),
    "cannot_why": (
        "none",
        "I cannot know why: I only recognise what things look like.",
        "我无法知道原因：我只能认出东西的样子。",
    ),
    "cannot_place": (
        "none",
        "I cannot know where in the world this is: I only recognise what things look like.",
        "我无法知道这是什么地方：我只能认出东西的样子。",
    ),
    "cannot_measure": (
        "none",
        "I cannot measure: sizes, ages, prices and distances are not to be had from a picture by me.",
        "我不会测量：大小、年龄、价格和距离，我都无法从图片中得出。",
    ),
    "cannot_doing": (
        "none",
        "I cannot look for one detail only. The sentence about the whole picture may hold it.",
        "我不能只针对某个细节回答；下面这句关于整张图片的话也许会提到它。",
    ),
    "cannot_statement": (
        "none",
        "I cannot judge a statement like this one: it takes more than recognising things.",
        "我无法判断这样的说法：这需要的不只是认出东西。",
    ),
    "cannot_other": (
        "none",
        "I do not understand this question. I can say what is in a picture, whether something is in it, which of "
        "several things it is, what colours it has, where something is, and what is written in it.",
        "我不明白这个问题。我能回答：图片里有什么、有没有某样东西、是几样东西中的哪一样、有哪些颜色、某样东西在哪里、"
        "上面写了什么。",
    ),
    "cannot_compare": (
        "none",
        "To compare I need two pictures, and there is only one.",
        "比较需要两张图片，现在只有一张。",
    ),
}  # fmt: skip
"""Code of a part -> what it rests on, and its sentence in English and in Chinese with ``str.format`` fields."""


@dataclass(frozen=True)
class AskOptions:
    """How to answer. A composed answer uses ``explain`` only. Raises InputError for a value out of range."""

    max_tokens: int = ranged(200, 1, 1024)
    """Longest answer of a language model in tokens (1-1024)."""
    decoding: AskDecoding = one_of("greedy", ASK_DECODINGS)
    """Greedy: always the likeliest token. Nucleus: drawn from the likely ones."""
    top_p: float = ranged(0.9, 0.05, 1.0)
    """Nucleus sampling draws from the smallest set of tokens whose probabilities sum to top_p (0.05-1)."""
    temperature: float = ranged(0.7, 0.05, 5.0)
    """Divides the logits before nucleus sampling (0.05-5)."""
    seed: int = ranged(0, -MAX_SEED, MAX_SEED)
    """Seed of nucleus sampling: the same seed gives the same answer."""
    explain: bool = False
    """Also compute the maps of a composed answer's parts."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Turn:
    """A question of the conversation that was answered before."""

    question: str
    answer: str


@dataclass(frozen=True, eq=False)
class AnswerPart:
    """One sentence of a composed answer with what it rests on. ``AnswerPart.of("seen", caption="a dog")``."""

    code: str
    params: tuple[tuple[str, Value], ...] = ()
    picture: int = 0
    """Which picture it is about: 1, 2; 0 where there is one only, or it is about both."""
    map: Floats | None = None
    """(rows, columns), >= 0, sum 1: where in the picture it comes from; None where there is no place."""

    @classmethod
    def of(cls, code: str, *, map: Floats | None = None, **values: Value) -> AnswerPart:
        """The part of that code. Raises KeyError for a code that SENTENCES lacks, or a field without its value."""
        part = cls(code, tuple(values.items()), map=map)
        part.text()  # a field that is missing is found where it is missing
        return part

    @property
    def source(self) -> str:
        """One of SOURCES."""
        return SENTENCES[self.code][0]

    @property
    def refuses(self) -> bool:
        """Whether it says that something cannot be known."""
        return self.source == "none"

    def text(self, language: str = "en") -> str:
        """The sentence in that language; the English one in a language that is not among LANGUAGES."""
        place = LANGUAGES.index(language) if language in LANGUAGES else 0
        values = {name: value[place] if isinstance(value, tuple) else value for name, value in self.params}
        said = SENTENCES[self.code][1 + place].format(**values)
        return f"{(f'Picture {self.picture}: ', f'图片 {self.picture}：')[place]}{said}" if self.picture else said

    def to_dict(self) -> dict[str, Any]:
        """{"code", "source", "text": {"en", "zh"}, "values"}, and "picture" where there are several."""
        values = {
            name: dict(zip(LANGUAGES, value, strict=True)) if isinstance(value, tuple) else value
            for name, value in self.params
        }
        said = {code: self.text(code) for code in LANGUAGES}
        of_two = {"picture": self.picture} if self.picture else {}
        return {"code": self.code, "source": self.source, "text": said, "values": values, **of_two}


@dataclass(frozen=True, eq=False)
class AskResult:
    """Answer to one question about one picture or two."""

    question: str
    answer: str
    """In the language of the question, as far as the model has it."""
    kind: str
    """One of KINDS for a composed answer; "free" for that of a language model."""
    model: str
    device: str
    seconds: float
    parts: tuple[AnswerPart, ...] = ()
    """What a composed answer consists of; empty for a language model, whose words have no sources."""
    complete: bool = True
    """False where a language model was cut off at ``max_tokens``."""
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""

    @property
    def refused(self) -> bool:
        """Whether a composed answer begins by saying that this cannot be known."""
        return bool(self.parts) and self.parts[0].refuses

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: {"question", "answer", "kind", "refused", "parts", "complete", "model", "seconds"}."""
        return {
            "question": self.question,
            "answer": self.answer,
            "kind": self.kind,
            "refused": self.refused,
            "parts": [part.to_dict() for part in self.parts],
            "complete": self.complete,
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            **as_json(self.notices),
        }


def said_together(parts: Sequence[AnswerPart], language: str) -> str:
    """The parts as one text."""
    return ("" if language == "zh" else " ").join(part.text(language) for part in parts)
