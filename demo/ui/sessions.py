"""What the server keeps of visitors, and for how long.

gradio keeps a description of all of the page's components for every session, and every call of a program is a session
of its own: half a megabyte each. Only deep links need it, which the page does not offer.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

CAPACITY = 200
"""Sessions that are kept; beyond them the one that was used longest ago goes."""
KEPT_SECONDS = 3600.0
"""An upload that lay there longer, when the server starts, is of a server that is no more."""


def keep_small() -> None:
    """Make gradio's sessions without the description of every component.

    gradio offers no setting for it: the description is replaced by an empty one that stays so, since filling it takes
    longer than most requests' own work.
    """
    from copy import copy

    from gradio.state_holder import SessionState

    def begin(self: Any, blocks: Any) -> None:
        self.blocks_config = copy(blocks.default_config)
        self.config_values = {}
        self.state_data = {}
        self._state_ttl = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = CLOSED_SECONDS

    def forget(self: Any, *told: Any) -> None:
        """What a component shows now is asked for by nobody."""

    SessionState.__init__ = begin  # type: ignore[method-assign]
    SessionState._update_config = forget  # type: ignore[method-assign, assignment]
    SessionState._update_value_in_config = forget  # type: ignore[method-assign, assignment]


IDLE_SECONDS = 3600.0
"""A session that nothing was asked in for so long is forgotten; the page then begins anew."""
UPLOADS_BYTES = 4_000_000_000
"""All uploads together; beyond it the oldest go."""
CLOSED_SECONDS = 600
"""How long the state of a closed page is kept, in case it is opened again."""


QUEUE_SECONDS = 0.01
"""Between two looks of the queue for work. gradio looks every millisecond, which keeps a twentieth of a core busy."""


def count_nothing(demo: Any) -> None:
    """Let the queue look for work less often, and make no statistics of requests.

    A table of the last 10,000 is made anew after each, for the monitoring page, which is closed here; ``/metrics`` has
    figures that cost nothing.
    """
    demo._queue.ANALYTICS_MAX_EVENTS = 1
    demo._queue.sleep_when_free = QUEUE_SECONDS
    demo._queue.compute_analytics_summary = lambda records: {"functions": {}}


CONNECTION_SECONDS = 75
"""How long a connection that asks nothing is kept; browsers and proxies let go of theirs before."""


@functools.cache
def keep_connections() -> None:
    """Let the server keep idle connections for CONNECTION_SECONDS.

    uvicorn closes them after 5, which is the moment in which a visitor's next request may be under way: on a busy
    machine some are cut off so. gradio makes the server and offers no setting.
    """
    from gradio.http_server import Server

    begin = Server.__init__

    def beginning(self: Any, config: Any, *more: Any, **named: Any) -> None:
        config.timeout_keep_alive = CONNECTION_SECONDS
        begin(self, config, *more, **named)

    Server.__init__ = beginning  # type: ignore[method-assign]


UPLOADS = "mmcore-uploads-"
"""How the folders of servers begin, in the folder for temporary files."""
ALIVE = "alive.lock"
"""Held by the server of a folder as long as it runs."""


_mine: set[Path] = set()
"""Folders that this process has made."""


def own_uploads() -> Path:
    """The folder of this server's uploads, in GRADIO_TEMP_DIR or the machine's folder; it goes when the server ends.

    gradio's own is shared, and a server that ends or tidies up deletes there what others still show: equal files, such
    as the example pictures, have the same place for all of them.
    """
    from filelock import FileLock, Timeout

    from mmcore.settings import uploads_folder

    told = uploads_folder()
    if told in _mine:
        return told
    home = told or Path(tempfile.gettempdir())
    if home.parent.name.startswith(UPLOADS):  # inherited from another server: beside its folder, not inside
        home = home.parent.parent
    home.mkdir(parents=True, exist_ok=True)
    for left in home.glob(f"{UPLOADS}*"):
        with suppress(OSError, Timeout):  # a server that was killed holds its lock no more
            if time.time() - left.stat().st_mtime > KEPT_SECONDS:
                with FileLock(left / ALIVE, timeout=0):
                    shutil.rmtree(left, ignore_errors=True)
    mine = Path(tempfile.mkdtemp(prefix=UPLOADS, dir=home))
    lock = FileLock(mine / ALIVE)
    lock.acquire()

    def vanish() -> None:
        lock.release()
        shutil.rmtree(mine, ignore_errors=True)

    atexit.register(vanish)
    uploads_folder(mine / "files")
    _mine.add(mine / "files")
    return mine / "files"


def shown_by(demo: gr.Blocks) -> frozenset[Path]:
    """Files in the folder of uploads that the page itself shows: the example pictures."""
    return frozenset(Path(name) for block in demo.blocks.values() for name in getattr(block, "keep_in_cache", ()))


def expire(holder: Any) -> int:
    """Forget sessions of gradio's ``StateHolder`` that nothing was asked in for IDLE_SECONDS; how many went."""
    from datetime import datetime, timedelta

    since = datetime.now() - timedelta(seconds=IDLE_SECONDS)
    idle = [name for name, used in list(holder.time_last_used.items()) if used < since]
    for name in idle:
        session = holder.session_data.get(name)
        if session is not None:
            holder.delete_state(name)  # closes what is open: the pictures of a visit
        holder.session_data.pop(name, None)
        holder.time_last_used.pop(name, None)
    return len(idle)


def make_room(folder: Path, spared: Collection[Path] = (), limit: int = UPLOADS_BYTES) -> int:
    """Delete the oldest uploads until all of them take ``limit`` bytes at most; how many went. Never raises.

    ``spared`` are no uploads: they stay, and do not count.
    """
    found = []
    for path in folder.rglob("*"):
        try:
            if path not in spared and path.is_file() and not path.is_symlink():
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        except OSError:  # deleted meanwhile
            continue
    total, gone = sum(size for _, size, _ in found), 0
    for _, size, path in sorted(found):
        if total <= limit:
            break
        path.unlink(missing_ok=True)
        total, gone = total - size, gone + 1
    return gone
