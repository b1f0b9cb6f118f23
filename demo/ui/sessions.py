"""What the server keeps of visitors, and for how long.

gradio keeps a description of all of the page's components for every session, and every call of a program is a session
of its own: half a megabyte each. Only deep links need it, which the page does not offer.
"""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmcore.settings import Settings

logger = logging.getLogger(__name__)

CAPACITY = 200
"""Sessions that are kept; beyond them the one that was used longest ago goes."""
KEPT_SECONDS = 3600.0
"""An upload that lay there longer, when the server starts, is of a server that is no more."""


def keep_small() -> None:
    """Make gradio's sessions without the description of every component.

    gradio offers no setting for it: the description is replaced by an empty one, which it fills where it is asked.
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

    SessionState.__init__ = begin  # type: ignore[method-assign]


CLOSED_SECONDS = 600
"""How long the state of a closed page is kept, in case it is opened again."""


def sweep(settings: Settings) -> int:
    """Delete uploads that an earlier server left; how many files and folders went. Never raises."""
    from gradio.utils import get_upload_folder

    gone, now = 0, time.time()
    for left in Path(get_upload_folder()).glob("*"):
        try:
            if now - left.stat().st_mtime < KEPT_SECONDS:
                continue
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
            gone += 1
        except OSError as error:
            logger.warning("an old upload cannot be deleted: %s", error)
    return gone
