"""Whether memory comes back, and whether the budget is kept.

    python -m tests.attacks.memory cycles 200     # four models are loaded and unloaded so often
    python -m tests.attacks.memory budget 60 150  # eight threads ask for four models for 60 seconds, within 150 MiB

Status 1 where more than 50 MB stay, or the budget is passed by more than 2 %.
"""

from __future__ import annotations

import gc
import random
import sys
import threading
import time
import weakref
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from demo.ui.health import resident
from mmcore import families
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import CapacityError
from mmcore.pool import ModelPool
from mmcore.settings import Settings

MODELS = ("compact-captioner", "compact-retriever", "compact-sentiment", "compact-tagger")
STAYS = 50e6
"""Bytes that may stay after all are unloaded."""
OVER = 0.02
THREADS = 8


def cycles(home: Path, count: int = 200) -> int:
    """Load all four and unload them, again and again."""
    pool = ModelPool(Settings(home=home, offline=True, device="cpu"))
    after = []
    for number in range(count):
        for name in MODELS:
            pool.get(name)
        loaded = resident()
        for name in MODELS:
            pool.unload(name)
        after.append(resident())
        if number in (0, 1, 9) or (number + 1) % 20 == 0:
            print(f"cycle {number + 1}: loaded {loaded / 1e6:.0f} MB, unloaded {after[-1] / 1e6:.0f} MB", flush=True)
    grown = after[-1] - after[0]
    print(f"{count} cycles: {grown / 1e6:+.1f} MB since the first (what Python and torch themselves take is in it)")
    return int(grown > STAYS)


class Watched:
    """A loader that remembers, without keeping them alive, the networks of every model that it loaded."""

    def __init__(self) -> None:
        self._networks: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()
        self._lock = threading.Lock()

    def load(self, checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> Any:
        model = families.load(checkpoint, folder, device, dtype)
        with self._lock:
            for one in _networks(model):
                self._networks.add(one)
        return model

    def bytes(self) -> int:
        """Of all weights that are alive; what several share counts once."""
        with self._lock:
            networks = list(self._networks)
        found = {}
        for network in networks:
            for tensor in (*network.parameters(), *network.buffers()):
                found[tensor.data_ptr()] = tensor.nbytes
        return sum(found.values())


def _networks(model: Any, seen: set[int] | None = None) -> list[torch.nn.Module]:
    """Every network that a model holds, whatever it lies in."""
    seen = set() if seen is None else seen
    if id(model) in seen:
        return []
    seen.add(id(model))
    if isinstance(model, torch.nn.Module):
        return [model]
    if isinstance(model, dict):
        inner = list(model.values())
    elif isinstance(model, list | tuple):
        inner = list(model)
    elif type(model).__module__.startswith("mmcore"):
        inner = list(getattr(model, "__dict__", {}).values())
    else:
        inner = []
    return [network for one in inner for network in _networks(one, seen)]


def budget(home: Path, seconds: int = 60, mebibytes: int = 250) -> int:
    """Eight threads that want other models than the budget holds; the weights that are alive are counted meanwhile."""
    watched, limit = Watched(), mebibytes * 2**20
    settings = Settings(home=home, offline=True, device="cpu", memory_budget=limit)
    pool = ModelPool(settings, loader=watched.load)
    outcomes: Counter[str] = Counter()
    until = time.monotonic() + seconds

    def ask(number: int) -> None:
        draw = random.Random(number)
        while time.monotonic() < until:
            try:
                with pool.use(draw.choice(MODELS)):
                    time.sleep(draw.uniform(0, 0.1))
                outcomes["used"] += 1
            except CapacityError as error:
                outcomes[error.key] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for one in threads:
        one.start()
    looks = []
    while any(one.is_alive() for one in threads):
        looks.append((watched.bytes(), pool.memory()))
        time.sleep(0.02)
    gc.collect()
    most, counted = (max(values) for values in zip(*looks, strict=True))
    over = sum(alive > limit for alive, _ in looks)
    print(f"{dict(outcomes)}; {len(looks)} looks")
    print(
        f"budget {mebibytes} MiB: most {most / 2**20:.1f} MiB alive ({most / limit - 1:+.1%}),",
        f"{counted / 2**20:.1f} by the pool's count; over it in {over} looks",
    )
    return int(most > limit * (1 + OVER) or not outcomes["used"])


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        sys.exit({"cycles": cycles, "budget": budget}[sys.argv[1]](Path(folder), *map(int, sys.argv[2:])))
