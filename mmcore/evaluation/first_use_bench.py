"""What a visitor waits for at first use: the first answer of each tab against later ones, over HTTP.

Each tab is asked in a process of the page of its own, with an empty MMCORE_HOME: what must be loaded, or made once, is
in its first answer. The reference is the median of the later answers of the same process. And what a visitor waits for
before there is something to read, where an explanation follows the answer.
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
from contextlib import closing, contextmanager
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


def _event(client: httpx.Client, event: str, given: Sequence[Any] = ()) -> dict[str, Any]:
    """What the page sends for an event, without its session: ``given`` stands in place of its first inputs."""
    config = client.get("/config").json()
    values = {one["id"]: one.get("props", {}).get("value") for one in config["components"]}
    (asked,) = (one for one in config["dependencies"] if one["api_name"] == event)
    return {"data": [*given, *(values.get(name) for name in asked["inputs"][len(given) :])], "fn_index": asked["id"]}


def _pressed(client: httpx.Client, event: str, given: Sequence[Any] = ()) -> Callable[[str], Iterator[str]]:
    """Press a button as the page does, in a session: the lines that come back."""
    asked = _event(client, event, given)

    def press(session: str) -> Iterator[str]:
        body = {**asked, "session_hash": session}
        client.post(f"{API}/queue/join", json=body).raise_for_status()
        with client.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as answer:
            for line in answer.iter_lines():
                said = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if said.get("msg") in ("process_generating", "process_completed"):
                    yield line
                if said.get("msg") == "process_completed":
                    return

    return press


def _lab(client: httpx.Client) -> Ask:
    """Press Train, and wait until there is an epoch to see."""
    press = _pressed(client, "lab_train")

    def train() -> None:
        with closing(press(secrets.token_hex(8))) as lines:  # type: ignore[type-var]  # a generator
            if not any("process_generating" in line and "mm-table" in line for line in lines):
                raise RuntimeError("the training ended without an epoch")

    return train


@dataclass(frozen=True)
class Explained:
    """A tab whose answer comes first and its explanation after it; seconds, medians."""

    tab: str
    plain: float
    """The answer of the endpoint for programs, which explains nothing."""
    answer: float
    """What the page shows first."""
    explained: float
    """Until the explanation stands below it."""
    ratio: float
    """``answer`` to ``explained``: the part of the wait after which there is something to read."""
    bytes: int
    """What the page gets for it, in all."""
    translated: float
    """The same answer in another language."""
    translated_bytes: int


def run_explained(repeats: int = 5) -> dict[str, Any]:
    """Tabs of EXPLAINED in a warm page: seconds to the answer without, before and with its explanation."""
    found = []
    with _page() as (client, _):
        image, noise = _upload(client, "picture.jpg", picture()), _upload(client, "sound.wav", sound())
        given: dict[str, Sequence[Any]] = {
            "captioning": [image],
            "sentiment": ["what a lovely day", image],
            "audio": [noise],
        }
        for tab, (event, shown) in EXPLAINED.items():
            ask = TABS[tab](client)
            press = _pressed(client, event, given[tab])
            again = _event(client, f"{tab}_translate")
            again["data"][-1] = "zh"
            rows = []
            for _ in range(1 + repeats):
                session = secrets.token_hex(8)
                first, last, size = _first_and_last(press, session, shown)
                begin = perf_counter()
                translated = client.post(f"{API}/run/predict", json={**again, "session_hash": session}).content
                rows.append((_seconds(ask), first, last, size, perf_counter() - begin, len(translated)))
            plain, first, last, size, spent, length = (
                round(statistics.median(column), 3) for column in zip(*rows[1:], strict=True)
            )
            ratio = round(first / last, 2)
            found.append(asdict(Explained(tab, plain, first, last, ratio, int(size), spent, int(length))))
    return {"timings": found, "repeats": repeats}


def _seconds(ask: Ask) -> float:
    begin = perf_counter()
    ask()
    return perf_counter() - begin


def _first_and_last(press: Callable[[str], Iterator[str]], session: str, shown: str) -> tuple[float, float, int]:
    """Seconds to the first line with the answer, to the last, bytes. Raises RuntimeError where there is no answer."""
    begin, first, size = perf_counter(), None, 0
    for line in press(session):
        size += len(line.encode())
        if first is None and shown in line:
            first = perf_counter() - begin
    if first is None:
        raise RuntimeError(f"no answer: {shown} did not come")
    return first, perf_counter() - begin, size


TABS: dict[str, Callable[[Any], Ask]] = {
    "captioning": _captions,
    "search": _search,
    "labels": _labels,
    "sentiment": _sentiment,
    "audio": _sounds,
    "ask": _questions,
    "lab": _lab,
}

EXPLAINED = {
    "captioning": ("captioning_describe", "mm-caption"),  # its maps come with it
    "sentiment": ("sentiment_describe", "mm-verdict"),
    "audio": ("audio_listen", "mm-heard"),
}
"""Tab -> the page's event, and what its answer is recognised by."""
