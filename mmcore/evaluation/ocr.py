"""How well text is read in pictures: share of characters right on forty pictures made with known texts.

English and Chinese, four fonts, three sizes, four rotations, dark on light and light on dark: all of it follows from
the number of the picture. And search by the text inside: of twenty of the pictures, how many does their text find?
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from mmcore.errors import InputError
from mmcore.evaluation.transcribe import distance
from mmcore.index import SessionLibrary
from mmcore.pool import ModelPool
from mmcore.results import Query
from mmcore.tasks.ocr import read_text, reader
from mmcore.tasks.retrieval import TASK, embed_images, search
from mmcore.types import Progress

ENGLISH = (
    *("Invoice 2041", "Open daily", "Fresh bread", "No parking", "Exit only", "Sale ends Friday", "Platform nine"),
    *("Handle with care", "Total 18.50", "Keep left", "Museum shop", "Second floor", "Mind the gap", "Free coffee"),
    *("Wet paint", "Lost and found", "Ticket office", "Quiet please", "Do not touch", "Welcome home"),
)
CHINESE = (
    *("欢迎光临", "请勿吸烟", "出口在左边", "今日特价", "禁止停车", "小心地滑", "图书馆", "火车站", "热水", "请排队"),
    *(
        "发票号码",
        "开放时间",
        "第二层楼",
        "免费咖啡",
        "新鲜面包",
        "售票处",
        "保持安静",
        "请勿触摸",
        "失物招领",
        "博物馆",
    ),
)
FONTS = (
    "truetype/dejavu/DejaVuSans.ttf",
    "truetype/dejavu/DejaVuSerif-Bold.ttf",
    "truetype/dejavu/DejaVuSansMono.ttf",
    "truetype/liberation/LiberationSerif-Italic.ttf",
)
CHINESE_FONTS = ("opentype/noto/NotoSansCJK-Regular.ttc", "opentype/noto/NotoSansCJK-Bold.ttc")
FOLDER = Path("/usr/share/fonts")
SIZES = (24, 36, 64)
TURNS = (0, 5, -12, 180)
"""Degrees."""
COLOURS = (("black", "white"), ("white", "navy"), ("maroon", "beige"), ("yellow", "darkgreen"))


class Sign(NamedTuple):
    """A picture with a text."""

    picture: Image.Image
    text: str
    language: str
    size: int
    turn: int


def signs() -> Iterator[Sign]:
    """The forty pictures. Raises InputError where a font is missing."""
    for place in range(len(ENGLISH) + len(CHINESE)):
        number, chinese = divmod(place, 2)
        fonts = [FOLDER / name for name in (CHINESE_FONTS if chinese else FONTS)]
        here = [font for font in fonts if font.is_file()]
        if not here:
            raise InputError("program_missing", program=fonts[0].name, package="fonts-noto-cjk, fonts-dejavu")
        size, turn = SIZES[number % len(SIZES)], TURNS[number // 3 % len(TURNS)]
        ink, ground = COLOURS[number % len(COLOURS)]
        text = (CHINESE if chinese else ENGLISH)[number]
        font = ImageFont.truetype(here[number % len(here)], size)
        left, top, right, bottom = font.getbbox(text)
        width = max(640, round(right - left) + 120)  # all of it stays inside, turned, too
        picture = Image.new("RGB", (width, 480), ground)
        corner = (width / 2 - (right + left) / 2, 240 - (bottom + top) / 2)
        ImageDraw.Draw(picture).text(corner, text, font=font, fill=ink)
        turned = picture.rotate(turn, Image.Resampling.BICUBIC, fillcolor=ground)
        yield Sign(turned, text, "zh" if chinese else "en", size, turn)


def characters(text: str) -> list[str]:
    """What counts: letters, digits and signs without case and spaces, which no reader finds reliably."""
    return [sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum() or sign == "."]


def run(pool: ModelPool, model: str | None = None, progress: Progress | None = None) -> dict[str, Any]:
    """Share of characters right (1 - edits / characters), whole and by language, size and rotation; seconds a picture.

    Raises InputError where a font is missing.
    """
    made = list(signs())
    rows = []
    seconds = 0.0
    for done, sign in enumerate(made):
        answer = read_text(pool, sign.picture, model=model)
        seconds += answer.seconds
        wanted, found = characters(sign.text), characters(answer.text)
        rows.append((sign, len(wanted), distance(wanted, found)))
        if progress is not None:
            progress(done + 1, len(made))

    def right(**which: Any) -> float:
        some = [row for row in rows if all(getattr(row[0], name) == value for name, value in which.items())]
        return max(0.0, 1 - sum(edits for *_, edits in some) / sum(count for _, count, _ in some))

    searches = searched(pool, made, model)
    return {
        "pictures": len(rows),
        "characters right": right(),
        "pictures wholly right": sum(not edits for *_, edits in rows),
        **{f"characters right, {name}": right(language=name) for name in ("en", "zh")},
        **{f"characters right, {size} pixels": right(size=size) for size in SIZES},
        **{f"characters right, turned by {turn}": right(turn=turn) for turn in TURNS},
        "seconds a picture": seconds / len(rows),
        "searches": len(searches),
        "found first, as a good match": sum(searches.values()),
    }


def searched(pool: ModelPool, made: Sequence[Sign], model: str | None = None) -> dict[str, bool]:
    """Twenty words that stand in one of the pictures each, and whether a search for them gives it first, as good.

    The longest word of every second English text, the last two signs of every second Chinese one; among all pictures.
    """
    wanted = {}
    for place, sign in enumerate(made):
        if place % 4 < 2:
            wanted[max(sign.text.split(), key=len) if sign.language == "en" else sign.text[-2:]] = place
    with SessionLibrary(pool.settings) as library:
        for place, sign in enumerate(made):
            sign.picture.save(library.uploads / f"{place:02}.png")
        retriever = pool.choose(TASK).name
        collection = library.create("signs", retriever)
        collection.add([library.uploads], lambda some: embed_images(pool, some, retriever), checkpoint=retriever)
        collection.read_texts(reader(pool, model))
        found = {}
        for words, place in wanted.items():
            first, *_ = search(pool, collection, Query.of(reading=words)).good or (None,)
            found[words] = first is not None and Path(first.path).stem == f"{place:02}"
        collection.close()
    return found
