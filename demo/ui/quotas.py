"""How much one visitor may ask of a public page at a time: requests that wait, and bytes that are uploaded."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from .refusals import Refusal

if TYPE_CHECKING:
    import gradio as gr

    from mmcore.settings import Settings

PER_SESSION = 4
"""Requests of one page that wait at a time."""
PER_ADDRESS = 16
"""Requests of one address that wait at a time: a class behind one address is no attack."""
UPLOAD_BYTES = 300_000_000
"""Bytes that one address uploads in UPLOAD_SECONDS."""
UPLOAD_SECONDS = 600.0
ADDRESSES = 10_000
"""Addresses that are remembered; beyond them the oldest are forgotten."""


class Quotas:
    """Counts for one server. Only a full queue is told of where the page is not public."""

    def __init__(self, demo: gr.Blocks, settings: Settings) -> None:
        self._demo, self._public = demo, settings.public
        self._sent: dict[str, deque[tuple[float, int]]] = {}

    def request(self, scope: Any, headers: dict[str, str], session: str | None) -> None:
        """A request wants to wait in the queue. Raises Refusal (429) where it is full, or the visitor has too many."""
        queue = self._demo._queue
        waiting = [event for one in queue.event_queue_per_concurrency_id.values() for event in one.queue]
        if queue.max_size is not None and len(waiting) >= queue.max_size:
            raise self.full(len(waiting))
        if not self._public:
            return
        mine = sum(session is not None and event.session_hash == session for event in waiting)
        here = address(scope, headers)
        near = sum(address(event.request.scope, _headers(event.request.scope)) == here for event in waiting)
        if mine >= PER_SESSION or near >= PER_ADDRESS:
            count, seconds = max(mine, near), self._estimate(max(mine, near))
            raise Refusal(429, "yours", (("count", count), ("seconds", seconds)), retry=seconds)

    def full(self, waiting: int) -> Refusal:
        """What is said where the queue has no room."""
        seconds = self._estimate(waiting)
        return Refusal(429, "full", (("count", waiting), ("seconds", seconds)), retry=seconds)

    def upload(self, scope: Any, headers: dict[str, str], size: int) -> None:
        """An upload of that many bytes wants to come. Raises Refusal (429) beyond UPLOAD_BYTES."""
        if not self._public:
            return
        now, here = time.monotonic(), address(scope, headers)
        sent = self._sent.setdefault(here, deque())
        while sent and now - sent[0][0] > UPLOAD_SECONDS:
            sent.popleft()
        if sum(count for _, count in sent) + size > UPLOAD_BYTES:
            seconds = int(UPLOAD_SECONDS - (now - sent[0][0])) + 1 if sent else int(UPLOAD_SECONDS)
            limit = UPLOAD_BYTES // 1_000_000
            raise Refusal(429, "bytes", (("limit", limit), ("seconds", seconds)), retry=seconds)
        sent.append((now, size))
        while len(self._sent) > ADDRESSES:
            self._sent.pop(next(iter(self._sent)))

    def _estimate(self, count: int) -> int:
        """Seconds until so many requests are through, as the last ones took."""
        times = [time.avg_time for time in self._demo._queue.process_time_per_fn.values() if time.count]
        return max(1, round(count * (sum(times) / len(times) if times else 1.0)))


def address(scope: Any, headers: dict[str, str]) -> str:
    """Where a request comes from: what the nearest proxy says, else the other end of the connection."""
    forwarded = headers.get("x-forwarded-for", "")
    if forwarded:
        return forwarded.rsplit(",", 1)[-1].strip()[:64]
    return str((scope.get("client") or ("",))[0])


def visitor(request: gr.Request | None) -> str:
    """The address that an event of gradio's comes from."""
    inner: Any = request.request if request is not None else None
    return address(inner.scope, _headers(inner.scope)) if inner is not None else ""


def _headers(scope: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
