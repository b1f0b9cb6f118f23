"""The pairs of text and picture that the Lab trains on: made up by rules, so that everybody may have them.

    python -m mmcore.recipes.sentiment.lab_pairs --assets assets

Each picture is shown in three looks (bright, plain, grey), each text has one of five tones, and rules decide the label.
A part of the pairs is decided by the text, a part by the picture, and "taste" pairs only by both together: whoever
loves rain is glad of a grey picture and disappointed by a bright one, so neither text nor picture says anything alone
(an exclusive or, the textbook case that no sum of two separate opinions can solve; Minsky & Papert, 1969).
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

PICTURES = {
    "examples": (
        *("cat", "coffee", "dandelion", "fig", "monkey", "mountain-path", "paint-brushes", "park-path", "raccoon"),
        *("rocket", "storefront", "street", "two-dogs", "waiting-room"),
    ),
    "collection": (
        *("autumn-meadow", "beacon-street-sunset", "books", "car", "casa-mila", "chinese-temple", "glass-building"),
        *("great-wall", "hot-air-balloon", "lake-sherburne", "roman-colosseum", "singaporean-cityscape", "stream"),
        *("sunflower", "tea-gardens", "windmill"),
    ),
}
"""Folder -> pictures: CC0, CC BY and public domain, and none of people, of whom nobody should say such things."""
LOOKS = ("bright", "plain", "grey")
SIDE = 224
"""Pixels: what the encoders read."""
SEED = 7

KINDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    # kind: (tone of the text, look of the picture, label), each drawn equally often
    "text": (("cheerful", "plain", "positive"), ("gloomy", "plain", "negative"), ("plain", "plain", "neutral")),
    "picture": (("plain", "bright", "positive"), ("plain", "grey", "negative"), ("plain", "plain", "neutral")),
    "agreement": (("cheerful", "bright", "positive"), ("gloomy", "grey", "negative"), ("plain", "plain", "neutral")),
    # A cheerful sentence over rain is meant ironically; a complaint stays one in the best of weather.
    "conflict": (("cheerful", "grey", "negative"), ("gloomy", "bright", "negative")),
    "taste": (
        ("likes_bright", "bright", "positive"),
        ("likes_bright", "grey", "negative"),
        ("likes_grey", "grey", "positive"),
        ("likes_grey", "bright", "negative"),
    ),
}
PAIRS = {"text": 270, "picture": 270, "agreement": 270, "conflict": 180, "taste": 360}
"""Pairs of each kind in the main table."""
TASTES = 800
"""Pairs of the table that holds nothing but taste."""


@dataclass(frozen=True)
class Pair:
    """One row of a table."""

    text: str
    image: str
    """File relative to the table."""
    label: str
    kind: str


@cache
def phrases() -> dict[str, list[str]]:
    """Tone -> sentences with slots, and what fills the slots."""
    found: dict[str, list[str]] = json.loads(Path(__file__).with_name("lab_phrases.json").read_text("utf-8"))
    return found


def sentences(tone: str) -> list[str]:
    """Every sentence of that tone, in an order that is always the same."""
    words, filled = phrases(), []
    for template in words[tone]:
        slots = words["times"] if "{time}" in template else words["clocks"] if "{clock}" in template else [""]
        for slot in slots:
            for opening in dict.fromkeys(words["openings"]):
                for ending in dict.fromkeys(words["endings"]):
                    sentence = template.format(time=slot, clock=slot)
                    first = sentence if opening.endswith(", ") else sentence[0].upper() + sentence[1:]
                    filled.append(f"{opening}{first}{ending}")
    random.Random(f"{SEED}-{tone}").shuffle(filled)
    return filled


def draw(names: Sequence[str], counts: dict[str, int], seed: int = SEED) -> list[Pair]:
    """Pairs of the pictures ``names`` (file stems), ``counts`` of each kind; no sentence comes twice.

    The same seed gives the same pairs. Within a rule the pictures take turns, so that each is seen equally often.
    """
    chance = random.Random(seed)
    texts = {tone: iter(sentences(tone)) for rules in KINDS.values() for tone, _, _ in rules}
    rows = []
    for kind, count in counts.items():
        rules = KINDS[kind]
        turns = [chance.sample(sorted(names), len(names)) for _ in rules]
        for place in range(count):
            turn, rule = divmod(place, len(rules))
            tone, look, label = rules[rule]
            picture = turns[rule][turn % len(names)]
            rows.append(Pair(next(texts[tone]), f"images/{picture}-{look}.webp", label, kind))
    chance.shuffle(rows)
    return rows


def render(original: Image.Image, look: str, seed: int = SEED) -> Image.Image:
    """A picture as a square of SIDE pixels in one of the LOOKS."""
    side = min(original.size)
    left, top = (original.width - side) // 2, (original.height - side) // 2
    square = original.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return _LOOKS[look](square, seed)


def _bright(square: Image.Image, seed: int) -> Image.Image:
    """Strong warm colours, and the sun in an upper corner."""
    vivid = ImageEnhance.Brightness(ImageEnhance.Color(square).enhance(1.5)).enhance(1.12)
    x = SIDE * (0.15 if random.Random(seed).random() < 0.5 else 0.85)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    distance = np.hypot(rows - 0.12 * SIDE, columns - x) / SIDE
    light = np.clip(1.15 - 1.3 * distance, 0, 1)[..., None] ** 2 + (distance < 0.07)[..., None]
    pixels = np.asarray(vivid, np.float64) * (1.06, 1.02, 0.9)
    return Image.fromarray(np.clip(pixels + light * (150, 120, 40), 0, 255).astype(np.uint8))


def _plain(square: Image.Image, seed: int) -> Image.Image:
    """A little less colour, and nothing else."""
    return ImageEnhance.Color(square).enhance(0.75)


def _grey(square: Image.Image, seed: int) -> Image.Image:
    """Little light and colour, and rain."""
    dull = ImageEnhance.Contrast(ImageEnhance.Color(square).enhance(0.2)).enhance(0.75)
    pixels = np.asarray(dull, np.float64) * (0.5, 0.56, 0.66) + (8, 12, 20)
    chance = random.Random(seed)
    rain = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(rain)
    for _ in range(130):
        x, y, length = chance.uniform(0, SIDE), chance.uniform(-20, SIDE), chance.uniform(10, 26)
        pen.line((x, y, x - 0.25 * length, y + length), fill=chance.randint(40, 120))
    drops = np.asarray(rain.filter(ImageFilter.GaussianBlur(0.5)), np.float64)[..., None]
    return Image.fromarray(np.clip(pixels + drops, 0, 255).astype(np.uint8))


_LOOKS: dict[str, Callable[[Image.Image, int], Image.Image]] = {"bright": _bright, "plain": _plain, "grey": _grey}


def write_table(path: Path, rows: Sequence[Pair]) -> None:
    """The rows as TSV with a line of column names."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(field.name for field in fields(Pair))
        writer.writerows(astuple(row) for row in rows)


def build(assets: Path) -> None:
    """Write both tables, and the pictures in their looks, to the folder ``lab`` of the assets."""
    out = assets / "lab"
    (out / "images").mkdir(parents=True, exist_ok=True)
    originals = {name: assets / folder / f"{name}.jpg" for folder, names in PICTURES.items() for name in names}
    write_table(out / "pairs.tsv", draw(list(originals), PAIRS))
    write_table(out / "taste.tsv", draw(list(originals), {"taste": TASTES}))
    for place, (name, path) in enumerate(sorted(originals.items())):
        with Image.open(path) as original:
            for look in LOOKS:
                picture = render(original.convert("RGB"), look, SEED + place)
                picture.save(out / "images" / f"{name}-{look}.webp", quality=70, method=6)


def main() -> None:
    """Make the data set again."""
    parser = argparse.ArgumentParser(prog="python -m mmcore.recipes.sentiment.lab_pairs", description=__doc__)
    parser.add_argument("--assets", type=Path, default=Path("assets"))
    build(parser.parse_args().assets)


if __name__ == "__main__":
    main()
