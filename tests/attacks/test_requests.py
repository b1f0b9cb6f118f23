"""Requests that the page never sends, each with the answer that it gets. The rows of SECURITY.md name these tests."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from tests.demo.serving import Server

API = "gradio_api/"
SENTIMENT = ["a fine day", None, "compact-sentiment", ""]


@pytest.fixture(scope="module")
def client(target: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=target.url, timeout=300) as one:
        yield one


@pytest.fixture(autouse=True)
def still_there(client: httpx.Client) -> Iterator[None]:
    """After every attack the queue answers; a busy machine may be late, a queue that hangs never comes."""
    yield
    answer = client.get("health")
    for _ in range(20):
        if answer.status_code == 200:
            break
        answer = client.get("health")
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is True


def number_of(client: httpx.Client, name: str) -> int:
    found = [one["id"] for one in client.get("config").json()["dependencies"] if one["api_name"] == name]
    return int(found[0])


def ask(client: httpx.Client, name: str, data: list[Any], **headers: str) -> tuple[str, Any]:
    """Call an endpoint as a program does: (event, data)."""
    started = client.post(f"{API}call/{name}", json={"data": data}, headers=headers)
    lines = client.get(f"{API}call/{name}/{started.json()['event_id']}").text.strip().splitlines()
    return lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))


SESSIONS = ["", " ", "a b", "a/b", "../x", "x" * 65, "é", "a\n", "a\0", 0, 1.5, True, [], ["a"], {}, "mmcore-health"]


@pytest.mark.parametrize("session", [*SESSIONS, None], ids=repr)
def test_odd_sessions_never_reach_the_queue(client: httpx.Client, session: object) -> None:
    number = number_of(client, "sentiment")
    for good in ("n0", "n1"):
        body = {"data": SENTIMENT, "fn_index": number, "session_hash": good}
        assert client.post(f"{API}queue/join", json=body).status_code == 200
    answer = client.post(f"{API}queue/join", json={"data": SENTIMENT, "fn_index": number, "session_hash": session})
    assert answer.status_code == 422
    assert "session name" in answer.json()["detail"]


def test_a_session_that_is_missing_is_refused(client: httpx.Client) -> None:
    assert client.post(f"{API}queue/join", json={"data": SENTIMENT, "fn_index": 0}).status_code == 422


@pytest.mark.parametrize("session", ["", "a b", "x" * 65], ids=repr)
def test_calls_and_cancels_with_odd_sessions(client: httpx.Client, session: str) -> None:
    call = client.post(f"{API}call/sentiment", json={"data": SENTIMENT, "session_hash": session})
    assert call.status_code == 422
    cancel = client.post(f"{API}cancel", json={"session_hash": session, "fn_index": 0, "event_id": "x"})
    assert cancel.status_code == 422
    assert client.get(f"{API}queue/data", params={"session_hash": session}).status_code == 422


def test_nobody_listens_without_a_session(client: httpx.Client) -> None:
    assert client.get(f"{API}queue/data").status_code == 422
    assert client.get(f"{API}heartbeat/a%20b").status_code == 422


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"nonsense", b"[" * 100_000, b'{"session_hash":', b"\xff\xfe"])
def test_bodies_that_are_no_object(client: httpx.Client, body: bytes) -> None:
    answer = client.post(f"{API}queue/join", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_a_long_body_is_refused_by_its_length(client: httpx.Client) -> None:
    assert client.base_url.port is not None
    with closing(HTTPConnection(client.base_url.host, client.base_url.port, timeout=300)) as wire:
        wire.putrequest("POST", f"/{API}queue/join")
        wire.putheader("Content-Type", "application/json")
        wire.putheader("Content-Length", "5000000")
        wire.endheaders()  # and not a byte of the body
        answer = wire.getresponse()
        assert answer.status == 413
        assert "2 MB" in json.load(answer)["detail"]


def test_a_long_body_without_a_length_is_cut_off(client: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"data":["'
        for _ in range(60):
            yield b"x" * 100_000

    assert client.post(f"{API}call/sentiment", content=pieces()).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        *("monitoring", "monitoring/summary", "monitoring/x", "docs", "redoc", "openapi.json", "runs"),
        *(f"{API}{name}" for name in ("deep_link?session_hash=a", "runs", "proxy=http://127.0.0.1/", "file/x")),
        *(f"{API}{name}" for name in ("stream/a/b/c/playlist.m3u8", "vibe-code", "profiling/traces", "dev/reload")),
        *(f"{API}custom_component/{name}" for name in ("x/client/component/index.js",)),
        *("gradio_api/run-history/records", ".env", "etc/passwd", "config/../monitoring"),
    ],
)
def test_routes_that_the_page_does_not_use_are_closed(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "nothing here" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["process_recording", "component_server", "run/sentiment", "api/sentiment", "reset/x"])
def test_posts_that_the_page_does_not_use_are_closed(client: httpx.Client, name: str) -> None:
    assert client.post(f"{API}{name}", json={}).status_code == 404


def test_what_runs_a_model_is_not_asked_for_beside_the_queue(client: httpx.Client) -> None:
    number = number_of(client, "sentiment")
    body = {"data": SENTIMENT, "fn_index": number, "session_hash": "direct"}
    answer = client.post(f"{API}run/predict", json=body)
    assert answer.status_code == 404
    assert "queue" in answer.json()["detail"]


@pytest.mark.parametrize("session", SESSIONS[:6], ids=repr)
def test_odd_sessions_beside_the_queue(client: httpx.Client, session: object) -> None:
    body = {"data": ["en"], "fn_index": number_of(client, "tier_notes"), "session_hash": session}
    assert client.post(f"{API}run/predict", json=body).status_code == 422
    body["session_hash"] = "good"
    assert client.post(f"{API}run/predict", json=body).status_code == 200  # as the page asks


def test_traversal_is_refused(client: httpx.Client) -> None:
    for path in ("file=/etc/passwd", "file=../../etc/passwd", "file=%2Fetc%2Fpasswd"):
        assert client.get(API + path).status_code in (403, 404)


MCP = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1.evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"X-Forwarded-Host": "evil.example", "Origin": "http://evil.example"}, 403),
    ],
    ids=str,
)
def test_other_web_pages_do_not_use_the_tools(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    answer = client.post(f"{API}mcp/", json=MCP, headers=headers)
    assert answer.status_code == status
    assert "detail" in answer.json()


def test_tools_and_the_own_page_use_them(client: httpx.Client, target: Server) -> None:
    accept = {"Accept": "application/json, text/event-stream"}
    for headers in ({}, {"Origin": target.url.rstrip("/")}):
        answer = client.post(f"{API}mcp/", json=MCP, headers={**accept, **headers})
        assert answer.status_code == 200
        assert "caption" in answer.text


def test_a_tool_needs_no_picture_where_there_is_a_text(client: httpx.Client) -> None:
    call = {"name": "sentiment", "arguments": {"text": "a fine day"}}
    headers = {"Accept": "application/json, text/event-stream"}
    answer = client.post(f"{API}mcp/", json={**MCP, "method": "tools/call", "params": call}, headers=headers)
    assert answer.status_code == 200
    assert "interaction" in answer.text


@pytest.mark.parametrize("path", ["", "config", "health", "nowhere", f"{API}info"])
def test_every_answer_says_how_it_may_be_used(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["referrer-policy"] == "same-origin"


def test_hidden_events_send_their_progress_to_no_part_of_the_page(client: httpx.Client) -> None:
    events = client.get("config").json()["dependencies"]
    hidden = [one for one in events if one["show_progress"] == "hidden"]
    assert hidden
    assert all(one["show_progress_on"] == [] for one in hidden)  # None would be every output
    assert any(one["show_progress_on"] for one in events)


@pytest.mark.parametrize("path", ["", "config", f"{API}info"])
def test_long_texts_are_compressed(client: httpx.Client, path: str) -> None:
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        sent = sum(len(part) for part in answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert sent < len(plain.content) / 3


def test_refusals_speak_the_visitors_language(client: httpx.Client) -> None:
    said = client.get("monitoring", headers={"Accept-Language": "zh-CN"}).json()["detail"]
    assert said.startswith("这里什么也没有")


def test_head_is_answered_without_rendering_the_page(client: httpx.Client) -> None:
    """gradio asks itself so when it starts, and gives up after three seconds."""
    answer = client.head("")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-length"] == "0"


def test_health_names_the_versions(client: httpx.Client) -> None:
    content = client.get("health").json()
    assert re.fullmatch(r"\d+\.\d+.*", content["versions"]["gradio"])
    for _ in range(1000):  # earlier tests did not wait for all that they asked for
        if content["waiting"] == 0:
            break
        time.sleep(0.1)
        content = client.get("health").json()
    assert content["waiting"] == 0


def test_metrics_tell_nothing_of_visitors(client: httpx.Client) -> None:
    client.get("secret-of-a-visitor")
    ask(client, "sentiment", ["words of a visitor", None, "compact-sentiment", ""])
    answer = client.get("metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "mmcore_up 1\n" in answer.text
    assert re.search(r'mmcore_answers_total\{kind="call",status="200"\} [1-9]', answer.text)
    assert "visitor" not in answer.text
    assert "127.0.0.1" not in answer.text


def test_calls_without_a_session_leave_no_memory(client: httpx.Client) -> None:
    def resident() -> int:
        return int(re.search(r"mmcore_resident_bytes (\d+)", client.get("metrics").text)[1])  # type: ignore[index]

    def calls(count: int) -> None:
        for _ in range(count):
            ask(client, "sentiment", SENTIMENT)

    def grown(count: int) -> float:
        before = resident()
        calls(count)
        return (resident() - before) / count

    calls(20)
    # A leak grows with every call, it was 580,000 bytes; a thread or a cache that begins meanwhile grows once.
    assert any(grown(60) < 100_000 for _ in range(3))


@pytest.mark.parametrize(
    "data",
    [
        ["x", {"path": "/etc/passwd"}, "compact-sentiment", ""],
        ["x", {"path": "http://169.254.169.254/latest"}, "compact-sentiment", ""],
        ["x", {"path": "file:///etc/passwd"}, "compact-sentiment", ""],
        ["x", {"path": "../../etc/passwd"}, "compact-sentiment", ""],
        ["x", {"url": "http://127.0.0.1:1/"}, "compact-sentiment", ""],
        ["x", "/etc/passwd", "compact-sentiment", ""],
        ["x", 7, "compact-sentiment", ""],
        ["x", None, "no-such-model", ""],
        ["x", None, "compact-sentiment", "head:nope"],
        ["x", None, ["a"], ""],
        [],
    ],
    ids=str,
)
def test_every_refusal_has_a_sentence(client: httpx.Client, data: list[Any]) -> None:
    event, said = ask(client, "sentiment", data)
    assert event == "error"
    assert isinstance(said["error"], str)
    assert len(said["error"]) > 20
    assert "root:" not in said["error"]


def test_a_class_is_asked_by_json_of_its_own_page(client: httpx.Client) -> None:
    """What a form of another page can send is refused, and what is no request; wrong codes are told and counted."""
    for options in (
        {"data": {"do": "open"}},
        {"content": b'{"do": "open"}', "headers": {"content-type": "text/plain"}},
    ):
        assert client.post("class", **options).status_code == 405
    assert client.get("class", params={"do": "open"}).status_code == 405
    bodies: list[Any] = [[], {}, {"do": "look", "code": "A" * 3000}, {"do": "vote", "code": ["x"]}, {"do": 5}]
    assert [client.post("class", json=body).status_code for body in bodies] == [422, 422, 404, 404, 422]
    assert client.post("class", json={"do": "open", "hidden": "x" * 5000}).status_code == 413
    assert client.post("class", content=b"[" * 3000, headers={"content-type": "application/json"}).status_code == 422
    made = client.post("class", json={"do": "open", "hidden": ["tiers", "<b>"]}).json()
    vote = {"do": "vote", "code": made["code"], "pupil": "a-pupil-0001", "question": "4.2.vote", "choice": 1}
    state = client.post("class", json=vote).json()
    assert (state["votes"]["vote"], state["hidden"]) == ([0, 1, 0], ["tiers"])
    assert client.post("class", json={"do": "close", "code": made["code"], "key": "wrong"}).status_code == 403
    answer = client.post("class", json={"do": "close", **made}, headers={"accept-language": "zh"})
    assert answer.status_code == 200
    gone = client.post("class", json=vote, headers={"accept-language": "zh"})
    assert (gone.status_code, "没有" in gone.json()["detail"]) == (404, True)


def test_the_upload_route_counts(client: httpx.Client) -> None:
    files = {"files": ("a.png", b"x" * 100)}
    assert client.post(f"{API}upload", files=files).status_code == 200
    long_sound = {"files": ("a.wav", b"x" * 30_000_000)}  # longer than all the pictures that may come at once
    assert client.post(f"{API}upload", files=long_sound).status_code == 200
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=300) as wire:
        wire.sendall(b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n")
        assert wire.recv(100).startswith(b"HTTP/1.1 413")


def test_what_a_visitor_wrote_is_not_in_the_log(client: httpx.Client, target: Server) -> None:
    ask(client, "sentiment", ["a secret sentence", None, "compact-sentiment", ""])
    assert "secret sentence" not in target.log()
