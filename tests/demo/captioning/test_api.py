"""The page's HTTP API and MCP tool, asked as a program would ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.demo.serving import Server, connect

PUBLIC = {"/ask", "/caption", "/classify_audio", "/classify_own", "/search", "/sentiment", "/transcribe", "/zero_shot"}
LISTS = {"/list_models", "/list_collections", "/list_labels"}
PROMPTS = {"/alternative_text", "/find_pictures"}


def post(server: Server, *data: Any) -> dict[str, Any]:
    """Call /caption by hand, as no well-behaved client would; the last event of the answer."""
    api = f"{server.url}gradio_api/call/caption"
    rest = ["compact-captioner", 1, "beam", 3, 30, "", 0.9, 1.0, 0, False, "en", False]
    event = httpx.post(api, json={"data": [*data, *rest[len(data) - 1 :]]}, timeout=300).json()["event_id"]
    lines = httpx.get(f"{api}/{event}", timeout=300).text.strip().splitlines()
    return {"event": lines[-2].removeprefix("event: "), "data": json.loads(lines[-1].removeprefix("data: "))}


def test_caption_answers_with_the_json_contract(server: Server, photo: Path) -> None:
    answer = connect(server).predict(handle_file(photo), num_captions=2, api_name="/caption")
    assert [one["text"] for one in answer["captions"]] == ["a brown dog runs on the grass.", "two dogs play outside."]
    assert answer["captions"][0]["score"] == 0.9
    assert answer["model"] == "compact-captioner"
    assert answer["device"] == "cpu"
    assert answer["seconds"] >= 0
    assert answer["confident"] is True


def test_caption_writes_chinese(server: Server, photo: Path, night: Path) -> None:
    answer = connect(server).predict(handle_file(photo), language="zh", api_name="/caption")
    assert (answer["language"], answer["captions"][0]["text"]) == ("zh", "棕色的狗在草地上奔跑")
    doubted = connect(server).predict(handle_file(night), language="zh", api_name="/caption")
    assert doubted["confident"] is False
    assert doubted["tags"][0]["text"] == "浓缩咖啡"


def test_caption_doubts_and_names_what_it_recognises(server: Server, night: Path) -> None:
    answer = connect(server).predict(handle_file(night), api_name="/caption")
    assert answer["confident"] is False
    assert answer["tags"][0] == {"text": "espresso", "score": 0.93}


def test_options_reach_the_model(server: Server, photo: Path) -> None:
    answer = connect(server).predict(
        handle_file(photo),
        model="florence-2-base",
        detail="detailed",
        decoding="nucleus",
        num_captions=2,
        max_words=7,
        top_p=0.5,
        temperature=0.7,
        seed=11,
        ground=True,
        api_name="/caption",
    )
    assert answer["phrases"] == [{"text": "brown", "boxes": [[0.1, 0.2, 0.5, 0.6]]}]
    asked = server.asked()[-1]
    assert (asked["model"], asked["decoding"], asked["num_captions"]) == ("florence-2-base", "nucleus", 2)
    assert (asked["max_words"], asked["top_p"], asked["temperature"], asked["seed"]) == (7, 0.5, 0.7, 11)
    assert (asked["detail"], asked["explain"]) == ("detailed", False)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"num_captions": 99}, "num_captions is 99; it must be between 1 and 10."),
        ({"num_beams": 2.5}, "num_beams is 2.5; it must be a whole number."),
        ({"top_p": 7}, "top_p is 7; it must be between 0.05 and 1.0."),
        ({"language": "fr"}, "There is no language called 'fr'. Choose one of: en, zh."),
        ({"language": "zh", "model": "blip-base"}, "BLIP base does not write captions in Chinese."),
        ({"detail": "detailed"}, "Compact captioner does not offer detail 'detailed'. It offers: -."),
    ],
)
def test_a_wrong_option_is_named_with_its_range(
    server: Server, photo: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(AppError, match=sentence.replace(".", r"\.")):
        connect(server).predict(handle_file(photo), **options, api_name="/caption")


def test_values_of_the_wrong_kind_are_refused(server: Server, photo: Path) -> None:
    uploaded = upload(server, photo)
    answer = post(server, uploaded, "compact-captioner", "many")
    assert answer["event"] == "error"
    assert answer["data"]["error"] == "num_captions is many; it must be a whole number."
    answer = post(server, uploaded, "no-such-model")
    assert "There is no captioner called 'no-such-model'" in answer["data"]["error"]


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en-GB,en;q=0.8", "This is not a picture but a web page (HTML). Choose a JPEG,"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "这不是图片，而是网页（HTML）。请选择 JPEG"),
    ],
)
def test_a_broken_upload_is_explained_in_the_language_of_the_request(
    server: Server, tmp_path: Path, language: str, sentence: str
) -> None:
    page = tmp_path / "cat.jpg"
    page.write_text("<!doctype html><html><body>404</body></html>")
    with pytest.raises(AppError) as caught:
        connect(server, language).predict(handle_file(page), api_name="/caption")
    assert sentence in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "Traceback" not in server.log()


def test_limits_are_the_settings(server: Server, tmp_path: Path) -> None:
    large = tmp_path / "large.bmp"
    Image.new("RGB", (900, 900)).save(large)
    with pytest.raises(AppError, match=r"The picture file has 2\.43 MB; the limit is 0\.2 MB"):
        connect(server).predict(handle_file(large), api_name="/caption")


def test_no_address_is_fetched(server: Server) -> None:
    address = "http://127.0.0.1:9/cat.jpg"
    sent = {"path": address, "url": address, "meta": {"_type": "gradio.FileData"}}
    for payload in (sent, {"path": address}, {"url": address}):
        answer = post(server, payload)
        assert answer["event"] == "error"
        assert "never an address or a path" in answer["data"]["error"]


def test_no_path_of_the_server_is_opened(server: Server, photo: Path) -> None:
    """The picture lies beside the uploads folder; without the meta field gradio itself does not look where it lies."""
    for path in (str(photo), f"{server.uploads}/../{photo.name}"):
        answer = post(server, {"path": path, "url": None, "orig_name": "x.jpg"})
        assert answer["event"] == "error"
        assert "never an address or a path" in answer["data"]["error"]


def test_nothing_given_is_said(server: Server) -> None:
    assert post(server, None)["data"]["error"] == "Nothing was given. Choose a picture first."


def test_only_the_tasks_are_public(server: Server) -> None:
    described = connect(server).view_api(return_format="dict")
    assert {"/caption", "/classify_audio"} <= set(described["named_endpoints"]) <= PUBLIC | LISTS | PROMPTS
    assert described["unnamed_endpoints"] == {}
    names = [one["parameter_name"] for one in described["named_endpoints"]["/caption"]["parameters"]]
    assert names[:4] == ["image", "model", "num_captions", "decoding"]


def test_api_names_are_explicit_and_unique(server: Server) -> None:
    listed = httpx.get(f"{server.url}config", timeout=300).json()["dependencies"]
    names = [one["api_name"] for one in listed if one["backend_fn"]]
    assert len(names) == len(set(names))
    assert not any(name is None or str(name).startswith(("lambda", "_")) for name in names), names


def test_mcp_lists_and_runs_the_tool(server: Server, photo: Path) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def use() -> tuple[Any, Any]:
        async with (
            streamable_http_client(f"{server.url}gradio_api/mcp/") as (reader, writer, _),
            ClientSession(reader, writer) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            name = next(tool.name for tool in tools if tool.name.endswith("caption"))
            answer = await session.call_tool(name, {"image": data_address(photo)})
            return tools, answer

    tools, answer = anyio.run(use)
    assert len(tools) <= len(PUBLIC)
    tool = next(tool for tool in tools if tool.name.endswith("caption"))
    assert tool.description.startswith("Describe a picture in a sentence of English")
    described = tool.inputSchema["properties"]
    assert all(described[name].get("description") for name in ("image", "model", "num_captions", "decoding", "seed"))
    assert json.loads(answer.content[0].text)["captions"][0]["text"] == "a brown dog runs on the grass."


def test_mcp_lists_resources_and_prompts(server: Server) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client
    from pydantic import AnyUrl

    async def use() -> tuple[Any, ...]:
        async with (
            streamable_http_client(f"{server.url}gradio_api/mcp/") as (reader, writer, _),
            ClientSession(reader, writer) as session,
        ):
            await session.initialize()
            resources = (await session.list_resources()).resources
            read = {str(one.uri): await session.read_resource(AnyUrl(str(one.uri))) for one in resources}
            prompts = (await session.list_prompts()).prompts
            asked = await session.get_prompt("alternative_text", {"purpose": "a page about dogs"})
            return {uri: json.loads(one.contents[0].text) for uri, one in read.items()}, prompts, asked

    lists, prompts, asked = anyio.run(use)
    assert set(lists) == {"mmcore://models", "mmcore://collections", "mmcore://labels"}
    compact = next(one for one in lists["mmcore://models"] if one["name"] == "compact-captioner")
    assert (compact["task"], compact["here"]) == ("captioning", True)
    assert not next(one for one in lists["mmcore://models"] if one["name"] == "blip-base")["here"]
    assert lists["mmcore://collections"] == ["examples"]
    assert len(lists["mmcore://labels"]) == 527
    assert {"en": "Speech", "zh": "说话声"} in lists["mmcore://labels"]
    assert {one.name for one in prompts} == {name.removeprefix("/") for name in PROMPTS}
    assert all(one.description and all(argument.description for argument in one.arguments) for one in prompts)
    assert "a page about dogs" in asked.messages[0].content.text


def upload(server: Server, path: Path) -> dict[str, Any]:
    """Send a file as the page does; the raw value of a picture input."""
    with path.open("rb") as file:
        sent = httpx.post(f"{server.url}gradio_api/upload", files={"files": (path.name, file)}, timeout=300).json()
    return {"path": sent[0], "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def data_address(path: Path) -> str:
    import base64

    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
