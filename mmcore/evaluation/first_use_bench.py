"""What a visitor waits for at first use: the first answer of each tab against later ones, over HTTP.

Each tab is asked in a process of the page of its own, with an empty MMCORE_HOME: what must be loaded, or made once, is
in its first answer. The reference is the median of the later answers of the same process.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mmcore.errors import UnknownNameError
from mmcore.settings import bare_environment

if TYPE_CHECKING:
    import httpx

START_SECONDS = 180.0
ANSWER_SECONDS = 600.0
LOG_SHOWN = 2000
"""Characters of the page's log that are shown where it does not answer."""
API = "/gradio_api"


@dataclass(frozen=True)
class FirstUse:
    """One tab."""

    tab: str
    first: float
    """Seconds to the first answer; of the Lab, to the first epoch on the page."""
    warm: float
    """The same later on: the median."""
    ratio: float
    first_cpu: float | None
    """Processor seconds of the page's process in the first answer; None where the system does not tell (no /proc)."""
    warm_cpu: float | None


def run(repeats: int = 3, tabs: Sequence[str] = ()) -> dict[str, Any]:
    """Tabs of TABS (all unless some are named), one after the other. Raises UnknownNameError."""
    for name in tabs:
        if name not in TABS:
            raise UnknownNameError("tab", name, TABS)
    found = [_measured(tab, repeats) for tab in tabs or TABS]
    return {"timings": [asdict(one) for one in found], "repeats": repeats}


def _measured(tab: str, repeats: int) -> FirstUse:
    with _page() as (client, page):
        ask = TABS[tab](client)
        seconds, cpu = [], []
        for _ in range(1 + repeats):
            begin, used = perf_counter(), _cpu_seconds(page.pid)
            ask()
            seconds.append(perf_counter() - begin)
            cpu.append(None if used is None else round((_cpu_seconds(page.pid) or 0.0) - used, 2))
    first, warm = seconds[0], statistics.median(seconds[1:])
    later = sorted(one for one in cpu[1:] if one is not None)
    warm_cpu = later[len(later) // 2] if later else None
    return FirstUse(tab, round(first, 3), round(warm, 3), round(first / warm, 2), cpu[0], warm_cpu)


def _cpu_seconds(process: int) -> float | None:
    """User and system time of a process so far, with all its threads."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _page() -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """A page of its own, offline, with nothing in its home; it ends with the block."""
    import httpx

    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="mmcore-first-use-") as home:
        environment = {
            **bare_environment(),
            **{"MMCORE_HOME": home, "MMCORE_OFFLINE": "1", "GRADIO_TEMP_DIR": str(Path(home) / "uploads")},
            "GRADIO_ANALYTICS_ENABLED": "False",
        }
        command = [sys.executable, "-m", "mmcore", "demo", "--port", str(port)]
        log = Path(home) / "log"
        with log.open("wb") as written:
            page = subprocess.Popen(command, env=environment, stdout=written, stderr=written)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=ANSWER_SECONDS) as client:
                _wait(client, page)
                yield client, page
        except (httpx.HTTPError, RuntimeError) as error:
            told = log.read_text(errors="replace")[-LOG_SHOWN:]
            raise RuntimeError(f"{error}; exit status {page.poll()}; the page wrote:\n{told}") from error
        finally:
            page.terminate()
            page.wait(60)


def _wait(client: httpx.Client, page: subprocess.Popen[bytes]) -> None:
    import httpx

    begin = monotonic()
    while True:
        try:
            client.get("/config")
            return
        except httpx.TransportError:
            if page.poll() is not None or monotonic() - begin > START_SECONDS:
                raise RuntimeError("the page did not start: `mmcore demo` says why") from None
            sleep(0.1)


def _call(client: httpx.Client, endpoint: str, data: list[Any]) -> None:
    """An endpoint for programs. Raises RuntimeError where it does not answer."""
    event = client.post(f"{API}/call/{endpoint}", json={"data": data}).json()["event_id"]
    answer = client.get(f"{API}/call/{endpoint}/{event}").text
    if "event: complete" not in answer:
        raise RuntimeError(f"{endpoint} answered: {answer.strip()[-300:]}")


def _upload(client: httpx.Client, name: str, content: bytes) -> dict[str, Any]:
    (path,) = client.post(f"{API}/upload", files={"files": (name, content)}).json()
    return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def picture() -> bytes:
    """A JPEG of 640 x 480 pixels: colours that run into each other."""
    rows, columns = np.mgrid[0:480, 0:640]
    pixels = np.stack([rows % 256, columns % 256, (rows + columns) % 256], axis=-1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def sound() -> bytes:
    """Five seconds of a tone of 440 Hz, as WAV."""
    samples = (np.sin(2 * np.pi * 440 * np.arange(5 * 16_000) / 16_000) * 16_000).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(samples.tobytes())
    return file.getvalue()


Ask = Callable[[], None]


def _captions(client: httpx.Client) -> Ask:
    image = _upload(client, "picture.jpg", picture())
    return lambda: _call(client, "caption", [image])


def _search(client: httpx.Client) -> Ask:
    return lambda: _call(client, "search", ["a dog"])


def _labels(client: httpx.Client) -> Ask:
    image = _upload(client, "picture.jpg", picture())
    return lambda: _call(client, "zero_shot", [image, "a cat, a dog"])


def _sentiment(client: httpx.Client) -> Ask:
    image = _upload(client, "picture.jpg", picture())
    return lambda: _call(client, "sentiment", ["what a lovely day", image])


def _sounds(client: httpx.Client) -> Ask:
    audio = _upload(client, "sound.wav", sound())
    return lambda: _call(client, "classify_audio", [audio])


def _questions(client: httpx.Client) -> Ask:
    image = _upload(client, "picture.jpg", picture())
    return lambda: _call(client, "ask", [image, "What is this?"])


def _lab(client: httpx.Client) -> Ask:
    """Press Train as the page does, and wait until there is an epoch to see."""
    config = client.get("/config").json()
    values = {one["id"]: one.get("props", {}).get("value") for one in config["components"]}
    (training,) = (one for one in config["dependencies"] if one["api_name"] == "lab_train")
    data = [values.get(name) for name in training["inputs"]]

    def train() -> None:
        session = secrets.token_hex(8)
        asked = {"data": data, "fn_index": training["id"], "session_hash": session}
        client.post(f"{API}/queue/join", json=asked).raise_for_status()
        with client.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as answer:
            for line in answer.iter_lines():
                said = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if said.get("msg") == "process_completed":
                    raise RuntimeError(f"the training ended without an epoch: {line[:300]}")
                if said.get("msg") == "process_generating" and "mm-table" in line:
                    return

    return train


TABS: dict[str, Callable[[Any], Ask]] = {
    "captioning": _captions,
    "search": _search,
    "labels": _labels,
    "sentiment": _sentiment,
    "audio": _sounds,
    "ask": _questions,
    "lab": _lab,
}
