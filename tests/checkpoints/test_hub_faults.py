"""Every way in which a hub fails ends in a verified file or in one clear sentence."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

from mmcore.checkpoints import download, locate
from mmcore.checkpoints.registry import find
from mmcore.errors import Cancelled, WeightsError
from mmcore.settings import Settings
from tests.hub import ROOT_COMMIT, Hub, as_this_process_hub, imitation_hub

RECORD = replace(find("blip-base"), name="tiny", location="someone/tiny", revision=ROOT_COMMIT, bytes=1_000_000)
WEIGHTS = bytes(range(256)) * 4096


@pytest.fixture
def online(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(download, "RETRY_SECONDS", 0.0)
    return replace(settings, offline=False)


@pytest.fixture
def hub(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with imitation_hub() as hub:
        hub.publish("someone/tiny", {"config.json": b"{}", "model.safetensors": WEIGHTS})
        as_this_process_hub(hub, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(isolated / "hub"))
        yield hub


def arrives(settings: Settings) -> bool:
    folder = locate.locate(RECORD, settings, download=True)
    return (folder / "model.safetensors").read_bytes() == WEIGHTS


def fails(settings: Settings, record: object = RECORD) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        locate.locate(record, settings, download=True)  # type: ignore[arg-type]
    assert not locate.is_cached(RECORD, settings)
    return caught.value


def test_a_slow_hub_is_waited_for(hub: Hub, online: Settings):
    hub.slow = (100_000, 0.01)
    steps: list[int] = []
    locate.locate(RECORD, online, download=True, progress=lambda done, _: steps.append(done))
    assert len(steps) > 5
    assert arrives(online)


def test_half_a_file_goes_on(hub: Hub, online: Settings):
    hub.cut, hub.cuts_left = len(WEIGHTS) // 2, 1
    assert arrives(online)
    assert hub.asked("model.safetensors") == [None, f"bytes={len(WEIGHTS) // 2}-"]


def test_a_file_of_another_size_is_thrown_away(hub: Hub, online: Settings):
    hub.longer = 7
    assert fails(online).key == "weights_checksum"
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.part"))


@pytest.mark.parametrize("part", ["/api/", "model.safetensors"])
@pytest.mark.parametrize(
    ("status", "key"), [(401, "weights_login"), (403, "weights_refused"), (404, "weights_gone"), (410, "weights_gone")]
)
def test_a_refusal_is_not_asked_again(hub: Hub, online: Settings, part: str, status: int, key: str):
    hub.status, hub.status_for = status, part
    assert fails(online).key == key
    assert len([path for _, path, _ in hub.requests if part in path]) == 1


def test_too_many_requests_are_waited_out(hub: Hub, online: Settings):
    hub.status, hub.status_for, hub.status_left, hub.retry_after = 429, "model.safetensors", 1, "1"
    assert arrives(online)


@pytest.mark.parametrize("part", ["/api/", "model.safetensors"])
def test_a_long_wait_is_told(hub: Hub, online: Settings, part: str):
    hub.status, hub.status_for, hub.retry_after = 429, part, "3600"
    error = fails(online)
    assert error.key == "weights_wait"
    assert "3600 seconds" in str(error)


def test_a_wait_ends_with_a_stop(hub: Hub, online: Settings):
    hub.status, hub.status_for, hub.retry_after = 429, "model.safetensors", "29"
    with pytest.raises(Cancelled):
        locate.locate(RECORD, online, download=True, cancelled=lambda: bool(hub.asked("model.safetensors")))


def test_silence_in_the_middle_ends(hub: Hub, online: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(download, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    hub.slow = (len(WEIGHTS), 0.0)
    hub.pause = 1.0
    error = fails(online)
    assert error.key == "weights_interrupted"
    assert "run `mmcore download tiny` again" in str(error)


def test_a_redirect_loop_ends(hub: Hub, online: Settings):
    hub.loop = "model.safetensors"
    error = fails(online)
    assert error.key == "weights_interrupted"
    assert "redirect" in str(error).lower()


def test_a_full_disk_is_noticed_before_writing(hub: Hub, online: Settings, monkeypatch: pytest.MonkeyPatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage(10, 9, 1000))
    assert fails(online).key == "weights_no_space"
    # What the server had already put on the way is nobody's count to make; what matters is that none of it was written.
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.part"))


def test_a_disk_that_fills_up_keeps_what_arrived(hub: Hub, online: Settings, monkeypatch: pytest.MonkeyPatch):
    real = download._append

    def full(*arguments: object) -> int:
        real(*arguments)  # type: ignore[arg-type]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_append", full)
    assert fails(online).key == "weights_disk"
    monkeypatch.undo()


def test_an_unknown_repository_says_so(hub: Hub, online: Settings):
    error = fails(online, replace(RECORD, location="nobody/nothing", revision=None))
    assert error.key == "weights_gone"
