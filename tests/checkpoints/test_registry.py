"""Contracts over the table: a new checkpoint is tested without anyone remembering."""

from __future__ import annotations

import json
import re
import tomllib
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import pytest

from mmcore.checkpoints import locate, registry
from mmcore.checkpoints.registry import CHECKPOINTS, Checkpoint, find, of_task
from mmcore.errors import UnknownNameError
from mmcore.families import FAMILIES
from mmcore.settings import TIERS, Settings, local_variable

ROOT = Path(__file__).resolve().parents[2]
NOT_PINNED_YET = {
    *("tipsv2-b14", "smolvlm2-256m", "clap-large", "ced-tiny", "ced-mini", "ced-base"),
    *("whisper-small", "whisper-large-v3-turbo"),
}
"""Hub checkpoints without a pin: their commit is looked up before a download."""

TASKS = (
    "captioning",
    "retrieval",
    "audio",
    "sentiment",
    "transcribe",
    "ocr",
    "ask",
)

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]

each = pytest.mark.parametrize("checkpoint", CHECKPOINTS, ids=lambda checkpoint: checkpoint.name)


def test_names_and_their_variables_are_unique():
    names = [checkpoint.name for checkpoint in CHECKPOINTS]
    assert len(set(names)) == len(names)
    assert len({local_variable(name) for name in names}) == len(names)


@each
def test_it_is_described(checkpoint: Checkpoint):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", checkpoint.name)
    assert checkpoint.title
    assert checkpoint.task in TASKS
    assert checkpoint.tier in TIERS
    assert checkpoint.licence
    assert checkpoint.bytes > 100_000
    assert checkpoint.parameters > 100_000
    assert checkpoint.languages
    assert all(re.fullmatch(r"[a-z]{2}", language) for language in checkpoint.languages)
    assert checkpoint.image_size is None or checkpoint.image_size > 0
    assert len(set(checkpoint.details)) == len(checkpoint.details)
    for quality in checkpoint.quality:
        assert quality.metric
        assert quality.value > 0
        assert quality.protocol, "a figure without its protocol says nothing"
        assert quality.source


@each
def test_its_family_has_a_module(checkpoint: Checkpoint):
    assert checkpoint.family in FAMILIES
    assert find_spec(f"mmcore.families.{checkpoint.family}") is not None


def test_every_family_is_used():
    assert {checkpoint.family for checkpoint in CHECKPOINTS} == set(FAMILIES)


@each
def test_its_source_is_pinned_or_listed(checkpoint: Checkpoint):
    if checkpoint.source == "hub":
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", checkpoint.location)
        if checkpoint.name in NOT_PINNED_YET:
            assert checkpoint.revision is None, f"{checkpoint.name} is pinned now: take it off NOT_PINNED_YET"
        else:
            assert re.fullmatch(r"[0-9a-f]{40}", checkpoint.revision or "")
    elif checkpoint.source == "url":
        assert checkpoint.location.startswith("https://")
        assert re.fullmatch(r"[0-9a-f]{64}", checkpoint.sha256 or ""), "a row that could not be fetched is not offered"
        assert locate.file_name(checkpoint)
    elif checkpoint.source == "package":
        assert re.fullmatch(r"[0-9a-f]{64}", checkpoint.sha256 or ""), "what others packed is checked before it is read"
        packages = {file.split("/")[0] for file in (checkpoint.location, *checkpoint.files)}
        assert packages <= set(checkpoint.needs)
        assert checkpoint.extra in EXTRAS
        brought = " ".join(EXTRAS[checkpoint.extra]).replace("-", "_")
        assert all(package in brought for package in checkpoint.needs)
    else:
        assert checkpoint.source == "bundled"
        assert re.fullmatch(r"[a-z_]+", checkpoint.location)


def test_every_pin_belongs_to_a_checkpoint():
    pins = json.loads((Path(registry.__file__).parent / "pins.json").read_text("utf-8"))
    assert set(pins) == {one.location for one in CHECKPOINTS if one.source == "hub" and one.revision is not None}
    assert len(set(pins.values())) == len(pins)


BUNDLED = [checkpoint for checkpoint in CHECKPOINTS if checkpoint.source == "bundled"]


@pytest.mark.parametrize("checkpoint", BUNDLED, ids=lambda checkpoint: checkpoint.name)
def test_the_bundle_is_there_and_as_large_as_said(checkpoint: Checkpoint, settings: Settings):
    folder = locate.locate(checkpoint, settings)
    assert (folder / "model.safetensors").is_file()
    assert "licence" in (folder / "README.md").read_text(encoding="utf-8").lower()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size == pytest.approx(checkpoint.bytes, rel=0.1)


def test_every_folder_of_the_bundle_is_a_checkpoint():
    bundle = Path(str(resources.files("mmcore"))) / "bundled"
    folders = {path.name for path in bundle.iterdir() if path.is_dir() and path.name != "__pycache__"}
    dictionary = {"dictionary"}  # words and their glosses, no network
    assert folders == {checkpoint.location for checkpoint in BUNDLED} | dictionary


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_compact_checkpoint_first(task: str):
    assert of_task(task)[0].tier == "compact"
    assert of_task(task, "compact")[0].source in ("bundled", "package")


def test_find_lists_the_known_names():
    assert find("blip-base").family == "blip"
    with pytest.raises(UnknownNameError, match=r"Known: .*blip-base, .*compact-captioner, .*florence-2-base"):
        find("blip")


@pytest.mark.parametrize("name", [["compact-captioner"], {"a": 1}, 7])
def test_what_is_no_text_is_no_name(name: object):
    with pytest.raises(UnknownNameError) as caught:
        find(name)  # type: ignore[arg-type]
    assert "compact-captioner" in str(caught.value)
