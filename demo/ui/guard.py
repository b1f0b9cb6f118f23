"""A thin layer in front of gradio that looks at every request before gradio does.

It refuses what the page never sends: session names that would end gradio's queue, bodies that would fill the memory,
routes that nobody needs, and web pages of others that speak to the MCP tools. ``launch`` mounts it, on one's own
machine and on a Space alike.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from . import health, i18n, quotas
from .refusals import Refusal

if TYPE_CHECKING:
    import gradio as gr

    from mmcore.settings import Settings

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Route = Callable[[Mapping[str, Any], str], Mapping[str, Any]]
"""Answers a JSON object, of an address, with another one. Quick: it is asked between other requests."""

JSON_BYTES = 2_000_000
"""A body that is no upload: texts, choices, names of uploaded files."""
UPLOAD_BYTES = 1_000_000_000
"""Files of one upload together; each has the limit of its kind besides."""
ROUTE_BYTES = 4_000
"""A body for a route of our own."""
BODY_SECONDS = 60.0
"""A body that has not arrived by then is not waited for any longer."""
SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
API = "/gradio_api"
MCP = f"{API}/mcp"

EXACT = frozenset(
    {
        *("/", "/config", "/theme.css", "/robots.txt", "/favicon.ico", "/manifest.json", "/pwa_icon"),
        *("/login", "/login/huggingface", "/login/callback", "/logout", "/health", "/metrics"),
        *(f"{API}/{name}" for name in ("info", "openapi.json", "app_id", "user", "login_check", "token")),
        *(f"{API}/{name}" for name in ("queue/join", "queue/data", "queue/status", "run/predict", "cancel", "reset")),
        *(f"{API}/{name}" for name in ("upload", "upload_progress", "startup-events", "theme.css", "mcp")),
    }
)
BELOW = (
    *("/static/", "/assets/", "/svelte/", "/pwa_icon/"),
    *(f"{API}/{name}" for name in ("file=", "heartbeat/", "call/", "mcp/")),
)
"""The routes that the page, its API and its MCP tools use; every other one of gradio's is closed."""

NAMED = frozenset(f"{API}/{name}" for name in ("queue/join", "run/predict", "cancel", "reset"))
"""Routes whose JSON names a session; the page asks ``run/predict`` for what needs no queue."""

LONG = frozenset({"/", "/config", f"{API}/info", f"{API}/openapi.json"})
"""Half a megabyte of text each, that gradio leaves as it is; they are compressed here."""

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)
OWN_FRAME = b"frame-ancestors 'self'"
SPACE_FRAME = b"frame-ancestors 'self' https://huggingface.co https://*.huggingface.co https://*.hf.space"
"""Who may show the page in a frame; a Space is shown in one by the hub."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors of a disk without room."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Layer(NamedTuple):
    """What starlette asks of a middleware: class, arguments, named arguments."""

    cls: type
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Guard:
    """The ASGI application around gradio's. ``demo`` is the page whose queue it watches.

    ``routes`` are answered here, by path: they need neither the queue nor a session of gradio's.
    """

    def __init__(self, app: App, demo: gr.Blocks, settings: Settings, routes: Mapping[str, Route]) -> None:
        from starlette.middleware.gzip import GZipMiddleware

        self._app, self._demo, self._settings, self._routes = app, demo, settings, routes
        self._packing = GZipMiddleware(app, minimum_size=1000, compresslevel=5)
        self._health = health.Health(demo)
        self._quotas = quotas.Quotas(demo, settings)
        # A picture or sound of the largest size as base64, and a little around it.
        self._mcp_bytes = max(settings.image_bytes, settings.audio_bytes) * 4 // 3 + JSON_BYTES
        most = max(settings.files * settings.image_bytes, settings.audio_bytes) + JSON_BYTES
        self._upload_bytes = min(most, UPLOAD_BYTES)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it here."""
        if scope["type"] == "lifespan":
            watching = asyncio.create_task(self._health.watch())
            try:
                await self._app(scope, receive, send)
            finally:
                watching.cancel()
            return
        if scope["type"] != "http":
            return  # gradio has no web sockets
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        send = self._told(scope, send)
        try:
            path = _checked_path(scope, self._routes)
            _check_names(path, scope)
            if path.startswith(MCP):
                self._check_origin(scope, headers)
            if path == "/health":
                status, content = await self._health.check()
                await answer(send, status, json.dumps(content).encode(), b"application/json")
            elif path == "/metrics":
                await answer(send, 200, self._health.metrics().encode(), b"text/plain; version=0.0.4")
            elif path == "/" and scope["method"] == "HEAD":
                # gradio asks itself so when it starts, for 3 s at most; rendering the page takes a busy machine longer.
                await answer(send, 200, b"", b"text/html; charset=utf-8")
            elif path in self._routes:
                found = await self._routed(path, scope, headers, receive)
                await answer(send, 200, json.dumps(found, ensure_ascii=False).encode(), b"application/json")
            elif path in LONG and scope["method"] == "GET":
                await self._packing(scope, receive, send)
            else:
                receive = await self._checked_body(path, scope, headers, receive)
                await self._app(scope, receive, self._in_words(send))
        except OSError as error:  # nothing was sent yet: gradio saves an upload before it answers
            if error.errno not in FULL:
                raise
            logger.error("an upload cannot be kept: %s", error)
            await self._refuse(Refusal(507, "disk"), headers, send)
        except Refusal as refused:
            await self._refuse(refused, headers, send)

    async def _refuse(self, refused: Refusal, headers: dict[str, str], send: Send) -> None:
        language = i18n.accepted_language(headers.get("accept-language"))
        said = i18n.text(language, f"text.refused.{refused.key}", **dict(refused.values))
        body = json.dumps({"detail": said}, ensure_ascii=False).encode()
        await answer(send, refused.status, body, b"application/json", refused.retry)

    def _in_words(self, send: Send) -> Send:
        """``send`` that raises Refusal where gradio itself finds the queue full.

        Requests that come together pass our look at it together.
        """

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 503:
                raise self._quotas.full(len(self._demo._queue))
            await send(message)

        return sending

    def _told(self, scope: Message, send: Send) -> Send:
        frame = SPACE_FRAME if self._settings.space else OWN_FRAME

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message.get("headers", ())}
                added = [pair for pair in (*HEADERS, (b"content-security-policy", frame)) if pair[0] not in known]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
                self._health.count(scope["path"], message["status"])
            await send(message)

        return sending

    def _check_origin(self, scope: Message, headers: dict[str, str]) -> None:
        """A web page may use the tools of its own server only; tools and scripts send no Origin.

        Where the server listens on this machine only, it must be asked for by one of this machine's names: else a
        page could point a name of its own at it.
        """
        host = _host(headers.get("x-forwarded-host") or headers.get("host", ""))
        server = (scope.get("server") or ("",))[0] or ""
        allowed = {*LOOPBACK, *self._settings.hosts}
        if server in LOOPBACK and host not in allowed and not host.endswith(".gradio.live"):
            raise Refusal(403, "host", (("host", host[:80]),))
        origin = headers.get("origin")
        if origin is not None:
            name = _host(urlsplit(origin).netloc)
            if not name or (name != host and name not in self._settings.hosts):
                raise Refusal(403, "origin", (("origin", origin[:80]),))

    async def _routed(self, path: str, scope: Message, headers: dict[str, str], receive: Receive) -> Mapping[str, Any]:
        """The answer of a route of our own. A page of others cannot send JSON there: its browser asks first."""
        if scope["method"] != "POST" or headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Refusal(405, "post")
        if not self._logged_in(headers):
            raise Refusal(401, "login")
        given = _object(await _whole(receive, ROUTE_BYTES))
        return self._routes[path](given, quotas.address(scope, headers))

    def _logged_in(self, headers: dict[str, str]) -> bool:
        """Whether the page asks for no login, or gradio gave this browser its cookie."""
        app = self._demo.app
        if app.auth is None:
            return True
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
        return any(name in cookies and cookies[name].value in app.tokens for name in names)

    async def _checked_body(self, path: str, scope: Message, headers: dict[str, str], receive: Receive) -> Receive:
        """The body under its limit; where it is JSON of the queue's, with the session in it checked."""
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return receive
        limit = JSON_BYTES
        if path.startswith(MCP):
            limit = self._mcp_bytes
        elif path == f"{API}/upload":
            limit = self._upload_bytes
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise _too_long(limit)
        if path.startswith(MCP) or path == f"{API}/upload":
            if path == f"{API}/upload":
                self._quotas.upload(scope, headers, int(length) if length.isdigit() else 0)
            return _limited(receive, limit)
        body = await _whole(receive, limit)
        if path in NAMED or path.startswith(f"{API}/call/"):
            given = _object(body)
            session = _session_in(given, needed=path in (f"{API}/queue/join", f"{API}/run/predict"))
            if path == f"{API}/queue/join" or path.startswith(f"{API}/call/"):
                self._quotas.request(scope, headers, session)
            if path.startswith(f"{API}/call/"):
                left_out = self._left_out(path, given)
                if left_out:
                    given["data"] += left_out
                    body = json.dumps(given).encode()
                    scope["headers"] = [
                        (name, str(len(body)).encode() if name.lower() == b"content-length" else value)
                        for name, value in scope["headers"]
                    ]
        return _replayed(body, receive)

    def _left_out(self, path: str, given: Mapping[str, Any]) -> list[Any]:
        """The defaults of the inputs that a program's call has left out at the end."""
        name, data = path.removeprefix(f"{API}/call/"), given.get("data")
        inputs = next((fn.inputs for fn in self._demo.fns.values() if fn.api_name == name), ())
        if not isinstance(data, list):
            return []
        return [getattr(one, "value", None) for one in inputs[len(data) :]]


def _checked_path(scope: Message, routes: Mapping[str, Route]) -> str:
    path = str(scope["path"])
    path = path.rstrip("/") or "/" if not path.startswith(f"{API}/file=") else path
    if path not in EXACT and path not in routes and not path.startswith(BELOW):
        raise Refusal(404, "route")
    return path


def _check_names(path: str, scope: Message) -> None:
    """Sessions in the address: ``/heartbeat/NAME`` and ``?session_hash=NAME``."""
    names = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True).get("session_hash", [])
    if path.startswith(f"{API}/heartbeat/"):
        names = [*names, path.removeprefix(f"{API}/heartbeat/")]
    if path == f"{API}/queue/data" and not names:
        raise Refusal(422, "session")
    for name in names:
        _check_session(name)


def _check_session(name: object) -> str:
    if not isinstance(name, str) or not SESSION.fullmatch(name) or name == health.SESSION:
        raise Refusal(422, "session")
    return name


def _session_in(given: Mapping[str, Any], *, needed: bool) -> str | None:
    """The session that a body names. Raises Refusal for one that is no name."""
    if given.get("session_hash") is None and not needed:
        return None
    return _check_session(given.get("session_hash"))


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises Refusal where it is none."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(422, "json") from None
    if not isinstance(given, dict):
        raise Refusal(422, "json")
    return given


def _too_long(limit: int) -> Refusal:
    return Refusal(413, "body", (("limit", f"{limit / 1e6:.0f}" if limit >= 1e6 else f"{limit / 1e6:g}"),))


async def _whole(receive: Receive, limit: int) -> bytes:
    """All of a short body. Raises Refusal as soon as it is longer, or where it does not come."""

    async def read() -> bytes:
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(408, "slow")
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise _too_long(limit)
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)

    try:
        return await asyncio.wait_for(read(), BODY_SECONDS)
    except TimeoutError:
        raise Refusal(408, "slow") from None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """``receive`` with the body that was read already at its beginning."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving


def _limited(receive: Receive, limit: int) -> Receive:
    """``receive`` that counts: an upload without a length is cut off where it passes the limit."""
    size = 0

    async def receiving() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        return {"type": "http.disconnect"} if size > limit else message

    return receiving


def _host(netloc: str) -> str:
    """The name in ``name:port`` and ``[address]:port``, in small letters."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


async def answer(send: Send, status: int, body: bytes, kind: bytes, retry: int | None = None) -> None:
    """A whole answer."""
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    if retry is not None:
        headers.append((b"retry-after", str(retry).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
