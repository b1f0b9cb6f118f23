"""Models as tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from demo.models import jobs, view
from demo.ui import html
from demo.ui.events import Failure
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import find
from mmcore.errors import WeightsError


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


def test_rows_are_grouped_by_task_and_have_their_buttons() -> None:
    job = jobs.Job(find("blip-base"), done=495_000_000, total=990_000_000)
    job.steps.extend([(0.0, 395_000_000), (4.0, 495_000_000)])
    stopped = Failure(WeightsError("weights_no_space", name="clap", needed="1 GB", folder="/", free="1 MB"))
    states = [
        view.ModelState(find("compact-captioner"), Path("/x"), "cpu", 41_000_000),
        view.ModelState(find("blip-base"), None, job=job),
        view.ModelState(find("florence-2-base"), Path("/x"), removable=True),
        view.ModelState(find("clap"), None, partial=100_000_000, problem=stopped),
    ]
    html = view.models_table(states, "en")
    assert [part.partition("<")[0] for part in html.split("<h3>")[1:]] == ["Captions", "Sounds"]
    rows = {name: html.split(f"<code>{name}</code>")[1].partition("</tr>")[0] for name in names_of(states)}
    for name, actions in {
        "compact-captioner": ["unload"],
        "blip-base": ["stop"],
        "florence-2-base": ["remove"],
        "clap": ["download", "remove"],
    }.items():
        assert re.findall('data-action="([a-z]+)"', rows[name]) == actions
    assert "495 MB of 990 MB, 25 MB/s, 0:20 left" in rows["blip-base"]
    assert "100 MB of 614 MB are here" in rows["clap"]
    assert "Resume" in rows["clap"]
    assert "1 GB more on the disk" in rows["clap"]
    assert "broken" not in html
    assert "data-action" not in view.models_table(states, "en", buttons=False)


def names_of(states: list[view.ModelState]) -> list[str]:
    return [state.checkpoint.name for state in states]


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0:00"), (95, "1:35"), (3725, "1:02:05")])
def test_time_as_a_clock_shows_it(seconds: float, shown: str) -> None:
    assert view.time_text(seconds) == shown


def test_before_the_first_byte_the_hub_is_asked() -> None:
    assert "asking the hub" in view.models_table([view.ModelState(find("ast"), None, job=jobs.Job(find("ast")))], "en")


def test_progress_without_a_total() -> None:
    assert 'value="0.0000"' in html.progress_bar(0, 0, "x")
    assert 'value="0.5000"' in html.progress_bar(2, 4, 'a "b"')
