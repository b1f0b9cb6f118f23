"""``/search`` and ``/zero_shot``, asked as a program would ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.demo.serving import Server, connect


@pytest.fixture
def leaf(tmp_path: Path) -> Path:
    path = tmp_path / "leaf.png"
    Image.new("RGB", (60, 40), (20, 220, 20)).save(path)
    return path


def test_words_find_pictures(server: Server) -> None:
    answer = connect(server).predict("red", top=3, cutoff=0.2, api_name="/search")
    assert len(answer["matches"]) == 3
    assert answer["matches"][0]["file"] == "coffee.jpg"
    assert answer["matches"][0]["good"] is True
    assert answer["good_matches"] >= 1
    assert (answer["query"], answer["cutoff"], answer["model"]) == ("red", 0.2, "compact-retriever")
    assert set(answer) >= {"collection", "device", "seconds"}


def test_pictures_words_and_minus_words_together(server: Server, leaf: Path) -> None:
    answer = connect(server).predict(
        "blue", handle_file(leaf), without="red", image_weight=0.5, name="*.jpg", api_name="/search"
    )
    assert answer["query"] == "blue + 0.5 x leaf.png - red"
    assert all(match["file"].endswith(".jpg") for match in answer["matches"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "There is nothing to look for"),
        ({"without": "red"}, "only says what to leave out"),
        ({"text": "red", "top": 0}, "top is 0; it must be between 1 and 1000"),
        ({"text": "red", "top": 2.5}, "top is 2.5; it must be a whole number"),
        ({"text": "red", "cutoff": 3}, "cutoff is 3.*between 0"),
        ({"text": "red", "image_weight": 9}, "picture_weight is 9.*between 0.1 and 5"),
        ({"text": "red", "collection": "/etc"}, "There is no collection called '/etc'"),
        ({"text": "red", "collection": "shared:../../x"}, "There is no collection called"),
        ({"text": "red", "collection": "uploads"}, "There is no picture of yours yet"),
        ({"text": "x" * 6000}, "The text has 6000 characters; the limit is 5000"),
    ],
)
def test_what_cannot_be_searched_is_explained(server: Server, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AppError, match=sentence):
        connect(server).predict(**options, api_name="/search")


def test_errors_come_in_the_language_of_the_request(server: Server) -> None:
    with pytest.raises(AppError, match="没有"):
        connect(server, "zh-CN,zh;q=0.9").predict(api_name="/search")


def test_zero_shot_sums_to_one(server: Server, leaf: Path) -> None:
    answer = connect(server).predict(handle_file(leaf), "red, green, blue", api_name="/zero_shot")
    assert answer["labels"][0]["label"] == "green"
    assert sum(one["score"] for one in answer["labels"]) == pytest.approx(1, abs=0.001)
    assert answer["model"] == "compact-retriever"


def test_zero_shot_needs_labels_and_places(server: Server, leaf: Path) -> None:
    with pytest.raises(AppError, match="There is no label"):
        connect(server).predict(handle_file(leaf), " , ", api_name="/zero_shot")
    with pytest.raises(AppError, match=r"has no \{\} for the label"):
        connect(server).predict(handle_file(leaf), "red", "a photo", api_name="/zero_shot")
    with pytest.raises(AppError, match="There are 201 labels; the limit is 200"):
        connect(server).predict(handle_file(leaf), ",".join(map(str, range(201))), api_name="/zero_shot")


def test_both_say_what_they_do(server: Server) -> None:
    described = connect(server).view_api(return_format="dict")["named_endpoints"]
    for name, first in (("/search", "text"), ("/zero_shot", "image")):
        parameters = described[name]["parameters"]
        assert parameters[0]["parameter_name"] == first
    info = httpx.get(f"{server.url}gradio_api/mcp/schema", timeout=300).json()
    told = " ".join(tool["description"] for tool in info)
    assert "Find the pictures of a collection" in told
    assert "Tell which of some labels" in told


def test_mcp_searches(server: Server) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def use() -> tuple[Any, Any]:
        async with (
            streamable_http_client(f"{server.url}gradio_api/mcp/") as (reader, writer, _),
            ClientSession(reader, writer) as session,
        ):
            await session.initialize()
            tools = await session.list_tools()
            (name,) = [tool.name for tool in tools.tools if tool.name.endswith("search")]
            return tools, await session.call_tool(name, {"text": "red", "top": 2})

    tools, answer = anyio.run(use)
    assert any(tool.name.endswith("zero_shot") for tool in tools.tools)
    assert "coffee.jpg" in answer.content[0].text
