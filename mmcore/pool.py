"""ModelPool: every model is loaded once, used by one request at a time, and makes room when memory is short."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mmcore import cancelling, dynamic_batching, families, remote_work
from mmcore.checkpoints import locate as weights
from mmcore.checkpoints import repositories
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import Checkpoint, find, of_task
from mmcore.errors import CapacityError, UnknownNameError
from mmcore.hardware import (
    ITEM_BYTES,
    choose_device,
    choose_dtype,
    device_memory,
    is_out_of_memory,
    keep_memory,
    release_memory,
)
from mmcore.settings import TIER_CHOICES, TIERS, Settings
from mmcore.types import IsCancelled, Progress

PATIENCE = 120.0
"""Seconds that a request waits for room or for its turn at most."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Loader = Callable[[Checkpoint, Path, str, str], Any]
"""(checkpoint, folder, device, dtype name) -> model; ``families.load`` unless a test says otherwise."""


class Locator(Protocol):
    """``weights.locate``, or what a test puts in its place."""

    def __call__(
        self,
        checkpoint: Checkpoint,
        settings: Settings,
        *,
        download: bool = False,
        progress: Progress | None = None,
        cancelled: IsCancelled | None = None,
    ) -> Path:
        """The folder that holds the weights."""
        ...


@dataclass(frozen=True)
class LoadedModel:
    """What the models list shows of a model in memory."""

    name: str
    device: str
    dtype: str
    bytes: int
    """Memory that its weights take."""
    last_used: float
    """Seconds of the pool's clock (``time.monotonic``)."""
    users: int
    """Requests that use it or wait for it right now."""


@dataclass
class _Entry:
    """A model in the pool. Everything but ``turn`` is guarded by the pool's lock."""

    checkpoint: Checkpoint
    device: str
    dtype: str
    parts: dict[str, int]
    """Bytes by checkpoint: its own and those that it uses, which others may use too. Estimates until it is loaded."""
    users: int
    last_used: float = 0.0
    model: Any = None
    """None while it is being loaded."""
    turn: threading.RLock = field(default_factory=threading.RLock)
    """Held by the one request that runs it."""

    @property
    def bytes(self) -> int:
        """All that it needs, were it alone."""
        return sum(self.parts.values())


class ModelPool:
    """Loads models on first use and keeps them, within the memory budget, least recently used out first.

    Any number of threads may use it. A request that finds no room or no turn within ``patience`` seconds gets a
    CapacityError. The pool never downloads unless ``download`` is set: a person decides about that. Models that
    ``workers`` hold are asked there, and not loaded here.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Progress | None = None,
        *,
        download: bool = False,
        loader: Loader = families.load,
        locate: Locator = weights.locate,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        workers: remote_work.Workers | None = None,
    ) -> None:
        keep_memory()
        self.settings = settings
        repositories.restore(settings)
        self._progress, self._download = progress, download
        self._loader, self._locate = loader, locate
        self._patience, self._clock = patience, clock
        self._entries: dict[str, _Entry] = {}
        self._changed = threading.Condition()
        """Guards the entries; notified when one is loaded, released or removed."""
        self._gathering = dynamic_batching.Gathering()
        self._device: str | None = None
        self._workers = workers
        self._facts: dict[str, Any] = {}

    def __reduce__(self) -> tuple[Callable[[], Any], tuple[()]]:
        return remote_work.the_pool, ()  # models do not travel: where it arrives, it is the pool there

    @property
    def device(self) -> str:
        """The device that models go to. The first look imports torch, unless the settings say "cpu"."""
        if self._device is None:
            self._device = choose_device(self.settings)
        return self._device

    @contextmanager
    def use(self, name: str) -> Iterator[Any]:
        """The loaded model, this thread's alone until the block ends. Nested use of one model is fine.

        Raises UnknownNameError, WeightsError, and CapacityError (no memory, no room, no turn in time); memory that
        runs out inside the block becomes a CapacityError too, after idle models were let go. See ``run`` to retry.
        """
        cancelling.check()
        entry = self._acquire(find(name))
        try:
            if not entry.turn.acquire(timeout=self._patience):
                raise CapacityError("model_in_use", name=name)
            try:
                cancelling.check()  # it may have waited for long
                yield entry.model
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self.unload_idle()
                raise _no_memory(entry) from error
            finally:
                entry.turn.release()
        finally:
            with self._changed:
                entry.users -= 1
                entry.last_used = self._clock()
                self._changed.notify_all()

    def run(
        self,
        name: str,
        work: Callable[[Any, Sequence[Item]], list[Answer]],
        items: Sequence[Item],
        *,
        alike: Hashable | None = None,
    ) -> list[Answer]:
        """``work(model, items)``: one answer an item, in order. The way for tasks to use a model.

        With ``alike``, requests that wait for this model with an equal value are put side by side into one batch: it
        names the work and every option of it, and an item's answer must not depend on its neighbours. An error in a
        batch reaches only the request that meets it alone too.
        When memory runs out, everything idle is let go and the work is done once more; it must not have side effects.
        Where the pool has ``workers`` for this model, the work travels to one of them (``mmcore.remote_work``).
        Raises what ``use`` and ``work`` raise.
        """
        checkpoint = find(name)
        if self._workers is None or self.is_here(name):
            return self.run_here(name, work, items, alike=alike)
        cancelling.check()
        parcel = remote_work.pack(remote_work.Parcel(checkpoint.name, work, items, alike))
        return remote_work.opened(self._workers.run(checkpoint, parcel))

    def is_here(self, name: str) -> bool:
        """Whether this process itself runs the model, and not one of its workers."""
        return self._workers is None or not self._workers.takes(find(name))

    def run_here(
        self,
        name: str,
        work: Callable[[Any, Sequence[Item]], list[Answer]],
        items: Sequence[Item],
        *,
        alike: Hashable | None = None,
    ) -> list[Answer]:
        """``run`` in this process, whatever workers there are: what a worker itself does."""
        key = find(name).name, object() if alike is None else alike
        request = dynamic_batching.Request(items, cancelling.current())
        most = dynamic_batching.MOST.get(self.device, dynamic_batching.MOST_ELSEWHERE)
        with self._gathering.waits(key, request), self.use(name) as model:
            if request.answers is None and not request.alone:
                batch = self._gathering.batch(key, request, most)
                dynamic_batching.answer(batch, lambda several: work(model, several))
        if request.answers is not None:
            return request.answers
        if request.short_of_memory:
            self.unload_idle()  # here, where nothing holds the tensors of the failed attempt any more
        with self.use(name) as model:
            return work(model, items)

    def get(self, name: str) -> Any:
        """The loaded model in plain shape, for looking at it. Run it inside ``use`` or ``run`` only.

        Of a model that workers hold it is the plain values alone, which are asked for once.
        """
        checkpoint = find(name)
        if not self.is_here(name):
            if checkpoint.name not in self._facts:
                (self._facts[checkpoint.name],) = self.run(name, remote_work.facts, [None])
            return self._facts[checkpoint.name]
        with self.use(name) as model:
            return model

    def loaded(self) -> list[LoadedModel]:
        """What is in memory, most recently used first."""
        with self._changed:
            entries = [entry for entry in self._entries.values() if entry.model is not None]
            entries.sort(key=lambda entry: entry.last_used, reverse=True)
            return [LoadedModel(e.checkpoint.name, e.device, e.dtype, e.bytes, e.last_used, e.users) for e in entries]

    def memory(self) -> int:
        """Bytes that all loaded models take together; what several use counts once."""
        with self._changed:
            return _taken(entry for entry in self._entries.values() if entry.model is not None)

    def unload(self, name: str) -> bool:
        """Let a model go; False if it was not loaded. Raises CapacityError while it is in use."""
        checkpoint = find(name)
        with self._changed:
            if checkpoint.name not in self._entries:
                return False
            if all(entry.checkpoint.name != checkpoint.name for entry in self._idle()):
                raise CapacityError("model_in_use", name=name)
            del self._entries[checkpoint.name]
            self._changed.notify_all()
        release_memory()
        return True

    def unload_idle(self) -> int:
        """Let every model go that nobody uses; how many that were."""
        with self._changed:
            names = [entry.checkpoint.name for entry in self._idle()]
            for name in names:
                del self._entries[name]
            self._changed.notify_all()
        release_memory()
        return len(names)

    def choose(self, task: str, model: str | None = None, *, tier: str | None = None) -> Checkpoint:
        """The checkpoint for a task: called ``model``, or of ``tier``, or of the settings' tier.

        Within a tier the first that is on this machine, or that workers hold, or else the first. "auto" is the best
        tier with a checkpoint that is on this machine and fits. Raises UnknownNameError for a name that is no model of
        the task, and for a tier that the task does not have.
        """
        if model is not None:
            return find(model, task)
        tier = tier or self.settings.tier
        if tier not in TIER_CHOICES:
            raise UnknownNameError("tier", tier, TIER_CHOICES)
        if tier == "auto":
            candidates = [checkpoint for best in reversed(TIERS) for checkpoint in of_task(task, best)]
            ready = [c for c in candidates if self._is_ready(c) and self.fits(c)]
            if ready:
                return ready[0]
            tier = TIERS[0]
        candidates = list(of_task(task, tier))
        if not candidates:
            known = {checkpoint.tier for checkpoint in of_task(task)}
            raise UnknownNameError(f"{task} tier", tier, known)
        return next((c for c in candidates if self._is_ready(c)), candidates[0])

    def _is_ready(self, checkpoint: Checkpoint) -> bool:
        return not self.is_here(checkpoint.name) or weights.is_cached(checkpoint, self.settings)

    def fits(self, checkpoint: Checkpoint) -> bool:
        """Whether the budget and the device have room for it. The large tier is for GPUs. Workers see to their own."""
        if not self.is_here(checkpoint.name):
            return True
        if checkpoint.tier == "large" and self.device == "cpu":
            return False
        limits = [self.settings.memory_budget, device_memory(self.device)]
        return all(limit is None or self.estimate(checkpoint) <= limit for limit in limits)

    def estimate(self, checkpoint: Checkpoint) -> int:
        """Bytes that its weights, and those that it uses, will take on this device."""
        return sum(self._parts(checkpoint).values())

    def _parts(self, checkpoint: Checkpoint) -> dict[str, int]:
        size = ITEM_BYTES[self._dtype(checkpoint)]
        return {one.name: one.parameters * size for one in (checkpoint, *map(find, checkpoint.uses))}

    def _dtype(self, checkpoint: Checkpoint) -> str:
        return choose_dtype(self.device, checkpoint.tier, checkpoint.family, self.settings.dtype)

    def availability(self, checkpoint: Checkpoint) -> weights.Availability:
        """What it takes to use it: for the models list and the chooser."""
        return weights.availability(checkpoint, self.settings)

    def _acquire(self, checkpoint: Checkpoint) -> _Entry:
        """The entry of a loaded model, with one user more. The first who asks loads it, the others wait."""
        dtype = self._dtype(checkpoint)
        entry = _Entry(checkpoint, self.device, dtype, self._parts(checkpoint), users=1)
        budget = self._budget(entry)
        deadline = self._clock() + self._patience
        with self._changed:
            while True:
                present = self._entries.get(checkpoint.name)
                if present is None:
                    if self._make_room(budget, entry):
                        break
                    remaining = deadline - self._clock()
                    if remaining <= 0 or not self._changed.wait(remaining):
                        raise CapacityError("busy", count=len(self._entries))
                elif present.model is None:
                    self._changed.wait()  # another thread is loading it, and ends one way or the other
                else:
                    present.users += 1
                    return present
            self._entries[checkpoint.name] = entry
        try:
            model = self._load(entry)
            with self._changed:
                used = entry.bytes - entry.parts[checkpoint.name]
                entry.parts[checkpoint.name] = max(0, int(model.memory()) - used)
                self._budget(entry)
                self._make_room(budget, entry)  # where the estimate was too low
                entry.model, entry.last_used = model, self._clock()
                self._changed.notify_all()
        except BaseException:
            with self._changed:
                self._remove(entry)
            raise
        return entry

    def _budget(self, entry: _Entry) -> float:
        """Bytes that all models together may take. Raises CapacityError where this one alone is too large."""
        given, device = self.settings.memory_budget, device_memory(entry.device)
        if given is not None and entry.bytes > given:
            needed, budget = readable_size(entry.bytes), readable_size(given)
            raise CapacityError("over_budget", name=entry.checkpoint.name, needed=needed, budget=budget)
        if device is not None and entry.bytes > device:
            raise _no_memory(entry)
        return min(limit for limit in (given, device, float("inf")) if limit is not None)

    def _make_room(self, budget: float, new: _Entry) -> bool:
        """Let idle models go, least recently used first, until all and ``new`` take ``budget`` at most.

        What several use counts once. The lock is held.
        """
        while _taken((*self._entries.values(), new)) > budget:
            idle = self._idle()
            if not idle:
                return False
            self._remove(idle[0])
        return True

    def _load(self, entry: _Entry) -> Any:
        folder = self._locate(entry.checkpoint, self.settings, download=self._download, progress=self._progress)
        try:
            return self._loader(entry.checkpoint, folder, entry.device, entry.dtype)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        self.unload_idle()
        try:
            return self._loader(entry.checkpoint, folder, entry.device, entry.dtype)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise _no_memory(entry) from error

    def _idle(self) -> list[_Entry]:
        """Models that nobody uses, least recently used first. The lock is held."""
        idle = [entry for entry in self._entries.values() if entry.model is not None and not entry.users]
        return sorted(idle, key=lambda entry: entry.last_used)

    def _remove(self, entry: _Entry) -> None:
        """The lock is held."""
        self._entries.pop(entry.checkpoint.name, None)
        self._changed.notify_all()


def _taken(entries: Iterable[_Entry]) -> int:
    """Bytes of all entries together; what several use counts once, at its largest."""
    parts: dict[str, int] = {}
    for entry in entries:
        for name, size in entry.parts.items():
            parts[name] = max(size, parts.get(name, 0))
    return sum(parts.values())


def _no_memory(entry: _Entry) -> CapacityError:
    return CapacityError(
        "out_of_memory", name=entry.checkpoint.name, device=entry.device, needed=readable_size(entry.bytes)
    )
