"""Ray Serve: two replicas under load, one of them killed, no request lost. Needs the extra serve (CI has none)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmcore import cancelling
from mmcore.checkpoints.registry import find
from mmcore.errors import Cancelled, InputError, WeightsError
from mmcore.pool import ModelPool
from mmcore.ray_workers import RayWorkers, application, make_pool
from mmcore.settings import Settings
from mmcore.tasks.embedding import embed_images, embed_texts

ROOT = Path(__file__).resolve().parents[1]
MODEL = "compact-retriever"
REQUESTS, USERS = 60, 6
SLOW = 300.0
"""Seconds that a busy machine may take to start Ray and two replicas."""

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """``mmcore serve`` with two replicas, as a person starts it; the settings of its clients."""
    ray = pytest.importorskip("ray", reason="needs the extra serve")
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MMCORE_HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-m", "mmcore", "serve", MODEL, "--replicas", "2", "--max-replicas", "2"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stderr=log, stdout=log)
    try:
        end = time.monotonic() + SLOW
        while not re.search("^Now: MMCORE_SERVE=ray", (home / "log").read_text("utf-8"), re.MULTILINE):
            assert process.poll() is None, (home / "log").read_text("utf-8")
            assert time.monotonic() < end, (home / "log").read_text("utf-8")
            time.sleep(0.2)
        yield Settings(home=home, device="cpu", serve="ray")
    finally:
        ray.shutdown()
        process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)) for _ in range(REQUESTS)]


def whose(pool: ModelPool) -> int:
    """The process of the replica that answers."""

    def work(model: Any, items: Sequence[None]) -> list[int]:
        import os
        import time

        time.sleep(0.05)
        return [os.getpid()] * len(items)

    return pool.run(MODEL, work, [None])[0]


def replicas(pool: ModelPool, count: int, but: frozenset[int] = frozenset()) -> set[int]:
    """Processes of ``count`` replicas, once so many answer."""
    found: set[int] = set()
    end = time.monotonic() + SLOW
    while len(found) < count:
        assert time.monotonic() < end, found
        with ThreadPoolExecutor(8) as threads:
            found |= set(threads.map(lambda _: whose(pool), range(8))) - but
    return found


def test_one_of_two_replicas_is_killed_under_load_and_no_request_is_lost(served: Settings, pictures: list[Image.Image]):
    pool, alone = make_pool(served), ModelPool(Settings(home=served.home, device="cpu"))
    both = replicas(pool, 2)
    assert len(both) == 2
    assert os.getpid() not in both
    wanted = [embed_images(alone, [one])[0] for one in pictures]
    answered, killed = 0, threading.Event()
    count = threading.Lock()

    def one(number: int) -> np.ndarray:
        nonlocal answered
        found: np.ndarray = embed_images(pool, [pictures[number]])[0]
        with count:
            answered += 1
            if answered == REQUESTS // 4:
                os.kill(min(both), signal.SIGKILL)
                killed.set()
        return found

    with ThreadPoolExecutor(USERS) as users:
        found = list(users.map(one, range(REQUESTS)))  # raises what any of them raised
    assert killed.is_set()
    assert len(found) == REQUESTS
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert not pool.loaded(), "the client loads no model"
    replaced = replicas(pool, 2, but=frozenset([min(both)]))
    assert max(both) in replaced
    assert len(replaced - both) == 1, "another replica took the place of the dead one"


def test_requests_of_several_clients_run_side_by_side(served: Settings, pictures: list[Image.Image]):
    pool = make_pool(served)
    sizes: list[int] = []

    def work(model: Any, items: Sequence[int]) -> list[tuple[int, int]]:
        import time

        time.sleep(0.3)
        return [(item, len(items)) for item in items]

    with ThreadPoolExecutor(12) as users:
        for number, answers in enumerate(users.map(lambda n: pool.run(MODEL, work, [n], alike="sizes"), range(12))):
            ((item, size),) = answers
            assert item == number
            sizes.append(size)
    assert max(sizes) > 1


def test_errors_and_facts_come_from_the_replica(served: Settings):
    pool = make_pool(served)
    with pytest.raises(InputError) as caught:
        embed_texts(pool, ["собака"])
    assert caught.value.key == "script_not_read"
    assert pool.get(MODEL).width == ModelPool(Settings(device="cpu")).get(MODEL).width
    assert RayWorkers().takes(find(MODEL))
    assert not RayWorkers().takes(find("compact-tagger")), "that one is loaded where it is asked for"
    with cancelling.asking(lambda: True), pytest.raises(Cancelled):
        embed_texts(pool, ["a dog"])


def test_names_of_applications_are_plain():
    assert application(find("clip-vit-b-32-laion")) == "mmcore-clip-vit-b-32-laion"


def test_without_ray_the_command_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    pool = make_pool(Settings(serve="ray"))
    with pytest.raises(WeightsError, match=r'pip install "mmcore-studio\[serve\]"'):
        pool.get(MODEL)
