"""``python -m demo`` with the bundled models in a process that may be killed, for the long runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.demo.serving import ROOT, free_port


class Running:
    """A demo that serves. ``home`` holds all that it writes: its own things, uploads, temporary files, ``log``."""

    def __init__(self, home: Path, more: Mapping[str, str] | None = None) -> None:
        """Start it, with ``more`` in its environment. Raises RuntimeError with what it said where it ends instead."""
        self.home = home
        for name in ("uploads", "temporary"):
            (home / name).mkdir(parents=True, exist_ok=True)
        environment = environment_of(home) | {"GRADIO_SERVER_PORT": free_port(), **(more or {})}
        self._log = (home / "log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.url, said = "", ""
        for line in self.process.stdout:
            said += line
            if "http://" in line:
                self.url = line[line.index("http://") :].strip().rstrip("/") + "/"
                break
        if not self.url:
            self.process.wait(20)
            raise RuntimeError(f"{said}{self.log()}")
        self._own = set(self.files())
        threading.Thread(target=self.process.stdout.read, daemon=True).start()  # the pipe must not fill

    def log(self) -> str:
        """What it wrote to stderr so far."""
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")

    def resident(self) -> tuple[int, int]:
        """(bytes of the server, bytes of the processes in which it decodes)."""
        own = str(self.process.pid)
        parents = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except OSError:  # ended meanwhile
                continue
            parents[status.parent.name] = fields[1]
        children = [name for name in parents if own in _ancestors(name, parents)]
        return _resident(own), sum(map(_resident, children))

    def kill(self) -> None:
        """As the system kills what takes too much: at once, without a last word."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(20)
        self._log.close()

    def stop(self) -> int:
        """As a host stops it; its exit status."""
        self.process.terminate()
        status = self.process.wait(60)
        self._log.close()
        return status

    def files(self) -> list[Path]:
        """Uploads and temporary files that lie there."""
        return [path for name in ("uploads", "temporary") for path in (self.home / name).rglob("*") if path.is_file()]

    def left(self) -> list[Path]:
        """Those of visitors: all but the example pictures, which gradio copies there at the start."""
        return [path for path in self.files() if path not in self._own]


def environment_of(home: Path) -> dict[str, str]:
    """For a server or a command that has all its files below ``home`` and reaches no hub."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MMCORE_", "GRADIO_", "HF_"))}
    return kept | {
        "MMCORE_HOME": str(home),
        "MMCORE_OFFLINE": "1",
        "MMCORE_DEVICE": "cpu",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(home / "hf"),
        "GRADIO_TEMP_DIR": str(home / "uploads"),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "TMPDIR": str(home / "temporary"),
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def running(home: Path, more: Mapping[str, str] | None = None) -> Iterator[Running]:
    """One that is stopped at the end, if it has not ended before."""
    server = Running(home, more)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def _ancestors(name: str, parents: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    while name in parents and parents[name] not in found:
        name = parents[name]
        found.add(name)
    return found


def _resident(number: str) -> int:
    try:
        return int(Path("/proc", number, "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
