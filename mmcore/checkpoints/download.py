"""Files over the network: is a host there, and a download that goes on where it broke off.

A download lands under its final name only when it is whole and its sha256 is right, so that a file which exists can
be used. The network is spoken to through huggingface_hub's own session, which knows the user's proxies and
certificates.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mmcore.errors import Cancelled, Phrase, WeightsError
from mmcore.types import IsCancelled, Progress

ATTEMPTS = 5
"""Broken connections in a row, without a new byte between them, before a download gives up."""
RETRY_SECONDS = 0.1
"""Pause after a broken connection; twice as long after each further one."""
LONGEST_WAIT = 30.0
"""Seconds that a server may ask us to wait (Retry-After) before we tell the person instead."""
STALL_SECONDS = 10.0
"""A server that sends nothing for so long counts as a broken connection."""


def readable_size(count: int) -> str:
    """Bytes for people: 990000000 -> "990 MB"; decimal units, as hubs and disks state them."""
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if unit == "GB" else f"{value:.0f} {unit}"


class Reachability:
    """Whether hosts answer, asked once a minute and never for longer than two seconds."""

    def __init__(self, limit: float = 2.0, remember: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._remember, self._clock = limit, remember, clock
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[float, str | None]] = {}

    def problem(self, address: str) -> str | None:
        """None where the host of ``address`` (a URL) answers, else what is wrong, in a few words."""
        with self._lock:  # those who ask meanwhile get this answer instead of asking again
            asked, answer = self._answers.get(address, (float("-inf"), None))
            if self._clock() - asked >= self._remember:
                answer = self._ask(address)
                self._answers[address] = (self._clock(), answer)
            return answer

    def forget(self) -> None:
        """Ask again next time, as a person does who has just plugged in the cable."""
        with self._lock:
            self._answers.clear()

    def _ask(self, address: str) -> str | None:
        from huggingface_hub import get_session

        get_session()  # importing and preparing it takes a slow machine seconds, which are not the host's
        answers: list[str | None] = []
        # In a thread, because looking up a name can hang far beyond any limit that a socket knows.
        thread = threading.Thread(target=lambda: answers.append(self._knock(address)), daemon=True)
        thread.start()
        thread.join(self._limit)
        return answers[0] if answers else Phrase("no_answer")

    def _knock(self, address: str) -> str | None:
        from huggingface_hub import get_session

        try:
            status = get_session().head(address, timeout=self._limit, follow_redirects=False).status_code
        except Exception as error:  # whatever the network library raises, which changes with the hub's: it means "no"
            return Phrase("no_answer") if "Timeout" in type(error).__name__ else str(error) or type(error).__name__
        # A mirror may well say 404 or 401 at its root; a firewall says 403 or 407, a broken gateway 5xx.
        return f"HTTP {status}" if status in (403, 407) or status >= 500 else None


reachability = Reachability()
"""The process's own memory of who answers."""


@dataclass(frozen=True)
class Download:
    """One file to fetch."""

    name: str
    """Checkpoint that it belongs to, for messages."""
    url: str
    target: Path
    sha256: str
    size: int | None = None
    """Bytes, where known beforehand."""
    headers: Mapping[str, str] | None = None
    lock: Path | None = None
    """Held while downloading; ``<target>.lock`` unless said otherwise."""


def refusal(name: str, host: str | None, status: int, headers: Mapping[str, str]) -> WeightsError:
    """The error for an HTTP status that no further attempt will change soon."""
    wait = retry_after(headers)
    if wait is not None and (status == 429 or status >= 500):
        return WeightsError("weights_wait", name=name, host=host, status=status, seconds=math.ceil(wait))
    if status >= 500 or status == 429:
        return WeightsError("weights_busy", name=name, host=host, status=status)
    key = {401: "weights_login", 404: "weights_gone", 410: "weights_gone"}.get(status, "weights_refused")
    return WeightsError(key, name=name, host=host, status=status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone; None where it does not say, or says it as a date."""
    given = headers.get("Retry-After", "").strip()
    return float(given) if given.isdigit() else None


def fetch(download: Download, progress: Progress | None = None, cancelled: IsCancelled | None = None) -> Path:
    """Bring the file to ``download.target`` unless it is there already, and return that path.

    What has arrived stays in ``<target>.part`` when the connection breaks or the person stops, and the next call goes
    on from there. Two processes that want the same file at once fetch it once.

    Raises WeightsError (refused, broken off, damaged, disk full or read-only) and Cancelled.
    """
    target = download.target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(download.lock or target.with_name(target.name + ".lock"), cancelled):
            if not target.is_file():
                part = target.with_name(target.name + ".part")
                _complete(download, part, progress, cancelled)
                _check(download, part)
                os.replace(part, target)
    except OSError as error:
        raise WeightsError("weights_disk", name=download.name, folder=target.parent, detail=error) from error
    return target


@contextmanager
def _locked(path: Path, cancelled: IsCancelled | None) -> Iterator[None]:
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=0.2)
            break
        except Timeout:  # another process is downloading it
            if cancelled is not None and cancelled():
                raise Cancelled("download_cancelled", done=0, total="?") from None
    try:
        yield
    finally:
        lock.release()


def _complete(download: Download, part: Path, progress: Progress | None, cancelled: IsCancelled | None) -> None:
    """Append to ``part`` until it is whole."""
    failures, total = 0, download.size
    while True:
        before = part.stat().st_size if part.exists() else 0
        if total is not None and before == total:
            return
        if total is not None and before > total:
            part.unlink()  # left over from another version of the file
            before = 0
        try:
            total = _append(download, part, before, total, progress, cancelled)
        except _Broken as broken:
            arrived = part.stat().st_size if part.exists() else 0
            failures = 0 if arrived > before else failures + 1
            if failures >= ATTEMPTS:
                raise WeightsError("weights_interrupted", name=download.name, detail=broken) from broken
            end = time.monotonic() + (broken.wait or RETRY_SECONDS * 2**failures)
            while (rest := end - time.monotonic()) > 0:
                if cancelled is not None and cancelled():
                    raise _stopped(arrived, total) from None
                time.sleep(min(rest, 0.2))


def _stopped(done: int, total: int | None) -> Cancelled:
    whole = readable_size(total) if total else "?"
    return Cancelled("download_cancelled", done=readable_size(done), total=whole)


class _Broken(Exception):
    """The connection broke; trying again may help, after ``wait`` seconds where the server asks for that."""

    def __init__(self, said: str, wait: float = 0.0) -> None:
        super().__init__(said)
        self.wait = wait


def _append(
    download: Download,
    part: Path,
    start: int,
    total: int | None,
    progress: Progress | None,
    cancelled: IsCancelled | None,
) -> int:
    """One connection: append what comes to ``part``, and return the size of the whole file."""
    from huggingface_hub import get_session

    # Compressed bytes could neither be counted nor continued.
    headers = {"Accept-Encoding": "identity", **(download.headers or {})}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = get_session().stream("GET", download.url, headers=headers, timeout=STALL_SECONDS, follow_redirects=True)
    with ExitStack() as stack:
        with _network():
            response = stack.enter_context(request)
        if response.status_code == 416:  # nothing comes after ``start``: the part is whole, or of another file
            if response.headers.get("Content-Range", "").rpartition("/")[2] == str(start):
                return start
            part.unlink()
            raise _Broken("the file has changed on the server")
        status, wait = response.status_code, retry_after(response.headers) or 0.0
        if (status == 429 or status >= 500) and wait <= LONGEST_WAIT:
            raise _Broken(f"HTTP {status}", wait)
        if status not in (200, 206):
            raise refusal(download.name, urlsplit(download.url).hostname, status, response.headers)
        if status == 200:
            start = 0  # the server does not continue files
        if "Content-Length" in response.headers:
            total = start + int(response.headers["Content-Length"])
        if total is not None:
            _check_space(download, total - start)
        done = start
        chunks = response.iter_bytes()
        with part.open("ab" if start else "wb") as file:
            while True:
                if cancelled is not None and cancelled():
                    raise _stopped(done, total)
                with _network():
                    chunk = next(chunks, None)
                if chunk is None:
                    break
                file.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done, total or done)
    if total is not None and done < total:
        raise _Broken(f"the connection closed at {done} of {total} bytes")
    return done


@contextmanager
def _network() -> Iterator[None]:
    """Whatever the network library raises inside is a broken connection."""
    try:
        yield
    except Exception as error:
        raise _Broken(str(error) or type(error).__name__) from error


def _check_space(download: Download, needed: int) -> None:
    free = shutil.disk_usage(download.target.parent).free
    if needed > free:
        raise WeightsError(
            "weights_no_space",
            name=download.name,
            needed=readable_size(needed),
            folder=download.target.parent,
            free=readable_size(free),
        )


def _check(download: Download, part: Path) -> None:
    """Compare the sha256; a damaged part is thrown away, since no continuation can mend it."""
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != download.sha256.lower():
        part.unlink()
        raise WeightsError("weights_checksum", name=download.name, actual=digest.hexdigest(), expected=download.sha256)
