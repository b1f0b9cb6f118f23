"""Lesson 6: training. Down the slope of a real loss, then what can go wrong with data, then where to start from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

import mmcore
from mmcore.fusion import feature_sets
from mmcore.pool import ModelPool
from mmcore.results import TrainingOptions
from mmcore.tasks.fusion_steps import opinions_of
from mmcore.types import Doubles

from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from . import live
from .controls import filled as _now
from .controls import live as live_view
from .controls import output, picks, slider
from .courses import Board, Course, named, panel, told
from .mathml import brackets, fraction, line, number, operator, symbol, total, word
from .plan import Code, Formula, Lesson, Seen, Setup, Step

if TYPE_CHECKING:
    from mmcore.fusion.transfer import WordTask

CORE = Path(mmcore.__file__).parent
DEMO = Path(__file__).parents[1]
POSTS = 240
"""Posts whose loss is drawn."""
FEW = 80
"""Posts that the head of the fourth step learns by heart."""
MEASURED = 200
EPOCHS = 20
OPTIMISERS = ("gd", "sgd", "momentum", "adam")
UNIT = 10
"""So many times smaller are the picture's numbers in the other unit."""
FAMILIES = 300
SHOWN = 8

_opinions: WeakKeyDictionary[ModelPool, tuple[Doubles, Doubles, npt.NDArray[np.int64]]] = WeakKeyDictionary()
_curves: WeakKeyDictionary[ModelPool, list[tuple[float, float, float]]] = WeakKeyDictionary()
_words: WeakKeyDictionary[ModelPool, WordTask] = WeakKeyDictionary()
_board = Board()


def opinions(setup: Setup) -> tuple[Doubles, Doubles, npt.NDArray[np.int64]]:
    """Logits (N, 3) of the texts and of the pictures of N posts, and their labels (N,)."""
    if setup.pool not in _opinions:
        features = feature_sets.bundled("mvsa")
        some = feature_sets.numbers_only(features, np.arange(POSTS))
        texts, pictures = (one.astype(np.float64).round(3) for one in opinions_of(setup.pool, some))
        _opinions[setup.pool] = texts, pictures, some.labels
    return _opinions[setup.pool]


def slope(setup: Setup) -> Seen:
    """Two weights on sliders, the loss as a map, and one step at a time."""
    language = setup.language
    inside = (
        _map(setup)
        + slider("a", text(language, "lessons.06.a"), -1, 3, 0.05, 0)
        + slider("b", text(language, "lessons.06.b"), -1, 3, 0.05, 0)
        + '<div class="mm-row">'
        + "".join(
            f'<button type="button" class="mm-action" data-pick="{name}" data-value="1" aria-pressed="false">'
            f"{_t(language, f'lessons.06.{name}')}</button>"
            for name in ("step", "zero")
        )
        + f"</div><p>{_t(language, 'lessons.06.loss')} {output('loss')} · {_t(language, 'lessons.06.gradient')} "
        f"({output('slope_a')}, {output('slope_b')})</p>"
    )
    filled = line(
        symbol("a", "a") + operator("←") + _now("a") + operator("−") + number("1") + operator("·") + _now("slope_a")
        + operator("=") + _now("next_a")
    )  # fmt: skip
    return Seen(_descent(setup, "slope", inside), filled)


def rate(setup: Setup) -> Seen:
    """Thirty steps with a learning rate."""
    language = setup.language
    inside = (
        _map(setup)
        + slider("rate", text(language, "lessons.06.rate"), -2, 2, 0.1, -1)
        + _result(language)
        + _plot(language, "lessons.06.curve")
    )
    filled = line(symbol("η", "eta") + operator("=") + _now("rate"))
    return Seen(_descent(setup, "rate", inside), filled)


def optimisers(setup: Setup) -> Seen:
    """Plain descent, batches, momentum and Adam, in a good and in a bad unit."""
    language = setup.language
    inside = (
        picks("optimiser", [text(language, f"lessons.06.{name}") for name in OPTIMISERS], 0,
              text(language, "lessons.06.optimiser"))
        + picks("unit", [text(language, f"lessons.06.unit.{place}", times=UNIT) for place in range(2)], 0,
                text(language, "lessons.06.unit"))
        + _map(setup)
        + slider("rate", text(language, "lessons.06.rate"), -2, 2, 0.1, 0)
        + _result(language)
        + f"<p>{_t(language, 'lessons.06.moved')} {output('moved_a')} · {output('moved_b')}</p>"
        + _plot(language, "lessons.06.curve")
    )  # fmt: skip
    filled = line(symbol("η", "eta") + operator("=") + _now("rate"))
    return Seen(_descent(setup, "optimiser", inside), filled)


def curves(setup: Setup) -> list[tuple[float, float, float]]:
    """Training loss, loss and accuracy on held-back posts, epoch by epoch, of a head with far too few posts."""
    from mmcore.fusion.trainer import Training  # brings torch

    if setup.pool not in _curves:
        options = TrainingOptions(
            epochs=EPOCHS,
            patience=0,
            dropout=0,
            modality_dropout=0,
            weight_decay=0,
            smoothing=0,
            batch_size=16,
            learning_rate=3e-4,
        )
        order = np.random.default_rng(0).permutation(800)
        rows = np.sort(order[:FEW]), np.sort(order[400 : 400 + MEASURED])
        reports = Training(feature_sets.bundled("mvsa"), options, rows).run()
        _curves[setup.pool] = [(one.train_loss, one.dev_loss, one.dev.accuracy) for one in reports]
    return _curves[setup.pool]


def overfitting(setup: Setup) -> Seen:
    """A head that learns eighty posts by heart, and the epoch at which one should have stopped."""
    language = setup.language
    found = curves(setup)
    legend = "".join(
        f'<span class="mm-key-{place}">{_t(language, f"lessons.06.line.{place}")}</span>' for place in range(2)
    )
    inside = (
        _plot(language, "lessons.06.two")
        + f'<p class="mm-legend">{legend}</p>'
        + slider("epoch", text(language, "lessons.06.epoch"), 1, EPOCHS, 1, EPOCHS)
        + f"<p>{_t(language, 'lessons.06.train_loss')} {output('train')} · {_t(language, 'lessons.06.dev_loss')} "
        f"{output('dev')} · {_t(language, 'lessons.06.dev_accuracy')} {output('right')}</p>"
        f"<p>{_t(language, 'lessons.06.best')} {output('best')}</p>"
    )
    filled = line(symbol("e", "epoch", "∗") + operator("=") + _now("best"))
    return Seen(live_view("overfit", {"curves": np.round(found, 4).tolist()}, inside), filled)


def words_of(pool: ModelPool) -> WordTask:
    """The words to learn and to be asked; chosen once a pool."""
    from mmcore.fusion.transfer import word_task

    if pool not in _words:
        _words[pool] = word_task(pool)
    return _words[pool]


def transfer(setup: Setup) -> Seen:
    """The same task from scratch, on frozen features and fine-tuned."""
    from mmcore.fusion.transfer import STARTS

    language = setup.language
    task = words_of(setup.pool)
    some = [
        (one, label)
        for label in (1, 0)
        for one in [held for held, is_ in zip(task.train, task.train_labels, strict=True) if is_ == label][:4]
    ]
    words = ", ".join(f'<span lang="en">{escape(one)}</span> {"+" if label else "−"}' for one, label in some)
    inside = f"<p>{_t(language, 'lessons.06.words')} {words} …</p>" + panel("lessons.06", STARTS, language)
    filled = line(
        number(str(len(task.train)))
        + operator("→")
        + number(str(len(task.held_back)))
        + operator(",")
        + word("max")
        + operator("=")
        + number(f"{max(np.mean(task.held_back_labels), 1 - np.mean(task.held_back_labels)) * 100:.0f} %")
    )
    return Seen(live_view("courses", {"epochs": TRANSFER_EPOCHS, "names": list(STARTS)}, inside), filled)


TRANSFER_EPOCHS = 6


def ask_transfer(setup: Setup, asked: str) -> Mapping[str, Any]:
    """How far the training is that begins as the first word of ``asked`` says."""
    from mmcore.fusion.transfer import STARTS, Start, learn

    name = named(asked, STARTS)

    def work(course: Course) -> None:
        for accuracy in learn(setup.pool, words_of(setup.pool), cast(Start, name), TRANSFER_EPOCHS):
            course.accuracy.append(accuracy)

    return told(name, _board.of(setup.pool).of(name, work), {"done": 0, "of": 0})


@cache
def rated() -> tuple[tuple[str, ...], npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Words of FAMILIES families, whether they are pleasant, their families, and how alike they are spelt (N, N)."""
    from mmcore.fusion.transfer import family_of, rated_words

    words = rated_words(0.5)
    families = sorted({family_of(one) for one, _ in words})
    chosen = set(np.random.default_rng(0).permutation(families)[:FAMILIES].tolist())
    some = [(one, rating) for one, rating in words if family_of(one) in chosen]
    names = tuple(one for one, _ in some)
    _, groups = np.unique([family_of(one) for one in names], return_inverse=True)
    return names, np.array([rating > 0 for _, rating in some]), groups.astype(np.int64), live.spelling(names)


def split(by_family: bool, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of ``rated`` for training and for measuring, a quarter; whole families, or single words."""
    _, _, groups, _ = rated()
    draw = np.random.default_rng(seed)
    if by_family:
        names = draw.permutation(groups.max() + 1)
        held = np.isin(groups, names[: len(names) // 4])
    else:
        held = np.zeros(len(groups), bool)
        held[draw.permutation(len(groups))[: len(groups) // 4]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def nearest(train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each word to be measured the row of the training word that is spelt most alike."""
    _, _, _, alike = rated()
    found: npt.NDArray[np.int64] = train[alike[np.ix_(test, train)].argmax(1)]
    return found


def groups(setup: Setup) -> Seen:
    """A memory of spellings, measured with and without words of one family on both sides."""
    language = setup.language
    names, pleasant, _, _ = rated()
    data = []
    for by_family in (False, True):
        each = []
        for seed in range(3):
            train, test = split(by_family, seed)
            found = nearest(train, test)
            right = pleasant[found] == pleasant[test]
            rows = [
                [names[one], names[other], bool(pleasant[one]), bool(pleasant[other])]
                for one, other in zip(test[:SHOWN], found[:SHOWN], strict=True)
            ]
            each.append({"right": int(right.sum()), "of": len(test), "rows": rows})
        data.append(each)
    table = "".join(
        f'<tr><td lang="en" data-word-cell="{place},0"></td><td lang="en" data-word-cell="{place},1"></td>'
        f'<td data-verdict-cell="{place}"></td></tr>'
        for place in range(SHOWN)
    )
    heads = "".join(f'<th scope="col">{_t(language, f"lessons.06.column.{place}")}</th>' for place in range(3))
    inside = (
        picks("split", [text(language, f"lessons.06.split.{place}") for place in range(2)], 0,
              text(language, "lessons.06.split"))
        + picks("seed", [text(language, "lessons.06.draw", number=place + 1) for place in range(3)], 0,
                text(language, "lessons.06.draws"))
        + f"<p>{_t(language, 'lessons.06.right')} {output('right')} ({output('count')})</p>"
        f'<div class="mm-scroll" tabindex="0"><table class="mm-truth"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{table}</tbody></table></div>"
    )  # fmt: skip
    filled = line(word("acc") + operator("=") + fraction(_now("hits"), _now("all")) + operator("=") + _now("share"))
    return Seen(live_view("split", {"splits": data}, inside), filled)


def _map(setup: Setup) -> str:
    """The loss over the two weights, drawn by the script."""
    language = setup.language
    label = _t(language, "lessons.06.map")
    return (
        f'<figure class="mm-valley"><div><canvas width="80" height="80" role="img" aria-label="{label}"></canvas>'
        f'<svg viewBox="0 0 100 100"></svg></div><figcaption>{label}</figcaption></figure>'
    )


def _plot(language: str, key: str) -> str:
    return (
        f'<svg class="mm-curve" viewBox="0 0 320 180" role="img" aria-label="{_t(language, key)}">'
        f'<line x1="40" x2="314" y1="170" y2="170" stroke="var(--mm-line)"/>'
        f'<text x="36" y="18" text-anchor="end" data-out="top"></text>'
        f'<text x="36" y="174" text-anchor="end" data-out="bottom"></text>'
        f'<polyline class="mm-line-2" data-curve="0"/><polyline class="mm-line-0" data-curve="1"/>'
        f'<line data-mark y1="14" y2="170" stroke="var(--mm-soft)" stroke-dasharray="4 3"/></svg>'
    )


def _result(language: str) -> str:
    return (
        f"<p>{_t(language, 'lessons.06.after')} {output('loss')} · {_t(language, 'lessons.06.lowest')} "
        f"{output('lowest')}</p>"
    )


def _descent(setup: Setup, part: str, inside: str) -> str:
    first, second, labels = opinions(setup)
    data = {"part": part, "text": first.tolist(), "image": second.tolist(), "labels": labels.tolist(), "unit": UNIT}
    return live_view("descent", data, inside)


L, ETA, A, B = symbol("L", "loss"), symbol("η", "eta"), symbol("a", "a"), symbol("b", "b")
SLOPE = fraction(operator("∂") + L, operator("∂") + A)
CROSS_ENTROPY = Formula(
    L
    + operator("=")
    + operator("−")
    + fraction(number("1"), symbol("N", "count"))
    + total("n", word("ln") + word("softmax")
            + brackets(A + symbol("t", "t", "n") + operator("+") + B + symbol("i", "i", "n"))
            + operator("[") + symbol("y", "y", "n") + operator("]"))
    + operator(",")
    + A
    + operator("←")
    + A
    + operator("−")
    + ETA
    + SLOPE,
    ((L, "loss"), (A, "a"), (B, "b"), (symbol("t", "t", "n"), "t"), (symbol("i", "i", "n"), "i"),
     (symbol("y", "y", "n"), "y"), (symbol("N", "count"), "count"), (ETA, "eta"), (SLOPE, "slope")),
)  # fmt: skip
RATE = Formula(
    A + operator("←") + A + operator("−") + ETA + SLOPE,
    ((A, "a"), (ETA, "eta"), (SLOPE, "slope"), (L, "loss")),
)
M, V, G = symbol("m", "m"), symbol("v", "v"), symbol("g", "g")
ADAM = Formula(
    A
    + operator("←")
    + A
    + operator("−")
    + ETA
    + fraction(M, f"<msqrt>{V}</msqrt>")
    + operator(",")
    + M
    + operator("←")
    + number("0.9")
    + M
    + operator("+")
    + number("0.1")
    + G
    + operator(",")
    + V
    + operator("←")
    + number("0.999")
    + V
    + operator("+")
    + number("0.001")
    + f"<msup>{G}<mn>2</mn></msup>",
    ((G, "g"), (M, "m"), (V, "v"), (ETA, "eta"), (A, "a")),
)
STOPPING = Formula(
    symbol("e", "epoch", "∗")
    + operator("=")
    + f"<munder>{word('arg min')}<mi>e</mi></munder>"
    + symbol("L", "dev_loss", "dev")
    + brackets(symbol("e", "epoch")),
    ((symbol("e", "epoch"), "epoch"), (symbol("L", "dev_loss", "dev"), "dev_loss")),
)
ACCURACY = Formula(
    word("acc") + operator("=") + fraction(symbol("r", "r"), symbol("N", "count")),
    ((symbol("r", "r"), "r"), (symbol("N", "count"), "count")),
)
TRANSFER = Formula(
    symbol("z", "z")
    + operator("=")
    + symbol("C", "c")
    + symbol("f", "f", "θ")
    + brackets(symbol("x", "x"))
    + operator(",")
    + symbol("θ", "theta")
    + operator("∈")
    + '<mo stretchy="false">{</mo>'
    + symbol("θ", "theta", "0")
    + operator(",")
    + symbol("θ", "theta", "pre")
    + '<mo stretchy="false">}</mo>',
    (
        (symbol("x", "x"), "x"), (symbol("f", "f", "θ"), "f"), (symbol("θ", "theta"), "theta"),
        (symbol("C", "c"), "c"), (symbol("z", "z"), "z"),
    ),
)  # fmt: skip

LESSON = Lesson(
    6,
    12,
    (
        Step("slope", slope, 1, 0, CROSS_ENTROPY, Code(DEMO, "lessons/live.py", "cross_entropy")),
        Step("rate", rate, 2, 1, RATE, Code(DEMO, "lessons/live.py", "descend")),
        Step("optimisers", optimisers, 1, 2, ADAM, Code(DEMO, "lessons/live.py", "descend")),
        Step("overfitting", overfitting, 2, 1, STOPPING, Code(CORE, "fusion/trainer.py", "Training._report")),
        Step("groups", groups, 0, 1, ACCURACY, Code(CORE, "fusion/feature_sets.py", "stratified_folds")),
        Step("transfer", transfer, 0, 2, TRANSFER, Code(CORE, "fusion/transfer.py", "learn"), ask=ask_transfer),
    ),
)
