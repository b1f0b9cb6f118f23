"""Lesson 5: fusion. The numbers of one post flow through the five bundled fusions; then two are trained anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import mmcore
from mmcore.results import SENTIMENTS
from mmcore.results.fusion_views import PostViews

from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from . import example_posts as posts
from . import exclusive_or
from .captions import small
from .controls import buttons, choices, output, picks, slider
from .controls import filled as _now
from .controls import live as live_view
from .courses import panel
from .mathml import brackets, fraction, line, number, operator, power, root, symbol, total, word
from .plan import Code, Formula, Lesson, Seen, Setup, Step

CORE = Path(mmcore.__file__).parent
FUSION = "nets/fusion.py"
VIEWS = (("both", True, True), ("text", True, False), ("image", False, True))
"""What is taken away: nothing, the picture, the text."""
SHOWN = 2
"""Numbers of a strip that are written out."""

Nodes = Sequence[Sequence[str] | str]
"""Rows of a drawing: names of values side by side, or the key of what happens between two rows."""


def concat(setup: Setup) -> Seen:
    """Both side by side into one hidden layer."""
    rows: Nodes = (("text_in", "image_in"), "read", ("text", "image"), "join", ("mixed",), "classify", ("answer",))
    return Seen(_flow(setup, "concat", rows), _share_of_positive())


def weighted(setup: Setup) -> Seen:
    """The gate, with a dial on it."""
    rows: Nodes = (
        ("text_in", "image_in"), "read", ("text", "image"), "gate", ("mixed",), "classify", ("answer",),
    )  # fmt: skip
    filled = line(
        symbol("z", "z", "+")
        + operator("=")
        + _now("gate")
        + operator("·")
        + _now("text_logit")
        + operator("+")
        + _now("rest")
        + operator("·")
        + _now("image_logit")
        + operator("=")
        + _now("logit")
    )
    return Seen(_flow(setup, "weighted", rows, dial=True), filled)


def late(setup: Setup) -> Seen:
    """Two opinions and their weighted mean."""
    rows: Nodes = (
        ("text_in", "image_in"), "read", ("text", "image"), "opine", ("text_opinion", "image_opinion"), "average",
        ("answer",),
    )  # fmt: skip
    filled = line(
        symbol("p", "mean", "+")
        + operator("=")
        + _now("gate")
        + operator("·")
        + _now("text_opinion")
        + operator("+")
        + _now("rest")
        + operator("·")
        + _now("image_opinion")
        + operator("=")
        + _now("mean")
    )
    return Seen(_flow(setup, "late", rows, dial=True), filled)


def cross_attention(setup: Setup) -> Seen:
    """Where each word looks in the picture."""
    rows: Nodes = (
        ("text_in", "image_in"), "read", ("text", "found", "image"), "join3", ("mixed",), "classify", ("answer",),
    )  # fmt: skip
    language = setup.language
    found = posts.views(setup)
    words = list(found.words)
    sharpest = int(found.attention.reshape(len(words), -1).max(1).argmax())
    matrix = _matrix(words, len(found.attention[0].ravel()), language)
    image = small(posts.picture_of(posts.chosen(setup)), 420, setup.settings)
    label = _t(language, "lessons.05.regions")
    picture = (
        f'<figure class="mm-grid" data-grid="regions"><div class="mm-cells mm-four" '
        f'style="aspect-ratio:{image.ratio:.4f}">'
        f'<img src="{image.address}" alt="{label}">'
        f"{'<i></i>' * 16}</div><figcaption>{label}</figcaption></figure>"
    )
    extra = (
        buttons("word", words, sharpest, text(language, "lessons.05.words"))
        + f'<div class="mm-grids">{matrix}{picture}</div>'
        + f"<p>{_t(language, 'lessons.05.largest')} {output('largest')} · "
        f"{_t(language, 'lessons.05.even')} {output('even')}</p>"
    )
    filled = line(
        power(number("e"), symbol("H", "entropy")) + operator("=") + _now("even")
        + operator("≤") + number("16")
    )  # fmt: skip
    weights = np.round(found.attention.reshape(len(words), -1).astype(float), 5).tolist()
    return Seen(_flow(setup, "cross_attention", rows, extra=extra, attention=weights), filled)


def multitask(setup: Setup) -> Seen:
    """Three heads and three losses."""
    rows: Nodes = (
        ("text_in", "image_in"), "read", ("text", "image"), "join", ("mixed",), "three",
        ("text_answer", "both_answer", "image_answer"),
    )  # fmt: skip
    language = setup.language
    label = posts.POSTS[posts.chosen(setup)].label
    parts = ("text", "both", "image")
    extra = (
        f"<p>{_t(language, 'lessons.05.label')} <strong>{_t(language, f'lessons.05.{label}')}</strong></p>"
        '<ul class="mm-losses">'
        + "".join(f"<li>{_t(language, f'lessons.05.loss.{part}')} {output(f'loss_{part}')}</li>" for part in parts)
        + "</ul>"
    )
    filled = line(
        symbol("L", "loss")
        + operator("=")
        + fraction(operator("+").join(_now(f"loss_{part}") for part in parts), _now("count"))
        + operator("=")
        + _now("loss")
    )
    return Seen(_flow(setup, "multitask", rows, extra=extra, label=SENTIMENTS.index(label)), filled)


def trained(setup: Setup) -> Seen:
    """The exclusive or: heads trained while one watches."""
    language = setup.language
    examples = "".join(
        f'<tr><td lang="en">{escape(said)}</td><td>{_t(language, f"lessons.05.look.{look}")}</td>'
        f"<td>{_t(language, f'lessons.05.{label}')}</td></tr>"
        for said, look, label in exclusive_or.EXAMPLES
    )
    inside = (
        '<div class="mm-scroll" tabindex="0"><table class="mm-truth"><thead><tr>'
        + "".join(
            f'<th scope="col">{_t(language, f"lessons.05.truth.{one}")}</th>' for one in ("text", "picture", "label")
        )
        + f"</tr></thead><tbody>{examples}</tbody></table></div>"
        + panel("lessons.05", exclusive_or.FUSIONS, language)
        + f"<figure data-looks hidden><figcaption>{_t(language, 'lessons.05.looks')}</figcaption>"
        f'<div class="mm-scroll" tabindex="0"><table class="mm-matrix"></table></div></figure>'
    )
    signs = "".join(
        f"<mtr><mtd>{number(first)}</mtd><mtd>{number(second)}</mtd><mtd>{number(product)}</mtd></mtr>"
        for first, second, product in (
            ("+1", "+1", "+1"), ("+1", "−1", "−1"), ("−1", "+1", "−1"), ("−1", "−1", "+1"),
        )
    )  # fmt: skip
    heads = "".join(f"<mtd>{one}</mtd>" for one in (symbol("s", "s", "t"), symbol("s", "s", "i"), symbol("y", "y")))
    data = {"epochs": exclusive_or.EPOCHS, "names": list(exclusive_or.FUSIONS)}
    return Seen(live_view("courses", data, inside), line(f"<mtable><mtr>{heads}</mtr>{signs}</mtable>"))


def _matrix(words: Sequence[str], regions: int, language: str) -> str:
    """A table of words by regions, which the script colours."""
    rows = "".join(
        f'<tr><th scope="row" lang="en">{escape(one)}</th>'
        + "".join(f'<td data-weight="{row},{place}"></td>' for place in range(regions))
        + "</tr>"
        for row, one in enumerate(words)
    )
    label = _t(language, "lessons.05.matrix")
    return (
        f'<div class="mm-scroll" tabindex="0"><table class="mm-matrix"><caption>{label}</caption>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _share_of_positive() -> str:
    above = word("exp") + brackets(_now("logit") + operator("/") + _now("temperature"))
    below = operator("+").join(
        word("exp") + brackets(_now(f"logit_{place}") + operator("/") + _now("temperature")) for place in range(3)
    )
    return line(symbol("p", "p", "+") + operator("=") + fraction(above, below) + operator("=") + _now("answer"))


def _flow(setup: Setup, fusion: str, rows: Nodes, dial: bool = False, extra: str = "", **more: Any) -> str:
    """A drawing of the fusion from top to bottom, with what a visitor may take away."""
    language = setup.language
    name = posts.chosen(setup)
    found = posts.views(setup)
    offered = [(key, f"“{post.text}”") for key, post in posts.POSTS.items()]
    labels = [text(language, f"lessons.05.view.{key}") for key, _, _ in VIEWS]
    drawn = "".join(
        f'<div class="mm-between">{_t(language, f"lessons.05.between.{row}")}</div>'
        if isinstance(row, str)
        else f'<div class="mm-nodes">{"".join(_node(setup, one, name) for one in row)}</div>'
        for row in rows
    )
    inside = choices(offered, name, text(language, "lessons.05.posts")) + picks(
        "view", labels, 0, text(language, "lessons.05.views")
    )
    if dial:
        inside += slider("gate", text(language, f"lessons.05.dial.{fusion}"), 0, 1, 0.01, 0.5)
        inside += (
            f'<p class="mm-hint">{_t(language, "lessons.05.own")} {output("own")} '
            f'<button type="button" class="mm-action" data-pick="back" data-value="1" aria-pressed="false">'
            f"{_t(language, 'lessons.05.back')}</button></p>"
        )
    data = {"fusion": fusion, "views": [_values(found, fusion, *there) for _, *there in VIEWS], **more}
    return live_view("flow", data, f'{inside}<div class="mm-flow">{drawn}</div>{extra}')


def _node(setup: Setup, node: str, post: str) -> str:
    """One box of the drawing."""
    language = setup.language
    title = _t(language, f"lessons.05.node.{node}")
    scores = node.endswith(("answer", "opinion"))
    inside = ""
    if node == "text_in":
        inside = f'<q lang="en">{escape(posts.POSTS[post].text)}</q>'
    elif node == "image_in":
        item = posts.picture_of(post)
        address = small(item, 220, setup.settings).address
        inside = f'<img src="{address}" alt="{escape(item.alt[language], quote=True)}">'
    if scores:
        inside += "".join(
            f'<span class="mm-odds"><span>{_t(language, f"lessons.05.{one}")}</span>'
            f'<i data-bar="{node},{place}"></i><output data-score="{node},{place}"></output></span>'
            for place, one in enumerate(SENTIMENTS)
        )
    else:
        inside += f'<div class="mm-strip" data-strip="{node}"></div><output data-first="{node}"></output>'
    return f'<div class="mm-node" data-node="{node}"><strong>{title}</strong>{inside}</div>'


def _values(found: PostViews, fusion: str, has_text: bool, has_image: bool) -> Mapping[str, Any]:
    """The numbers of one view, as the script draws them."""
    view = found.of(fusion, text=has_text, image=has_image)
    values = {name: _rounded(value) for name, value in view.values.items() if name != "attention"}
    return {
        "text_in": _rounded(found.text) if has_text else [],
        "image_in": _rounded(found.image[::4]) if has_image else [],
        **values,
        "temperature": round(view.temperature, 5),
        "answer": [round(getattr(view.scores, name), 5) for name in SENTIMENTS],
    }


def _rounded(values: npt.NDArray[np.float32]) -> list[float]:
    found: list[float] = np.round(values.astype(np.float64), 4).ravel().tolist()
    return found


Z, P, T, G = symbol("z", "z"), symbol("p", "p", "c"), symbol("T", "temperature"), symbol("g", "g")
TEXT, IMAGE = symbol("h", "text", "t"), symbol("h", "image", "i")
M, C, A = symbol("M", "m"), symbol("C", "c"), symbol("a", "a", "ij")
W, L = symbol("w", "w"), symbol("L", "loss")
LEFT, RIGHT = operator("["), operator("]")
SOFTMAX = fraction(
    word("exp") + brackets(symbol("z", "z", "c") + operator("/") + T),
    total("k", word("exp") + brackets(symbol("z", "z", "k") + operator("/") + T)),
)

CONCAT = Formula(
    Z
    + operator("=")
    + C
    + symbol("GELU", "gelu")
    + brackets(M + LEFT + TEXT + operator(";") + IMAGE + RIGHT)
    + operator(",")
    + P
    + operator("=")
    + SOFTMAX,
    ((TEXT, "text"), (IMAGE, "image"), (M, "m"), (symbol("GELU", "gelu"), "gelu"), (C, "c"), (Z, "z"), (P, "p"),
     (T, "temperature")),
)  # fmt: skip
WEIGHTED = Formula(
    Z
    + operator("=")
    + C
    + brackets(G + TEXT + operator("+") + brackets(number("1") + operator("−") + G) + IMAGE)
    + operator(",")
    + brackets(G + operator(",") + number("1") + operator("−") + G)
    + operator("=")
    + word("softmax")
    + brackets(symbol("G", "big_g") + LEFT + TEXT + operator(";") + IMAGE + RIGHT),
    ((G, "g"), (symbol("G", "big_g"), "big_g"), (TEXT, "text"), (IMAGE, "image"), (C, "c"), (Z, "z")),
)
LATE = Formula(
    symbol("p", "mean")
    + operator("=")
    + W
    + symbol("p", "opinion", "t")
    + operator("+")
    + brackets(number("1") + operator("−") + W)
    + symbol("p", "opinion", "i"),
    ((W, "w"), (symbol("p", "opinion", "t"), "opinion"), (symbol("p", "mean"), "mean")),
)
CROSS = Formula(
    A
    + operator("=")
    + word("softmax")
    + brackets(
        fraction(symbol("q", "q", "i") + operator("·") + symbol("k", "k", "j"), root(symbol("d", "d")))
    )
    + operator(",")
    + symbol("o", "o", "i")
    + operator("=")
    + total("j", A + symbol("v", "v", "j")),
    (
        (symbol("q", "q", "i"), "q"), (symbol("k", "k", "j"), "k"), (symbol("v", "v", "j"), "v"),
        (symbol("d", "d"), "d"), (A, "a"), (symbol("o", "o", "i"), "o"),
        (power(number("e"), symbol("H", "entropy")), "entropy"),
    ),
)  # fmt: skip
MULTITASK = Formula(
    L
    + operator("=")
    + operator("−")
    + fraction(number("1"), number("3"))
    + brackets(
        operator("+").join(
            word("ln") + symbol("p", "right", part) for part in ("t", "i", "ti")
        )
    ),
    ((L, "loss"), (symbol("p", "right", "t"), "right")),
)  # fmt: skip
XOR = Formula(
    symbol("y", "y")
    + operator("=")
    + symbol("s", "s", "t")
    + operator("·")
    + symbol("s", "s", "i")
    + operator(",")
    + symbol("s", "s", "t")
    + operator(",")
    + symbol("s", "s", "i")
    + operator("∈")
    + '<mo stretchy="false">{</mo>'
    + number("−1")
    + operator(",")
    + number("+1")
    + '<mo stretchy="false">}</mo>',
    ((symbol("s", "s", "t"), "s"), (symbol("y", "y"), "y")),
)

LESSON = Lesson(
    5,
    12,
    (
        Step("concat", concat, 1, 1, CONCAT, Code(CORE, FUSION, "Concat.forward")),
        Step("weighted", weighted, 0, 1, WEIGHTED, Code(CORE, FUSION, "Weighted.forward")),
        Step("late", late, 1, 1, LATE, Code(CORE, FUSION, "Late.forward")),
        Step("cross", cross_attention, 2, 0, CROSS, Code(CORE, FUSION, "CrossAttention.look")),
        Step("multitask", multitask, 1, 0, MULTITASK, Code(CORE, FUSION, "Multitask.loss")),
        Step("xor", trained, 0, 0, XOR, Code(CORE, "fusion/trainer.py", "Training._epoch"), ask=exclusive_or.ask),
    ),
)
