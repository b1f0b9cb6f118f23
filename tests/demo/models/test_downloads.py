"""Downloads from the Models tab: they report, stop, go on, fail with a sentence, and can be removed again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

from demo.models import service
from demo.models.jobs import Job, Jobs
from mmcore.checkpoints import locate, registry
from mmcore.checkpoints.registry import find
from mmcore.errors import InputError, UnknownNameError
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from tests.hub import Hub, as_this_process_hub, imitation_hub

BLIP = find("blip-base")
WEIGHTS = bytes(range(256)) * 4096


@pytest.fixture
def hub(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with imitation_hub() as hub:
        hub.publish(BLIP.location, {"config.json": b"{}", "model.safetensors": WEIGHTS}, str(BLIP.revision))
        as_this_process_hub(hub, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(isolated / "hub"))
        yield hub


@pytest.fixture
def pool(settings: Settings) -> ModelPool:
    return ModelPool(replace(settings, offline=False, device="cpu"))


@pytest.fixture
def jobs(pool: ModelPool) -> Jobs:
    return Jobs(pool.settings)


def press(pool: ModelPool, jobs: Jobs, action: str, name: str = "blip-base") -> str:
    return service.act(pool, jobs, {"action": action, "name": name}, "en")


def until(true: Callable[[], object]) -> None:
    for _ in range(6000):  # it ends as soon as it is true
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


def row(pool: ModelPool, jobs: Jobs, name: str = "blip-base") -> str:
    return service.table(pool, "en", jobs).split(f"<code>{name}</code>")[1].partition("</tr>")[0]


def test_from_the_button_to_the_disk_and_back(hub: Hub, pool: ModelPool, jobs: Jobs):
    assert 'data-action="download"' in row(pool, jobs)
    press(pool, jobs, "download")
    until(lambda: not jobs.running())
    assert jobs.of("blip-base") is None
    folder = locate.find_local(BLIP, pool.settings)
    assert folder is not None
    assert 'data-action="remove"' in row(pool, jobs)
    assert "1 MB are free again" in press(pool, jobs, "remove")
    assert locate.find_local(BLIP, pool.settings) is None
    assert not list(Path(constants.HF_HUB_CACHE).glob("models--*blip*"))


def test_stop_keeps_what_is_here_and_resume_goes_on(hub: Hub, pool: ModelPool, jobs: Jobs):
    hub.slow = (5_000, 0.05)  # ten seconds, in which the table is made and the button pressed
    press(pool, jobs, "download")
    until(lambda: (job := jobs.of("blip-base")) and job.done > 60_000)
    shown = row(pool, jobs)
    assert "<progress" in shown
    assert 'data-action="stop"' in shown
    press(pool, jobs, "stop")
    until(lambda: not jobs.running())
    assert "are here" in row(pool, jobs)
    assert "Resume" in row(pool, jobs)
    hub.slow = None
    press(pool, jobs, "download")
    until(lambda: locate.is_cached(BLIP, pool.settings))
    assert str(hub.asked("model.safetensors")[-1]).startswith("bytes=")


def test_two_visitors_start_one_download(hub: Hub, pool: ModelPool, jobs: Jobs):
    hub.slow = (100_000, 0.05)
    assert jobs.start(BLIP) is jobs.start(BLIP)
    until(lambda: not jobs.running())
    assert len(hub.asked("model.safetensors")) == 1


def test_what_went_wrong_stands_in_the_row(hub: Hub, pool: ModelPool, jobs: Jobs):
    hub.status, hub.status_for = 401, "model.safetensors"
    press(pool, jobs, "download")
    until(lambda: not jobs.running())
    assert "logged in (HTTP 401)" in row(pool, jobs)
    assert 'data-action="download"' in row(pool, jobs)


def test_a_repository_is_looked_up_shown_and_taken_off_again(hub: Hub, pool: ModelPool, jobs: Jobs):
    files = {"config.json": b'{"model_type": "clip"}', "model.safetensors": WEIGHTS}
    hub.publish("school/their-clip", files, card={"license": "mit", "language": "en"})
    said = service.look_up(pool, " https://huggingface.co/school/their-clip/ ", "en")
    for fact in ("their-clip", "1 MB", "mit", "Languages: en"):
        assert fact in said
    name = "hub:school/their-clip"
    assert 'data-action="download"' in row(pool, jobs, name)
    press(pool, jobs, "download", name)
    until(lambda: not jobs.running())
    assert 'data-action="remove"' in row(pool, jobs, name)
    press(pool, jobs, "remove", name)
    assert name not in service.table(pool, "en", jobs)
    assert not registry.named()


def test_removal_leaves_other_commits_alone(hub: Hub, pool: ModelPool):
    other = "b" * 40
    shared = {"config.json": b"{}", "vocab.txt": b"other", "model.safetensors": WEIGHTS}
    hub.publish(BLIP.location, shared, other)
    locate.locate(BLIP, pool.settings, download=True)
    theirs = replace(BLIP, revision=other)
    locate.locate(theirs, pool.settings, download=True)
    assert locate.remove(BLIP, pool.settings) == 0  # every file is still in use there
    assert locate.find_local(BLIP, pool.settings) is None
    assert locate.find_local(theirs, pool.settings) is not None


@pytest.mark.parametrize("asked", [None, {}, {"action": "explode", "name": "blip-base"}, {"action": "stop"}])
def test_what_no_button_asks_for_is_refused(pool: ModelPool, jobs: Jobs, asked: object):
    with pytest.raises(UnknownNameError):
        service.act(pool, jobs, asked, "en")


def test_strangers_change_nothing_and_see_no_buttons(settings: Settings):
    pool = ModelPool(replace(settings, public=True, device="cpu"))
    jobs = Jobs(pool.settings)
    for work in (
        lambda: press(pool, jobs, "download"),
        lambda: service.look_up(pool, "a/b", "en"),
        lambda: service.unload(pool, "blip-base", "en"),
    ):
        with pytest.raises(InputError) as caught:
            work()
        assert caught.value.key == "owner_only"
    assert "data-action" not in service.table(pool, "en", jobs)


def test_speed_and_time_left_are_those_of_the_last_seconds():
    job = Job(BLIP)
    assert job.speed == 0
    assert job.seconds_left is None
    for second in range(21):
        job.report(second * (1 if second < 10 else 10), 1000, float(second))
    assert job.speed == pytest.approx(10, rel=0.2)
    assert job.seconds_left == pytest.approx((1000 - 200) / job.speed)
