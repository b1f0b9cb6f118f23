"""The most memory that a process has had, for tests that start one to find out."""

from __future__ import annotations

from pathlib import Path


def peak() -> int:
    """In kB. Not ``ru_maxrss``: there Linux counts the process that started this one, which is mostly the larger."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0])
