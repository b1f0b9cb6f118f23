"""An imitation of the Hugging Face hub on this machine: revisions, files, ETag, X-Repo-Commit, Range; faults on demand.

It speaks HTTP as the hub does, so that huggingface_hub itself talks to it: in this process through ``imitation_hub``
and ``as_this_process_hub``, in another one through the variable HF_ENDPOINT. Repositories are filled with bytes, or
with a folder that a library saved.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

ROOT_COMMIT = "0123456789abcdef0123456789abcdef01234567"
"""The commit of a repository that was published without naming one."""


@dataclass
class Hub:
    """What the server offers, how it misbehaves, and what was asked of it."""

    address: str = ""
    plain: dict[str, bytes] = field(default_factory=dict)
    """Path -> content, for the url source."""
    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    """Repository -> revision -> file name -> content."""
    commits: dict[tuple[str, str], str] = field(default_factory=dict)
    """(repository, branch) -> revision."""
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Repository -> front matter of its model card: license, language, ..."""
    discussions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    # faults
    cut: int | None = None
    """Close the connection after so many bytes of a body..."""
    cuts_left: int = 0
    """...so many times."""
    ranges: bool = True
    pause: float = 0.0
    """Seconds between the head and the body of a file."""
    slow: tuple[int, float] | None = None
    """(bytes, seconds): a body comes in pieces of so many bytes with such a pause after each."""
    status: int | None = None
    """Answer so..."""
    status_for: str = ""
    """...whatever has this in its path."""
    status_left: int = -1
    """...so many times; -1: always."""
    retry_after: str | None = None
    """Header of such an answer."""
    loop: str = ""
    """Paths with this in them redirect to themselves."""
    longer: int = 0
    """A file is said to be, and is, so many bytes longer than the hub's table says."""
    wrong_sha256: bool = False
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """(method, path, Range header) of everything asked, in order."""
    served: int = 0
    """Bytes of bodies of files sent, or about to be."""
    counting: Any = field(default_factory=Lock)
    """Held while ``served`` grows: a thread answers each connection."""

    def publish(
        self,
        repository: str,
        files: Path | Mapping[str, bytes],
        commit: str = ROOT_COMMIT,
        *,
        branch: str = "main",
        card: Mapping[str, Any] | None = None,
    ) -> str:
        """Put a folder or files there as the head of ``branch``; returns the commit."""
        if isinstance(files, Path):
            names = [path for path in files.rglob("*") if path.is_file()]
            files = {path.relative_to(files).as_posix(): path.read_bytes() for path in names}
        self.repositories.setdefault(repository, {})[commit] = dict(files)
        self.commits[repository, branch] = commit
        if card is not None:
            self.cards[repository] = dict(card)
        return commit

    def convert(self, repository: str, files: Mapping[str, bytes], commit: str, number: int, author: str) -> None:
        """Open a pull request with a safetensors copy, as the hub's bot does."""
        self.publish(repository, files, commit, branch=f"refs/pr/{number}")
        request = {
            "num": number,
            "title": "Adding `safetensors` variant of this model",
            "author": {"name": author},
            "isPullRequest": True,
            "status": "open",
            "createdAt": "2023-01-01T00:00:00.000Z",
            "repo": {"name": repository, "type": "model"},
            "repoOwner": {"name": "someone"},
        }
        self.discussions.setdefault(repository, []).append(request)

    def asked(self, part: str, method: str = "GET") -> list[str | None]:
        """The Range headers of the requests whose path contains ``part``."""
        return [given for verb, path, given in self.requests if verb == method and part in path]


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.requests.append((self.command, path, self.headers.get("Range")))
        if hub.status is not None and hub.status_for in path and hub.status_left != 0:
            hub.status_left -= 1
            self.send_json({"error": "no"}, hub.status, {"Retry-After": hub.retry_after} if hub.retry_after else {})
        elif hub.loop and hub.loop in path:
            self.send_json({}, 302, {"Location": self.path})
        elif path in hub.plain:
            self.send_file(hub.plain[path], {}, body)
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self.send_info(found[1], found[2] or "main")
        elif found := re.fullmatch(r"/api/models/(.+/.+)/discussions", path):
            listed = hub.discussions.get(found[1], [])
            self.send_json({"discussions": listed, "count": len(listed), "start": 0})
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(.+?)/([^/]+(?:/[^/]+)*)", path):
            self.resolve(*found.groups(), body=body)
        else:
            self.send_json({"error": "no such thing"}, 200 if path == "/" else 404)

    def resolve(self, repository: str, reference: str, name: str, body: bool) -> None:
        revision = self.hub.commits.get((repository, reference), reference)
        content = self.hub.repositories.get(repository, {}).get(revision, {}).get(name)
        if content is None:
            self.send_json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        digest = hashlib.sha256(content).hexdigest()
        etag = digest if is_large(name) else hashlib.sha1(content).hexdigest()
        if is_large(name):
            content += b"." * self.hub.longer
        self.send_file(content, {"X-Repo-Commit": revision, "ETag": f'"{etag}"'}, body)

    def send_info(self, repository: str, reference: str) -> None:
        hub = self.hub
        revision = hub.commits.get((repository, reference), reference)
        content = hub.repositories.get(repository, {}).get(revision)
        if content is None:
            code = "RepoNotFound" if repository not in hub.repositories else "RevisionNotFound"
            self.send_json({"error": "not found"}, 404, {"X-Error-Code": code})
            return
        siblings = []
        for name, data in content.items():
            sibling: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
            if is_large(name):
                digest = hashlib.sha256(b"other" if hub.wrong_sha256 else data).hexdigest()
                sibling["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 130}
            siblings.append(sibling)
        info = {"id": repository, "modelId": repository, "sha": revision, "siblings": siblings}
        self.send_json({**info, "cardData": hub.cards.get(repository, {}), "tags": []})

    def send_json(self, answer: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def send_file(self, content: bytes, headers: Mapping[str, str], body: bool) -> None:
        hub, start = self.hub, 0
        given = self.headers.get("Range")
        if given and hub.ranges:
            start = int(given.removeprefix("bytes=").rstrip("-"))
        if start >= len(content) > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if not body:
            return
        time.sleep(hub.pause)
        piece = content[start:]
        if hub.cuts_left and hub.cut is not None and len(piece) > hub.cut:
            hub.cuts_left -= 1
            piece = piece[: hub.cut]
            self.close_connection = True
        size, rest = hub.slow or (len(piece) or 1, 0.0)
        for place in range(0, len(piece), size):
            part = piece[place : place + size]
            with hub.counting:  # before it is sent: who has it all may look at the count at once
                hub.served += len(part)
            try:
                self.wfile.write(part)
            except OSError:  # who asked has gone
                self.close_connection = True
                return
            time.sleep(rest)

    def log_message(self, *args: Any) -> None:
        """Silent."""


def is_large(name: str) -> bool:
    """Whether the hub keeps such a file under its sha256 (git LFS)."""
    return name.endswith((".safetensors", ".bin", ".h5"))


@contextmanager
def imitation_hub() -> Iterator[Hub]:
    """A hub for the length of the block, at ``Hub.address``."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_this_process_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT does for a process that starts, for the one that runs."""
    from huggingface_hub import constants

    from mmcore.checkpoints import download

    download.reachability.forget()
    monkeypatch.setattr(download.reachability, "_limit", 60.0)  # it is there, however busy the machine
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.address + template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
