"""Lesson 2: encoders. A kernel slid over a picture, what layers see by depth, words as vectors, and sizes."""

from __future__ import annotations

import base64
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import mmcore
from mmcore.io.images import clean_text
from mmcore.io.tag_names import tag_text
from mmcore.nets.image_sizes import INPUT_SIZE

from ..ui.colours import data_uri, viridis
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from . import inside_encoders as inside
from . import lesson_03_one_space as space
from . import live, seeing
from .controls import filled, output, picks, pictures, slider
from .controls import live as live_view
from .mathml import brackets, fraction, line, number, operator, power, symbol, total, word
from .plan import Code, Formula, Lesson, Seen, Setup, Step

CORE = Path(mmcore.__file__).parent
DEMO = Path(__file__).parents[1]
SIDE = 64
"""Pixels of the picture that the kernel slides over."""
KERNELS = (
    (0, 0, 0, 0, 1, 0, 0, 0, 0),
    (0.11, 0.11, 0.11, 0.11, 0.12, 0.11, 0.11, 0.11, 0.11),
    (-1, 0, 1, -2, 0, 2, -1, 0, 1),
    (-1, -2, -1, 0, 0, 0, 1, 2, 1),
    (0, -1, 0, -1, 5, -1, 0, -1, 0),
)
"""Unchanged, mean, Sobel's two, sharpened; row by row."""
START, PLACE = 2, (30, 24)
"""Which kernel, and where it lies, at first."""
SHOWN = 96
TYPED = "puppy"
TRY = ("puppy", "dot", "happy", "bank", "小狗")


def grey(setup: Setup) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(SIDE, SIDE): the chosen picture, small and grey."""
    small = seeing.picture(setup).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small)


def convolution(setup: Setup) -> Seen:
    """A kernel of nine numbers that one can change, slid over a picture."""
    language = setup.language
    pixels, kernel = grey(setup), KERNELS[START]
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td><input type="number" step="any" data-cell="k,{row},{column}" value="{kernel[3 * row + column]:g}" '
            f'aria-label="{_t(language, "lessons.02.cell", row=row + 1, column=column + 1)}"></td>'
            for column in range(3)
        )
        + "</tr>"
        for row in range(3)
    )
    names = [text(language, f"lessons.02.kernel.{place}") for place in range(len(KERNELS))]
    canvases = "".join(
        f'<figure class="mm-grid"><canvas width="{side}" height="{side}" data-canvas="{name}" {pointed} '
        f'class="mm-canvas" role="img" aria-label="{_t(language, f"lessons.02.{name}")}"></canvas>'
        f"<figcaption>{_t(language, f'lessons.02.{name}')}</figcaption></figure>"
        for name, side, pointed in (("before", SIDE, 'data-point="x,y" data-down'), ("after", SIDE - 2, ""))
    )
    here = pixels[PLACE[1] : PLACE[1] + 3, PLACE[0] : PLACE[0] + 3].ravel()
    content = (
        pictures(space.offered(), space.PAIRS[seeing.chosen(setup)][0], language)
        + picks("kernel", names, START, text(language, "lessons.02.kernels"))
        + f'<div class="mm-grids"><table class="mm-byhand"><tbody>{rows}</tbody></table>{canvases}</div>'
        + slider("x", text(language, "lessons.02.x"), 0, SIDE - 3, 1, PLACE[0])
        + slider("y", text(language, "lessons.02.y"), 0, SIDE - 3, 1, PLACE[1])
        + f"<p>{_t(language, 'lessons.02.range')} {output('low')} … {output('high')}</p>"
    )
    terms = operator("+").join(
        brackets(filled(f"k{place}", f"{kernel[place]:g}")) + operator("·") + filled(f"x{place}", str(here[place]))
        for place in range(9)
    )
    value = float(live.convolve(here.reshape(3, 3), np.reshape(kernel, (3, 3)))[0, 0])
    data = {"pixels": base64.b64encode(pixels.tobytes()).decode(), "side": SIDE, "kernels": KERNELS, "start": START}
    return Seen(live_view("convolution", data, content), line(terms + operator("=") + filled("sum", f"{value:.1f}")))


def depth(setup: Setup) -> Seen:
    """Feature maps of the real image encoder, from the stem to the top."""
    language = setup.language
    names = [text(language, f"lessons.02.depth.{place}") for place in range(len(inside.DEPTHS))]
    shapes, panels = [], ""
    for place, maps in enumerate(inside.feature_maps(setup)):
        channels, side, _ = maps.shape
        field = live.receptive_field(inside.layers_to(inside.DEPTHS[place]))
        shapes.append([channels, side, min(field, INPUT_SIZE), field])
        shown = "".join(
            f'<figure><img src="{_coloured(maps[one])}" alt=""><figcaption>{one}</figcaption></figure>'
            for one in inside.liveliest(maps)
        )
        hidden = "" if place == 0 else " hidden"
        panels += f'<div class="mm-thumbs mm-maps" data-depth="{place}"{hidden}>{shown}</div>'
    first = shapes[0]
    content = (
        pictures(space.offered(), space.PAIRS[seeing.chosen(setup)][0], language)
        + picks("depth", names, 0, text(language, "lessons.02.depths"))
        + f"<p>{_t(language, 'lessons.02.maps', count=inside.CHANNELS)}</p>{panels}"
        + '<dl class="mm-tiles">'
        + "".join(
            f"<div><dt>{_t(language, f'lessons.02.{name}')}</dt><dd>{output(name, value)}</dd></div>"
            for name, value in (
                ("shape", f"{first[0]} × {first[1]} × {first[1]}"),
                ("numbers", f"{first[0] * first[1] ** 2:,}"),
                ("field", f"{first[2]} × {first[2]}"),
            )
        )
        + "</dl>"
    )
    shown = line(
        symbol("n", "numbers") + operator("=") + filled("c", str(first[0])) + operator("·")
        + power(filled("s", str(first[1])), number("2")) + operator("=")
        + filled("numbers", f"{first[0] * first[1] ** 2:,}")
    )  # fmt: skip
    return Seen(live_view("depth", {"shapes": shapes}, content), shown)


def _coloured(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> str:
    """data: address of one map, its smallest value dark and its largest bright."""
    low, high = float(values.min()), float(values.max())
    levels = np.rint((values - low) / ((high - low) or 1) * 255).astype(np.uint8)
    return _drawn(levels.tobytes(), len(levels))


@lru_cache(maxsize=256)
def _drawn(levels: bytes, side: int) -> str:
    """The same of a square of levels. Kept: to write the PNG files took ten times longer than all else in the step."""
    image = Image.fromarray(viridis()[np.frombuffer(levels, np.uint8).reshape(side, side)])
    return data_uri(image.resize((SHOWN, SHOWN), Image.Resampling.NEAREST), "PNG")


def words(setup: Setup) -> Seen:
    """A word that is typed, and the words nearest to it in the text encoder's space."""
    language = setup.language
    offers = "".join(
        f'<button type="button" class="mm-action" data-fill="typed" data-value="{one}">{one}</button>' for one in TRY
    )
    found = near(setup, TYPED)["near"]
    rows = "".join(
        f'<tr><th scope="row" data-near="{place}">{escape(name)}</th><td class="mm-meter">'
        f'<i data-bar="{place}" style="width:{max(0, cosine) * 100:.1f}%"></i></td>'
        f'<td data-cosine="{place}">{cosine:.3f}</td></tr>'
        for place, (name, cosine) in enumerate(found)
    )
    content = (
        f'<label>{_t(language, "lessons.02.typed")} <input type="text" class="mm-typed" maxlength="80" '
        f'data-input="typed" value="{TYPED}"></label>'
        f'<div class="mm-row" role="group" aria-label="{_t(language, "lessons.02.try")}">{offers}</div>'
        f'<div data-problem aria-live="polite"></div>'
        f'<table class="mm-byhand mm-share-rows"><caption>{_t(language, "lessons.02.nearest", count=inside.WORDS)}'
        f"</caption><tbody>{rows}</tbody></table>"
    )
    shown = line(word("cos") + operator("=") + filled("first", f"{found[0][1]:.3f}"))
    return Seen(live_view("neighbours", {}, content), shown)


def near(setup: Setup, typed: str) -> dict[str, Any]:
    """The words nearest to a typed one, in the visitor's language, with cosines. Raises InputError."""
    cleaned = clean_text(typed or TYPED, setup.settings)
    found = inside.neighbours(setup, cleaned)
    named = [(one if setup.language == "en" else f"{one} {tag_text(setup.language, one)}", cos) for one, cos in found]
    return {"near": [(name, round(cosine, 4)) for name, cosine in named]}


def sizes(setup: Setup) -> Seen:
    """How many numbers each encoder has learned, as areas; and a text encoder of one's own size."""
    language = setup.language
    known = inside.parameters()
    sums = {encoder: sum(parts.values()) for encoder, parts in known.items()}
    ours = f"{sums['text']:,}"
    most = max(sums.values())
    squares, across = "", 0.0
    for encoder, count in (*sums.items(), ("own", sums["text"])):
        side = 100 * (count / most) ** 0.5
        own = ' data-own="square" class="mm-own"' if encoder == "own" else ""
        squares += (
            f'<rect{own} x="{across:.1f}" y="{100 - side:.1f}" width="{side:.1f}" height="{side:.1f}"/>'
            f'<text x="{across:.1f}" y="112">{_t(language, f"lessons.02.short.{encoder}")}</text>'
        )
        across += max(side, 48) + 8
    parts = "".join(
        f'<tr><th scope="row">{_t(language, f"lessons.02.encoder.{encoder}")}</th>'
        f"<td>{_t(language, f'lessons.02.part.{encoder}.{part}')}</td><td>{count:,}</td></tr>"
        for encoder, counts in known.items()
        for part, count in counts.items()
    )
    totals = "".join(
        f'<div><dt>{_t(language, f"lessons.02.encoder.{encoder}")}</dt><dd data-total="{encoder}">{count:,}</dd></div>'
        for encoder, count in sums.items()
    )
    content = (
        f'<svg class="mm-sizes" viewBox="0 0 {across:.0f} 116" role="img" '
        f'aria-label="{_t(language, "lessons.02.drawing")}">{squares}</svg><dl class="mm-tiles">{totals}</dl>'
        f'<div class="mm-scroll" tabindex="0"><table class="mm-table mm-parts"><tbody>{parts}</tbody></table></div>'
        f"<p><strong>{_t(language, 'lessons.02.own')}</strong></p>"
        + slider("vocabulary", text(language, "lessons.02.vocabulary"), 1000, 50_000, 1, 14_855)
        + slider("width", text(language, "lessons.02.width"), 64, 768, 64, 384)
        + slider("layers", text(language, "lessons.02.layers"), 1, 12, 1, 6)
        + f"<p>{_t(language, 'lessons.02.count')} {output('own', ours)} · "
        f"{_t(language, 'lessons.02.share')} {output('share', '100 %')}</p>"
    )
    shown = line(
        filled("v", "14,855") + operator("·") + filled("d", "384") + operator("+") + filled("l", "6")
        + operator("·") + brackets(number("12") + operator("·") + power(filled("d", "384"), number("2"))
                                   + operator("+") + number("13") + operator("·") + filled("d", "384"))
        + operator("+") + number("130") + operator("·") + filled("d", "384") + operator("=")
        + filled("own", ours)
    )  # fmt: skip
    return Seen(live_view("sizes", {"most": most, "wide": round(across)}, content), shown)


Y, K, X = symbol("y", "y", "rc"), symbol("k", "k", "ij"), symbol("x", "x", "r+i, c+j")
N, CHANNELS, HEIGHT = symbol("n", "numbers"), symbol("C", "channels"), symbol("S", "side")
A, B = symbol("a", "a"), symbol("b", "b")
P, V, D, L = symbol("P", "parameters"), symbol("V", "vocabulary"), symbol("d", "width"), symbol("L", "layers")

CONVOLUTION = Formula(Y + operator("=") + total("i, j", K + X), ((Y, "y"), (K, "k"), (X, "x")))
DEPTH = Formula(
    N + operator("=") + CHANNELS + operator("·") + power(HEIGHT, number("2")),
    ((N, "numbers"), (CHANNELS, "channels"), (HEIGHT, "side")),
)
COSINE = Formula(
    word("cos")
    + operator("=")
    + fraction(A + operator("·") + B, operator("‖") + A + operator("‖") + operator("‖") + B + operator("‖")),
    ((A, "a"), (B, "b")),
)
PARAMETERS = Formula(
    P + operator("=") + V + D + operator("+") + L + brackets(
        number("12") + power(D, number("2")) + operator("+") + number("13") + D
    ) + operator("+") + number("130") + D,
    ((P, "parameters"), (V, "vocabulary"), (D, "width"), (L, "layers")),
)  # fmt: skip

LESSON = Lesson(
    2,
    9,
    (
        Step("convolution", convolution, 1, 2, CONVOLUTION, Code(DEMO, "lessons/live.py", "convolve")),
        Step("depth", depth, 2, 0, DEPTH, Code(CORE, "nets/image_encoder.py", "Trunk.depths")),
        Step("words", words, 1, 2, COSINE, Code(CORE, "nets/text_encoder.py", "pool_words"), ask=near),
        Step("sizes", sizes, 1, 0, PARAMETERS, Code(DEMO, "lessons/live.py", "text_parameters")),
    ),
)
