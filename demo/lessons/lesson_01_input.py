"""Lesson 1: what a model sees of a picture, of words and of a sound, and what is lost on the way."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import mmcore
from mmcore.checkpoints.registry import find
from mmcore.io.audio_files import load_audio
from mmcore.io.chinese import has_chinese
from mmcore.io.images import clean_text
from mmcore.nets.image_sizes import GRID_SIZE, INPUT_SIZE
from mmcore.tasks.reading import read_as
from mmcore.types import Doubles

from ..ui import examples
from ..ui.colours import data_uri, shrink, viridis
from ..ui.examples import Example
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from . import lesson_03_one_space as space
from . import live, seeing
from .controls import filled, output, picks, pictures, slider
from .controls import live as live_view
from .mathml import brackets, fraction, line, number, operator, power, symbol, total, word
from .plan import Code, Formula, Lesson, Seen, Setup, Step

CORE = Path(mmcore.__file__).parent
DEMO = Path(__file__).parents[1]
SHOWN = 168
"""Side in pixels of the small pictures."""
PATCHES = (16, 32, 56, 112)
TYPED = "A caterpillar on a leaf."
TRY = ("A caterpillar on a leaf.", "Unbelievable snowboarders!", "Straße, café, COVID-19", "一只狗在草地上奔跑")
SOUNDS = ("robin.ogg", "speech.ogg", "clock.ogg")
RATE = 16_000
SECONDS = 2.56
WINDOWS = (256, 512, 1024, 2048)
HOPS = (64, 128, 256, 512)
START = (1, 1, 64)
"""Places in WINDOWS and HOPS, and bands, that the step begins with."""


def pixels(setup: Setup) -> Seen:
    """A picture as the model gets it, pixel by pixel."""
    language = setup.language
    small = seeing.squeezed(seeing.picture(setup))
    start = (112, 80)
    red, green, blue = (int(value) for value in np.asarray(small)[start[1], start[0]])
    inside = (
        _offered(setup)
        + f'<div class="mm-grids"><figure class="mm-grid"><canvas width="{INPUT_SIZE}" height="{INPUT_SIZE}" '
        f'data-canvas="picture" data-point="x,y" data-down class="mm-canvas" role="img" '
        f'aria-label="{_t(language, "lessons.01.picture")}"></canvas>'
        f"<figcaption>{_t(language, 'lessons.01.picture')}</figcaption></figure>"
        f'<figure class="mm-grid"><canvas width="9" height="9" data-canvas="near" class="mm-canvas" role="img" '
        f'aria-label="{_t(language, "lessons.01.near")}"></canvas>'
        f"<figcaption>{_t(language, 'lessons.01.near')}</figcaption></figure></div>"
        + slider("x", text(language, "lessons.01.x"), 0, INPUT_SIZE - 1, 1, start[0])
        + slider("y", text(language, "lessons.01.y"), 0, INPUT_SIZE - 1, 1, start[1])
        + f"<p>{_t(language, 'lessons.01.rgb')} ({output('r', str(red))}, {output('g', str(green))}, "
        f"{output('b', str(blue))}) → ({output('r1')}, {output('g1')}, {output('b1')})</p>"
    )
    shown = line(
        fraction(filled("r", str(red)) + operator("−") + number("127"), number("128")) + operator("=") + filled("r1")
    )
    data = {"side": INPUT_SIZE, "pixels": base64.b64encode(np.asarray(small).tobytes()).decode()}
    return Seen(live_view("pixels", data, inside), shown)


def fit(setup: Setup) -> Seen:
    """Three ways into the square, and what the retriever makes of each."""
    language = setup.language
    found = seeing.measure(setup, "fit")
    image = seeing.picture(setup)
    side = "crop," if image.width > image.height else ",crop"
    ways = [text(language, f"lessons.01.way.{place}") for place in range(3)]
    inside = (
        _offered(setup)
        + picks("way", ways, 0, text(language, "lessons.01.ways"))
        + f'<div class="mm-grids"><figure class="mm-grid"><div class="mm-frame" data-down data-point="{side}" '
        f'><img src="{data_uri(shrink(image, 320), "JPEG")}" '
        f'alt="{escape(space.offered()[seeing.chosen(setup)].alt[language])}"><i></i></div>'
        f"<figcaption>{_t(language, 'lessons.01.original')}</figcaption></figure>"
        f'<figure class="mm-grid">{_stack(found.images, ways)}'
        f"<figcaption>{_t(language, 'lessons.01.input')}</figcaption></figure></div>"
        + slider("crop", text(language, "lessons.01.crop"), 0, seeing.PLACES - 1, 1, seeing.PLACES // 2)
        + _shares(setup, found, 0)
    )
    shown = line(
        word("stretch")
        + operator("=")
        + filled("stretch")
        + operator(",")
        + word("kept")
        + operator("=")
        + filled("kept")
    )
    data = {**_measures(found), "ratio": image.width / image.height}
    return Seen(live_view("fit", data, inside), shown)


def patches(setup: Setup) -> Seen:
    """The picture in patches."""
    language = setup.language
    start = 1
    count, numbers, pairs = live.patches(INPUT_SIZE, PATCHES[start])
    inside = (
        _offered(setup)
        + picks("patch", [f"{side} × {side}" for side in PATCHES], start, text(language, "lessons.01.patch"))
        + f'<div class="mm-grids"><div class="mm-patches" role="img" aria-label="{_t(language, "lessons.01.patched")}">'
        f'</div><div><dl class="mm-tiles">'
        + "".join(
            f'<div><dt>{_t(language, f"lessons.01.{name}")}</dt><dd>{output(name, f"{value:,}")}</dd></div>'
            for name, value in (("count", count), ("numbers", numbers), ("pairs", pairs))
        )
        + f"</dl><p>{_t(language, 'lessons.01.encoder', cells=GRID_SIZE * GRID_SIZE, side=GRID_SIZE)}</p>"
        + picks(
            "order", [text(language, "lessons.01.ordered"), text(language, "lessons.01.shuffled")], 0,
            text(language, "lessons.01.order"),
        )
        + "</div></div>"
    )  # fmt: skip
    shown = line(
        symbol("N", "patches") + operator("=")
        + power(brackets(fraction(number(str(INPUT_SIZE)), filled("side", str(PATCHES[start])))), number("2"))
        + operator("=") + filled("count", str(count))
    )  # fmt: skip
    data = {
        "side": INPUT_SIZE,
        "patches": PATCHES,
        "picture": data_uri(seeing.squeezed(seeing.picture(setup)), "JPEG"),
    }
    return Seen(live_view("patches", data, inside), shown)


def words(setup: Setup) -> Seen:
    """Words as they are typed, in pieces with their numbers."""
    language = setup.language
    offers = "".join(
        f'<button type="button" class="mm-action" data-fill="typed" data-value="{escape(one, quote=True)}">'
        f"{escape(one)}</button>"
        for one in TRY
    )
    first = tokens(setup, TYPED)
    inside = (
        f'<label>{_t(language, "lessons.01.typed")}<textarea rows="2" maxlength="600" data-input="typed">'
        f"{escape(TYPED)}</textarea></label>"
        f'<div class="mm-row" role="group" aria-label="{_t(language, "lessons.01.try")}">{offers}</div>'
        f'<p data-english data-label="{_t(language, "lessons.01.english")}" aria-live="polite"></p>'
        f'<div class="mm-tokens" data-rows="read" tabindex="0">{_chips(first["read"])}</div>'
        f"<p data-raw-label hidden>{_t(language, 'lessons.01.raw')}</p>"
        f'<div class="mm-tokens" data-rows="raw" tabindex="0"></div>'
        f"<p>{_t(language, 'lessons.01.tokens')} {output('tokens', str(len(first['read'])))} · "
        f"{_t(language, 'lessons.01.unknown')} {output('unknown', '0')} · "
        f"{_t(language, 'lessons.01.cut')} {output('cut', '0')}</p>"
    )
    shown = line(symbol("T", "tokens") + operator("=") + filled("tokens", str(len(first["read"]))))
    return Seen(live_view("words_in", {}, inside), shown)


def tokens(setup: Setup, typed: str) -> dict[str, Any]:
    """Pieces and ids of a text as the bundled retriever reads it; for Chinese those of its own signs, too."""
    tokenizer, longest = _tokenizer()
    cleaned = clean_text(typed, setup.settings)
    read = read_as(find(space.MODEL), cleaned)
    pieces = tokenizer.encode(read)
    kept = list(zip(pieces.tokens, pieces.ids, strict=True))
    if len(kept) > longest:
        kept = [*kept[: longest - 1], kept[-1]]
    answer: dict[str, Any] = {"read": kept, "cut": max(0, len(pieces.ids) - longest), "english": "", "raw": []}
    if has_chinese(cleaned) and read != cleaned:
        raw = tokenizer.encode(cleaned)
        answer |= {"english": read, "raw": list(zip(raw.tokens, raw.ids, strict=True))}
    return answer


@cache
def _tokenizer() -> tuple[Any, int]:
    """The bundled retriever's tokenizer without its limit, and the limit."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(CORE / "bundled" / "retriever" / "tokenizer.json"))
    longest = int((tokenizer.truncation or {})["max_length"])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, longest


def _chips(pieces: Sequence[tuple[str, int]]) -> str:
    return "".join(
        f"<span{' class=mm-unknown' if piece == '[UNK]' else ''}><b>{escape(piece)}</b><small>{place}</small></span>"
        for piece, place in pieces
    )


def sound(setup: Setup) -> Seen:
    """A sound as waveform and log-mel spectrogram, with window, hop and bands to be chosen."""
    language = setup.language
    offered = sounds()
    item = next((one for one in offered if one.path.name == setup.picture), offered[0])
    samples = samples_of(setup, item)
    window, hop, bands = WINDOWS[START[0]], HOPS[START[1]], START[2]
    audio = base64.b64encode(item.path.read_bytes()).decode()
    inside = (
        pictures(offered, item.path.name, language)
        + f'<audio controls preload="metadata" src="data:audio/ogg;base64,{audio}"></audio>'
        + f'<canvas width="800" height="80" data-canvas="wave" class="mm-canvas mm-waveform" role="img" '
        f'aria-label="{_t(language, "lessons.01.wave")}"></canvas>'
        f'<canvas width="10" height="10" data-canvas="mel" data-point="time,band" class="mm-canvas mm-mel" role="img" '
        f'aria-label="{_t(language, "lessons.01.mel")}"></canvas>'
        f"<p>{_t(language, 'lessons.01.window')}</p>"
        + picks("window", [str(one) for one in WINDOWS], START[0], text(language, "lessons.01.window"))
        + f"<p>{_t(language, 'lessons.01.hop')}</p>"
        + picks("hop", [str(one) for one in HOPS], START[1], text(language, "lessons.01.hop"))
        + slider("bands", text(language, "lessons.01.bands"), 8, 128, 8, bands)
        + '<dl class="mm-tiles">'
        + "".join(
            f"<div><dt>{_t(language, f'lessons.01.{name}')}</dt><dd>{output(name, value)}</dd></div>"
            for name, value in (
                ("shape", f"{bands} × {1 + len(samples) // hop}"),
                ("step_time", f"{hop / RATE * 1000:.1f} ms"),
                ("step_hertz", f"{RATE / window:.1f} Hz"),
            )
        )
        + "</dl>"
        + slider("time", text(language, "lessons.01.time"), 0, 1, 0.01, 0.5)
        + slider("band", text(language, "lessons.01.band"), 0, 1, 0.01, 0.5)
        + f"<p>{_t(language, 'lessons.01.here')} {output('here')}</p>"
    )
    columns = (
        number("1") + operator("+") + operator("⌊") + number(str(len(samples))) + operator("/")
        + filled("hop", str(hop))
        + operator("⌋") + operator("=") + filled("columns", str(1 + len(samples) // hop))
    )  # fmt: skip
    data = {
        "samples": base64.b64encode(np.round(samples * 32767).astype("<i2").tobytes()).decode(),
        "rate": RATE,
        "windows": WINDOWS,
        "hops": HOPS,
        "top": live.TOP_DB,
        "colours": viridis()[:: 255 // 51].tolist(),
    }
    return Seen(live_view("sound", data, inside), line(columns))


@cache
def sounds() -> tuple[Example, ...]:
    """The sounds in the order of SOUNDS."""
    known = {item.path.name: item for item in examples.sounds()}
    return tuple(known[name] for name in SOUNDS)


def samples_of(setup: Setup, item: Example) -> Doubles:
    """Mono samples in [-1, 1] at RATE: the first SECONDS of it."""
    samples = load_audio(item.path, setup.settings, RATE).samples[: round(RATE * SECONDS)]
    return np.clip(np.asarray(samples, np.float64), -1, 1)


def augment(setup: Setup) -> Seen:
    """Changes that training uses to get more from few pictures."""
    language = setup.language
    found = seeing.measure(setup, "augment")
    names = [text(language, f"lessons.01.change.{place}") for place in range(len(found.images))]
    inside = (
        _offered(setup)
        + picks("change", names, 1, text(language, "lessons.01.changes"))
        + f'<div class="mm-grids"><figure class="mm-grid"><img class="mm-square" src="{_small(found.images[0])}" '
        f'alt="{escape(names[0])}"><figcaption>{escape(names[0])}</figcaption></figure>'
        f'<figure class="mm-grid">{_stack(found.images, names)}<figcaption data-changed></figcaption></figure></div>'
        f"<p>{_t(language, 'lessons.01.to_original')} {output('near')}</p>" + _shares(setup, found, 1)
    )
    shown = line(word("cos") + brackets(symbol("v", "before") + operator(",") + symbol("w", "after"))
                 + operator("=") + filled("near"))  # fmt: skip
    return Seen(live_view("augment", _measures(found), inside), shown)


def lost(setup: Setup) -> Seen:
    """Fewer and fewer pixels."""
    language = setup.language
    found = seeing.measure(setup, "lost")
    names = [f"{side} × {side}" for side in seeing.SIDES]
    inside = (
        _offered(setup)
        + picks("change", names, 0, text(language, "lessons.01.sides"))
        + f'<div class="mm-grids"><figure class="mm-grid">{_stack(found.images, names)}'
        f"<figcaption data-changed></figcaption></figure><div>"
        f"<p>{_t(language, 'lessons.01.to_original')} {output('near')}</p>" + _shares(setup, found, 0) + "</div></div>"
    )
    shown = line(
        fraction(number("3") + operator("·") + filled("s") + operator("·") + filled("s"),
                 number("3") + operator("·") + number("224") + operator("·") + number("224"))
        + operator("=") + filled("rest")
    )  # fmt: skip
    return Seen(live_view("lost", {**_measures(found), "sides": seeing.SIDES}, inside), shown)


def _offered(setup: Setup) -> str:
    return pictures(space.offered(), space.PAIRS[seeing.chosen(setup)][0], setup.language)


def _small(image: Image.Image) -> str:
    return data_uri(image.resize((SHOWN, SHOWN), Image.Resampling.LANCZOS), "JPEG")


def _stack(images: Sequence[Image.Image], names: Sequence[str]) -> str:
    """All variants over each other; the script shows one."""
    return "".join(
        f'<img class="mm-square" data-variant="{place}" src="{_small(image)}" '
        f'alt="{escape(names[min(place, len(names) - 1)])}" {"" if place == 0 else "hidden"}>'
        for place, image in enumerate(images)
    )


def _shares(setup: Setup, found: seeing.Measured, start: int) -> str:
    """The four sentences with the share of each."""
    rows = "".join(
        f'<tr data-share-row="{place}"><th scope="row" lang="en">{escape(sentence)}</th>'
        f'<td class="mm-meter"><i style="width:{share * 100:.1f}%"></i></td>'
        f"<td>{output(f'share-{place}', f'{share * 100:.1f} %')}</td></tr>"
        for place, ((_, sentence), share) in enumerate(zip(space.PAIRS, found.shares[start], strict=True))
    )
    return (
        f'<div class="mm-scroll" tabindex="0"><table class="mm-counts mm-share-rows"><caption>'
        f"{_t(setup.language, 'lessons.01.shares')}</caption><tbody>{rows}</tbody></table></div>"
    )


def _measures(found: seeing.Measured) -> dict[str, Any]:
    return {"shares": np.round(found.shares, 5).tolist(), "near": np.round(found.near, 4).tolist()}


X, Y = symbol("x", "pixel"), symbol("y", "normal")
NORMALISED = Formula(
    Y + operator("=") + fraction(X + operator("−") + number("127"), number("128")), ((X, "pixel"), (Y, "normal"))
)
W, H, S = symbol("W", "width"), symbol("H", "height"), symbol("S", "side")
SQUEEZE = Formula(
    word("stretch") + operator("=") + fraction(S + operator("/") + W, S + operator("/") + H)
    + operator("=") + fraction(H, W),
    ((W, "width"), (H, "height"), (S, "side")),
)  # fmt: skip
N, P = symbol("N", "patches"), symbol("P", "patch")
PATCHED = Formula(
    N + operator("=") + power(brackets(fraction(S, P)), number("2")), ((N, "patches"), (S, "side"), (P, "patch"))
)
PIECES = Formula(
    symbol("x", "vector", "t") + operator("=") + symbol("E", "table") + operator("[") + symbol("i", "id", "t")
    + operator("]") + operator(",") + symbol("t", "place") + operator("=") + number("1") + operator("…")
    + symbol("T", "tokens"),
    (
        (symbol("i", "id", "t"), "id"),
        (symbol("E", "table"), "table"),
        (symbol("x", "vector", "t"), "vector"),
        (symbol("t", "place"), "place"),
        (symbol("T", "tokens"), "tokens"),
    ),
)  # fmt: skip
MEL, FILTER, SPECTRUM = symbol("M", "mel", "b,t"), symbol("F", "filter", "b,f"), symbol("X", "spectrum", "f,t")
LOG_MEL = Formula(
    MEL + operator("=") + number("10") + f"<msub>{word('log')}<mn>10</mn></msub>"
    + total("f", FILTER + power(operator("|") + SPECTRUM + operator("|"), number("2"))),
    ((MEL, "mel"), (FILTER, "filter"), (SPECTRUM, "spectrum")),
)  # fmt: skip
BEFORE, AFTER = symbol("v", "before"), symbol("w", "after")
MOVED = Formula(
    word("cos") + operator("=")
    + fraction(BEFORE + operator("·") + AFTER,
               operator("‖") + BEFORE + operator("‖") + operator("‖") + AFTER + operator("‖")),
    ((BEFORE, "before"), (AFTER, "after")),
)  # fmt: skip
LEFT = Formula(
    symbol("r", "rest") + operator("=") + fraction(
        number("3") + power(symbol("s", "shrunk"), number("2")), number("3") + power(S, number("2"))
    ),
    ((symbol("r", "rest"), "rest"), (symbol("s", "shrunk"), "shrunk"), (S, "side")),
)  # fmt: skip

LESSON = Lesson(
    1,
    12,
    (
        Step("pixels", pixels, 2, 1, NORMALISED, Code(CORE, "nets/image_encoder.py", "normalize")),
        Step("fit", fit, 2, 0, SQUEEZE, Code(CORE, "families/_resize.py", "pixels_of")),
        Step("patches", patches, 1, 2, PATCHED, Code(DEMO, "lessons/live.py", "patches")),
        Step("words", words, 1, 2, PIECES, Code(CORE, "families/compact_dual.py", "tokens_of"), ask=tokens),
        Step("sound", sound, 1, 2, LOG_MEL, Code(DEMO, "lessons/live.py", "log_mel")),
        Step("augment", augment, 1, 0, MOVED, Code(DEMO, "lessons/seeing.py", "augmented")),
        Step("lost", lost, 1, 2, LEFT, Code(DEMO, "lessons/seeing.py", "coarser")),
    ),
)
