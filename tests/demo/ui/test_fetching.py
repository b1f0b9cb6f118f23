"""Addresses that the owner allows to be fetched: public ones only, redirects looked at anew, under limits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import safehttpx

from demo.ui import fetching, uploads
from mmcore.errors import InputError
from mmcore.settings import Settings

SMALL = replace(Settings(), image_bytes=1000, audio_bytes=2000, fetch=True)


class Answers(BaseHTTPRequestHandler):
    """A site with a picture, one that is too large, redirects, and an answer that never ends."""

    def do_GET(self) -> None:
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to?"))
            self.end_headers()
            return
        body = {"/cat.jpg": b"x" * 900, "/large.jpg": b"x" * 2001}.get(self.path)
        self.send_response(200 if body or self.path == "/slow" else 404)
        self.send_header("Content-Length", str(len(body or b"") or (9 if self.path == "/slow" else 0)))
        self.end_headers()
        if body:
            self.wfile.write(body)
        elif self.path == "/slow":
            self.server.waiting.wait(300)  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its address; the name in it counts as public and lies on this machine, as names of others do elsewhere."""
    real = safehttpx.async_validate_url

    async def resolved(host: str) -> str:
        return "127.0.0.1" if host == "pictures.example" else await real(host)

    monkeypatch.setattr(safehttpx, "async_validate_url", resolved)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.waiting = threading.Event()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://pictures.example:{server.server_port}"
        server.waiting.set()  # type: ignore[attr-defined]
        server.shutdown()


def fetched(address: str, folder: Path) -> Path:
    return asyncio.run(fetching.fetch(address, folder, SMALL))


def test_a_public_file_is_fetched_also_behind_a_redirect(site: str, tmp_path: Path) -> None:
    for address in (f"{site}/cat.jpg", f"{site}/to?/cat.jpg", f"{site}/to?{site}/to?/cat.jpg"):
        file = fetched(address, tmp_path)
        assert (file.name, file.stat().st_size) == ("cat.jpg", 900)
        assert file.is_relative_to(tmp_path)


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1/cat.jpg", "http://169.254.169.254/latest", "http://[::1]/", "http://10.0.0.1/x"),
        *("ftp://pictures.example/cat.jpg", "file:///etc/passwd", "http://localhost/cat.jpg"),
    ],
)
def test_what_is_not_public_is_refused(site: str, tmp_path: Path, address: str) -> None:
    for asked in (address, f"{site}/to?{address}"):
        with pytest.raises(InputError) as caught:
            fetched(asked, tmp_path)
        assert caught.value.key == "address_refused"
    assert not list(tmp_path.rglob("*.*"))


def test_limits_of_size_time_and_redirects(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, key in (("/large.jpg", "address_too_large"), ("/none", "address_failed"), ("/to?/to?", "address_failed")):
        with pytest.raises(InputError) as caught:
            fetched(site + path, tmp_path)
        assert caught.value.key == key, path
    monkeypatch.setattr(fetching, "FETCH_SECONDS", 0.2)
    with pytest.raises(InputError) as caught:
        fetched(f"{site}/slow", tmp_path)
    assert caught.value.key == "address_slow"
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and file.stat().st_size]


def test_gradio_asks_us(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradio import processing_utils

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", None)
    uploads.settle_addresses(SMALL)
    found = asyncio.run(processing_utils.async_ssrf_protected_download(f"{site}/cat.jpg", cache_dir=str(tmp_path)))
    assert Path(found).stat().st_size == 900
