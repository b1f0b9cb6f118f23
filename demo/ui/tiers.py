"""What each tier would take, said under the switch in the header before anything is chosen, in every tab."""

from __future__ import annotations

from html import escape

from mmcore.checkpoints import locate
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import of_task
from mmcore.settings import Settings

from .i18n import escaped as _t
from .page import best_of_tier, offered_tiers

TASKS = ("captioning", "retrieval", "sentiment", "audio", "ask")
"""Those whose tab follows the switch, in the order of the tabs."""


def notes(settings: Settings, language: str) -> str:
    """One hidden block a tier; ``web/tiers.js`` shows that of the tier that is pointed at or was chosen."""
    return "".join(_note(tier, settings, language) for tier in offered_tiers())


def _note(tier: str, settings: Settings, language: str) -> str:
    rows, missing = [], {}
    for task in TASKS:
        where = _t(language, f"ui.tab.{task}")
        if not of_task(task, tier):
            rows.append(f"<li><b>{where}</b> {_t(language, 'text.tiers.none')}</li>")
            continue
        record = best_of_tier(task, tier, settings)
        here = locate.is_cached(record, settings)
        if not here:
            missing[record.name] = record.bytes
        state = (
            _t(language, "text.here") if here else _t(language, "text.tiers.costs", size=readable_size(record.bytes))
        )
        rows.append(f"<li><b>{where}</b> {escape(record.title)} · {escape(record.licence)} · <i>{state}</i></li>")
    size = readable_size(sum(missing.values()))
    key = "text.tiers.missing" if missing else "text.tiers.here"
    head = _t(language, key, tier=_t(language, f"text.tier.{tier}"), count=len(missing), size=size)
    offline = f"<p>{_t(language, 'text.tiers.offline')}</p>" if missing and settings.offline else ""
    return (
        f'<section class="mm-tier-note" data-tier="{tier}" data-missing="{len(missing)}" role="status" hidden>'
        f"<p>{head}</p><ul>{''.join(rows)}</ul>{offline}</section>"
    )
