"""Models as tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.models import view
from demo.ui import html
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import find


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 bytes"), (20_400, "20 kB"), (990_000_000, "990 MB"), (1_500_000_000, "1.5 GB")]
)
def test_sizes(count: int, shown: str) -> None:
    assert readable_size(count) == shown


def test_the_line_of_a_model_says_size_licence_quality_and_cost() -> None:
    line = html.model_line(find("blip-base"), "en", cached=False)
    for fact in ("BLIP base", "990 MB", "BSD-3-Clause", "CIDEr 133.5 (COCO Karpathy", "the download is 990 MB"):
        assert fact in line
    assert "on this machine" in html.model_line(find("blip-base"), "en", cached=True)
    assert "不在本机" in html.model_line(find("blip-base"), "zh", cached=False)


def test_the_table_of_models() -> None:
    states = [
        view.ModelState(find("compact-captioner"), Path("/x"), "cpu", 41_000_000),
        view.ModelState(find("blip-base"), None),
        view.ModelState(find("florence-2-base"), Path.home() / "hub" / "florence"),
    ]
    html = view.models_table(states, "en")
    for fact in (
        "bundled",
        "CPU, 41 MB",
        "990 MB",
        "not on this machine",
        "~/hub/florence",
        "MIT",
        "Li et al., BLIP, ICML 2022",
    ):
        assert fact in html
    assert str(Path.home() / "hub") not in html


def test_progress_without_a_total() -> None:
    assert 'value="0.0000"' in html.progress_bar(0, 0, "x")
    assert 'value="0.5000"' in html.progress_bar(2, 4, 'a "b"')
