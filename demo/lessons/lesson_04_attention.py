"""Lesson 4: attention, first by hand, then of the captioner while it writes a word."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

import mmcore

from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from . import captions, live
from .captions import Looked
from .controls import buttons, grid, pictures, slider
from .controls import live as live_view
from .mathml import brackets, fraction, line, number, operator, power, root, symbol, total, word
from .plan import Code, Formula, Lesson, Seen, Setup, Step

CORE = Path(mmcore.__file__).parent
DEMO = Path(__file__).parents[1]

QUERY = (1, 0, 1, 0)
KEYS = ((1, 0, 1, 0), (0, 1, 0, 1), (1, 1, 0, 0))
VALUES = ((10, 0), (0, 10), (5, 5))
THING = "dog"
"""The word of the first picture's caption that the steps begin with."""

Q, K, V = symbol("q", "q"), symbol("k", "k", "i"), symbol("v", "v", "i")
D, A, T = symbol("d", "d"), symbol("a", "a", "i"), symbol("T", "temperature")
R, X, Y = symbol("r", "r"), symbol("x", "x", "i"), symbol("y", "y", "i")
SCALED = fraction(Q + operator("·") + K, root(D))


def by_hand(setup: Setup) -> Seen:
    """One query over three keys of four numbers, all of them to be changed."""
    language = setup.language
    scores, weights, output = live.attention(QUERY, KEYS, VALUES)

    def inputs(name: str, values: tuple[int, ...], row: int) -> str:
        label = text(language, f"lessons.04.row.{name}", row=row + 1)
        return "".join(
            f'<td><input type="number" step="1" min="-9" max="9" value="{value}" data-cell="{name},{row},{place}" '
            f'aria-label="{escape(label, quote=True)} {place + 1}"></td>'
            for place, value in enumerate(values)
        )

    rows = "".join(
        f'<tr><th scope="row">{symbol_of("k", row)}</th>{inputs("k", keys, row)}'
        f'<td data-score="{row}">{scores[row]:.2f}</td><td data-weight="{row}">{weights[row]:.3f}</td>'
        f'<td class="mm-nowrap">({VALUES[row][0]}, {VALUES[row][1]})</td>'
        f"</tr>"
        for row, keys in enumerate(KEYS)
    )
    heads = "".join(f'<th scope="col">{_t(language, f"lessons.04.column.{one}")}</th>' for one in ("s", "a", "v"))
    mine = _t(language, "lessons.04.mine")
    table = (
        f'<div class="mm-scroll"><table class="mm-byhand"><thead><tr><td></td><td colspan="4"></td>{heads}</tr></thead>'
        f'<tbody><tr><th scope="row"><math><mi>q</mi></math></th>{inputs("q", QUERY, 0)}<td colspan="3"></td></tr>'
        f"{rows}</tbody></table></div>"
        f"<p>{_t(language, 'lessons.04.output')} <output data-result>({output[0]:.2f}, {output[1]:.2f})</output></p>"
        f'<p><label>{mine} <input type="number" step="0.001" data-mine></label> '
        f'<output data-verdict data-right="{_t(language, "lessons.right")}" '
        f'data-wrong="{_t(language, "lessons.04.again")}"></output></p>'
    )
    filled = line(
        word("softmax")
        + brackets(operator(",").join(number(f"{score:.2f}") for score in scores))
        + operator("=")
        + brackets(operator(",").join(number(f"{weight:.3f}") for weight in weights))
    )
    return Seen(live_view("byhand", {"values": VALUES}, table), filled)


def symbol_of(letter: str, row: int) -> str:
    """k with the number of its row."""
    return f"<math><msub><mi>{letter}</mi><mn>{row + 1}</mn></msub></math>"


def temperature(setup: Setup) -> Seen:
    """The weights of one real word, flattened and sharpened."""
    looked = captions.look(setup)
    chosen = _place(looked)
    cells = looked.attention[chosen, -1].mean(0).ravel()
    shares = cells / cells.sum()
    order = np.sort(shares)[::-1]
    language = setup.language
    bars = "".join(f'<i style="height:{share / order[0] * 100:.1f}%"></i>' for share in order)
    inside = (
        f"<p>{_t(language, 'lessons.04.bars', word=looked.words[chosen], caption=looked.caption.text)}</p>"
        f'<div class="mm-bars" role="img" aria-label="{_t(language, "lessons.04.bars_label")}">{bars}</div>'
        + slider("temperature", text(language, "lessons.04.temperature"), 0.1, 5, 0.1, 1)
        + f"<p>{_t(language, 'lessons.04.largest')} <output data-largest>{order[0] * 100:.1f} %</output> · "
        f"{_t(language, 'lessons.04.even')} <output data-even>{np.exp(live.entropy(shares)):.1f}</output></p>"
    )
    filled = line(symbol("T", "temperature") + operator("=") + '<mn data-filled="temperature">1</mn>')
    return Seen(live_view("temperature", {"shares": _rounded(order, 6)}, inside), filled)


def words(setup: Setup) -> Seen:
    """Where the captioner looks while it writes each word: the maps of the Captions tab."""
    looked = captions.look(setup)
    language = setup.language
    chosen = _place(looked)
    inside = (
        pictures(captions.offered(), looked.name, language)
        + buttons("word", looked.words, chosen, text(language, "lessons.04.words"))
        + '<div class="mm-grids">'
        + grid("map", looked.address, looked.ratio, text(language, "lessons.04.map"))
        + f"</div><p>{_t(language, 'lessons.04.even')} <output data-even></output></p>"
    )
    power_of = power(number("e"), symbol("H", "entropy")) + operator("=") + '<mn data-filled="even"></mn>'
    return Seen(live_view("words", _data(looked), inside), line(power_of))


def heads(setup: Setup) -> Seen:
    """Every layer and head by itself."""
    looked = captions.look(setup)
    language = setup.language
    chosen = _place(looked)
    _, layers, count = looked.attention.shape[:3]
    minis = "".join(
        f'<div role="group" class="mm-layer"><span>{_t(language, "lessons.04.layer", layer=layer + 1)} '
        f'<output data-share="{layer}"></output></span>'
        + "".join(
            f'<button type="button" class="mm-mini" data-head="{layer},{head}" aria-pressed="false" '
            f'aria-label="{_t(language, "lessons.04.head", layer=layer + 1, head=head + 1)}">'
            f"{'<i></i>' * 49}</button>"
            for head in range(count)
        )
        + "</div>"
        for layer in range(layers)
    )
    inside = (
        pictures(captions.offered(), looked.name, language)
        + buttons("word", looked.words, chosen, text(language, "lessons.04.words"))
        + f'<div class="mm-grids">{grid("map", looked.address, looked.ratio, text(language, "lessons.04.map"))}'
        f"<div>{minis}</div></div>" + _readout(language)
    )
    return Seen(live_view("heads", _data(looked), inside), _filled_share())


def compare(setup: Setup) -> Seen:
    """Attention beside what covering each place really costs."""
    looked = captions.look(setup)
    language = setup.language
    chosen = _place(looked)
    lost = captions.lost(setup, looked, setup.run)
    inside = pictures(captions.offered(), looked.name, language) + buttons(
        "word", looked.words, chosen, text(language, "lessons.04.words")
    )
    grids = grid("map", looked.address, looked.ratio, text(language, "lessons.04.map"))
    if lost is None:
        inside += f'<div class="mm-grids">{grids}</div>' + (
            f'<button type="button" class="mm-action" data-run="{looked.name}">{_t(language, "lessons.04.cover")}'
            f"</button>"
        )
        return Seen(live_view("compare", _data(looked), inside), "")
    grids += grid("lost", looked.address, looked.ratio, text(language, "lessons.04.lost"))
    inside += f'<div class="mm-grids">{grids}</div>' + (
        f"<p>{_t(language, 'lessons.04.agree')} <output data-r></output></p>"
    )
    data = {**_data(looked), "lost": _rounded(lost.reshape(len(lost), -1), 4)}
    filled = line(symbol("r", "r") + operator("=") + '<mn data-filled="r"></mn>')
    return Seen(live_view("compare", data, inside), filled)


def _place(looked: Looked) -> int:
    return looked.words.index(THING) if THING in looked.words else 0


def _data(looked: Looked) -> dict[str, Any]:
    weights = looked.attention.reshape(*looked.attention.shape[:3], -1)
    maps = _rounded(looked.maps.reshape(len(looked.maps), -1), 5)
    return {"attention": _rounded(weights, 4), "maps": maps, "picture": looked.name}


def _rounded(values: Any, digits: int) -> Any:
    return np.round(np.asarray(values, np.float64), digits).tolist()


def _readout(language: str) -> str:
    return (
        f"<p>{_t(language, 'lessons.04.picture_share')} <output data-cells></output> · "
        f"{_t(language, 'lessons.04.even')} <output data-even></output></p>"
    )


def _filled_share() -> str:
    sums = total("i", A) + operator("=") + '<mn data-filled="cells"></mn>'
    rest = operator("+") + '<mn data-filled="tags"></mn>' + operator("=") + number("1")
    return line(sums + rest)


DECODER = Code(CORE, "nets/caption_decoder.py", "Attention.weights")
ATTENTION = Formula(
    A
    + operator("=")
    + word("softmax")
    + brackets(SCALED)
    + operator(",")
    + symbol("o", "o")
    + operator("=")
    + total("i", A + V),
    ((Q, "q"), (K, "k"), (V, "v"), (D, "d"), (A, "a"), (symbol("o", "o"), "o")),
)
SHARPENED = Formula(
    A
    + operator("=")
    + fraction(
        word("exp") + brackets(symbol("s", "s", "i") + operator("/") + T),
        f"<munder><mo>∑</mo><mi>j</mi></munder>{word('exp')}" + brackets(symbol("s", "s", "j") + operator("/") + T),
    ),
    ((A, "a"), (symbol("s", "s", "i"), "s"), (T, "temperature")),
)
H, P = symbol("H", "entropy"), symbol("p", "p", "i")
EVENNESS = Formula(
    H + operator("=") + operator("−") + total("i", P + word("ln") + P),
    ((H, "entropy"), (P, "p"), (power(number("e"), H), "even")),
)
HEAD = Formula(
    A
    + operator("=")
    + word("softmax")
    + brackets(SCALED)
    + operator(",")
    + total("i", A)
    + operator("=")
    + number("1"),
    ((Q, "q"), (K, "k"), (D, "d"), (A, "a")),
)
SPREAD = root(total("i", power(brackets(X + operator("−") + "<mover><mi>x</mi><mo>¯</mo></mover>"), number("2"))))
OTHER = root(total("i", power(brackets(Y + operator("−") + "<mover><mi>y</mi><mo>¯</mo></mover>"), number("2"))))
AGREEMENT = Formula(
    R
    + operator("=")
    + fraction(
        total(
            "i",
            brackets(X + operator("−") + "<mover><mi>x</mi><mo>¯</mo></mover>")
            + brackets(Y + operator("−") + "<mover><mi>y</mi><mo>¯</mo></mover>"),
        ),
        SPREAD + OTHER,
    ),
    ((R, "r"), (X, "x"), (Y, "y")),
)

LESSON = Lesson(
    4,
    10,
    (
        Step("hand", by_hand, 0, 1, ATTENTION, Code(DEMO, "lessons/live.py", "attention")),
        Step("temperature", temperature, 0, 2, SHARPENED, Code(DEMO, "lessons/live.py", "softmax")),
        Step("words", words, 1, 0, EVENNESS, Code(DEMO, "lessons/live.py", "entropy")),
        Step("heads", heads, 2, 1, HEAD, DECODER),
        Step("limits", compare, 2, 0, AGREEMENT, Code(CORE, "tasks/captioning.py", "_lost")),
    ),
)
