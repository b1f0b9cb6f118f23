"""``/classify_audio``, asked as a program would ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import soundfile
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from tests.demo.serving import Server, connect

RATE = 16_000


@pytest.fixture
def bark(tmp_path: Path) -> Path:
    """Three seconds at 200 Hz, a dog for the fake tagger, then three of silence."""
    path = tmp_path / "bark.flac"
    low = 0.3 * np.sin(2 * np.pi * 200 * np.arange(3 * RATE) / RATE)
    soundfile.write(path, np.concatenate([low, np.zeros(3 * RATE)]), RATE)
    return path


def test_it_answers_with_the_json_contract(server: Server, bark: Path) -> None:
    answer = connect(server).predict(handle_file(bark), api_name="/classify_audio")
    assert answer["labels"][0] == {"label": "Dog", "score": 0.9}
    kinds = {event["label"]: event for event in answer["events"]}
    assert kinds["Dog"]["start"] == 0
    assert kinds["Silence"]["end"] == pytest.approx(6, abs=0.1)
    assert answer["model"] == "compact-tagger"
    assert (answer["duration"], answer["sample_rate"], answer["channels"]) == (6.0, RATE, 1)
    assert answer["seconds"] >= 0


def test_options_reach_the_task(server: Server, bark: Path) -> None:
    answer = connect(server).predict(
        handle_file(bark),
        model="clap",
        top=2,
        threshold=0.2,
        labels="a dog, an owl, rain",
        pooling="mean",
        event_threshold=0.5,
        event_seconds=1,
        api_name="/classify_audio",
    )
    asked = server.asked()[-1]
    assert (asked["model"], asked["labels"]) == ("clap", ["a dog", "an owl", "rain"])
    assert [one["label"] for one in answer["labels"]] == ["a dog", "an owl"]
    assert {event["label"] for event in answer["events"]} <= {"a dog", "an owl", "Silence"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"top": 0}, "top is 0; it must be between 1 and 1000"),
        ({"top": 2.5}, "top is 2.5; it must be a whole number."),
        ({"threshold": 7}, "threshold is 7; it must be between 0.0 and 1.0."),
        ({"pooling": "max", "event_threshold": 0}, "event_threshold is 0; it must be between 0.01 and 1.0."),
        ({"labels": "kettle, dog"}, "kettle"),
    ],
)
def test_a_wrong_option_is_named(server: Server, bark: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AppError) as caught:
        connect(server).predict(handle_file(bark), **options, api_name="/classify_audio")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en-GB", "This is not a sound but a picture."), ("zh-CN,zh;q=0.9", "这不是声音，而是一张图片。")],
)
def test_a_broken_upload_is_explained_in_the_language_of_the_request(
    server: Server, photo: Path, language: str, sentence: str
) -> None:
    with pytest.raises(AppError) as caught:
        connect(server, language).predict(handle_file(photo), api_name="/classify_audio")
    assert sentence in str(caught.value)
    assert "Traceback" not in server.log()


def test_the_tool_explains_itself(server: Server) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def listed() -> Any:
        async with (
            streamable_http_client(f"{server.url}gradio_api/mcp/") as (reader, writer, _),
            ClientSession(reader, writer) as session,
        ):
            await session.initialize()
            return (await session.list_tools()).tools

    tool = next(tool for tool in anyio.run(listed) if tool.name.endswith("classify_audio"))
    assert tool.description.startswith("Tell what sounds in a recording, and when")
    described = tool.inputSchema["properties"]
    names = ("audio", "model", "top", "threshold", "labels", "pooling", "event_threshold", "event_seconds")
    assert set(names) == set(described)
    assert all(described[name].get("description") for name in names)
