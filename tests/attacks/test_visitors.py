"""What one visitor may do to another, and to the machine."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from demo.models import service as models
from demo.ui import events, slots
from mmcore import cancelling
from mmcore.checkpoints import fusion_heads
from mmcore.errors import Cancelled, InputError, UnknownNameError
from mmcore.settings import Settings
from tests.fakes.demo import fake_pool


def test_heads_of_visitors_are_never_listed(settings: Settings) -> None:
    drawn = f"lab-concat-{'a1' * 16}"
    for name in (drawn, "mine"):
        folder = fusion_heads.folder_for(settings, name)
        folder.mkdir(parents=True)
        for file in fusion_heads.FILES:
            (folder / file).write_text("{}")
    with pytest.raises(UnknownNameError) as caught:
        fusion_heads.find(settings, "nope")
    assert "mine" in str(caught.value)
    assert "lab-concat" not in str(caught.value)
    assert fusion_heads.find(settings, drawn).is_dir()  # whoever was told the name uses it


def test_strangers_neither_download_nor_unload(settings: Settings) -> None:
    pool = fake_pool(replace(settings, public=True))
    with pytest.raises(InputError) as caught:
        models.unload(pool, "compact-captioner", "en")
    assert caught.value.key == "owner_only"
    with pytest.raises(InputError):
        list(models.download(pool, "blip-base", "en"))


def test_a_space_is_public_unless_it_is_said_otherwise() -> None:
    assert Settings.from_env({"SYSTEM": "spaces"}).public
    assert not Settings.from_env({"SYSTEM": "spaces", "MMCORE_PUBLIC": "0"}).public
    assert Settings.from_env({"MMCORE_PUBLIC": "1"}).public
    assert not Settings.from_env({}).public


@pytest.mark.parametrize("login", ["name", ":password", "name:"])
def test_a_login_needs_both(login: str) -> None:
    with pytest.raises(InputError) as caught:
        Settings.from_env({"MMCORE_LOGIN": login})
    assert "password" in str(caught.value)
    assert login not in repr(caught.value.values["value"])


def test_a_cancelled_request_frees_the_slot_only_when_its_thread_ends() -> None:
    running, ended = threading.Event(), threading.Event()

    def work(progress: events.Progress, cancelled: events.IsCancelled) -> None:
        running.set()
        while not cancelled():
            time.sleep(0.01)
        time.sleep(0.3)  # the batch that was under way
        ended.set()

    button = events.Stop()

    def ask() -> None:
        with pytest.raises(Cancelled):
            list(events.in_background(work, button))

    taken = threading.Thread(target=ask)
    taken.start()
    assert running.wait(10)
    button.press()
    second = events.in_background(lambda progress, cancelled: ended.is_set())
    assert list(second) == [True]
    taken.join(10)


def test_one_that_waits_and_leaves_never_works() -> None:
    with slots.slot(lambda: False):
        gone = threading.Event()
        outcome: list[object] = []

        def wait() -> None:
            try:
                with slots.slot(gone.is_set):
                    outcome.append("worked")
            except Cancelled:
                outcome.append("left")

        waiting = threading.Thread(target=wait)
        waiting.start()
        gone.set()
        waiting.join(2)
        assert outcome == ["left"]


def test_models_are_not_lent_to_who_has_left(settings: Settings) -> None:
    pool = fake_pool(settings)
    with cancelling.asking(lambda: True), pytest.raises(Cancelled), pool.use("compact-captioner"):
        pytest.fail("lent")


def test_work_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "SECONDS", -1.0)
    with pytest.raises(Exception, match="took longer"), slots.slot(lambda: False):
        pytest.fail("began")


def test_words_that_cancel_each_other_are_told_of() -> None:
    from mmcore.results import Query, QueryPart
    from mmcore.tasks.queries import EmbeddedQuery

    class Spread:
        text_spread = image_spread = 0.1

    class Known:
        spread = Spread()

    vector = np.eye(1, 384, dtype=np.float32)
    query = Query((QueryPart("dog", 1.0), QueryPart("dog", -1.0)))
    with pytest.raises(InputError) as caught:
        EmbeddedQuery(query, np.concatenate([vector, vector])).summed(Known())  # type: ignore[arg-type]
    assert caught.value.key == "words_cancel"
