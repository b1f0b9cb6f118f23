"""Lesson 3: one space for pictures and words, from two arrows to the contrastive loss of a real matrix."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

import mmcore
from mmcore.pool import ModelPool
from mmcore.tasks import matching
from mmcore.types import Doubles

from ..ui import examples
from ..ui.examples import Example
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from . import live
from .captions import open_example, small
from .controls import live as live_view
from .controls import slider
from .mathml import brackets, fraction, line, number, operator, power, symbol, total, word
from .plan import Code, Formula, Lesson, Seen, Setup, Step

CORE = Path(mmcore.__file__).parent
DEMO = Path(__file__).parents[1]
MODEL = "compact-retriever"
PAIRS = (
    ("cat.jpg", "A cat."),
    ("coffee.jpg", "A cup of coffee."),
    ("two-dogs.jpg", "Two dogs at a door."),
    ("mountain-path.jpg", "A path in the mountains."),
)
"""Pictures with their sentences."""
TAU = 0.043
"""About the temperature that the bundled model was trained to: 1 / 23.3."""

_cosines: WeakKeyDictionary[ModelPool, Doubles] = WeakKeyDictionary()


@cache
def offered() -> tuple[Example, ...]:
    """The pictures of PAIRS."""
    known = {item.path.name: item for item in examples.pictures()}
    return tuple(known[name] for name, _ in PAIRS)


def cosines(setup: Setup) -> Doubles:
    """(4, 4): pictures by sentences, from the bundled model."""
    if setup.pool not in _cosines:
        images = [open_example(item, setup.settings) for item in offered()]
        found = matching.similarity(setup.pool, images, [sentence for _, sentence in PAIRS], MODEL)
        _cosines[setup.pool] = np.asarray(found.cosines, np.float64)
    return _cosines[setup.pool]


def arrows(setup: Setup) -> Seen:
    """Two arrows and the cosine of the angle between them."""
    language = setup.language
    start = (("a", 20, 2.0), ("b", 80, 3.0))
    drawn = "".join(
        f'<line data-arrow="{place}" x1="0" y1="0" x2="{length * 40 * np.cos(np.radians(angle)):.1f}" '
        f'y2="{-length * 40 * np.sin(np.radians(angle)):.1f}" stroke="var({colour})" stroke-width="4"/>'
        for place, ((_, angle, length), colour) in enumerate(zip(start, ("--mm-accent", "--mm-bad"), strict=True))
    )
    sliders = "".join(
        slider(f"angle-{name}", text(language, "lessons.03.angle", name=name), -180, 180, 5, angle)
        + slider(f"length-{name}", text(language, "lessons.03.length", name=name), 0.5, 4, 0.5, length)
        for name, angle, length in start
    )
    ends = [(length * np.cos(np.radians(angle)), length * np.sin(np.radians(angle))) for _, angle, length in start]
    inside = (
        f'<div class="mm-grids"><svg class="mm-arrows" viewBox="-165 -165 330 330" role="img" '
        f'aria-label="{_t(language, "lessons.03.drawing")}"><line x1="-165" x2="165" y1="0" y2="0" '
        f'stroke="var(--mm-line)"/><line y1="-165" y2="165" x1="0" x2="0" stroke="var(--mm-line)"/>{drawn}</svg>'
        f'<div>{sliders}<p>a = <output data-end="0">({ends[0][0]:.2f}, {ends[0][1]:.2f})</output> · '
        f'b = <output data-end="1">({ends[1][0]:.2f}, {ends[1][1]:.2f})</output></p>'
        f"<p>{_t(language, 'lessons.03.dot')} <output data-dot>{np.dot(ends[0], ends[1]):.2f}</output> · "
        f"{_t(language, 'lessons.03.cosine')} <output data-cosine>{live.cosine(*ends):.2f}</output></p></div></div>"
    )
    filled = line(word("cos") + operator("=") + f"<mn data-cosine>{live.cosine(*ends):.2f}</mn>")
    return Seen(live_view("arrows", {}, inside), filled)


def matrix(setup: Setup) -> Seen:
    """The cosines of four pictures and four sentences."""
    found = cosines(setup)
    filled = line(word("cos") + brackets(number("1") + operator(",") + number("1")) + operator("=") + number(
        f"{found[0, 0]:.3f}"
    ))  # fmt: skip
    return Seen(_table(setup, softmax=False, loss=False), filled)


def shares(setup: Setup) -> Seen:
    """The same as shares of each row, with a temperature."""
    filled = line(symbol("τ", "tau") + operator("=") + f'<mn data-filled="tau">{TAU}</mn>')
    return Seen(_table(setup, softmax=True, loss=False), filled)


def loss(setup: Setup) -> Seen:
    """The contrastive loss of the matrix."""
    found = cosines(setup)
    by_row = float(-np.log(np.diag(live.softmax(found, TAU))).mean())
    by_column = float(-np.log(np.diag(live.softmax(found.T, TAU))).mean())
    halves = f'<mn data-filled="rows">{by_row:.3f}</mn>{operator("+")}<mn data-filled="columns">{by_column:.3f}</mn>'
    filled = line(
        symbol("L", "loss")
        + operator("=")
        + fraction(halves, number("2"))
        + operator("=")
        + f'<mn data-filled="loss">{live.info_nce(found, TAU):.3f}</mn>'
    )
    return Seen(_table(setup, softmax=True, loss=True), filled)


def _table(setup: Setup, softmax: bool, loss: bool) -> str:
    language = setup.language
    found = cosines(setup)
    shown = live.softmax(found, TAU) if softmax else found
    heads = "".join(f'<th scope="col" lang="en">{escape(sentence)}</th>' for _, sentence in PAIRS)
    rows = ""
    for row, item in enumerate(offered()):
        cells = "".join(
            f'<td data-pair="{row},{column}">{f"{value * 100:.1f} %" if softmax else f"{value:.3f}"}</td>'
            for column, value in enumerate(shown[row])
        )
        alt = escape(item.alt[language], quote=True)
        rows += (
            f'<tr><th scope="row"><img src="{small(item, 160, setup.settings).address}" alt="{alt}"></th>{cells}</tr>'
        )
    table = f'<table class="mm-pairs"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    inside = f'<div class="mm-scroll" tabindex="0">{table}</div>'
    if softmax:
        inside += slider("tau", text(language, "lessons.03.tau"), 0.01, 1, 0.001, TAU)
    if loss:
        inside += f"<p>{_t(language, 'lessons.03.loss')} <output data-loss>{live.info_nce(found, TAU):.3f}</output></p>"
    data = {"cosines": found.tolist(), "softmax": softmax, "loss": loss}
    return live_view("matrix", data, inside)


A, B, TAU_SIGN, L, N = (
    symbol("a", "a"), symbol("b", "b"), symbol("τ", "tau"), symbol("L", "loss"), symbol("N", "count"),
)  # fmt: skip
C = symbol("c", "c", "ij")


def _exponential(index: str) -> str:
    return word("exp") + brackets(symbol("c", "c", index) + operator("/") + TAU_SIGN)


def _length(of: str) -> str:
    return operator("‖") + of + operator("‖")


COSINE = Formula(
    word("cos") + operator("=") + fraction(A + operator("·") + B, _length(A) + _length(B)),
    ((A, "a"), (B, "b"), (_length(A), "norm")),
)
ROW = Formula(
    symbol("p", "p", "ij") + operator("=") + fraction(_exponential("ij"), total("k", _exponential("ik"))),
    ((symbol("p", "p", "ij"), "p"), (C, "c"), (TAU_SIGN, "tau")),
)
INFO_NCE = Formula(
    L
    + operator("=")
    + operator("−")
    + fraction(number("1"), number("2") + N)
    + total(
        "i",
        brackets(
            word("ln")
            + symbol("p", "p", "ii")
            + operator("+")
            + word("ln")
            + power(symbol("p", "p", "ii"), operator("′"))
        ),
    ),
    (
        (L, "loss"),
        (N, "count"),
        (symbol("p", "p", "ii"), "p"),
        (power(symbol("p", "p", "ii"), operator("′")), "column"),
    ),
)

LESSON = Lesson(
    3,
    8,
    (
        Step("arrows", arrows, 1, 2, COSINE, Code(DEMO, "lessons/live.py", "cosine")),
        Step("matrix", matrix, 1, 0, COSINE, Code(CORE, "tasks/matching.py", "similarity")),
        Step("shares", shares, 2, 1, ROW, Code(DEMO, "lessons/live.py", "softmax")),
        Step("loss", loss, 1, 2, INFO_NCE, Code(DEMO, "lessons/live.py", "info_nce")),
    ),
)
