"""On a public Space its owner, logged in on the hub, downloads and unloads; nobody else does.

The login is gradio's own, against an imitation of the hub's OpenID provider: the hub and its page of consent are not
asked. Needs gradio[oauth], which a Space installs; skipped without, as in CI.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from demo.ui.owner import is_owner
from mmcore.settings import Settings
from tests.answering import answering
from tests.demo.serving import started

ROOT = Path(__file__).resolve().parents[3]
ON_A_SPACE = {"SYSTEM": "spaces", "OAUTH_CLIENT_ID": "id", "SPACE_AUTHOR_NAME": "anna", "SPACE_CREATOR_USER_ID": "17"}
needs_oauth = pytest.mark.skipif(find_spec("authlib") is None, reason="needs gradio[oauth]")


def test_whose_login_counts():
    space = Settings.from_env(ON_A_SPACE)
    assert space.public
    assert is_owner(space, {"preferred_username": "anna", "sub": "3"})
    assert is_owner(space, {"preferred_username": "ben", "sub": "17"}), "who made it for an organisation"
    assert not is_owner(space, {"preferred_username": "ben", "sub": "3"})
    assert not is_owner(space, {"preferred_username": "17", "sub": "anna"}), "a name is no number"
    assert not is_owner(space, {"preferred_username": ""})
    assert not is_owner(space, None)
    without = Settings.from_env({**ON_A_SPACE, "OAUTH_CLIENT_ID": ""})
    assert not is_owner(without, {"preferred_username": "anna", "sub": "17"}), "no login without OAuth"
    assert not is_owner(Settings.from_env({**ON_A_SPACE, "SYSTEM": "", "MMCORE_PUBLIC": "1"}), {"sub": "17"})
    assert is_owner(Settings(), None), "one's own machine"


class Provider:
    """An imitation of the hub as an OpenID provider: whoever comes is ``who``."""

    def __init__(self) -> None:
        from authlib.jose import JsonWebKey

        self.key = JsonWebKey.generate_key("RSA", 2048, is_private=True)
        self.who: dict[str, str] = {}
        self.nonce = self.url = ""

    def answer(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            ends = {f"{name}_endpoint": f"{self.url}/{name}" for name in ("authorization", "token", "userinfo")}
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **ends}
        if path == "/jwks":
            return {"keys": [self.key.as_dict(is_private=False)]}
        from authlib.jose import jwt

        now = int(time.time())
        claims = {"iss": self.url, "aud": "id", "iat": now, "exp": now + 600, "nonce": self.nonce, **self.who}
        token = jwt.encode({"alg": "RS256"}, claims, self.key).decode()
        return {"access_token": "a", "token_type": "bearer", "expires_in": 600, "scope": "openid", "id_token": token}


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()

    with answering(lambda path: found.answer(urlsplit(path).path)) as found.url:
        yield found


def cookie_of(answer: httpx.Response) -> str:
    """The session; it is for https only, so that no client keeps it here by itself."""
    return answer.headers["set-cookie"].split(";")[0]


def logged_in(url: str, provider: Provider, **who: str) -> str:
    """Go through the login as a browser does; the cookie of the session that it ends in."""
    provider.who = {"name": "N", "profile": "p", "picture": "p", **who}
    sent = httpx.get(f"{url}login/huggingface", timeout=300)
    asked = {key: value[0] for key, value in parse_qs(urlsplit(sent.headers["location"]).query).items()}
    assert sent.headers["location"].startswith(f"{provider.url}/authorization")
    assert asked["redirect_uri"].startswith("https://anna-studio.hf.space/login/callback")
    provider.nonce = asked["nonce"]
    back = httpx.get(
        f"{url}login/callback", params={"code": "c", "state": asked["state"]}, headers={"Cookie": cookie_of(sent)}
    )
    assert back.status_code == 307, back.text
    return cookie_of(back)


def asked(url: str, name: str, data: list[Any], cookie: str = "", **more: Any) -> list[Any]:
    """What an event of the page returns, asked for as the page does."""
    headers = {"Cookie": cookie} if cookie else {}
    config = httpx.get(f"{url}config", timeout=300).json()
    (number,) = [one["id"] for one in config["dependencies"] if one["api_name"] == name]
    session = f"s{time.monotonic_ns()}"
    body = {"data": data, "fn_index": number, "session_hash": session, **more}
    httpx.post(f"{url}gradio_api/queue/join", json=body, headers=headers, timeout=300).raise_for_status()
    with httpx.stream("GET", f"{url}gradio_api/queue/data?session_hash={session}", timeout=300) as lines:
        for line in lines.iter_lines():
            message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            if message.get("msg") == "process_completed":
                found: list[Any] = message["output"]["data"]
                return found
    raise AssertionError("no answer")


@needs_oauth
def test_the_owner_logs_in_and_unloads_and_strangers_do_not(provider: Provider, tmp_path: Path):
    environment = {
        **os.environ,
        **ON_A_SPACE,
        "OAUTH_CLIENT_SECRET": "secret",
        "OAUTH_SCOPES": "openid profile",
        "OPENID_PROVIDER_URL": provider.url,
        "SPACE_HOST": "anna-studio.hf.space",
        "SPACE_ID": "anna/studio",
        "MMCORE_HOME": str(tmp_path),
        "MMCORE_OFFLINE": "1",
        "GRADIO_TEMP_DIR": str(tmp_path / "uploads"),
        "GRADIO_SERVER_NAME": "127.0.0.1",
    }
    with started(["-m", "demo"], environment) as (url, _):
        url = url.rstrip("/") + "/"
        listed = httpx.get(f"{url}gradio_api/info", timeout=300).json()["named_endpoints"]
        assert "/caption" in listed
        assert "/_check_login_status" not in listed
        press = {"event_data": {"action": "unload", "name": "compact-tagger"}}
        anna = logged_in(url, provider, preferred_username="anna", sub="17")
        ben = logged_in(url, provider, preferred_username="ben", sub="3")
        for cookie, may in (("", False), (ben, False), (anna, True)):
            said, table, _ = asked(url, "models_act", ["en"], cookie, **press)
            assert ("only its owner" in said) is not may, said
            assert ("data-action" in table) is may
            (row,) = asked(url, "models_offer", [], cookie)
            assert row["visible"] is may
