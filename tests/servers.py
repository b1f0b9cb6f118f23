"""Small HTTP servers on this machine: one that speaks as the hub does, and two that do not answer."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Files:
    """What the server offers, how it misbehaves, and what was asked of it."""

    plain: dict[str, bytes] = field(default_factory=dict)
    """Path -> content, for the url source."""
    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    """Repository -> revision -> file name -> content."""
    commits: dict[tuple[str, str], str] = field(default_factory=dict)
    """(repository, branch) -> revision."""
    discussions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    cut: int | None = None
    """Close the connection after so many bytes of a body..."""
    cuts_left: int = 0
    """...so many times."""
    ranges: bool = True
    pause: float = 0.0
    """Seconds between the head and the body of a file."""
    status: int | None = None
    """Answer everything so."""
    wrong_sha256: bool = False
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """(method, path, Range header) of everything asked, in order."""
    served: int = 0
    """Bytes of bodies of files sent."""

    def asked(self, part: str, method: str = "GET") -> list[str | None]:
        """The Range headers of the requests whose path contains ``part``."""
        return [given for verb, path, given in self.requests if verb == method and part in path]


class Handler(BaseHTTPRequestHandler):
    files: Files

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        files, path = self.files, unquote(urlsplit(self.path).path)
        files.requests.append((self.command, path, self.headers.get("Range")))
        if files.status is not None:
            self.send_json({"error": "no"}, files.status)
        elif path in files.plain:
            self.send_file(files.plain[path], {}, body)
        elif found := re.fullmatch(r"/api/models/(.+/.+)/revision/(.+)", path):
            self.send_info(*found.groups())
        elif found := re.fullmatch(r"/api/models/(.+/.+)/discussions", path):
            listed = files.discussions.get(found[1], [])
            self.send_json({"discussions": listed, "count": len(listed), "start": 0})
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            repository, revision, name = found.groups()
            content = files.repositories[repository][revision][name]
            digest = hashlib.sha256(content).hexdigest()
            etag = digest if is_large(name) else hashlib.sha1(content).hexdigest()
            self.send_file(content, {"X-Repo-Commit": revision, "ETag": f'"{etag}"'}, body)
        else:
            self.send_json({"error": "no such thing"}, 200 if path == "/" else 404)

    def send_info(self, repository: str, reference: str) -> None:
        files = self.files
        revision = files.commits.get((repository, reference), reference)
        content = files.repositories.get(repository, {}).get(revision)
        if content is None:
            self.send_json({"error": "Revision not found"}, 404)
            return
        siblings = []
        for name, data in content.items():
            sibling: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
            if is_large(name):
                digest = hashlib.sha256(b"other" if files.wrong_sha256 else data).hexdigest()
                sibling["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 130}
            siblings.append(sibling)
        self.send_json({"id": repository, "modelId": repository, "sha": revision, "siblings": siblings})

    def send_json(self, answer: Any, status: int = 200) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def send_file(self, content: bytes, headers: dict[str, str], body: bool) -> None:
        files, start = self.files, 0
        given = self.headers.get("Range")
        if given and files.ranges:
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
        time.sleep(files.pause)
        piece = content[start:]
        if files.cuts_left and files.cut is not None:
            files.cuts_left -= 1
            piece = piece[: files.cut]
            self.close_connection = True
        self.wfile.write(piece)
        files.served += len(piece)

    def log_message(self, *args: Any) -> None:
        """Silent."""


def is_large(name: str) -> bool:
    """Whether the hub keeps such a file under its sha256 (git LFS)."""
    return name.endswith((".safetensors", ".bin", ".h5"))


@contextmanager
def file_server() -> Iterator[tuple[str, Files]]:
    """(address, what it offers): a server for the length of the block."""
    files = Files()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"files": files}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def black_hole() -> Iterator[str]:
    """Address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def refused() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"http://127.0.0.1:{port}"
