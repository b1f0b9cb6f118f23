"""Whether the page still answers: a question through its queue, figures for Prometheus, and a watchdog.

gradio's page loads even where its queue has ended and no request is answered any more, so that ``GET /`` says nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import sessions

if TYPE_CHECKING:
    import gradio as gr

logger = logging.getLogger(__name__)

SESSION = "mmcore-health"
"""The session of the health check; no visitor may call theirs so."""
ENDPOINT = "health_check"
PATIENCE = 10.0
"""Seconds within which the queue must answer."""
FRESH = 2.0
"""Seconds for which an answer is given again: asking often costs nothing."""
TIDIED = 60.0
"""Seconds between two looks at what visitors left."""
LOOKED = 2.0
"""Seconds between two looks of the watchdog."""


class Health:
    """The state of one page's server."""

    def __init__(self, demo: gr.Blocks) -> None:
        self._demo = demo
        self._began = time.time()
        self._answers: Counter[tuple[str, int]] = Counter()
        self._restarts = 0
        self._turn = asyncio.Lock()
        self._last: tuple[float, bool] = (-FRESH, False)

    def count(self, path: str, status: int) -> None:
        """An answer went out; only the kind of the request is kept, nothing of the visitor."""
        parts = path.strip("/").split("/")
        kind = parts[1].split("=")[0] if parts[0] == "gradio_api" and len(parts) > 1 else "page"
        known = ("queue", "call", "upload", "file", "mcp", "heartbeat", "page")
        self._answers[kind if kind in known else "other", status] += 1

    async def check(self) -> tuple[int, dict[str, Any]]:
        """(HTTP status, what holds): 200 where a request through the queue was answered in time, else 503."""
        async with self._turn:
            if time.monotonic() - self._last[0] >= FRESH:
                alive = await self._asked()
                self._last = time.monotonic(), alive
        names = ("mmcore-studio", "gradio", "torch", "transformers", "pillow")
        content = {"ok": self._last[1], "waiting": len(self._demo._queue), "versions": _versions(names)}
        return (200 if content["ok"] else 503), content

    async def _asked(self) -> bool:
        """Whether the queue answers."""
        from gradio import routes as module
        from gradio.data_classes import PredictBodyInternal

        queue = self._demo._queue
        number = next((n for n, fn in self._demo.fns.items() if fn.api_name == ENDPOINT), None)
        if queue.stopped or number is None:
            return False
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/gradio_api/queue/join", "headers": []}
        scope |= {"query_string": b"", "root_path": "", "scheme": "http", "app": None}
        scope |= {"server": ("127.0.0.1", 80), "client": ("127.0.0.1", 0)}
        routes: Any = module
        request = routes.fastapi.Request(scope)
        body = PredictBodyInternal(session_hash=SESSION, fn_index=number, data=[], request=request)
        if queue.server_app is None:
            queue.set_server_app(self._demo.app)
        taken, _, _ = await queue.push(body=body, request=request, username=None)
        if not taken:
            return True  # it is full, and works
        messages = queue.pending_messages_per_session[SESSION]
        try:
            while True:
                message: Any = await asyncio.wait_for(messages.get(), PATIENCE)
                if message.msg == "process_completed":
                    return bool(message.success)
        except TimeoutError:
            return False
        finally:
            queue.pending_event_ids_session.pop(SESSION, None)

    def metrics(self) -> str:
        """Figures in Prometheus' text format."""
        queue = self._demo._queue
        lines = [
            "# TYPE mmcore_up gauge",
            f"mmcore_up {int(not queue.stopped)}",
            "# TYPE mmcore_uptime_seconds gauge",
            f"mmcore_uptime_seconds {time.time() - self._began:.0f}",
            "# TYPE mmcore_queue_waiting gauge",
            f"mmcore_queue_waiting {len(queue)}",
            "# TYPE mmcore_queue_restarts_total counter",
            f"mmcore_queue_restarts_total {self._restarts}",
            "# TYPE mmcore_sessions gauge",
            f"mmcore_sessions {len(self._demo.app.state_holder.session_data)}",
            "# TYPE mmcore_resident_bytes gauge",
            f"mmcore_resident_bytes {resident()}",
            "# TYPE mmcore_answers_total counter",
            *(f'mmcore_answers_total{{kind="{k}",status="{s}"}} {n}' for (k, s), n in sorted(self._answers.items())),
        ]
        return "\n".join(lines) + "\n"

    async def watch(self) -> None:
        """Start the queue again where it ended though the page is still served; forget what nobody needs any more."""
        from gradio.utils import get_upload_folder

        tidied = time.monotonic()
        shown = sessions.shown_by(self._demo)
        while True:
            await asyncio.sleep(LOOKED)
            if time.monotonic() - tidied >= TIDIED:
                tidied = time.monotonic()
                await asyncio.to_thread(sessions.expire, self._demo.app.state_holder)
                await asyncio.to_thread(sessions.make_room, Path(get_upload_folder()), shown)
            queue: Any = self._demo._queue
            if queue.stopped and self._demo.is_running and getattr(self._demo.app, "startup_events_triggered", True):
                self._restarts += 1
                logger.error("the queue had ended and is started again")
                for waiting in queue.event_queue_per_concurrency_id.values():
                    waiting.queue[:] = [
                        event for event in waiting.queue if event.session_hash in queue.pending_messages_per_session
                    ]
                    waiting.current_concurrency = 0
                queue.stopped = False
                queue.start()


def resident() -> int:
    """Bytes of memory of this process; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except ModuleNotFoundError:
            continue
    return found
