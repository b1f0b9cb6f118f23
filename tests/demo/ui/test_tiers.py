"""What a tier would take, as the header says it."""

from __future__ import annotations

from demo.ui import tiers
from demo.ui.page import best_of_tier
from mmcore.checkpoints.download import readable_size
from mmcore.settings import Settings


def test_a_tier_says_what_is_missing_and_what_it_costs(settings: Settings) -> None:
    notes = tiers.notes(Settings(home=settings.home, offline=True), "en")
    standard = notes.split('data-tier="standard"')[1].split("</section>")[0]
    records = {best_of_tier(task, "standard", settings) for task in tiers.TASKS}
    total = readable_size(sum(record.bytes for record in records))
    assert f"Standard: {len(records)} models are not on this machine; together {total} to download" in standard
    assert all(record.title in standard and record.licence in standard for record in records)
    assert "works offline" in standard


def test_the_bundle_is_here(settings: Settings) -> None:
    compact = tiers.notes(settings, "zh").split('data-tier="compact"')[1].split("</section>")[0]
    assert 'data-missing="0"' in compact
    assert "所有模型都在本机" in compact
