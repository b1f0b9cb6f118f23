"""A process that serves the demo, for tests of its API and of its page.

A process of its own, because gradio leaves event loops open and warns about pandas, and because the settings that it
reads from the environment should be the ones of the test.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fakes.demo import ASKED

if TYPE_CHECKING:
    from gradio_client import Client

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Server:
    """A running demo. Its limits are small enough to be reached in a test: 40 files, pictures of 200 kB."""

    url: str
    home: Path

    @property
    def uploads(self) -> Path:
        """Where gradio puts what is uploaded."""
        return self.home / "uploads"

    def log(self) -> str:
        """What it wrote to stderr so far."""
        return (self.home / "log").read_text(encoding="utf-8")

    def asked(self) -> list[dict[str, Any]]:
        """The options of every request that reached a fake model."""
        log = self.home / ASKED
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def free_port() -> str:
    """A port that nobody has now, and that nobody is likely to get in the seconds until the demo binds it.

    Neither gradio's own search, which lets two processes that start together find the same one, nor one that the system
    gives to whoever connects or binds next: those begin at 32768.
    """
    draw = random.SystemRandom()
    while True:
        port = draw.randrange(10_000, 32_768)
        with socket.socket() as asked:
            try:
                asked.bind(("127.0.0.1", port))
            except OSError:
                continue
            return str(port)


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """Serve the demo with the fake captioner from ``home``, offline. Only the compact checkpoint is on the machine."""
    compact = home / "compact"
    compact.mkdir()
    for name in ("config.json", "model.safetensors"):
        (compact / name).write_text("{}")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MMCORE_", "GRADIO_", "HF_"))},
        "MMCORE_HOME": str(home),
        "MMCORE_OFFLINE": "1",
        "MMCORE_DEVICE": "cpu",
        "MMCORE_FILES": "40",
        "MMCORE_IMAGE_BYTES": "200000",
        "MMCORE_LOCAL_COMPACT_ANSWERS": str(compact),
        "MMCORE_LOCAL_COMPACT_CAPTIONER": str(compact),
        "MMCORE_LOCAL_COMPACT_RETRIEVER": str(compact),
        "MMCORE_LOCAL_COMPACT_TAGGER": str(compact),
        "MMCORE_LOCAL_COMPACT_SENTIMENT": str(compact),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(home / "hf"),
        "GRADIO_TEMP_DIR": str(home / "uploads"),
        "GRADIO_SERVER_PORT": free_port(),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "PYTHONUNBUFFERED": "1",
    }
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.demo.serve"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("serving "):
                    yield Server(line.split()[1], home)
                    return
            raise RuntimeError(f"the demo did not start:\n{(home / 'log').read_text()}")
        finally:
            process.terminate()
            process.communicate(timeout=300)


@cache
def connect(server: Server, language: str = "en") -> Client:
    """A program that asks in that language. It reads the whole description of the API first, therefore only once."""
    from gradio_client import Client

    return Client(server.url, verbose=False, headers={"Accept-Language": language})


@contextmanager
def started(
    command: list[str], environment: dict[str, str], cwd: Path = ROOT, errors: int | None = None
) -> Iterator[tuple[str, str]]:
    """A process that serves the demo: its address, and what it printed until it named it.

    ``errors`` is what becomes of its stderr; ``subprocess.STDOUT`` is for short visits: nobody reads the pipe later.
    Raises RuntimeError with all that it printed where it ends without an address.
    """
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=cwd,
        env={**environment, "PYTHONUNBUFFERED": "1", "GRADIO_SERVER_PORT": free_port()},
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if "http://" in line:
                yield line[line.index("http://") :].strip(), said
                return
        raise RuntimeError(f"the demo did not start:\n{said}")
    finally:
        process.terminate()
        process.communicate(timeout=300)


@contextmanager
def real_demo() -> Iterator[str]:
    """The address of ``python -m demo``, with the models that are on this machine, in a process of its own."""
    with tempfile.TemporaryDirectory() as uploads:
        environment = {**os.environ, "GRADIO_TEMP_DIR": uploads, "MMCORE_OFFLINE": "1"}
        with started(["-m", "demo"], environment) as (url, _):
            yield url
