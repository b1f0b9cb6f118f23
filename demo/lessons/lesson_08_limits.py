"""Lesson 8: limits, privacy and ethics: failures and their causes, bias, uploads, licences, cards, what errors cost."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from PIL import ExifTags, Image

import mmcore
from mmcore.checkpoints.registry import find
from mmcore.errors import InputError
from mmcore.evaluation.caption_scores import CiderD, tokenize
from mmcore.io.images import clean_text, decode_image
from mmcore.io.tag_names import tag_text
from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions, CaptionResult, Post, Query
from mmcore.tasks import captioning, matching, sentiment
from mmcore.types import Doubles

from ..ui import examples, quotas, uploads
from ..ui.examples import Example
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from . import licences, live
from .captions import open_example, small
from .controls import choices, filled, grid, output, picks, slider
from .controls import live as live_view
from .mathml import brackets, fraction, line, number, operator, power, root, symbol, total, word
from .plan import Code, Formula, Lesson, Seen, Setup, Step
from .references import REFERENCES

CORE = Path(mmcore.__file__).parent
DEMO = Path(__file__).parents[1]
CAUSES = ("data", "label", "model", "metric")
CASES = (("astronaut.jpg", 0), ("clock.jpg", 2), ("wooden-bird.jpg", 1), ("mountain-path.jpg", 3))
"""Pictures whose captions went wrong, or seem to, and the place of the cause in CAUSES."""
DOUBT = 0.4
"""The captioner's card: a caption is doubtful unless the tagger gives this much to a word that it uses."""
GROUPS = (
    ("the young man", "the old man"),
    ("the man", "the woman"),
    ("a German neighbour", "a Nigerian neighbour"),
    ("my father", "my mother"),
)
"""Who is named; with the last pair the model makes no difference."""
TEMPLATES = (
    "Yesterday {} called me.", "I sat beside {} on the bus.", "{} works at the town hall.",
    "Here is a picture of {}.", "I will meet {} at noon.", "{} is in the next room.",
)  # fmt: skip
OWN = "Today [my neighbour|my boss] came to see us."
QUERIES = ("two dogs", "a house", "a giraffe", "a piano")
"""Queries for the picture of the two dogs; the last two are not in it."""
DOGS = "two-dogs.jpg"
PARTS = ("cat.jpg", "two-dogs.jpg", "cable-bridge.jpg", "typing.ogg")
"""Works to choose from, of four licences; the bundled captioner is the fifth."""
CAPTIONER = "compact-captioner"
CARDS = ("captioner", "retriever", "sentiment", "tagger")
SECTIONS = ("Training", "Figures", "Limits")
PLACE = ((48.0, 51.0, 30.2), (2.0, 17.0, 40.2))
"""Degrees, minutes and seconds, north and east, of a tower in Paris: what a phone would write into a photo."""
PEOPLE = 1000
START = (0.9, 0.9, 0.01)
"""Sensitivity, specificity and prevalence that the last step begins with."""

_captions: WeakKeyDictionary[ModelPool, dict[str, CaptionResult]] = WeakKeyDictionary()
_feelings: WeakKeyDictionary[ModelPool, Doubles] = WeakKeyDictionary()
_maps: WeakKeyDictionary[ModelPool, Doubles] = WeakKeyDictionary()


@cache
def known() -> dict[str, Example]:
    """File name -> example picture or sound."""
    return {item.path.name: item for item in (*examples.collection(), *examples.sounds())}


def captioned(setup: Setup, name: str) -> CaptionResult:
    """What the bundled captioner says about a picture; kept."""
    kept = _captions.setdefault(setup.pool, {})
    if name not in kept:
        image = open_example(known()[name], setup.settings)
        kept[name] = captioning.caption(setup.pool, image, CaptionOptions(), captioning.OPEN)
    return kept[name]


def support(found: CaptionResult) -> float:
    """The largest probability that the tagger gives to a word of the caption; 0 where it names none of them."""
    caption = f" {' '.join(tokenize(found.captions[0].text))} "
    return max((tag.probability for tag in found.tags if f" {tag.text} " in caption), default=0.0)


def failure(setup: Setup) -> Seen:
    """Four captions, each with what is known about it, and a cause to be named."""
    language = setup.language
    names = [name for name, _ in CASES]
    name = setup.choice if setup.choice in names else names[0]
    place = names.index(name)
    item, found = known()[name], captioned(setup, name)
    sure = support(found)
    tags = ", ".join(f"{tag_text(language, tag.text)} {tag.probability * 100:.0f} %" for tag in found.tags) or "–"
    facts = (
        f'<dt>{_t(language, "lessons.08.caption")}</dt><dd lang="en">{escape(found.captions[0].text)}</dd>'
        f"<dt>{_t(language, 'lessons.08.tags')}</dt><dd>{escape(tags)}</dd>"
        f"<dt>{_t(language, 'lessons.08.label')}</dt><dd>{_t(language, f'lessons.08.case.{place}.label')}</dd>"
        f"<dt>{_t(language, 'lessons.08.marked')}</dt><dd>{_t(language, f'lessons.08.case.{place}.marked')}</dd>"
    )
    if name in REFERENCES:
        score = CiderD(REFERENCES).score(name, found.captions[0].text)
        facts += f"<dt>CIDEr-D</dt><dd>{score:.2f}</dd>"
    address = small(item, 420, setup.settings).address
    causes = [text(language, f"lessons.08.cause.{one}") for one in range(len(CAUSES))]
    inside = (
        choices([(one, known()[one].alt[language]) for one in names], name, text(language, "lessons.08.cases"))
        + f'<div class="mm-grids"><img class="mm-shown" src="{address}" alt="{escape(item.alt[language])}">'
        f'<div><dl class="mm-evidence">{facts}</dl></div></div><p>{_t(language, "lessons.08.which")}</p>'
        + picks(
            "cause",
            causes,
            -1,
            text(language, "lessons.08.which"),
        )
        + f'<p aria-live="polite" data-told data-why="{_t(language, f"lessons.08.case.{place}.why")}" '
        f'data-hint="{_t(language, f"lessons.08.case.{place}.hint")}" data-right="{_t(language, "lessons.right")}"></p>'
    )
    verdict = "doubtful" if sure < DOUBT else "supported"
    shown = (
        line(number(f"{sure:.2f}") + operator("&lt;" if sure < DOUBT else "≥") + number(str(DOUBT)))
        + f"<p>{_t(language, f'lessons.08.{verdict}')}</p>"
    )
    return Seen(live_view("failure", {"cause": CASES[place][1]}, inside), shown)


def said(template: str, who: str) -> str:
    """The sentence of a template about somebody, with a capital letter."""
    whole = template.format(who)
    return whole[0].upper() + whole[1:]


def feelings(setup: Setup) -> Doubles:
    """(groups, 2, templates): probability of positive minus that of negative."""
    if setup.pool not in _feelings:
        sentences = [said(template, who) for pair in GROUPS for who in pair for template in TEMPLATES]
        _feelings[setup.pool] = _valences(setup, sentences).reshape(len(GROUPS), 2, len(TEMPLATES))
    return _feelings[setup.pool]


def _valences(setup: Setup, sentences: Sequence[str]) -> Doubles:
    found = []
    for one in sentiment.classify_sentiment_many(setup.pool, [Post(sentence) for sentence in sentences]):
        if isinstance(one, Exception):
            raise one
        found.append(one.scores.positive - one.scores.negative)
    return np.asarray(found, np.float64)


def bias(setup: Setup) -> Seen:
    """Sentences that differ in one word only, and what the sentiment model makes of the difference."""
    language = setup.language
    values = feelings(setup)
    rows = "".join(
        f'<tr><th scope="row" lang="en">{escape(template.format("…"))}</th><td>{output(f"first-{place}")}</td>'
        f"<td>{output(f'second-{place}')}</td><td>{output(f'difference-{place}')}</td></tr>"
        for place, template in enumerate(TEMPLATES)
    )
    inside = (
        picks("group", [f"{a} / {b}" for a, b in GROUPS], 0, text(language, "lessons.08.groups"))
        + f'<div class="mm-scroll" tabindex="0"><table class="mm-counts"><thead><tr><td></td>'
        f'<th scope="col" lang="en">{output("first")}</th><th scope="col" lang="en">{output("second")}</th>'
        f'<th scope="col">{_t(language, "lessons.08.difference")}</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f"<p>{_t(language, 'lessons.08.mean')} {output('mean')} ± {output('error')}</p>"
        f'<label>{_t(language, "lessons.08.own")}<textarea rows="2" maxlength="300" lang="en" data-input="own">'
        f"{escape(OWN)}</textarea></label>"
        f'<ul aria-live="polite" data-own lang="en"></ul>'
    )
    mean, error = live.mean_error(values[0, 0] - values[0, 1])
    shown = line(
        symbol("d", "mean") + operator("±") + symbol("s", "error") + operator("=") + filled("mean", f"{mean:.3f}")
        + operator("±") + filled("error", f"{error:.3f}")
    )  # fmt: skip
    data = {"values": np.round(values, 5).tolist(), "groups": GROUPS}
    return Seen(live_view("bias", data, inside), shown)


def variants(typed: str, setup: Setup) -> list[str]:
    """ "A [b|c] d" -> ["A b d", "A c d"]; at most four, one text without brackets stays one."""
    cleaned = clean_text(typed, setup.settings)
    found = re.search(r"\[([^\[\]]*)\]", cleaned)
    if found is None:
        return [cleaned] if cleaned.strip() else []
    return [cleaned[: found.start()] + one.strip() + cleaned[found.end() :] for one in found[1].split("|")[:4]]


def probe(setup: Setup, typed: str) -> list[dict[str, Any]]:
    """Each variant of a typed sentence with its value, positive minus negative. Raises InputError for none."""
    sentences = variants(typed, setup)
    if not sentences:
        raise InputError("post_empty")
    values = _valences(setup, sentences)
    return [{"text": one, "value": float(value)} for one, value in zip(sentences, values, strict=True)]


def maps(setup: Setup) -> Doubles:
    """(queries, 49): what each cell of the dogs' picture adds to the cosine with each query."""
    if setup.pool not in _maps:
        image = open_example(known()[DOGS], setup.settings)
        found = [matching.explain_match(setup.pool, image, Query.of(query), "compact-retriever") for query in QUERIES]
        _maps[setup.pool] = np.asarray([one.heat.ravel() for one in found], np.float64)
    return _maps[setup.pool]


def explain(setup: Setup) -> Seen:
    """Heat maps for what is in the picture and for what is not, each scaled to itself or all alike."""
    language = setup.language
    dogs = small(known()[DOGS], 420, setup.settings)
    values = maps(setup)
    inside = (
        picks("query", QUERIES, 2, text(language, "lessons.08.queries"))
        + picks(
            "scale",
            [text(language, "lessons.08.scale.own"), text(language, "lessons.08.scale.all")],
            0,
            text(language, "lessons.08.scale"),
        )
        + '<div class="mm-grids">'
        + grid("map", dogs.address, dogs.ratio, text(language, "lessons.08.heat"))
        + f"<div><p>{_t(language, 'lessons.08.largest')} {output('largest')}</p>"
        f"<p>{_t(language, 'lessons.08.sum')} {output('sum')}</p></div></div>"
    )
    shown = line(filled("largest") + operator("/") + filled("scale") + operator("=") + filled("colour"))
    return Seen(live_view("explain", {"maps": np.round(values, 5).tolist()}, inside), shown)


def photo(setup: Setup) -> bytes:
    """A JPEG of the cat as a phone would have made it: with camera, date and place."""
    image = open_example(known()["cat.jpg"], setup.settings)
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Example phone"
    exif[ExifTags.Base.DateTime] = "2026:05:17 14:03:22"
    north, east = PLACE
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", north
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E", east
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def metadata(image: Image.Image) -> dict[str, str]:
    """What a picture tells beside its pixels: camera, date, place; without what it does not tell."""
    exif = image.getexif()
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    found = {"camera": exif.get(ExifTags.Base.Make), "date": exif.get(ExifTags.Base.DateTime)}
    if place:
        parts = [place[ExifTags.GPS.GPSLatitude], place[ExifTags.GPS.GPSLongitude]]
        north, east = (float(degrees) + float(minutes) / 60 + float(rest) / 3600 for degrees, minutes, rest in parts)
        found["place"] = f"{north:.4f}° N, {east:.4f}° E"
    return {name: str(value) for name, value in found.items() if value}


def upload(setup: Setup) -> Seen:
    """What is in a photo's file, what is left after decoding, and how long this server keeps what."""
    language = setup.language
    file = photo(setup)
    with Image.open(io.BytesIO(file)) as opened:
        before = metadata(opened)
        size = opened.size
    decoded = decode_image(file, setup.settings)
    after = metadata(decoded)
    rows = "".join(
        f'<tr><th scope="row">{_t(language, f"lessons.08.meta.{name}")}</th><td>{escape(before.get(name, "–"))}</td>'
        f"<td>{escape(after.get(name, '–'))}</td></tr>"
        for name in ("camera", "date", "place")
    )
    pixels = f"{size[0]} × {size[1]}"
    heads = "".join(f'<th scope="col">{_t(language, f"lessons.08.meta.{one}")}</th>' for one in ("file", "model"))
    stages = "".join(
        f"<li>{_t(language, f'lessons.08.stage.{place}', **values)}</li>"
        for place, values in enumerate(stages_of(setup))
    )
    inside = (
        f'<div class="mm-scroll" tabindex="0"><table class="mm-counts"><thead><tr><td></td>{heads}</tr></thead>'
        f'<tbody>{rows}<tr><th scope="row">{_t(language, "lessons.08.meta.pixels")}</th><td>{pixels}</td>'
        f"<td>{decoded.width} × {decoded.height}</td></tr></tbody></table></div>"
        f'<p>{_t(language, "lessons.08.stages")}</p><ol class="mm-stages">{stages}</ol>'
    )
    kept, swept = uploads.KEPT_SECONDS // 60, uploads.CHECKED_SECONDS // 60
    shown = line(
        number(str(kept)) + operator("+") + number(str(swept)) + operator("=") + number(str(kept + swept)) + word("min")
    )
    return Seen(f'<div class="mm-live" data-kind="still" data-data="{{}}">{inside}</div>', shown)


def stages_of(setup: Setup) -> list[dict[str, object]]:
    """The numbers in what is said of an upload's way, from the settings of this server."""
    return [
        {"limit": quotas.UPLOAD_BYTES // 1_000_000},
        {"bytes": setup.settings.image_bytes // 1_000_000, "pixels": f"{setup.settings.image_pixels / 1e6:g}"},
        {},
        {"minutes": uploads.KEPT_SECONDS // 60, "sweep": uploads.CHECKED_SECONDS // 60},
        {},
    ]


def works() -> list[tuple[str, str, str]]:
    """(title, author, licence) of what one may choose from: PARTS, then the bundled captioner."""
    parts = [(known()[name].title, known()[name].author, known()[name].licence) for name in PARTS]
    model = find(CAPTIONER)
    return [*parts, (model.title, "", model.licence)]


def poster(setup: Setup) -> Seen:
    """Works of several licences put together, and what that asks for."""
    language = setup.language
    offered = works()
    labels = [*(known()[name].alt[language] for name in PARTS), offered[-1][0]]
    boxes = "".join(
        f'<label class="mm-check-line"><input type="checkbox" data-work="{place}" {"checked" if place == 2 else ""}> '
        f'{escape(label)} <span class="mm-hint">{escape(licence)}</span></label>'
        for place, (label, (_, _, licence)) in enumerate(zip(labels, offered, strict=True))
    )
    uses = "".join(
        f'<label class="mm-check-line"><input type="checkbox" data-use="{use}"> {_t(language, f"lessons.08.use.{use}")}'
        f"</label>"
        for use in ("changed", "sold")
    )
    counted = Counter(item.licence for item in (*examples.collection(), *examples.sounds()))
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{count}</td></tr>' for name, count in counted.most_common()
    )
    inside = (
        f'<div class="mm-grids"><fieldset><legend>{_t(language, "lessons.08.parts")}</legend>{boxes}</fieldset>'
        f"<fieldset><legend>{_t(language, 'lessons.08.uses')}</legend>{uses}</fieldset></div>"
        f"<p>{_t(language, 'lessons.08.duties')}</p>"
        f'<ul data-duties aria-live="polite" '
        + " ".join(f'data-{one.replace("_", "-")}="{_t(language, f"lessons.08.duty.{one}")}"' for one in DUTIES)
        + f' data-none="{_t(language, "lessons.08.duty.none")}"></ul>'
        f'<p>{_t(language, "lessons.08.credit")}</p><p data-credit class="mm-credit"></p>'
        f"<details><summary>{_t(language, 'lessons.08.counted', count=counted.total())}</summary>"
        f'<div class="mm-scroll"><table class="mm-counts"><tbody>{rows}</tbody></table></div></details>'
    )
    each = [
        [sorted(licences.duties([licence], changed, sold)) for changed in (False, True) for sold in (False, True)]
        for _, _, licence in offered
    ]
    data = {"each": each, "works": offered, "duties": DUTIES}
    shown = line(operator("|") + symbol("D", "duties") + operator("|") + operator("=") + filled("count"))
    return Seen(live_view("poster", data, inside), shown)


DUTIES = ("name", "changes", "alike", "notice", "not_sold")


@cache
def sections(card: str) -> dict[str, str]:
    """Heading -> text of a bundled model's card, as it is written (Markdown, English)."""
    whole = (CORE / "bundled" / card / "README.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", whole, flags=re.MULTILINE)[1:]
    return {heading: body.strip() for heading, body in zip(parts[::2], parts[1::2], strict=True)}


@cache
def figures() -> dict[str, tuple[float, float]]:
    """Fusion -> accuracy and its spread, with text and picture, read from the sentiment model's card."""
    table = sections("sentiment")["Figures"].split("Text alone:")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) ± ([\d.]+) \|", table, flags=re.MULTILINE)
    return {name: (float(value), float(spread)) for name, value, spread in rows}


def cards(setup: Setup) -> Seen:
    """The cards of the bundled models to read, and two figures of one to compare."""
    language = setup.language
    known_figures = figures()
    names = list(known_figures)
    texts = [[sections(card)[section] for section in SECTIONS] for card in CARDS]
    inside = (
        picks("card", CARDS, 2, text(language, "lessons.08.card"))
        + picks("section", [text(language, f"lessons.08.section.{one.lower()}") for one in SECTIONS], 2,
                text(language, "lessons.08.section"))
        + f'<pre class="mm-card-text" data-card lang="en" tabindex="0">{escape(texts[2][2])}</pre>'
        f"<p>{_t(language, 'lessons.08.compare')}</p>"
        + picks("first", names, 0, text(language, "lessons.08.first"))
        + picks("second", names, 2, text(language, "lessons.08.second"))
        + f"<p>{output('a')} ± {output('sa')} · {output('b')} ± {output('sb')} · "
        f"{_t(language, 'lessons.08.spreads')} {output('z')}</p>"
    )  # fmt: skip
    shown = line(
        fraction(
            operator("|") + filled("a") + operator("−") + filled("b") + operator("|"),
            root(power(filled("sa"), number("2")) + operator("+") + power(filled("sb"), number("2"))),
        ) + operator("=") + filled("z")
    )  # fmt: skip
    data = {"texts": texts, "figures": [known_figures[name] for name in names]}
    return Seen(live_view("cards", data, inside), shown)


def cost(setup: Setup) -> Seen:
    """A thousand people and an alarm: who is found, who is frightened for nothing, who is missed, what it costs."""
    language = setup.language
    counts = live.counts_of(*START, PEOPLE)
    names = ("found", "alarmed", "missed", "left")
    tiles = "".join(
        f'<div class="mm-{name}-tile"><dt>{_t(language, f"lessons.08.people.{name}")}</dt>'
        f"<dd>{output(name, f'{count:.1f}')}</dd></div>"
        for name, count in zip(names, counts, strict=True)
    )
    presets = "".join(
        f'<button type="button" class="mm-action" data-preset="{",".join(map(str, values))}">'
        f"{_t(language, f'lessons.08.preset.{place}')}</button>"
        for place, values in enumerate(PRESETS)
    )
    inside = (
        f'<div class="mm-row" role="group" aria-label="{_t(language, "lessons.08.presets")}">{presets}</div>'
        + slider("sensitivity", text(language, "lessons.08.sensitivity"), 0.5, 1, 0.01, START[0])
        + slider("specificity", text(language, "lessons.08.specificity"), 0.5, 1, 0.001, START[1])
        + slider("prevalence", text(language, "lessons.08.prevalence"), 0.001, 0.5, 0.001, START[2])
        + slider("price", text(language, "lessons.08.price"), 1, 1000, 1, 100)
        + f'<canvas width="400" height="100" data-canvas="people" class="mm-canvas mm-people" role="img" '
        f'aria-label="{_t(language, "lessons.08.drawing")}"></canvas><dl class="mm-tiles">{tiles}</dl>'
        f"<p>{_t(language, 'lessons.08.value')} {output('value')}</p>"
        f"<p>{_t(language, 'lessons.08.costs')} {output('cost')} · {_t(language, 'lessons.08.never')} {output('never')}"
        f" · {_t(language, 'lessons.08.always')} {output('always')}</p>"
    )
    shown = line(
        fraction(filled("found"), filled("found") + operator("+") + filled("alarmed")) + operator("=") + filled("value")
    )
    return Seen(live_view("cost", {"people": PEOPLE}, inside), shown)


PRESETS = ((0.9, 0.9, 0.01, 100), (0.9, 0.9, 0.3, 100), (0.99, 0.999, 0.001, 1000))
"""Sensitivity, specificity, prevalence and price of a miss: a screening, a ward, a car that looks for people."""

W, TAGGER = symbol("w", "word"), symbol("P", "tagger") + brackets(symbol("w", "word"))
DOUBTFUL = Formula(
    f"<munder><mo>max</mo><mrow>{W}<mo>∈</mo><mi>c</mi></mrow></munder>" + TAGGER + operator("&lt;") + number("0.4"),
    ((W, "word"), (symbol("P", "tagger"), "tagger")),
)
DI = symbol("d", "difference", "i")
MEAN = Formula(
    symbol("d", "mean") + operator("=") + fraction(number("1"), symbol("n", "templates")) + total("i", DI)
    + operator(",")
    + symbol("s", "error") + operator("=") + root(
        fraction(total("i", power(brackets(DI + operator("−") + symbol("d", "mean")), number("2"))),
                 symbol("n", "templates") + brackets(symbol("n", "templates") + operator("−") + number("1")))
    ),
    ((DI, "difference"), (symbol("n", "templates"), "templates"), (symbol("d", "mean"), "mean"),
     (symbol("s", "error"), "error")),
)  # fmt: skip
CELL, SCALE = symbol("h", "cell", "i"), symbol("m", "scale")
COLOURED = Formula(
    symbol("f", "colour", "i") + operator("=") + fraction(CELL, SCALE) + operator(",") + SCALE + operator("=")
    + "<munder><mo>max</mo><mi>i</mi></munder>" + operator("|") + CELL + operator("|"),
    ((CELL, "cell"), (SCALE, "scale"), (symbol("f", "colour", "i"), "colour")),
)  # fmt: skip
KEPT = Formula(
    symbol("t", "gone") + operator("≤") + symbol("k", "kept") + operator("+") + symbol("c", "sweep"),
    ((symbol("t", "gone"), "gone"), (symbol("k", "kept"), "kept"), (symbol("c", "sweep"), "sweep")),
)
UNION = Formula(
    symbol("D", "duties") + operator("=")
    + "<munder><mo>⋃</mo><mi>i</mi></munder>" + symbol("B", "conditions", "i"),
    ((symbol("D", "duties"), "duties"), (symbol("B", "conditions", "i"), "conditions")),
)  # fmt: skip
A, B = symbol("a", "first"), symbol("b", "second")
SA, SB = symbol("s", "spread", "a"), symbol("s", "spread", "b")
APART = Formula(
    symbol("z", "apart") + operator("=")
    + fraction(operator("|") + A + operator("−") + B + operator("|"),
               root(power(SA, number("2")) + operator("+") + power(SB, number("2")))),
    ((A, "first"), (B, "second"), (SA, "spread"), (symbol("z", "apart"), "apart")),
)  # fmt: skip
SE, SP, PR = symbol("e", "sensitivity"), symbol("q", "specificity"), symbol("p", "prevalence")
BAYES = Formula(
    symbol("V", "value") + operator("=") + fraction(
        SE + PR, SE + PR + operator("+") + brackets(number("1") + operator("−") + SP)
        + brackets(number("1") + operator("−") + PR)
    ),
    ((symbol("V", "value"), "value"), (SE, "sensitivity"), (SP, "specificity"), (PR, "prevalence")),
)  # fmt: skip

LESSON = Lesson(
    8,
    15,
    (
        Step("failure", failure, 1, 0, DOUBTFUL, Code(DEMO, "lessons/lesson_08_limits.py", "support")),
        Step("bias", bias, 0, 2, MEAN, Code(DEMO, "lessons/live.py", "mean_error"), ask=probe),
        Step("explain", explain, 1, 0, COLOURED, Code(CORE, "tasks/matching.py", "explain_match")),
        Step("upload", upload, 2, 1, KEPT, Code(CORE, "io/images.py", "decode_image")),
        Step("poster", poster, 1, 2, UNION, Code(DEMO, "lessons/licences.py", "duties")),
        Step("cards", cards, 2, 1, APART, Code(DEMO, "lessons/lesson_08_limits.py", "figures")),
        Step("cost", cost, 2, 0, BAYES, Code(DEMO, "lessons/live.py", "predictive_value")),
    ),
)
