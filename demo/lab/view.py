"""Training runs -> what the page shows: comparison, confusion matrix, mistakes. Pure functions."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping, Sequence
from html import escape

from mmcore.checkpoints.download import readable_size
from mmcore.results import FUSIONS, SENTIMENTS, Scores

from ..sentiment.view import bar, fusion_title, label_name
from ..ui.html import seconds_text
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from .curves import colour_of
from .post_words import in_chinese
from .service import MADE, MAX_RUNS, OWN, Run, WrongAnswer, data_names

DARK_SHARE = 0.55
"""From this share on a cell of the confusion matrix is dark and its figure light."""


def data_title(data: str, language: str) -> str:
    """The name of a set in that language."""
    from mmcore.fusion.feature_sets import BUNDLED

    return BUNDLED[data] if data in BUNDLED else text(language, f"text.lab.data.{data}")


def board_names(language: str) -> dict[str, str]:
    """Titles of the sets that a class can compete on, and of the fusions, by their names."""
    sets = {name: data_title(name, language) for name in data_names() if name != OWN}
    return {**sets, **{name: fusion_title(name, language) for name in FUSIONS}}


def about(data: str, rows: int, language: str) -> str:
    """What a set is, under the chooser."""
    if data in MADE:
        said = text(language, f"text.lab.about.{data}")
    elif data == OWN:
        said = text(language, "text.lab.about.own", rows=rows)
    else:
        said = text(language, "text.lab.about.set", title=data_title(data, language))
    return f'<p class="mm-facts">{escape(said)}</p>'


def runs_table(runs: Sequence[Run], chosen: int | None, language: str) -> str:
    """All runs side by side; the best figure of each column is bold."""
    if not runs:
        return f'<div class="mm-empty">{_t(language, "text.lab.empty")}</div>'
    names = ("run", "accuracy", "weighted_f1", "macro_f1", "calibration", "best", "time")
    head = "".join(f'<th scope="col">{_t(language, f"text.lab.column.{name}")}</th>' for name in names)
    figures = [_figures(run) for run in runs]
    # Only runs on the same data can be compared.
    best: dict[tuple[str, int], float] = {}
    for run, values in zip(runs, figures, strict=True):
        for column, value in enumerate(values or ()):
            key = run.data, column
            better = min if column == 3 else max
            best[key] = better(best.get(key, value), value)
    body = []
    for run, values in zip(runs, figures, strict=True):
        cells = []
        for column in range(4):
            if values is None:
                cells.append("<td></td>")
                continue
            is_best = values[column] == best[run.data, column]
            cells.append(f"<td{' class=mm-best' if is_best else ''}>{values[column]:.3f}</td>")
        current = ' aria-current="true"' if run.number == chosen else ""
        body.append(f"<tr{current}>{_named(run, language)}{''.join(cells)}{_course(run, language)}</tr>")
    hint = f"{_t(language, 'text.lab.curves_hint')} {_t(language, 'text.lab.runs_hint', limit=MAX_RUNS)}"
    return (
        f'<div class="mm-alternatives"><h3>{_t(language, "text.lab.runs")}</h3><p class="mm-hint">{hint}</p></div>'
        f'<div class="mm-scroll"><table class="mm-table mm-runs"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _figures(run: Run) -> tuple[float, float, float, float] | None:
    scores = run.scores or (run.best.dev if run.best is not None else None)
    if scores is None:
        return None
    return scores.accuracy, scores.weighted_f1, scores.macro_f1, scores.calibration_error


def _named(run: Run, language: str) -> str:
    options = run.options
    setting = text(
        language,
        "text.lab.setting",
        optimiser=options.optimiser,
        rate=f"{options.learning_rate:g}",
        batch=options.batch_size,
        dropout=f"{options.dropout:g}",
        modality=f"{options.modality_dropout:g}",
        seed=options.seed,
    )
    swatch = f'<span class="mm-swatch" style="background:{colour_of(run)}"></span>'
    name = f"{swatch}{run.number} {escape(fusion_title(options.fusion, language))}"
    return f'<th scope="row">{name}<small>{escape(data_title(run.data, language))}; {escape(setting)}</small></th>'


def _course(run: Run, language: str) -> str:
    done = len(run.reports)
    best = run.best.epoch if run.best is not None else 0
    epochs = f"{best} / {done}" if done else ""
    if run.stopped:
        epochs += f" ({text(language, 'text.lab.unfinished')})"
    time = seconds_text(run.reports[-1].seconds) if done else ""
    return f"<td>{escape(epochs)}</td><td>{escape(time)}</td>"


def outcome(run: Run | None, language: str) -> str:
    """One run looked at closely: where it goes wrong, and its head to take away."""
    if run is None or run.scores is None:
        return ""
    confusion = confusion_table(run.scores, language)
    download = download_link(run, language)
    return (
        f'<div class="mm-answer"><div class="mm-outcome"><div>{confusion}</div><div>{_class_f1(run.scores, language)}'
        f'</div></div><div class="mm-actions">{download}</div>{_mistakes(run.wrong, language)}</div>'
    )


def confusion_table(scores: Scores, language: str) -> str:
    """Rows are labels, columns answers; colour is the share of the row."""
    names = [label_name(label, language) for label in SENTIMENTS]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = []
    for truth, counts in enumerate(scores.confusion):
        total = max(sum(counts), 1)
        cells = []
        for answer, count in enumerate(counts):
            share = count / total
            said = _t(language, "text.lab.confusion_cell", truth=names[truth], answer=names[answer], count=count)
            kinds = " ".join(
                kind for kind, holds in (("mm-hit", truth == answer), ("mm-dark", share >= DARK_SHARE)) if holds
            )
            cells.append(f'<td class="{kinds}" style="--share:{share:.3f}" title="{said}">{count}</td>')
        rows.append(f'<tr><th scope="row">{escape(names[truth])}</th>{"".join(cells)}</tr>')
    return (
        f'<h3>{_t(language, "text.lab.confusion")}</h3><p class="mm-hint">{_t(language, "text.lab.confusion_hint")}</p>'
        f'<table class="mm-confusion"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _class_f1(scores: Scores, language: str) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(label_name(label, language))}</th><td><span class="mm-shares">'
        f'<i class="mm-{label}" style="flex-grow:{value:.4f}"></i>'
        f'<i style="flex-grow:{1 - value:.4f}"></i></span></td><td>{value:.2f}</td></tr>'
        for place, (label, value) in enumerate(zip(SENTIMENTS, scores.class_f1, strict=True))
        if any(scores.confusion[place]) or any(counts[place] for counts in scores.confusion)  # not in the set at all
    )
    return f'<h3>{_t(language, "text.lab.f1")}</h3><table class="mm-sentiments"><tbody>{rows}</tbody></table>'


def _mistakes(wrong: Sequence[WrongAnswer], language: str) -> str:
    title = _t(language, "text.lab.mistakes")
    if not wrong:
        return (
            f'<div class="mm-mistakes"><h3>{title}</h3><p class="mm-hint">'
            f"{_t(language, 'text.lab.no_mistakes')}</p></div>"
        )
    items = "".join(_mistake(one, language) for one in wrong)
    return f'<div class="mm-mistakes"><h3>{title}</h3><ul>{items}</ul></div>'


def _mistake(one: WrongAnswer, language: str) -> str:
    truth, answer = label_name(one.truth, language), label_name(one.scores.label, language)
    picture = f'<img src="{one.picture}" alt="">' if one.picture else ""
    hidden = not one.text and not one.picture
    said = _t(language, "text.lab.no_text", row=one.row + 1) if hidden else _post(one.text, language)
    verdict = _t(language, "text.lab.mistake", truth=truth, answer=answer)
    return (
        f'<li>{picture}<div class="mm-body"><div>{said}</div><div class="mm-hint">{verdict}</div>'
        f"{bar(one.scores, answer, language)}</div></li>"
    )


def _post(written: str, language: str) -> str:
    """A post; the made-up ones have their Chinese above the English that the models read."""
    chinese = in_chinese(written) if language == "zh" else ""
    return (
        f'{escape(chinese)} <span class="mm-original" lang="en">{escape(written)}</span>'
        if chinese
        else escape(written)
    )


def packed(files: Mapping[str, bytes], folder: str) -> bytes:
    """The files of a head as a ZIP with one folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(f"{folder}/{name}", content)
    return buffer.getvalue()


def download_link(run: Run, language: str) -> str:
    """A link that saves the head of a run; it carries the content, so the server keeps no file."""
    if not run.files:
        return ""
    name = f"{run.options.fusion}-{run.number}"
    content = packed(run.files, name)
    label = _t(language, "text.lab.download", size=readable_size(len(content)))
    address = f"data:application/zip;base64,{base64.b64encode(content).decode('ascii')}"
    return f'<a class="mm-action" download="{name}.zip" href="{address}">{label}</a>'
