"""What becomes of a visitor's choice of a tier or model."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.models import service
from demo.ui import page
from mmcore.checkpoints import locate as weights
from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.errors import WeightsError
from mmcore.settings import Settings, local_variable
from tests.fakes.demo import fake_pool

COMPACT, BLIP, FLORENCE = find("compact-captioner"), find("blip-base"), find("florence-2-base")


def with_local(settings: Settings, *checkpoints: Checkpoint) -> Settings:
    """Settings under which these checkpoints are on this machine."""
    local = {}
    for checkpoint in checkpoints:
        folder = settings.home / checkpoint.name
        folder.mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            (folder / name).write_text("{}")
        local[local_variable(checkpoint.name)] = folder
    return Settings(home=settings.home, offline=True, device="cpu", local=local)


def test_a_model_that_is_here_is_taken(settings: Settings) -> None:
    choice = page.choose(BLIP, COMPACT, with_local(settings, COMPACT, BLIP), "en")
    assert choice.checkpoint is BLIP
    assert "BLIP base" in choice.line
    assert "CIDEr 133.5" in choice.line
    assert "BSD-3-Clause" in choice.line
    assert not choice.download


@pytest.mark.parametrize(
    ("language", "kept", "why"),
    [
        ("en", "Standard cannot be used yet, so Compact captioner stays in use.", "offline mode is on"),
        ("zh", "标准暂时不能使用，继续使用 小型图片描述模型。", "离线模式已开启"),
    ],
)
def test_with_the_hub_out_of_reach_compact_stays_and_the_line_says_why(
    settings: Settings, language: str, kept: str, why: str
) -> None:
    choice = page.choose(BLIP, COMPACT, with_local(settings, COMPACT), language)
    assert choice.checkpoint is COMPACT
    assert kept in choice.line
    assert why in choice.line
    assert not choice.download


def test_with_the_hub_in_reach_the_line_says_what_the_download_costs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = weights.Availability("download", BLIP.bytes, WeightsError("weights_not_cached", name="x", size="y"))
    ready = weights.Availability("bundled")
    monkeypatch.setattr(weights, "availability", lambda wanted, _: state if wanted is BLIP else ready)
    choice = page.choose(BLIP, COMPACT, settings, "en")
    assert choice.checkpoint is COMPACT
    assert choice.download
    assert "Its download is 990 MB (BSD-3-Clause; CIDEr 133.5" in choice.line


def test_a_broken_model_says_so(settings: Settings, tmp_path: Path) -> None:
    local = {local_variable("compact-captioner"): tmp_path / "gone"}
    line = page.model_facts(COMPACT, Settings(home=settings.home, offline=True, local=local), "en")
    assert "there is no such folder" in line


def test_the_first_of_a_tier_that_is_here(settings: Settings) -> None:
    assert page.best_of_tier("captioning", "standard", settings) is FLORENCE
    assert page.best_of_tier("captioning", "standard", with_local(settings, BLIP)) is BLIP
    with pytest.raises(KeyError):
        page.best_of_tier("captioning", "huge", settings)


def test_only_tiers_with_a_model_are_offered() -> None:
    assert page.offered_tiers()[:2] == ("compact", "standard")


def test_the_inventory_knows_what_is_loaded_and_where_it_lies(settings: Settings) -> None:
    here = with_local(settings, COMPACT)
    pool = fake_pool(here)
    pool.get("compact-captioner")
    states = {state.checkpoint.name: state for state in service.states(pool)}
    assert states["compact-captioner"].folder == here.local[local_variable("compact-captioner")]
    assert (states["compact-captioner"].device, states["compact-captioner"].memory) == ("cpu", 127_192_356)
    assert states["blip-base"].folder is None
    assert states["blip-base"].device is None
    assert "1 loaded, 127 MB in use. Device: CPU. Budget: none set." in service.table(pool, "en")


def test_unloading(settings: Settings) -> None:
    pool = fake_pool(settings)
    assert "is not loaded" in service.unload(pool, "blip-base", "en")
    pool.get("blip-base")
    assert "is unloaded" in service.unload(pool, "blip-base", "en")
    assert pool.loaded() == []
