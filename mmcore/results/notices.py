"""What an answer does not say by itself: which part of the input was not read, and what was assumed to read it.

A notice is a key of MESSAGES and the values that fill it, as an error is, but the answer is there all the same. Every
result has ``notices``; its JSON has them where there are some:

    {"code": "sound_tracks", "text": {"en": "...", "zh": "..."}, "values": {"count": 2, "track": 2}}

Whatever decodes an input says what it left out: a sound has ``Sound.notices``, a picture carries them along, see
``noted`` and ``notices_of``. A new notice is one entry of MESSAGES.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from PIL import Image

LANGUAGES = ("en", "zh")

MESSAGES: dict[str, tuple[str, str]] = {
    # pictures
    "image_frame": (
        "This picture has {count} frames or pages; number {frame} was looked at.",
        "这个图片文件共有 {count} 帧（或页），只看了其中第 {frame} 帧。",
    ),
    # texts
    "read_word_by_word": (
        "Chinese was read word by word in English, with a dictionary, which is rougher than a translation: {pairs}",
        "中文按词典逐词译成英语后读取，不如真正的翻译准确：{pairs}",
    ),
    # sounds
    "sound_tracks": (
        "This file has {count} sound tracks; number {track} was listened to.",
        "这个文件有 {count} 条音轨，只听了其中第 {track} 条。",
    ),
}
"""Code -> the sentence in English and in Chinese, with ``str.format`` fields."""

Value: TypeAlias = "int | float | str | tuple[str, str]"
"""A pair is the same word in English and in Chinese."""

_KEY = "notices"
"""Where a picture carries its notices: in ``Image.info``, which copies, sizes and pickles keep."""


@dataclass(frozen=True)
class Notice:
    """One thing that a person should know about an answer. ``Notice.of("sound_tracks", count=2, track=1)``."""

    code: str
    params: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, code: str, **values: Value) -> Notice:
        """The notice of that code. Raises KeyError for a code that MESSAGES lacks, or a field without its value."""
        notice = cls(code, tuple(values.items()))
        notice.text()  # a field that is missing is found where it is missing
        return notice

    def text(self, language: str = "en") -> str:
        """The sentence in that language; the English one in a language that is not among LANGUAGES."""
        place = LANGUAGES.index(language) if language in LANGUAGES else 0
        values = {name: value[place] if isinstance(value, tuple) else value for name, value in self.params}
        return MESSAGES[self.code][place].format(**values)

    def to_dict(self) -> dict[str, Any]:
        """{"code", "text": {"en", "zh"}, "values"}: the same for programs."""
        values = {
            name: dict(zip(LANGUAGES, value, strict=True)) if isinstance(value, tuple) else value
            for name, value in self.params
        }
        return {"code": self.code, "text": {code: self.text(code) for code in LANGUAGES}, "values": values}


def as_json(notices: Iterable[Notice]) -> dict[str, Any]:
    """{"notices": [...]} for the JSON of a result, or nothing at all where there are none."""
    listed = [notice.to_dict() for notice in dict.fromkeys(notices)]
    return {_KEY: listed} if listed else {}


def noted(image: Image.Image, *notices: Notice) -> Image.Image:
    """The same picture, which carries these notices from now on, after those that it carries already."""
    if notices:
        image.info[_KEY] = (*notices_of(image), *notices)
    return image


def notices_of(*inputs: object) -> tuple[Notice, ...]:
    """What the pictures among the inputs carry, each notice once; anything else (None, a text, a vector) has none."""
    carried = [one.info.get(_KEY, ()) for one in inputs if isinstance(one, Image.Image)]
    return tuple(dict.fromkeys(notice for some in carried for notice in some))
