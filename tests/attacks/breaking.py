"""What befalls a host: killed at random moments, a full disk, a home that cannot be written, two servers on one home.

    python -m tests.attacks.breaking FOLDER [index] [server] [disk] [readonly] [two]

All of them unless some are named. The full disk and the home that cannot be written are small file systems of their own
in memory, for which one must be root; without that they are left out, and it is said. Prints a table; status 1 where
something broke.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from mmcore.errors import UnknownNameError
from mmcore.index import Library
from mmcore.settings import Settings
from tests.attacks.running import ROOT, Running, environment_of, running

KILLS = 10
PICTURES = 160
API = "gradio_api/"
EXAMPLES = sorted((ROOT / "assets" / "examples").glob("*.jpg"))

rows: list[tuple[str, str, bool]] = []


def told(what: str, outcome: str, good: bool) -> None:
    """A line of the table."""
    rows.append((what, outcome, good))
    print(f"{'ok ' if good else 'BAD'} | {what} | {outcome}", flush=True)


def command(home: Path, *words: str) -> subprocess.Popen[str]:
    """``mmcore WORDS`` with all its files below ``home``."""
    (home / "temporary").mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "mmcore", *words],
        cwd=ROOT,
        env=environment_of(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(home: Path, *words: str) -> tuple[int, str]:
    """Exit status, and what it said on both streams."""
    process = command(home, *words)
    out, errors = process.communicate(timeout=600)
    return process.returncode, out + errors


def last(said: str) -> str:
    """What a command said in the end: without the lines that show progress."""
    lines = [line.strip() for line in said.replace("\r", "\n").splitlines() if line.strip() and "it/s" not in line]
    return lines[-1] if lines else ""


def drawn_pictures(folder: Path, count: int = PICTURES) -> Path:
    """Noise, each other than the others."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((320, 240)).save(folder / f"{number:04}.jpg")
    return folder


def killed_index(folder: Path) -> None:
    """``mmcore index add`` is killed; what the catalogue names is whole, and the next run goes on."""
    home, draw = folder / "index", random.Random(0)
    pictures = drawn_pictures(folder / "pictures")
    began = time.monotonic()
    status, said = finished(folder / "whole", "index", "add", "c", str(pictures))
    whole = time.monotonic() - began
    assert status == 0, said
    reference = Library(Settings(home=folder / "whole")).open("c")
    vectors = {Path(entry.path).name: row for entry, row in zip(reference.entries(), reference.vectors(), strict=True)}
    for number in range(KILLS):
        # Late enough that it works: most of a short run is the start of Python.
        moment = draw.uniform(0.5, 0.9) * whole
        name = f"c{number}"
        process = command(home, "index", "add", name, str(pictures))
        try:
            process.wait(moment)
            ended = True
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            ended = False
        process.communicate()
        try:
            entries = (found := Library(Settings(home=home)).open(name)).entries()
            rows_there = found.vectors() if entries else []
            same = all(
                np.allclose(row, vectors[Path(e.path).name], atol=1e-5)
                for e, row in zip(entries, rows_there, strict=True)
            )
            outcome, good = f"{len(entries)} pictures, their vectors {'right' if same else 'WRONG'}", same
        except UnknownNameError:
            outcome, good = "not made yet", True
        told(f"index add killed after {moment:.1f} s ({number + 1})", outcome + (" (had ended)" if ended else ""), good)
    for name in (f"c{KILLS - 2}", f"c{KILLS - 1}"):
        status, said = finished(home, "index", "add", name, str(pictures))
        found = Library(Settings(home=home)).open(name)
        told("index add once more", last(said), status == 0 and len(found) == len(reference))
    status, said = finished(home, "search", name, "--text", "noise", "--top", "3", "--json")
    told("search after it", f"status {status}", status == 0 and said.count('"path"') >= 3)
    drafts = [path.name for path in (home / "collections").glob(".*")]
    told("halves of collections that were left", ", ".join(drafts) or "none", True)


def caption(url: str) -> httpx.Response | str:
    """An upload and a question about it, as programs send them; the answer's last lines."""
    with httpx.Client(base_url=url, timeout=120) as client:
        path = random.choice(EXAMPLES)
        sent = client.post(f"{API}upload", files={"files": ("p.jpg", path.read_bytes())})
        if sent.status_code != 200:
            return f"upload {sent.status_code} {sent.text[:200]}"
        upload = {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}
        data = [upload, "compact-captioner", 1, "beam", 3, 30, "", 0.9, 1.0, 0, False, "en"]
        joined = client.post(f"{API}call/caption", json={"data": data})
        if joined.status_code != 200:
            return f"call {joined.status_code} {joined.text[:200]}"
        said = client.get(f"{API}call/caption/{joined.json()['event_id']}").text.strip()
        return said.replace("event: heartbeat\ndata: null\n\n", "").replace("\n", " ")


def answered(said: Any) -> bool:
    """Whether a caption came."""
    return isinstance(said, str) and "event: complete" in said and '"captions"' in said


def alive(number: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(number: int) -> list[int]:
    """Processes that it has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(status.read_text().rpartition(")")[2].split()[1]) == number:
                found.append(int(status.parent.name))
        except OSError:
            continue
    return found


def killed_server(folder: Path) -> None:
    """The server is killed while it answers; the next one on the same home works, and no decoder is left."""
    home, draw = folder / "server", random.Random(1)
    for number in range(KILLS):
        server = Running(home)
        moment = draw.uniform(0.2, 8.0)
        asking = [threading.Thread(target=_until_it_ends, args=(server.url,), daemon=True) for _ in range(3)]
        for one in asking:
            one.start()
        time.sleep(moment)
        decoders = children(server.process.pid)
        server.kill()
        time.sleep(2.0)
        left = [one for one in decoders if alive(one)]
        told(
            f"server killed after {moment:.1f} s ({number + 1})",
            f"{len(decoders)} decoders, {len(left)} left after 2 s",
            not left,
        )
        for one in asking:
            one.join(130)
    with running(home) as server:
        said = caption(server.url)
        health = httpx.get(f"{server.url}health", timeout=60)
        told(
            "a server started on the same home",
            f"health {health.status_code}, {str(said)[:60]!r}",
            answered(said) and health.status_code == 200,
        )
        log = server.log()
    told("log of all of them", f"{log.count('Traceback')} tracebacks", "Traceback" not in log)


def _until_it_ends(url: str) -> None:
    try:
        while True:
            caption(url)
    except (httpx.HTTPError, ValueError):
        return


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of that size."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def full_disk(folder: Path) -> None:
    """The disk of the home fills while pictures are added; then while the page is used."""
    pictures = drawn_pictures(folder / "pictures")
    with small_disk(folder / "full", "1m") as home:
        status, said = finished(home, "index", "add", "c", str(pictures))
        words = last(said)
        told("index add on a disk of 1 MB", words, status == 1 and "Traceback" not in said and "make room" in words)
        found = Library(Settings(home=home)).open("c")
        count, rows_there = len(found), len(found.vectors())
        told("what it holds then", f"{count} pictures, {rows_there} vectors", count == rows_there)
        status, said = finished(home, "search", "c", "--text", "noise", "--json")
        told(
            "search on it",
            f"status {status}: {last(said)[:80]}",
            status == 0 or (count == 0 and "Traceback" not in said),
        )
        subprocess.run(["mount", "-o", "remount,size=40m", str(home)], check=True)
        status, said = finished(home, "index", "add", "c", str(pictures))
        told(
            "index add once there is room",
            last(said),
            status == 0 and len(Library(Settings(home=home)).open("c")) == PICTURES,
        )
    log = folder / "fulllog"  # elsewhere, so that it says all
    with small_disk(folder / "fullpage", "40m") as home:
        (home / "temporary").mkdir()
        more = {"MMCORE_HOME": str(home), "GRADIO_TEMP_DIR": str(home / "uploads"), "TMPDIR": str(home / "temporary")}
        with running(log, more) as server:
            _use_full(server, home)


def _use_full(server: Running, home: Path) -> None:
    """Ask a page whose disk is full."""
    said = caption(server.url)
    told("page on a disk of 40 MB", str(said)[:60], answered(said))
    with suppress(OSError), (home / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"\0" * 4096)
    said = str(caption(server.url))
    told("upload where the disk is full", said[:160], "upload 507" in said and "detail" in said)
    with httpx.Client(base_url=server.url, timeout=120) as client:
        joined = client.post(
            f"{API}call/search", json={"data": ["a dog", None, "", "examples", "compact-retriever", 3, 0.5, "", 1, 1]}
        )
        found_text = client.get(f"{API}call/search/{joined.json()['event_id']}").text
    told("search where the disk is full", found_text[:160].replace("\n", " "), "make room" in found_text)
    (home / "filler").unlink()
    said = caption(server.url)
    told("once there is room again", str(said)[:60], answered(said))
    tracebacks = server.log().count("Traceback")
    told("its log", f"{tracebacks} tracebacks", not tracebacks)


def read_only(folder: Path) -> None:
    """A home that cannot be written any more: what is there is read."""
    pictures = drawn_pictures(folder / "pictures")
    with small_disk(folder / "readonly", "60m") as home:
        status, said = finished(home, "index", "add", "c", str(pictures))
        assert status == 0, said
        for name in ("uploads", "temporary"):
            (home / name).mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
        status, said = finished(home, "search", "c", "--text", "noise", "--json")
        told(
            "search in a home that cannot be written",
            f"status {status}: {last(said)[:70]}",
            status == 0 and "Traceback" not in said,
        )
        status, said = finished(home, "index", "add", "c", str(EXAMPLES[0]))
        told("index add to it", last(said), status != 0 and "Traceback" not in said)
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        more = {"MMCORE_HOME": str(home), "GRADIO_TEMP_DIR": str(elsewhere / "uploads")}
        with running(elsewhere, more) as server:
            said = caption(server.url)
            told("page over it", str(said)[:60], answered(said))
            told("its log", f"{server.log().count('Traceback')} tracebacks", "Traceback" not in server.log())


def two_servers(folder: Path) -> None:
    """Two servers and two commands share a home."""
    home = folder / "two"
    first, second = Running(home), Running(home)
    try:
        with httpx.Client(base_url=second.url, timeout=60) as client:
            sent = client.post(f"{API}upload", files={"files": ("p.jpg", EXAMPLES[0].read_bytes())}).json()[0]
        saids: list[Any] = []
        asking = [
            threading.Thread(target=lambda url=one.url: saids.append(caption(url))) for one in (first, second) * 4
        ]
        for one in asking:
            one.start()
        for one in asking:
            one.join(300)
        told("eight requests to two servers", f"{sum(map(answered, saids))} answered", sum(map(answered, saids)) == 8)
        pictures = [drawn_pictures(folder / "pictures"), EXAMPLES[0].parent]
        adding = [command(home, "index", "add", "c", str(one)) for one in pictures]
        ends = [(one.communicate(timeout=600), one.returncode) for one in adding]
        count = len(Library(Settings(home=home)).open("c"))
        expected = PICTURES + len(EXAMPLES)
        told(
            "two commands add to one collection",
            f"{count} of {expected} pictures; " + "; ".join(last(out + err) for (out, err), _ in ends),
            count == expected and not any(code for _, code in ends),
        )
        first.stop()
        told(
            "an upload to the second once the first has stopped",
            "there" if Path(sent).is_file() else "gone",
            Path(sent).is_file(),
        )
        said = caption(second.url)
        told("the second then", str(said)[:60], answered(said))
    finally:
        for server in (first, second):
            if server.process.poll() is None:
                server.stop()
    told("their log", f"{second.log().count('Traceback')} tracebacks", "Traceback" not in second.log())


TRIALS: dict[str, Callable[[Path], None]] = {
    "index": killed_index,
    "server": killed_server,
    "disk": full_disk,
    "readonly": read_only,
    "two": two_servers,
}


def main(folder: str, *names: str) -> int:
    """Those named, or all."""
    path = Path(folder).resolve()
    for name in names or TRIALS:
        if name in ("disk", "readonly") and os.geteuid() != 0:
            print(f"{name}: left out, only root can make a small file system")
            continue
        TRIALS[name](path)
    bad = [row for row in rows if not row[2]]
    print(f"{len(rows)} rows, {len(bad)} bad")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
