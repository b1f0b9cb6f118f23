"""A transcript as HTML: passages with their times, every word with its own and with how sure the model is."""

from __future__ import annotations

import json
from html import escape

from mmcore.results.transcribe import SpokenWord, TranscribeResult, language_name

from ..ui.events import Failure, Step
from ..ui.html import download_link, percent, problem, progress_bar
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from ..ui.notice_html import notice_list
from .spectrogram_picture import clock

UNSURE = 0.5
"""Words less probable than this are marked."""


def panel(content: TranscribeResult | Failure | Step | None, language: str) -> str:
    """What is under the answer of the tab: nothing, how far it is, an error, or the transcript."""
    if content is None:
        return ""
    if isinstance(content, Failure):
        return "" if content.stopped else problem(content, language)
    title = f"<h3>{_t(language, 'text.sounds.transcript')}</h3>"
    if isinstance(content, Step):
        label = text(language, "text.sounds.transcribing", done=clock(content.done))
        return (
            f'<section class="mm-transcript">{title}{progress_bar(content.done, content.total or 1, label)}</section>'
        )
    saved = content.to_dict()
    unread = notice_list(saved, language)
    if not content.words:
        return f'<section class="mm-transcript" data-text="">{title}{unread}</section>'
    rows = "".join(
        f"<li><span>{clock(one.start, 0.1)}</span> <p>{''.join(_word(word, language) for word in one.words)}</p></li>"
        for one in content.passages
    )
    spoken = language_name(content.language)[language.startswith("zh")]
    facts = _t(
        language,
        "text.sounds.transcript_facts",
        language=spoken,
        percent=percent(content.language_score),
        model=content.model,
        seconds=f"{content.seconds:.1f}",
    )
    whole = escape(content.text, quote=True)
    saved_as = json.dumps(saved, ensure_ascii=False, indent=2)
    link = download_link(text(language, "text.download_json"), "transcript.json", "application/json", saved_as)
    return (
        f'<section class="mm-transcript" data-text="{whole}" lang="{escape(content.language, quote=True)}">{title}'
        f'<ol>{rows}</ol>{unread}<div class="mm-foot"><span class="mm-hint">{facts}</span>'
        f'<div class="mm-actions">{link}</div></div></section>'
    )


def _word(word: SpokenWord, language: str) -> str:
    title = _t(
        language,
        "text.sounds.spoken_word",
        start=clock(word.start, 0.1),
        end=clock(word.end, 0.1),
        score=percent(word.score),
    )
    unsure = ' class="mm-unsure"' if word.score < UNSURE else ""
    return f'{" " if word.spaced else ""}<span{unsure} title="{title}">{escape(word.text)}</span>'
