"""Models past one process: Ray Serve runs them in workers, on one machine or many, and a pool is their client.

Every model is an application of its own with as many replicas as its load asks for. A replica is a ``ModelPool`` with
one model: requests that come to it at once are put side by side there, as in one process. A request whose replica dies
is asked again of another one, which is safe since work on a model has no side effects.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from mmcore import cancelling, remote_work
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import CapacityError, MMCoreError, WeightsError
from mmcore.pool import ModelPool
from mmcore.settings import Settings

PREFIX = "mmcore-"
"""Begins the name of every application of ours."""
AT_ONCE = 16
"""Requests that a replica takes; what comes meanwhile waits at its client."""
WAITING = 200
"""Requests to one model that a client keeps waiting; further ones are told to try again."""
BUSY = 4
"""Requests under way a replica, above which another one is started."""
CORES = {"compact": 0.1}
"""Of each replica, for Ray's plan; 1 for other tiers. A replica computes with one thread, so that more of them use
more cores, and small models that are idle keep nobody from starting."""
STUCK = 600.0
"""Seconds after which a request is stuck: its replica calls itself ill, and is replaced."""
LIMIT = 600.0
"""Seconds that a client waits."""
TRIES = 5
"""Replicas that a request is asked of, one after the other, where they die."""
ASKED = 1.0
"""Seconds between two questions whether the answer is still wanted."""
FRESH = 5.0
"""Seconds for which a client believes what it knows of the applications."""


@dataclass(frozen=True)
class Scale:
    """How many replicas a model has, and what one takes."""

    fewest: int = 1
    most: int = 4
    gpus: float = 0.0
    """The share of a GPU that a replica takes; 0 for one on a processor."""


class Replica:
    """A model in a process of its own; Ray Serve makes, asks and replaces it."""

    def __init__(self, name: str) -> None:
        self._pool = ModelPool(replace(Settings.from_env(), serve=""))
        self._pool.get(name)  # ready once it is loaded
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=name)
        self._began: dict[int, float] = {}
        self._numbers = itertools.count()

    async def run(self, parcel: bytes) -> bytes:
        """See ``remote_work.worked_off``."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, parcel)

    def _run(self, parcel: bytes) -> bytes:
        number = next(self._numbers)
        self._began[number] = time.monotonic()
        try:
            return remote_work.worked_off(parcel, self._pool)
        finally:
            del self._began[number]

    def check_health(self) -> None:
        """Raise where a request is stuck; Ray Serve asks every few seconds, and replaces who raises or is silent."""
        oldest = min(self._began.copy().values(), default=None)
        if oldest is not None and time.monotonic() - oldest > STUCK:
            raise RuntimeError(f"a request has been under way for {time.monotonic() - oldest:.0f} s")


def start(checkpoints: Iterable[Checkpoint], scale: Scale) -> bool:
    """Run workers for these models; whether that started a Ray cluster (True), or joined the one that runs here.

    Returns when all are ready. Raises WeightsError where Ray is missing, or a model cannot be loaded.
    """
    ray, serve = _imported()
    try:
        ray.init(address="auto", namespace="mmcore", log_to_driver=False)
        own = False
    except ConnectionError:
        ray.init(namespace="mmcore", log_to_driver=False)
        own = True
    serve.start(proxy_location="Disabled")  # nothing but our clients asks, and they do so through Ray
    chosen = list(checkpoints)
    for one in chosen:
        cores = CORES.get(one.tier, 1)
        deployment = serve.deployment(
            Replica,
            name="model",
            max_ongoing_requests=AT_ONCE,
            max_queued_requests=WAITING,
            ray_actor_options={"num_cpus": cores, "num_gpus": scale.gpus if one.tier != "compact" else 0},
            autoscaling_config={
                "min_replicas": scale.fewest,
                "initial_replicas": scale.fewest,
                "max_replicas": max(scale.most, scale.fewest),
                "target_ongoing_requests": BUSY,
                "upscale_delay_s": 5,
                "downscale_delay_s": 300,
            },
            health_check_period_s=5,
            health_check_timeout_s=30,
        )
        try:
            serve.run(deployment.bind(one.name), name=application(one), route_prefix=None)
        except RuntimeError as error:
            raise WeightsError("workers_not_ready", name=one.name, detail=_first_line(error)) from error
    return own


def stop(checkpoints: Iterable[Checkpoint]) -> None:
    """End the workers of these models, and the cluster where this process started it."""
    ray, serve = _imported()
    for one in checkpoints:
        serve.delete(application(one))
    ray.shutdown()


def application(checkpoint: Checkpoint) -> str:
    """The name of its application in Ray Serve: letters, digits and hyphens."""
    return PREFIX + "".join(letter if letter.isalnum() else "-" for letter in checkpoint.name)


class RayWorkers:
    """The client: what ``mmcore serve`` runs on the cluster of this machine. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[float, frozenset[str]] = (-FRESH, frozenset())
        self._handles: dict[str, Any] = {}

    def takes(self, checkpoint: Checkpoint) -> bool:
        """Whether the cluster runs an application for it; without one, the model is loaded where it is asked for.

        Raises CapacityError where there is no cluster, WeightsError where Ray is missing.
        """
        with self._lock:
            if time.monotonic() - self._known[0] >= FRESH:
                with _cluster() as serve:
                    names = serve.status().applications
                self._known = time.monotonic(), frozenset(names)
            return application(checkpoint) in self._known[1]

    def run(self, checkpoint: Checkpoint, parcel: bytes) -> bytes:
        """See ``remote_work.Workers``."""
        from ray.exceptions import RayActorError
        from ray.serve.exceptions import BackPressureError, RayServeException

        deadline = time.monotonic() + LIMIT
        failure: Exception | None = None
        for attempt in range(TRIES):
            if attempt:
                time.sleep(min(2.0**attempt / 10, 1.0))  # the router hears of a death a moment later
            cancelling.check()
            try:
                return self._asked(checkpoint, parcel, deadline)
            except BackPressureError:
                raise CapacityError("model_in_use", name=checkpoint.name) from None
            except (RayActorError, RayServeException) as error:
                failure = error
        detail = _first_line(failure)
        raise CapacityError("workers_failed", name=checkpoint.name, tries=TRIES, detail=detail) from failure

    def _asked(self, checkpoint: Checkpoint, parcel: bytes, deadline: float) -> bytes:
        response = self._handle(checkpoint).run.remote(parcel)
        try:
            while True:
                try:
                    answer: bytes = response.result(timeout_s=ASKED)
                    return answer
                except TimeoutError:
                    cancelling.check()
                    if time.monotonic() > deadline:
                        raise CapacityError("workers_late", name=checkpoint.name, limit=LIMIT / 60) from None
        except MMCoreError:
            response.cancel()
            raise

    def _handle(self, checkpoint: Checkpoint) -> Any:
        name = application(checkpoint)
        with self._lock:
            if name not in self._handles:
                with _cluster() as serve:
                    self._handles[name] = serve.get_app_handle(name)
            return self._handles[name]


def make_pool(settings: Settings, **options: Any) -> ModelPool:
    """The pool that the settings ask for: of this process, or a client of Ray's workers."""
    return ModelPool(settings, workers=RayWorkers() if settings.serve == "ray" else None, **options)


@contextlib.contextmanager
def _cluster() -> Iterator[Any]:
    """Ray Serve, with this process in the cluster that runs on this machine. Raises CapacityError without one."""
    ray, serve = _imported()
    try:
        if not ray.is_initialized():
            ray.init(address="auto", namespace="mmcore", log_to_driver=False)
        yield serve
    except (ConnectionError, RuntimeError, serve.exceptions.RayServeException) as error:
        raise CapacityError("workers_gone", detail=_first_line(error)) from error


def _imported() -> tuple[Any, Any]:
    try:
        import ray
        from ray import serve
    except ImportError:
        raise WeightsError("weights_extra", name="mmcore serve", packages="ray", extra="serve") from None
    return ray, serve


def _first_line(error: Exception | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
