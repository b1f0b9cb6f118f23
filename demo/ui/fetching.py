"""Files that a program names by their http(s) address, where the owner of the server allows it (``MMCORE_FETCH=1``).

gradio fetches them before any function of ours is called; its one download function is replaced by ``fetch``, which
keeps its protection (safehttpx: only public addresses, resolved once, each redirect anew) and adds limits.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from mmcore.errors import InputError
from mmcore.settings import Settings

if TYPE_CHECKING:
    import httpx

FETCH_SECONDS = 20.0
"""For the whole of it."""
REDIRECTS = 5
SHOWN = 80
"""Characters of an address that a message repeats."""


async def fetch(address: str, folder: Path, settings: Settings) -> Path:
    """The file at a public http(s) address, as a new file in ``folder``.

    Raises InputError for an address that is not public, that does not answer in FETCH_SECONDS, or whose answer is no
    file or longer than a picture or sound may be.
    """
    import httpx

    limit = max(settings.image_bytes, settings.audio_bytes)
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return await _fetched(address, folder, limit)
    except InputError:
        raise
    except TimeoutError:
        raise InputError("address_slow", address=address[:SHOWN], limit=FETCH_SECONDS) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        detail = str(error) or type(error).__name__
        raise InputError("address_failed", address=address[:SHOWN], detail=detail[:200]) from None


async def _fetched(address: str, folder: Path, limit: int) -> Path:
    import httpx

    at = address
    for _ in range(REDIRECTS + 1):
        async with (
            httpx.AsyncClient(transport=await _transport(at), trust_env=False) as client,
            client.stream("GET", at, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            if answer.has_redirect_location:
                at = urljoin(at, answer.headers["Location"])
                continue
            if answer.status_code != 200:
                raise InputError("address_failed", address=address[:SHOWN], detail=f"HTTP {answer.status_code}")
            name = PurePosixPath(unquote(urlsplit(at).path)).name
            file = folder / secrets.token_hex(16) / _plain(name)
            file.parent.mkdir(parents=True)
            size = 0
            with file.open("wb") as opened:
                async for part in answer.aiter_bytes():
                    size += len(part)
                    if size > limit:
                        file.unlink()
                        raise InputError("address_too_large", address=address[:SHOWN], limit=limit / 1e6)
                    opened.write(part)
            return file
    raise InputError("address_failed", address=address[:SHOWN], detail=f"{REDIRECTS} redirects")


async def _transport(address: str) -> httpx.AsyncBaseTransport:
    """A transport that goes to the one public machine that the name was resolved to. Raises InputError."""
    import safehttpx  # type: ignore[import-untyped]  # gradio's own

    parts = urlsplit(address)
    try:
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(address)
        if _is_number(parts.hostname) and not safehttpx.is_public_ip(parts.hostname):
            raise ValueError(address)
        transport: httpx.AsyncBaseTransport = safehttpx.AsyncSecureTransport(
            await safehttpx.async_validate_url(parts.hostname)
        )
        return transport
    except ValueError:
        raise InputError("address_refused", address=address[:SHOWN]) from None


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    """A file's name of letters, digits and dots; its ending helps to tell what it is."""
    return (
        "".join(letter if letter.isalnum() or letter in ".-_" else "_" for letter in name)[-80:].lstrip(".") or "file"
    )
