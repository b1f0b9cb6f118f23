"""One's own classes as HTML: the board with the examples, what was learned, and an answer."""

from __future__ import annotations

import base64
from html import escape

from mmcore.checkpoints.class_heads import ClassHead
from mmcore.checkpoints.download import readable_size
from mmcore.results import ClassAnswer, FewShotReport
from mmcore.results.few_shot import LEAST_EXAMPLES, LONGEST_NAME

from ..audio.spectrogram_picture import evidence_picture, hertz_marks, time_marks
from ..ui.colours import data_uri, heat_image
from ..ui.events import Failure, Step
from ..ui.html import chips, empty, foot, legend, notice, percent, problem, progress_bar, score_bar, seconds_text
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from .service import MOST_CLASSES, MOST_EACH, ClassSession, Shown, Taught, Tried

DARK_SHARE = 0.6


def board(session: ClassSession, language: str, step: Step | None = None, problem_: Failure | None = None) -> str:
    """The classes with their examples, and what is under way or went wrong."""
    cards = "".join(_card(session, one, language) for one in session.classes)
    actions = [("add", len(session.classes) < MOST_CLASSES), ("examples", True), ("clear", True)]
    row = "".join(
        f'<button type="button" class="mm-action" data-do="{name}">{_t(language, f"text.classes.{name}")}</button>'
        for name, offered in actions
        if offered
    )
    return (
        f'<div class="mm-classes">{cards}</div><div class="mm-actions">{row}</div>'
        f'<div class="mm-classes-line" role="status">{_line(session, language, step, problem_)}</div>'
    )


def _line(session: ClassSession, language: str, step: Step | None, problem_: Failure | None) -> str:
    if step is not None:
        said = text(language, f"text.classes.looking.{session.kind}", done=step.done, total=step.total)
        return progress_bar(step.done, step.total, said)
    if problem_ is not None:
        return problem(problem_, language)
    if not session.problems:
        return ""
    rows = "".join(
        f"<li><strong>{escape(name)}</strong> {escape(one.message(language))}</li>" for name, one in session.problems
    )
    return f"{notice(text(language, 'text.classes.problems', count=len(session.problems)))}<ul>{rows}</ul>"


def _card(session: ClassSession, one: Taught, language: str) -> str:
    here = one.number == session.active
    shown = "".join(_example(one, item, language) for item in one.shown)
    name = escape(one.named(language), quote=True)
    remove = (
        f'<button type="button" class="mm-action" data-do="remove" data-class="{one.number}" '
        f'aria-label="{_t(language, "text.classes.remove", name=one.named(language))}">×</button>'
        if len(session.classes) > 2
        else ""
    )
    count = _t(language, "text.classes.count", count=len(one.shown), limit=MOST_EACH)
    return (
        f'<section class="mm-class{" mm-here" if here else ""}" data-card="{one.number}"><div class="mm-class-head">'
        f'<input type="text" data-name="{one.number}" value="{escape(one.name, quote=True)}" placeholder="{name}" '
        f'maxlength="{LONGEST_NAME}" aria-label="{_t(language, "text.classes.name", number=one.number)}">'
        f'<button type="button" class="mm-action" data-do="choose" data-class="{one.number}" '
        f'aria-pressed="{str(here).lower()}">{_t(language, "text.classes.here" if here else "text.classes.choose")}'
        f"</button>{remove}</div>"
        f'<p class="mm-hint">{count}</p><div class="mm-class-shown">{shown}</div></section>'
    )


def _example(one: Taught, item: Shown, language: str) -> str:
    said = _t(language, "text.classes.drop", name=item.name)
    inside = f'<img src="{item.picture}" alt="">' if item.picture else f"<span>{item.duration:.1f} s</span>"
    return (
        f'<button type="button" data-do="drop" data-class="{one.number}" data-item="{item.number}" title="{said}" '
        f'aria-label="{said}">{inside}</button>'
    )


def learned(session: ClassSession, language: str, failure: Failure | None = None) -> str:
    """What was learned, and how well; or what is needed first."""
    if failure is not None:
        return problem(failure, language)
    if session.learned is None:
        ready = [one for one in session.classes if len(one.shown) >= LEAST_EXAMPLES]
        key = "ready" if len(ready) == len(session.classes) else "empty"
        return empty(language, f"text.classes.{key}")
    head, report, shown = session.learned
    right = int(report.confusion.trace())
    told = "left_out" if report.leave_one_out else "folds"
    said = _t(language, f"text.classes.{told}", right=right, total=sum(report.counts), folds=report.folds)
    facts = chips(
        [
            (text(language, "text.classes.accuracy"), percent(report.accuracy)),
            (text(language, "text.chip.time"), seconds_text(report.seconds)),
            (text(language, "text.classes.decay"), f"{report.decay:g}"),
            (text(language, "text.classes.unlike_share"), percent(report.unlike)),
        ],
        named=True,
    )
    return (
        f'<section class="mm-answer mm-learned" data-accuracy="{report.accuracy:.4f}">'
        f'<p class="mm-query" role="status">{said}</p>{facts}{_confusion(report, language)}'
        f"{_wrong(report, shown, language)}<p>{_t(language, 'text.classes.how')}</p>"
        f'<div class="mm-actions">{export(head, language)}</div>'
        f'<p class="mm-hint">{_t(language, "text.classes.use")} <code>mmcore classify FILE --head classes.safetensors'
        f"</code></p></section>"
    )


def _confusion(report: FewShotReport, language: str) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in report.classes)
    rows = []
    for truth, counts in enumerate(report.confusion.tolist()):
        cells = ""
        for taken, count in enumerate(counts):
            share = count / max(sum(counts), 1)
            kinds = ("mm-hit " if taken == truth else "") + ("mm-dark" if share >= DARK_SHARE else "")
            cells += f'<td class="{kinds}" style="--share:{share:.3f}">{count}</td>'
        rows.append(f'<tr><th scope="row">{escape(report.classes[truth])}</th>{cells}</tr>')
    return (
        f'<p class="mm-hint">{_t(language, "text.classes.confusion")}</p><div class="mm-scroll">'
        f'<table class="mm-confusion"><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _wrong(report: FewShotReport, shown: tuple[Shown, ...], language: str) -> str:
    if not report.wrong:
        return ""
    items = ""
    for place, taken in report.wrong:
        item = shown[place]
        picture = f'<img src="{item.picture}" alt="">' if item.picture else ""
        verdict = _t(language, "text.classes.taken", name=report.classes[taken])
        items += (
            f'<li>{picture}<div class="mm-body"><div>{escape(item.name)}</div><div class="mm-hint">{verdict}</div>'
            f"</div></li>"
        )
    return f'<div class="mm-mistakes"><h3>{_t(language, "text.classes.wrong")}</h3><ul>{items}</ul></div>'


def export(head: ClassHead, language: str) -> str:
    """A link that saves the head; it carries the content, so the server keeps no file."""
    content = head.to_bytes()
    label = _t(language, "text.classes.export", size=readable_size(len(content)))
    address = f"data:application/octet-stream;base64,{base64.b64encode(content).decode('ascii')}"
    return f'<a class="mm-action" download="classes.safetensors" href="{address}">{label}</a>'


def answered(content: Tried | Failure | None, language: str) -> str:
    """The answer to one picture or sound, with what speaks for each class."""
    if content is None:
        return ""
    if isinstance(content, Failure):
        return problem(content, language)
    answer = content.answer
    rows = "".join(
        f'<li><button type="button" data-map="{place}" aria-pressed="{str(place == 0).lower()}">{escape(one.label)}'
        f"</button>{score_bar(one.score)}<span>{percent(one.score)}</span></li>"
        for place, one in enumerate(answer.labels)
    )
    return (
        f'<section class="mm-answer" data-label="{escape(answer.label, quote=True)}" data-doubt="{answer.doubt}">'
        f'<p class="mm-caption">{escape(answer.label) if answer.sure else _t(language, "text.classes.unsure")}</p>'
        f'{_doubt(answer, language)}<div class="mm-alternatives"><ol>{rows}</ol></div>{_why(content, language)}'
        f"{foot(answer.model, answer.device, answer.seconds, answer.to_dict(), 'class.json', language)}</section>"
    )


def _doubt(answer: ClassAnswer, language: str) -> str:
    if answer.sure:
        return ""
    first, second = answer.labels[0].label, answer.labels[1].label
    said = _t(
        language,
        f"text.classes.doubt.{answer.doubt}",
        first=first,
        second=second,
        likeness=f"{answer.likeness:.2f}",
        least=f"{answer.least:.2f}",
    )
    return f'<p class="mm-doubt" role="status">{said}</p>'


def _why(content: Tried, language: str) -> str:
    answer = content.answer
    plotted = content.spectrogram is not None
    layers = "".join(
        f'<img class="mm-overlay" data-layer="{place}" alt="" '
        f'src="{evidence_picture(one) if plotted else data_uri(heat_image(one, *content.size), "PNG")}"'
        f"{'' if place == 0 else ' hidden'}>"
        for place, one in enumerate(content.maps)
    )
    sums = "".join(
        f'<span data-sum="{place}"{"" if place == 0 else " hidden"}>'
        f"{_t(language, 'text.classes.sum', name=one.label, value=f'{answer.cells[place].sum():+.2f}')}</span>"
        for place, one in enumerate(answer.labels)
    )
    shown = "sound" if plotted else "picture"
    hint = f'<p class="mm-hint">{_t(language, f"text.classes.map.{shown}")} {sums}</p>'
    if content.spectrogram is not None:
        marks = "".join(
            f'<span style="bottom:{share * 100:.1f}%">{name}</span>'
            for name, share in hertz_marks(content.spectrogram.frequencies.tolist())
        )
        times = "".join(
            f'<span style="left:{share * 100:.2f}%">{name}</span>' for name, share in time_marks(0, answer.duration)
        )
        stage = (
            f'<div class="mm-tracks mm-single"><div class="mm-plot"><div class="mm-hertz" aria-hidden="true">{marks}'
            f'<b>Hz</b></div><img src="{content.picture}" alt="{_t(language, "text.sounds.spectrogram_alt")}">{layers}'
            f'</div><div class="mm-seconds" aria-hidden="true">{times}</div></div>{legend(language)}'
        )
    else:
        width, height = content.size
        stage = (
            f'<figure><div class="mm-stage" style="--ratio:{width / height:.4f};aspect-ratio:{width}/{height}">'
            f'<img src="{content.picture}" alt="{_t(language, "text.classes.tried")}">{layers}</div>'
            f"<figcaption>{legend(language)}</figcaption></figure>"
        )
    return f'<details class="mm-why" open><summary>{_t(language, "text.why")}</summary>{hint}{stage}</details>'
