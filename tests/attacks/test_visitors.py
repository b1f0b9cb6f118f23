"""What one visitor may do to another, and to the machine."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from demo.models import service as models
from demo.models.jobs import Jobs
from demo.retrieval.collections import CollectionChooser
from demo.ui import events, guard, quotas, sessions, slots
from demo.ui.refusals import Refusal
from mmcore import cancelling
from mmcore.checkpoints import download, fusion_heads
from mmcore.errors import Cancelled, CapacityError, InputError, UnknownNameError
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
    for action, name in (("unload", "compact-captioner"), ("download", "blip-base"), ("remove", "blip-base")):
        with pytest.raises(InputError) as caught:
            models.act(pool, Jobs(pool.settings), {"action": action, "name": name}, "en")
        assert caught.value.key == "owner_only"


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
    assert running.wait(300)
    button.press()
    second = events.in_background(lambda progress, cancelled: ended.is_set())
    assert list(second) == [True]
    taken.join(300)


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
        waiting.join(300)
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


def test_what_names_the_server_is_not_for_strangers(caplog: pytest.LogCaptureFixture) -> None:
    from mmcore.errors import CapacityError

    error = CapacityError("collection_disk", name="x", folder="/srv/secret", detail="full")
    assert "/srv/secret" in events.failure(error).message("en")
    events.meet_strangers(True)
    try:
        said = [events.failure(error).message(language) for language in ("en", "zh")]
        assert not any("secret" in one for one in said)
        assert "/srv/secret" in caplog.text  # for the owner
        assert "0 bytes" in events.failure(InputError("image_empty")).message("en")
    finally:
        events.meet_strangers(False)


def test_every_sentence_with_a_path_or_command_is_the_houses() -> None:
    from mmcore.errors import MESSAGES

    house = {key for key, said in MESSAGES.items() if any(part in said for part in events.HOUSE)}
    assert {"collection_disk", "collection_damaged", "weights_not_cached", "file_missing"} <= house
    assert not {"image_damaged", "text_too_long", "unknown_name", "nothing_given"} & house


def test_a_collection_is_shared_by_its_owner_only(settings: Settings) -> None:
    from mmcore.index import Library

    library = Library(settings)
    library.create("private", "compact-retriever")
    library.create("open", "compact-retriever")
    library.share("open")
    assert library.shared() == ["open"]
    library.share("open", False)
    assert library.shared() == []
    with pytest.raises(InputError):
        Library(settings, read_only=True).share("private")
    with pytest.raises(UnknownNameError):
        library.share("nothing")


def test_a_log_left_on_a_read_only_medium_is_read_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    from mmcore.index import Library
    from mmcore.index.store import FILE, Store, facts

    library = Library(settings)
    library.create("things", "compact-retriever").close()
    folder = library.folder / "things"
    writer = Store(folder, "things")
    with writer.write() as connection:
        connection.execute("UPDATE facts SET checkpoint = 'clip-base'")
    left = {name: (folder / name).read_bytes() for name in (FILE, f"{FILE}-wal")}  # as a killed writer leaves them
    writer.close()
    shutil.rmtree(folder)
    folder.mkdir()
    for name, content in left.items():
        (folder / name).write_bytes(content)
    ours = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and ours(path, mode))
    reader = Store(folder, "things", read_only=True)
    with reader.read() as connection:
        assert facts(connection).checkpoint == "clip-base"
    reader.close()
    assert sorted(path.name for path in folder.iterdir()) == sorted(left)  # nothing was written there


def test_uploads_have_a_ceiling_and_examples_are_none(tmp_path: Path) -> None:
    for number in range(5):
        file = tmp_path / str(number) / "a.bin"
        file.parent.mkdir()
        file.write_bytes(b"x" * 100)
        os.utime(file, (number, number))
    example = tmp_path / "0" / "a.bin"
    assert sessions.make_room(tmp_path, {example}, 250) == 2
    assert sorted(path.parent.name for path in tmp_path.rglob("*.bin")) == ["0", "3", "4"]


@pytest.mark.parametrize("told", [None, "shared"])
def test_each_server_has_its_own_uploads(told: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    at_the_end: list[Callable[[], None]] = []
    monkeypatch.setattr("atexit.register", at_the_end.append)
    home = tmp_path / told if told else tmp_path

    def another_server() -> Path:
        if told:
            monkeypatch.setenv("GRADIO_TEMP_DIR", str(home))
        else:
            monkeypatch.delenv("GRADIO_TEMP_DIR")
        return sessions.own_uploads()

    killed = home / f"{sessions.UPLOADS}killed"
    killed.mkdir(parents=True)
    foreign = home / "somebody-else"
    foreign.mkdir()
    for folder in (killed, foreign):
        os.utime(folder, (1, 1))
    first = another_server()
    assert not killed.exists()
    assert foreign.exists()  # a folder that is told may hold anything
    assert sessions.own_uploads() == first  # asked again, by the same server
    os.utime(first.parent, (1, 1))
    second = another_server()
    assert second.parent.parent == first.parent.parent == home
    assert second != first
    assert first.parent.exists()  # long there, but its server runs
    monkeypatch.setattr(sessions, "_mine", set())
    assert sessions.own_uploads().parent.parent == home  # started by a server, with its environment: beside it
    for end in at_the_end:
        end()
    assert list(home.iterdir()) == [foreign]


def test_idle_sessions_are_forgotten() -> None:
    class Holder:
        session_data: ClassVar = {"a": object(), "b": object()}
        time_last_used: ClassVar = {"a": datetime(2000, 1, 1), "b": datetime.now()}
        deleted: ClassVar[list[str]] = []

        def delete_state(self, name: str) -> None:
            self.deleted.append(name)

    holder = Holder()
    assert sessions.expire(holder) == 1
    assert (list(holder.session_data), holder.deleted) == (["b"], ["a"])


class Queue:
    max_size = 64

    def __len__(self) -> int:
        return sum(len(one.queue) for one in self.event_queue_per_concurrency_id.values())

    def __init__(self, sessions: list[str]) -> None:
        class One:
            queue: ClassVar = [Event(name) for name in sessions]

        self.event_queue_per_concurrency_id = {"models": One()}
        self.process_time_per_fn: dict[str, object] = {}


class Event:
    def __init__(self, session: str) -> None:
        class Request:
            scope: ClassVar = {"headers": [], "client": ("10.0.0.1", 1)}

        self.session_hash, self.request = session, Request()


def quota(sessions: list[str], public: bool) -> quotas.Quotas:
    class Demo:
        _queue = Queue(sessions)
        fns: ClassVar[dict[int, Any]] = {}

    return quotas.Quotas(Demo(), Settings(public=public))  # type: ignore[arg-type]


SCOPE = {"client": ("10.0.0.1", 1)}


@pytest.mark.parametrize(
    ("waiting", "public", "key"),
    [
        (["x"] * 64, False, "full"),
        (["x"] * 63, False, None),
        (["me"] * 4, True, "yours"),
        (["me"] * 4, False, None),
        ([str(number) for number in range(16)], True, "yours"),
        ([str(number) for number in range(15)], True, None),
    ],
)
def test_who_asks_too_much_is_told_when_to_come_back(waiting: list[str], public: bool, key: str | None) -> None:
    asked = quota(waiting, public)
    if key is None:
        asked.request(SCOPE, {}, "me")
        return
    with pytest.raises(Refusal) as caught:
        asked.request(SCOPE, {}, "me")
    assert (caught.value.status, caught.value.key) == (429, key)
    assert caught.value.retry is not None
    assert caught.value.retry >= 1


@pytest.mark.parametrize(
    ("path", "met", "status"),
    [
        ("/gradio_api/upload", OSError(errno.ENOSPC, "No space left on device"), 507),
        ("/gradio_api/call/search", 503, 429),  # gradio's own word for a full queue
    ],
)
def test_what_gradio_says_without_words_gets_some(
    path: str, met: Exception | int, status: int, settings: Settings
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if isinstance(met, Exception):
            raise met
        await send({"type": "http.response.start", "status": met, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "client": ("10.0.0.1", 1)}
    asyncio.run(guard.Guard(app, quota([], False)._demo, settings, {})(scope, receive, send))
    assert said[0]["status"] == status
    assert len(json.loads(said[1]["body"])["detail"]) > 20


def test_connections_outlive_a_visitors_pause() -> None:
    import uvicorn
    from gradio.http_server import Server

    sessions.keep_connections()
    assert (
        Server(uvicorn.Config("nothing:app")).config.timeout_keep_alive > 60
    )  # as long as nginx and browsers keep them


def test_uploads_of_one_address_are_counted() -> None:
    asked = quota([], True)
    for _ in range(3):
        asked.upload(SCOPE, {}, 100_000_000)
    with pytest.raises(Refusal) as caught:
        asked.upload(SCOPE, {}, 1)
    assert caught.value.key == "bytes"
    asked.upload({"client": ("10.0.0.2", 1)}, {}, 100_000_000)
    asked.upload(SCOPE, {"x-forwarded-for": "1.2.3.4, 5.6.7.8"}, 100_000_000)


@pytest.mark.parametrize(
    ("status", "key"),
    [
        (401, "weights_login"),
        (403, "weights_refused"),
        (404, "weights_gone"),
        (429, "weights_busy"),
        (500, "weights_busy"),
    ],
)
def test_refused_downloads_are_told_apart(status: int, key: str) -> None:
    error = download.refusal("blip-base", "hub.example", status, {})
    assert error.key == key
    said = str(error)
    assert "hub.example" in said
    assert f"HTTP {status}" in said


@pytest.mark.parametrize("choice", [["examples"], None, 7, {"a": 1}], ids=repr)
def test_a_collection_that_is_no_name_is_unknown(choice: Any, settings: Settings) -> None:
    with pytest.raises(UnknownNameError):
        CollectionChooser(fake_pool(settings)).open(choice, "compact-retriever")


def test_a_home_that_cannot_be_written_is_searched(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmcore.index import Library

    library = Library(settings)
    library.create("things", "compact-retriever").close()
    ours = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and ours(path, mode))
    found = library.open("things")
    assert found.summary().read_only
    with pytest.raises(InputError) as caught:
        found.remove([])
    assert caught.value.key == "collection_read_only"
    found.close()
    with pytest.raises(CapacityError, match="cannot be written"):
        library.open_or_create("things", "compact-retriever")
    shelf = CollectionChooser(fake_pool(settings))
    assert not shelf._examples.folder.is_relative_to(settings.home)
    assert shelf._examples.folder.is_dir()


@pytest.mark.parametrize(("device", "expected"), [("cpu", slots.PROCESSOR), ("cuda", slots.ACCELERATOR)])
def test_slots_follow_the_device(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, device: str, expected: int
) -> None:
    monkeypatch.setattr(slots, "_slots", slots._slots)  # put back afterwards
    slots.offer(replace(settings, device=device))
    assert slots.at_once() == expected
    ended, holding = threading.Event(), threading.Semaphore(0)

    def hold() -> None:
        with slots.slot(lambda: False):
            holding.release()
            ended.wait(300)

    threads = [threading.Thread(target=hold) for _ in range(expected)]
    for thread in threads:
        thread.start()
    assert all(holding.acquire(timeout=300) for _ in threads)
    with pytest.raises(Cancelled), slots.slot(lambda: True):
        pytest.fail("one more than there are")
    ended.set()
    for thread in threads:
        thread.join(300)
