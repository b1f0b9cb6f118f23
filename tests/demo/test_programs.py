"""Programs that ask the page: every snippet of the README, and every MCP tool with its smallest input."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import pytest

from demo.ui import examples
from mmcore.fusion.class_training import train
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from mmcore.tasks import few_shot
from tests.test_readme import ROOT, SERVED, blocks

SNIPPETS = [
    (language, block)
    for language in ("bash", "python", "javascript")
    for block in blocks(language)
    if SERVED in block and (language != "bash" or "/call/" in block)
]
ALLOWED_TO_FAIL = {"transcribe": "mmcore-studio[speech]"}
"""Tools that need an extra: without it their answer is a sentence that names the command."""


def test_there_is_a_snippet_of_each_kind() -> None:
    assert [language for language, _ in SNIPPETS] == ["bash", "python", "python", "javascript"]


@pytest.mark.parametrize(("language", "block"), SNIPPETS, ids=[f"{n}-{one[0]}" for n, one in enumerate(SNIPPETS)])
def test_a_snippet_of_the_readme_runs(address: str, tmp_path: Path, language: str, block: str) -> None:
    program = {"bash": "bash", "python": sys.executable, "javascript": "node"}[language]
    if shutil.which(program) is None or (language == "bash" and shutil.which("curl") is None):
        pytest.skip(f"there is no {program}, or no curl, on this machine")
    file = tmp_path / f"snippet{ {'bash': '.sh', 'python': '.py', 'javascript': '.mjs'}[language] }"
    file.write_text(block.replace(SERVED, address), encoding="utf-8")
    done = subprocess.run(
        [program, str(file)], cwd=ROOT, capture_output=True, text=True, timeout=600, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    assert ("positive" if language == "bash" else "cat") in done.stdout


def data_address(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


@pytest.fixture
def head(tmp_path: Path) -> Path:
    """A head for two classes of made-up features."""
    pool = ModelPool(Settings(offline=True, device="cpu"))
    size = len(few_shot.look(pool, "picture", examples.named("cat").path).mean)
    features = np.random.default_rng(0).normal(size=(6, size)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    made = train(
        "picture", features, np.array([0, 0, 0, 1, 1, 1]), ("one", "other"), few_shot.fingerprint(pool, "picture")
    )[0]
    (tmp_path / "head.safetensors").write_bytes(made.to_bytes())
    return tmp_path / "head.safetensors"


def test_every_tool_answers_its_smallest_input_as_its_schema_says(address: str, head: Path) -> None:
    """The client compares each answer with the tool's schema, and raises where they differ."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    cat = data_address(examples.named("cat").path, "image/jpeg")
    dog = data_address(examples.assets() / "sounds" / "dog.ogg", "audio/ogg")
    smallest: dict[str, dict[str, Any]] = {
        "caption": {"image": cat},
        "search": {"text": "a dog"},
        "zero_shot": {"image": cat, "labels": "a cat, a dog"},
        "sentiment": {"text": "what a lovely day"},
        "classify_audio": {"audio": dog},
        "classify_own": {"file": cat, "head": data_address(head, "application/octet-stream")},
        "transcribe": {"audio": dog},
        "ask": {"image": cat, "question": "What is this?"},
    }
    said: dict[str, Any] = {}

    async def use() -> None:
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            assert set(tools) == set(smallest)
            for name, given in smallest.items():
                schema = tools[name].outputSchema
                assert schema is not None, name
                assert set(tools[name].inputSchema.get("required", ())) <= set(given), name
                said[name] = await session.call_tool(name, given)

    anyio.run(use)
    for name, answer in said.items():
        if answer.isError:
            assert ALLOWED_TO_FAIL.get(name, "nothing") in answer.content[0].text, answer.content[0].text
        else:
            assert answer.structuredContent == json.loads(answer.content[0].text)
    assert "cat" in said["caption"].structuredContent["captions"][0]["text"]
    assert said["search"].structuredContent["matches"][0]["file"] == "dog.jpg"
    assert said["zero_shot"].structuredContent["labels"][0]["label"] == "a cat"
    assert said["sentiment"].structuredContent["label"] == "positive"
    assert said["ask"].structuredContent["kind"] == "what"


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("sentiment", {"data": ["what a lovely day"]}),
        ("search", {"data": ["a dog"]}),
        ("v2/sentiment", {"text": "what a lovely day"}),
    ],
)
def test_what_is_left_out_has_its_default(address: str, endpoint: str, body: dict[str, Any]) -> None:
    api = f"{address}/gradio_api/call/{endpoint}"
    event = httpx.post(api, json=body, timeout=300).json()["event_id"]
    lines = httpx.get(f"{api}/{event}", timeout=300).text.strip().splitlines()
    assert lines[-2] == "event: complete"
    (answer,) = json.loads(lines[-1].removeprefix("data: "))
    assert answer["model"].startswith("compact-")
