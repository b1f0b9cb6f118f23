"""Downloads that go on while visitors come and go: one a model, seen by everybody who looks at the Models tab."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from mmcore.checkpoints import locate
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import Cancelled
from mmcore.settings import Settings

SPEED_SECONDS = 8.0
"""The speed that is shown is that of the last seconds."""


@dataclass
class Job:
    """One download, running or ended."""

    checkpoint: Checkpoint
    done: int = 0
    """Bytes."""
    total: int = 0
    error: Exception | None = None
    """What ended it early; Cancelled where somebody pressed Stop."""
    running: bool = True
    stop: threading.Event = field(default_factory=threading.Event)
    steps: deque[tuple[float, int]] = field(default_factory=deque)
    """(seconds, bytes) of the last seconds."""

    def report(self, done: int, total: int, now: float) -> None:
        """Take note of a step."""
        self.done, self.total = done, total
        self.steps.append((now, done))
        while now - self.steps[0][0] > SPEED_SECONDS:
            self.steps.popleft()

    @property
    def speed(self) -> float:
        """Bytes a second over the last seconds; 0 while nothing is known."""
        (first, before), (last, after) = (self.steps[0], self.steps[-1]) if self.steps else ((0.0, 0), (0.0, 0))
        return max(0, after - before) / (last - first) if last > first else 0.0

    @property
    def seconds_left(self) -> float | None:
        """None while the speed is not known."""
        return (self.total - self.done) / self.speed if self.speed else None


class Jobs:
    """Every download of this process by the checkpoint's name."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def start(self, checkpoint: Checkpoint) -> Job:
        """Download it in a thread of its own; a download that runs already goes on."""
        with self._lock:
            present = self._jobs.get(checkpoint.name)
            if present is not None and present.running:
                return present
            job = self._jobs[checkpoint.name] = Job(checkpoint, total=checkpoint.bytes)
        threading.Thread(target=self._run, args=(job,), daemon=True, name="demo-download").start()
        return job

    def stop(self, name: str) -> None:
        """Stop it; what has arrived is kept. Nothing happens where it does not run."""
        job = self._jobs.get(name)
        if job is not None:
            job.stop.set()

    def of(self, name: str) -> Job | None:
        """The last download of a checkpoint; None where there was none, or it succeeded."""
        return self._jobs.get(name)

    def running(self) -> bool:
        """Whether there is something to watch."""
        return any(job.running for job in list(self._jobs.values()))

    def forget(self, name: str) -> None:
        """Say nothing more of a download that has ended."""
        with self._lock:
            if name in self._jobs and not self._jobs[name].running:
                del self._jobs[name]

    def _run(self, job: Job) -> None:
        try:
            locate.locate(
                job.checkpoint,
                self._settings,
                download=True,
                progress=lambda done, total: job.report(done, total, self._clock()),
                cancelled=job.stop.is_set,
            )
        except Exception as error:
            job.error = error
        job.running = False
        if job.error is None or isinstance(job.error, Cancelled):
            self.forget(job.checkpoint.name)
