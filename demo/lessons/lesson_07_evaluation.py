"""Lesson 7: evaluation, from a confusion matrix filled by hand to what one number hides."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

import mmcore
from mmcore.evaluation.caption_scores import CiderD, tokenize
from mmcore.evaluation.retrieval import recall as recall_of
from mmcore.evaluation.sound_scores import average_precision
from mmcore.fusion.metrics import BINS, calibration_error, temper
from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions, Post
from mmcore.tasks import captioning, sentiment

from ..ui import examples
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from . import gallery, live
from .captions import open_example, small
from .controls import filled, output, picks, pictures, slider, thumbs
from .controls import live as live_view
from .lesson_03_one_space import TAU
from .mathml import brackets, fraction, line, number, operator, power, root, symbol, total, word
from .plan import Code, Formula, Lesson, Seen, Setup, Step
from .references import REFERENCES

CORE = Path(mmcore.__file__).parent
DEMO = Path(__file__).parents[1]
CLASSES = ("negative", "neutral", "positive")
POSTS = (2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1)
"""The class of each post ``lessons.07.post.<i>``: what the writer of this lesson meant."""
DESCRIBED = ("cat.jpg", "coffee.jpg", "two-dogs.jpg")
"""Pictures that one may write a caption for; the other ones of REFERENCES count words only."""
OFFERED = {
    "cat.jpg": ("A cat.", "A brown cat with green eyes.", "Whiskers and curious eyes, very near."),
    "coffee.jpg": ("A cup.", "A red cup of coffee on a table.", "Somebody enjoyed an espresso here."),
    "two-dogs.jpg": ("Two dogs.", "Two brown dogs look out of a window.", "Curious spaniels peep outside."),
}
"""Captions to try: short, in the references' words, and right in words of its own."""
SIZES = (4, 8, 16, 32)
HOT, COLD = 0.01, 0.12

_said: WeakKeyDictionary[ModelPool, list[int]] = WeakKeyDictionary()
_captions: WeakKeyDictionary[ModelPool, dict[str, str]] = WeakKeyDictionary()


def answers(setup: Setup) -> list[int]:
    """The class that the bundled sentiment model gives each post."""
    if setup.pool not in _said:
        posts = [Post(text("en", f"lessons.07.post.{place}")) for place in range(len(POSTS))]
        found = []
        for one in sentiment.classify_sentiment_many(setup.pool, posts):
            if isinstance(one, Exception):
                raise one
            scores = (one.scores.negative, one.scores.neutral, one.scores.positive)
            found.append(scores.index(max(scores)))
        _said[setup.pool] = found
    return _said[setup.pool]


def matrix(setup: Setup) -> Seen:
    """Twelve posts with the model's answers, and an empty confusion matrix."""
    language = setup.language
    said = answers(setup)
    labels = [text(language, f"text.sentiment.label.{name}") for name in CLASSES]

    def post(place: int) -> str:
        shown = f'<span lang="en">{_t("en", f"lessons.07.post.{place}")}</span>'
        if language != "en":
            shown += f' <span class="mm-hint">{_t(language, f"lessons.07.post.{place}")}</span>'
        return f"<tr><td>{shown}</td><td>{escape(labels[POSTS[place]])}</td><td>{escape(labels[said[place]])}</td></tr>"

    order = (0, 8, 4, 9, 1, 5, 10, 2, 6, 11, 3, 7)  # mixed, so that there is something to count
    heads = "".join(f'<th scope="col">{_t(language, f"lessons.07.{one}")}</th>' for one in ("post", "truth", "said"))
    posts = (
        f'<div class="mm-scroll" tabindex="0"><table class="mm-posts"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(map(post, order))}</tbody></table></div>"
    )
    columns = "".join(f'<th scope="col">{escape(label)}</th>' for label in labels)
    rows = "".join(
        f'<tr><th scope="row">{escape(labels[row])}</th>'
        + "".join(
            f'<td><input type="number" min="0" max="12" step="1" value="0" data-cell="m,{row},{column}" aria-label="'
            f"{_t(language, 'lessons.07.cell', truth=labels[row], said=labels[column])}"
            f'"></td>'
            for column in range(3)
        )
        + f"<td>{output(f'precision-{row}', '–')}</td><td>{output(f'recall-{row}', '–')}</td>"
        f"<td>{output(f'f1-{row}', '–')}</td></tr>"
        for row in range(3)
    )
    scores = "".join(
        f'<th scope="col">{_t(language, f"lessons.07.{one}")}</th>' for one in ("precision", "recall", "f1")
    )
    table = (
        f'<p>{_t(language, "lessons.07.fill")}</p><div class="mm-scroll" tabindex="0"><table class="mm-counts"><thead>'
        f"<tr><td>{_t(language, 'lessons.07.corner')}</td>{columns}{scores}</tr></thead><tbody>{rows}</tbody></table>"
        f"</div><p>{_t(language, 'lessons.07.accuracy')} {output('accuracy', '–')} · "
        f"{_t(language, 'lessons.07.macro')} {output('macro', '–')}</p>"
        f'<p><output data-verdict aria-live="polite" data-right="{_t(language, "lessons.07.all_right")}" '
        f'data-wrong="{_t(language, "lessons.07.wrong_cells", count="{count}")}"></output></p>'
    )
    shown = line(
        word("accuracy")
        + operator("=")
        + fraction(
            filled("n00", "0") + operator("+") + filled("n11", "0") + operator("+") + filled("n22", "0"),
            filled("n", "0"),
        )
        + operator("=")
        + filled("accuracy", "–")
    )
    return Seen(live_view("confusion", {"truth": POSTS, "said": said}, posts + table), shown)


def threshold(setup: Setup) -> Seen:
    """The pictures found for "a bird" above a threshold, and what that is worth."""
    language = setup.language
    scores = gallery.cosines(setup)[1][0]
    relevant = _relevant(0)
    start = 0.3
    counts = live.at_threshold(scores, relevant, start)
    boxes = "".join(
        f"<div><dt>{_t(language, f'lessons.07.{name}')}</dt><dd>{output(name, str(count))}</dd></div>"
        for name, count in zip(("tp", "fp", "fn", "tn"), counts, strict=True)
    )
    precision, recall, f1 = live.f1_of(counts[0], counts[0] + counts[1], counts[0] + counts[2])
    shares = "".join(
        f'<div><dt>{_t(language, f"lessons.07.{name}")}</dt><dd>{output(name, f"{value * 100:.0f} %")}</dd></div>'
        for name, value in (
            ("precision", precision), ("recall", recall), ("f1", f1), ("accuracy_short", (counts[0] + counts[3]) / 32)
        )
    )  # fmt: skip
    inside = (
        f'<p>{_t(language, "lessons.07.query")} <b lang="en">{escape(_query(0))}</b></p>'
        + slider("threshold", text(language, "lessons.07.threshold"), -0.1, 0.6, 0.01, start)
        + f'<dl class="mm-tiles">{boxes}</dl><dl class="mm-tiles">{shares}</dl>'
        f'<div class="mm-grids">{_plot("pr", text(language, "lessons.07.curve"))}</div>' + _thumbs(setup)
    )
    shown = line(
        word("precision")
        + operator("=")
        + fraction(filled("tp"), filled("tp") + operator("+") + filled("fp"))
        + operator("=")
        + filled("precision")
        + operator(",")
        + word("recall")
        + operator("=")
        + fraction(filled("tp"), filled("tp") + operator("+") + filled("fn"))
        + operator("=")
        + filled("recall")
    )
    return Seen(live_view("threshold", {"scores": _rounded(scores, 4), "relevant": relevant}, inside), shown)


def ranking(setup: Setup) -> Seen:
    """Average precision of four queries, and their mean."""
    language = setup.language
    scores = gallery.cosines(setup)[1]
    relevant = [_relevant(place) for place in range(len(gallery.RELEVANT))]
    each = [average_precision(row, truth) for row, truth in zip(scores, relevant, strict=True)]
    rows = "".join(
        f'<tr><th scope="row" lang="en">{escape(_query(place))}</th><td>{len(_places(place))}</td>'
        f"<td>{output(f'ap-{place}', f'{value:.3f}')}</td></tr>"
        for place, value in enumerate(each)
    )
    inside = (
        picks("query", list(gallery.RELEVANT), 3, text(language, "lessons.07.queries"))
        + f'<p aria-live="polite">{_t(language, "lessons.07.hits")} {output("hits")}</p>'
        + _thumbs(setup)
        + f'<div class="mm-scroll"><table class="mm-counts"><thead><tr><th scope="col">'
        f'{_t(language, "lessons.07.query_short")}</th><th scope="col">{_t(language, "lessons.07.relevant")}</th>'
        f'<th scope="col">AP</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f"<p>mAP: {output('map', f'{np.mean(each):.3f}')}</p>"
    )
    shown = line(word("AP") + operator("=") + '<mrow data-terms="ap"></mrow>' + operator("=") + filled("ap"))
    return Seen(live_view("ranking", {"scores": _rounded(scores, 4), "relevant": relevant}, inside), shown)


def recall_at(setup: Setup) -> Seen:
    """Recall@k of the sentences of the first n pictures."""
    language = setup.language
    found = gallery.cosines(setup)[0]
    first = recall_of(found, np.arange(len(found)))["text_to_image_r1"]
    inside = (
        slider("k", text(language, "lessons.07.k"), 1, 10, 1, 1)
        + f"<p>{_t(language, 'lessons.07.size')}</p>"
        + picks("size", [str(size) for size in SIZES], len(SIZES) - 1, text(language, "lessons.07.size"))
        + picks(
            "way",
            [text(language, "lessons.07.text_to_image"), text(language, "lessons.07.image_to_text")],
            0,
            text(language, "lessons.07.way"),
        )
        + f"<p>recall@{output('k', '1')} = {output('recall', f'{first * 100:.1f} %')} · "
        f"{_t(language, 'lessons.07.chance')} {output('chance', f'{100 / len(found):.1f} %')}</p>"
        f"<p>{_t(language, 'lessons.07.ranks')}</p>" + _thumbs(setup)
    )
    shown = line(
        word("recall@")
        + filled("k", "1")
        + operator("=")
        + fraction(filled("found", str(round(first * len(found)))), filled("n", str(len(found))))
        + operator("=")
        + filled("recall", f"{first * 100:.1f} %")
    )
    return Seen(live_view("recall", {"cosines": _rounded(found, 4), "sizes": SIZES}, inside), shown)


def cider(setup: Setup) -> Seen:
    """A caption of one's own against five sentences."""
    language = setup.language
    name = setup.picture if setup.picture in DESCRIBED else DESCRIBED[0]
    known = {item.path.name: item for item in examples.pictures()}
    address = small(known[name], 420, setup.settings).address
    captions = [_model_caption(setup, name), *OFFERED[name]]
    labels = [text(language, f"lessons.07.offer.{place}") for place in range(len(captions))]
    offers = "".join(
        f'<button type="button" class="mm-action" data-fill="caption" data-value="{escape(caption, quote=True)}">'
        f"{escape(label)}</button>"
        for caption, label in zip(captions, labels, strict=True)
    )
    judged = judge(setup, json_of(name, captions[0]))
    each = [f"{value:.2f}" for value in judged["each"]]
    whole = f"{judged['score']:.2f}"
    rows = "".join(
        f'<li lang="en"><span data-sentence="{place}">{escape(sentence)}</span> '
        f"{output(f'score-{place}', each[place])}</li>"
        for place, sentence in enumerate(REFERENCES[name])
    )
    inside = (
        pictures([known[one] for one in DESCRIBED], name, language)
        + f'<div class="mm-grids"><img class="mm-shown" src="{address}" alt="{escape(known[name].alt[language])}">'
        f'<div><label>{_t(language, "lessons.07.own")}<textarea rows="2" maxlength="200" lang="en" '
        f'data-input="caption">{escape(captions[0])}</textarea></label>'
        f'<div class="mm-row" role="group" aria-label="{_t(language, "lessons.07.offers")}">{offers}</div>'
        f'<p aria-live="polite">CIDEr-D: {output("cider", whole)} '
        f'<span class="mm-hint">{_t(language, "lessons.07.scale")}</span></p></div></div>'
        f'<p>{_t(language, "lessons.07.five")}</p><ol class="mm-five">{rows}</ol>'
    )
    terms = operator("+").join(filled(f"score-{place}", value) for place, value in enumerate(each))
    shown = line(
        word("CIDEr") + operator("=") + fraction(terms, number("5")) + operator("=")
        + filled("cider", whole)
    )  # fmt: skip
    return Seen(live_view("cider", {"picture": name}, inside), shown)


def json_of(name: str, caption: str) -> str:
    """What the page's script asks ``judge``: which picture, then the caption."""
    return f"{name}\n{caption}"


def judge(setup: Setup, typed: str) -> dict[str, Any]:
    """CIDEr-D of a caption (``json_of``), against each of the five sentences too, and the words that occur in them."""
    name, _, caption = typed.partition("\n")
    if name not in DESCRIBED:
        name = DESCRIBED[0]
    measure = CiderD(REFERENCES)
    known = measure.references[name]
    measure.references.update({f"{name}/{place}": [one] for place, one in enumerate(known)})
    each = [measure.score(f"{name}/{place}", caption) for place in range(len(known))]
    said = set(tokenize(caption))
    shared = [sorted(said & set(tokenize(sentence))) for sentence in REFERENCES[name]]
    return {"score": measure.score(name, caption), "each": each, "shared": shared}


def _model_caption(setup: Setup, name: str) -> str:
    kept = _captions.setdefault(setup.pool, {})
    if name not in kept:
        known = {item.path.name: item for item in examples.pictures()}
        image = open_example(known[name], setup.settings)
        kept[name] = captioning.caption(setup.pool, image, CaptionOptions(), captioning.OPEN).captions[0].text
    return kept[name]


def calibration(setup: Setup) -> Seen:
    """How sure the retriever is of its best sentence, and how often it is right."""
    language = setup.language
    found = gallery.cosines(setup)[0].T  # pictures by sentences
    probabilities = temper(found, TAU)
    truth = np.arange(len(found))
    confidence = float(probabilities.max(1).mean())
    accuracy = float((probabilities.argmax(1) == truth).mean())
    error = calibration_error(probabilities, truth)
    inside = (
        slider("heat", text(language, "lessons.07.heat"), HOT, COLD, 0.001, TAU)
        + f"<p>{_t(language, 'lessons.07.confidence')} {output('confidence', f'{confidence * 100:.1f} %')} · "
        f"{_t(language, 'lessons.07.accuracy')} {output('accuracy', f'{accuracy * 100:.1f} %')} · "
        f"{_t(language, 'lessons.07.ece')} {output('ece', f'{error:.3f}')}</p>"
        f'<div class="mm-grids">{_plot("bins", text(language, "lessons.07.bins"))}</div>'
    )
    gap = operator("|") + filled("accuracy") + operator("−") + filled("confidence") + operator("|")
    shown = line(gap + operator("=") + filled("gap"))
    return Seen(live_view("calibration", {"cosines": _rounded(found, 4), "bins": BINS}, inside), shown)


def groups(setup: Setup) -> Seen:
    """The same recall@1, for drawings and for photos, with what chance leaves open."""
    language = setup.language
    found = gallery.cosines(setup)[0]
    right = found.argmax(1) == np.arange(len(found))
    drawn = np.isin(np.arange(len(found)), gallery.DRAWINGS)
    rows = ""
    for place, chosen in enumerate((np.ones_like(drawn), ~drawn, drawn)):
        low, high = live.wilson(int(right[chosen].sum()), int(chosen.sum()))
        rows += (
            f'<tr data-row="{place}"><th scope="row">{_t(language, f"lessons.07.group.{place}")}</th>'
            f"<td>{int(right[chosen].sum())} / {int(chosen.sum())}</td><td>{right[chosen].mean() * 100:.0f} %</td>"
            f"<td>{low * 100:.0f}–{high * 100:.0f} %</td></tr>"
        )
    heads = "".join(
        f'<th scope="col">{_t(language, f"lessons.07.{one}")}</th>' for one in ("group", "right", "recall1", "interval")
    )
    inside = (
        f'<div class="mm-scroll" tabindex="0"><table class="mm-counts"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        + slider("share", text(language, "lessons.07.share"), 0, 100, 1, round(drawn.mean() * 100))
        + f"<p>{_t(language, 'lessons.07.mixed')} {output('mixed')}</p>"
        + picks(
            "group",
            [text(language, f"lessons.07.group.{place}") for place in range(3)],
            2,
            text(language, "lessons.07.group"),
        )
        + _thumbs(setup)
    )
    rates = [float(right[chosen].mean()) for chosen in (~drawn, drawn)]
    shown = line(
        brackets(number("1") + operator("−") + filled("share"))
        + operator("·")
        + number(f"{rates[0]:.3f}")
        + operator("+")
        + filled("share")
        + operator("·")
        + number(f"{rates[1]:.3f}")
        + operator("=")
        + filled("mixed")
    )
    data = {"right": right.tolist(), "drawn": drawn.tolist(), "rates": rates}
    return Seen(live_view("groups", data, inside), shown)


def _query(place: int) -> str:
    return list(gallery.RELEVANT)[place]


def _places(place: int) -> tuple[int, ...]:
    return gallery.RELEVANT[_query(place)]


def _relevant(place: int) -> list[bool]:
    return [one in _places(place) for one in range(len(gallery.NAMES))]


def _thumbs(setup: Setup) -> str:
    return thumbs(gallery.thumbnails(setup), [item.alt[setup.language] for item in gallery.shown()])


def _plot(name: str, label: str) -> str:
    """An empty square of 100 x 100 that the script draws into; (0, 0) is below on the left."""
    return (
        f'<figure class="mm-graph"><svg viewBox="-6 -4 112 112" data-plot="{name}" role="img" '
        f'aria-label="{escape(label, quote=True)}"></svg><figcaption>{escape(label)}</figcaption></figure>'
    )


def _rounded(values: Any, digits: int) -> Any:
    return np.round(np.asarray(values, np.float64), digits).tolist()


def _n(below: str) -> str:
    return symbol("n", "n", below)


P, R, F = symbol("P", "precision"), symbol("R", "recall"), symbol("F", "f1", "1")
TP, FP, FN = (f'<mrow data-symbol="{name.lower()}"><mi>{name}</mi></mrow>' for name in ("TP", "FP", "FN"))
MATRIX = Formula(
    word("accuracy")
    + operator("=")
    + fraction(total("k", _n("kk")), symbol("N", "count"))
    + operator(",")
    + P
    + operator("=")
    + fraction(_n("kk"), total("i", _n("ik")))
    + operator(",")
    + R
    + operator("=")
    + fraction(_n("kk"), total("j", _n("kj")))
    + operator(",")
    + F
    + operator("=")
    + fraction(number("2") + P + R, P + operator("+") + R),
    ((_n("ij"), "n"), (symbol("N", "count"), "count"), (P, "precision"), (R, "recall"), (F, "f1")),
)
THRESHOLD = Formula(
    P
    + operator("=")
    + fraction(TP, TP + operator("+") + FP)
    + operator(",")
    + R
    + operator("=")
    + fraction(TP, TP + operator("+") + FN),
    ((TP, "tp"), (FP, "fp"), (FN, "fn"), (P, "precision"), (R, "recall")),
)
RANK = symbol("r", "rank", "i")
AP = Formula(
    word("AP")
    + operator("=")
    + fraction(number("1"), symbol("M", "relevant"))
    + total("i", fraction("<mi>i</mi>", RANK))
    + operator(",")
    + word("mAP")
    + operator("=")
    + word("mean")
    + brackets(word("AP")),
    ((RANK, "rank"), (symbol("M", "relevant"), "relevant"), (word("AP"), "ap")),
)
RECALL = Formula(
    word("recall@")
    + symbol("k", "k")
    + operator("=")
    + fraction(number("1"), symbol("N", "queries"))
    + total("q", operator("[") + symbol("r", "own", "q") + operator("≤") + symbol("k", "k") + operator("]")),
    ((symbol("k", "k"), "k"), (symbol("N", "queries"), "queries"), (symbol("r", "own", "q"), "own")),
)
G, GREF = symbol("g", "tfidf", "n") + brackets(symbol("c", "candidate")), symbol("g", "tfidf", "n") + brackets(
    symbol("s", "reference", "j")
)  # fmt: skip
CIDER = Formula(
    word("CIDEr")
    + operator("=")
    + fraction(number("10"), number("4") + operator("·") + number("5"))
    + total("n", total("j", symbol("w", "penalty", "j") + fraction(
        G + operator("·") + GREF, operator("‖") + G + operator("‖") + operator("‖") + GREF + operator("‖")
    ))),
    (
        (symbol("g", "tfidf", "n"), "tfidf"),
        (symbol("c", "candidate"), "candidate"),
        (symbol("s", "reference", "j"), "reference"),
        (symbol("w", "penalty", "j"), "penalty"),
    ),
)  # fmt: skip
BIN = symbol("B", "bin", "b")
ECE = Formula(
    word("ECE")
    + operator("=")
    + total("b", fraction(operator("|") + BIN + operator("|"), symbol("N", "count")) + operator("|")
            + word("acc") + brackets(BIN) + operator("−") + word("conf") + brackets(BIN) + operator("|")),
    ((BIN, "bin"), (word("acc"), "acc"), (word("conf"), "conf"), (symbol("N", "count"), "count")),
)  # fmt: skip
Z, SHARE, NUMBER = symbol("z", "z"), symbol("p", "share"), symbol("N", "count")
INTERVAL = Formula(
    fraction(
        SHARE
        + operator("+")
        + fraction(power(Z, number("2")), number("2") + NUMBER)
        + operator("±")
        + Z
        + root(
            fraction(SHARE + brackets(number("1") + operator("−") + SHARE), NUMBER)
            + operator("+")
            + fraction(power(Z, number("2")), number("4") + power(NUMBER, number("2")))
        ),
        number("1") + operator("+") + fraction(power(Z, number("2")), NUMBER),
    ),
    ((SHARE, "share"), (NUMBER, "count"), (Z, "z")),
)

LESSON = Lesson(
    7,
    12,
    (
        Step("matrix", matrix, 2, 2, MATRIX, Code(CORE, "fusion/metrics.py", "score")),
        Step("threshold", threshold, 2, 0, THRESHOLD, Code(DEMO, "lessons/live.py", "at_threshold")),
        Step("ranking", ranking, 2, 1, AP, Code(CORE, "evaluation/sound_scores.py", "average_precision")),
        Step("recall", recall_at, 0, 2, RECALL, Code(CORE, "evaluation/retrieval.py", "recall")),
        Step("cider", cider, 2, 1, CIDER, Code(CORE, "evaluation/caption_scores.py", "CiderD.score"), ask=judge),
        Step("calibration", calibration, 1, 0, ECE, Code(CORE, "fusion/metrics.py", "calibration_error")),
        Step("groups", groups, 2, 1, INTERVAL, Code(DEMO, "lessons/live.py", "wilson")),
    ),
)
