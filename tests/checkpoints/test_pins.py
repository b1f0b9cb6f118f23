"""`mmcore models pin`: which commit is taken, and that the table stays as it was but for that."""

from __future__ import annotations

import ast
import shutil
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from mmcore.checkpoints import download, registry
from mmcore.checkpoints.pins import look_up, pin, write_revision
from mmcore.checkpoints.registry import find
from mmcore.errors import UnknownNameError, WeightsError
from mmcore.settings import Settings
from tests.servers import Files, file_server

MAIN = "1" * 40
CONVERTED = "2" * 40
OTHER = "3" * 40
BLIP = find("blip-base")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    download.reachability.forget()
    with file_server() as (address, files):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        files.commits[BLIP.location, "main"] = MAIN
        files.repositories[BLIP.location] = {MAIN: {"config.json": b"{}", "model.safetensors": b"w"}}
        yield files


@pytest.fixture
def online(settings: Settings) -> Settings:
    return replace(settings, offline=False)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return Path(shutil.copy(registry.__file__, tmp_path / "checkpoints.py"))


def request(number: int, author: str) -> dict[str, Any]:
    return {
        "num": number,
        "title": "Adding `safetensors` variant of this model",
        "author": {"name": author},
        "isPullRequest": True,
        "status": "open",
        "createdAt": "2023-01-01T00:00:00.000Z",
        "repo": {"name": BLIP.location, "type": "model"},
        "repoOwner": {"name": "someone"},
    }


def revisions(table: Path) -> dict[str, str | None]:
    """As Python reads them out of the file."""
    module = types.ModuleType("table_under_test")
    sys.modules[module.__name__] = module
    try:
        exec(compile(table.read_text(encoding="utf-8"), str(table), "exec"), module.__dict__)
        return {checkpoint.name: checkpoint.revision for checkpoint in module.CHECKPOINTS}
    finally:
        del sys.modules[module.__name__]


def test_main_is_pinned_where_it_has_safetensors(hub: Files, online: Settings, table: Path):
    before = table.read_text(encoding="utf-8")
    (found,) = pin(online, ["blip-base"], table)
    assert (found.name, found.revision, found.origin, found.problem) == ("blip-base", MAIN, "main", None)
    assert revisions(table) == {**revisions(Path(registry.__file__)), "blip-base": MAIN}
    changed = [line for line in table.read_text(encoding="utf-8").splitlines() if line not in before.splitlines()]
    assert changed == [f'        revision="{MAIN}",']


def test_a_second_pin_replaces_the_first(hub: Files, online: Settings, table: Path):
    list(pin(online, ["blip-base"], table))
    hub.commits[BLIP.location, "main"] = OTHER
    hub.repositories[BLIP.location][OTHER] = {"model.safetensors": b"new"}
    list(pin(online, ["blip-base"], table))
    assert revisions(table)["blip-base"] == OTHER
    assert (
        table.read_text(encoding="utf-8").count("revision=")
        == Path(registry.__file__).read_text().count("revision=") + 1
    )


def test_old_weights_are_pinned_at_the_hubs_own_conversion(hub: Files, online: Settings):
    hub.repositories[BLIP.location] = {
        MAIN: {"config.json": b"{}", "pytorch_model.bin": b"pickle"},
        OTHER: {"config.json": b"{}", "model.safetensors": b"a stranger's"},
        CONVERTED: {"config.json": b"{}", "model.safetensors": b"w"},
    }
    hub.commits[BLIP.location, "refs/pr/4"] = OTHER
    hub.commits[BLIP.location, "refs/pr/7"] = CONVERTED
    hub.discussions[BLIP.location] = [request(4, "stranger"), request(7, "SFconvertbot")]
    found = look_up(BLIP, online)
    assert (found.revision, found.origin) == (CONVERTED, "refs/pr/7")


def test_a_strangers_conversion_is_not_taken(hub: Files, online: Settings, table: Path):
    hub.repositories[BLIP.location] = {
        MAIN: {"pytorch_model.bin": b"pickle"},
        OTHER: {"model.safetensors": b"a stranger's"},
    }
    hub.commits[BLIP.location, "refs/pr/4"] = OTHER
    hub.discussions[BLIP.location] = [request(4, "stranger")]
    (found,) = pin(online, ["blip-base"], table)
    assert found.revision is None
    assert found.problem is not None
    assert found.problem.key == "weights_unsafe"
    assert table.read_text(encoding="utf-8") == Path(registry.__file__).read_text()


def test_out_of_reach_changes_nothing(settings: Settings, table: Path):
    found = list(pin(settings, table=table))
    open_ones = {one.name for one in registry.CHECKPOINTS if one.source == "hub" and one.revision is None}
    assert {item.name for item in found} == open_ones
    assert all(item.problem is not None and item.problem.key == "weights_hub_unreachable" for item in found)
    assert table.read_text(encoding="utf-8") == Path(registry.__file__).read_text()


def test_a_name_that_is_not_there(settings: Settings, table: Path):
    with pytest.raises(UnknownNameError):
        list(pin(settings, ["nonsense"], table))


def test_none_in_any_shape_is_replaced(tmp_path: Path):
    table = tmp_path / "table.py"
    table.write_text(
        'T = (\n    Checkpoint(name="é", location="a/b", revision=None, bytes=1),\n    Checkpoint(name="b"),\n)\n'
    )
    write_revision(table, "é", MAIN)
    assert table.read_text(encoding="utf-8") == (
        f'T = (\n    Checkpoint(name="é", location="a/b", revision="{MAIN}", bytes=1),\n    Checkpoint(name="b"),\n)\n'
    )
    ast.parse(table.read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="no Checkpoint called 'c'"):
        write_revision(table, "c", MAIN)


def test_a_table_that_cannot_be_written_says_so(table: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mmcore.checkpoints.pins.os.replace", refuse)
    with pytest.raises(WeightsError, match="Permission denied"):
        write_revision(table, "blip-base", MAIN)
