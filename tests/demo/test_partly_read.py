"""Twenty inputs of which a part cannot be read: page, command line, HTTP API and MCP say so, in both languages."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Formatter
from typing import Any

import anyio
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from typer.testing import CliRunner

from demo.audio import service as audio_service
from demo.audio.view import panel as audio_panel
from demo.captioning import service as captioning_service
from demo.captioning.view import panel as captioning_panel
from demo.retrieval import matching_service
from demo.retrieval import service as retrieval_service
from demo.retrieval.collections import EXAMPLES, CollectionChooser
from demo.retrieval.view import panel as retrieval_panel
from demo.sentiment import service as sentiment_service
from demo.sentiment.view import panel as sentiment_panel
from mmcore import cli
from mmcore.commands import console
from mmcore.pool import ModelPool
from mmcore.results.notices import LANGUAGES, MESSAGES
from mmcore.settings import Settings
from tests.demo.serving import Server
from tests.fakes.demo import fake_pool
from tests.io.test_audio_lengths import riff
from tests.io.test_audio_mixing import filmed, stacked
from tests.io.test_odd_pictures import BLANK, clear, colours, deep, moving
from tests.pictures import encode
from tests.sounds import silence, tone

PLAIN = encode(colours(), "PNG")


@dataclass(frozen=True)
class Partly:
    """An input, and the codes of what is said of it."""

    task: str
    codes: tuple[str, ...]
    file: Callable[[], bytes] | None = None
    words: dict[str, str] = field(default_factory=dict)


def caption(code: str, file: Callable[[], bytes]) -> Partly:
    return Partly("caption", (code,), file)


def labels(code: str, words: str) -> Partly:
    return Partly("zero_shot", (code,), lambda: PLAIN, {"labels": words})


def search(code: str, words: str) -> Partly:
    return Partly("search", (code,), None, {"text": words})


def post(words: str, *codes: str) -> Partly:
    return Partly("sentiment", codes, None, {"text": words})


def sound(code: str, file: Callable[[], bytes]) -> Partly:
    return Partly("classify_audio", (code,), file)


INPUTS = {
    "moving picture that begins blank": caption("image_frame", lambda: moving("GIF", BLANK, colours())),
    "document of two pages": caption("image_frame", lambda: moving("TIFF", colours(), colours())),
    "white drawing on clear ground": caption("image_background", lambda: clear(255)),
    "damaged colour profile": caption("image_profile", lambda: encode(colours(), "PNG", icc_profile=b"no" * 60)),
    "twelve bits in sixteen": caption("image_stretched", lambda: deep(4095)),
    "panorama": caption("image_squeezed", lambda: encode(colours().resize((640, 48)), "PNG")),
    "a Spanish label": labels("text_language_unread", "a dog, un perro muy feo"),
    "Chinese labels": labels("read_word_by_word", "一只狗、一只猫"),
    "a query that denies": search("query_negation", "a beach without people"),
    "a German query": search("text_language_unread", "ein Hund auf der Wiese"),
    "a query half in Korean": search("text_letters_unread", "a small dog 강아지"),
    "a Spanish post": post("Te odio, eres una persona mala", "text_language_unread", "no_words_read", "not_sure"),
    "a post half in German": post("Great food. Aber der Kellner war nicht nett", "text_part_unread"),
    "a long post": post("We met at noon and went home. " * 40, "text_windows"),
    "a post of one thing": post("table", "no_feeling", "not_sure"),
    "a post of signs": post("?!", "no_words", "not_sure"),
    "a post for both sides": post("I love it, I hate it", "both_sides"),
    "stereo that cancels itself": sound("sound_channels", lambda: stacked(tone(2, rate=8000), -tone(2, rate=8000))),
    "a recording cut off": sound("sound_ends_early", lambda: riff(2 * 20 * 8000, tone(3, rate=8000))),
    "a film with two sound tracks": sound("sound_tracks", lambda: filmed(silence(2, 48000), tone(2, rate=48000))),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> the input as a file, without an ending: content decides."""
    folder = tmp_path_factory.mktemp("partly") / "gradio"
    folder.mkdir()
    made = {}
    for place, (name, one) in enumerate(INPUTS.items()):
        if one.file is not None:
            made[name] = folder / f"input-{place}"
            made[name].write_bytes(one.file())
    return made


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> ModelPool:
    return fake_pool(Settings(home=tmp_path_factory.mktemp("home")))


def sentences(codes: tuple[str, ...], answer: dict[str, Any]) -> dict[str, list[str]]:
    """Language -> what is said, after a look at the JSON."""
    assert [one["code"] for one in answer["notices"]] == list(codes)
    for one in answer["notices"]:
        values = {
            name: value if isinstance(value, dict) else dict.fromkeys(LANGUAGES, value)
            for name, value in one["values"].items()
        }
        for place, language in enumerate(LANGUAGES):
            filled = MESSAGES[one["code"]][place].format(**{name: value[language] for name, value in values.items()})
            assert one["text"][language] == filled
    return {language: [one["text"][language] for one in answer["notices"]] for language in LANGUAGES}


def test_there_are_twenty() -> None:
    assert len(INPUTS) == 20
    assert len({code for one in INPUTS.values() for code in one.codes}) >= 15


@pytest.mark.parametrize("name", INPUTS)
def test_the_command_line_says_it(
    name: str, files: dict[str, Path], pool: ModelPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = INPUTS[name]
    monkeypatch.setattr(console, "make_pool", lambda settings: pool)
    monkeypatch.setenv("MMCORE_HOME", str(tmp_path))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli.app, arguments)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    command = {"zero_shot": "zero-shot", "classify_audio": "audio"}.get(one.task, one.task)
    arguments = [command]
    if one.task == "search":
        Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
        run("index", "add", "some", str(tmp_path / "a.png"))
        arguments.append("some")
    if name in files:
        arguments.append(str(files[name]))
    for option, value in one.words.items():
        arguments += [f"--{option}", value]
    said = sentences(one.codes, json.loads(run(*arguments, "--json")))
    told = run(*arguments).splitlines()
    assert [line.partition(": note: ")[2] for line in told if ": note: " in line] == said["en"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", INPUTS)
def test_the_page_says_it(
    name: str, language: str, files: dict[str, Path], pool: ModelPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = INPUTS[name]
    payload: Any = None
    if name in files:
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(files[name].parent))
        payload = {"path": str(files[name]), "orig_name": files[name].name}
    html = _page(one, payload, pool, language)
    shown = html.partition('<ul class="mm-notices"')[2].partition("</ul>")[0]
    assert shown.count("<li>") == len(one.codes)
    for code in one.codes:
        place = LANGUAGES.index(language)
        for part in _fixed(MESSAGES[code][place]):
            assert escape(part) in shown


def _fixed(sentence: str) -> list[str]:
    """What of a sentence stands in no braces."""
    return [text for text, *_ in Formatter().parse(sentence) if text.strip()]


def _page(one: Partly, payload: Any, pool: ModelPool, language: str) -> str:
    if one.task == "caption":
        return captioning_panel(captioning_service.describe(pool, payload, "compact-captioner", {}), language)
    if one.task == "zero_shot":
        content = matching_service.classify(pool, payload, one.words["labels"], "", "compact-retriever")
        return matching_service.bars(content, language, "text.retrieval.labels_empty")
    if one.task == "search":
        asked = retrieval_service.SearchForm(EXAMPLES, "compact-retriever", one.words["text"])
        *_, found = retrieval_service.find(pool, CollectionChooser(pool), None, asked)
        return retrieval_panel(found, language)
    if one.task == "sentiment":
        *_, judged = sentiment_service.describe(pool, one.words["text"], None, "compact-sentiment", "")
        return sentiment_panel(judged, language)
    *_, (heard, *_) = audio_service.listen(pool, payload, "compact-tagger", {})
    return audio_panel(heard, language)


def test_the_api_says_it(server: Server, files: dict[str, Path]) -> None:
    client = Client(server.url, verbose=False)
    for name, one in INPUTS.items():
        given = [handle_file(files[name])] if name in files else []
        sentences(one.codes, client.predict(*given, **one.words, api_name=f"/{one.task}"))


def test_mcp_says_it(server: Server, files: dict[str, Path]) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def use() -> Iterator[tuple[str, str]]:
        async with (
            streamable_http_client(f"{server.url}gradio_api/mcp/") as (reader, writer, _),
            ClientSession(reader, writer) as session,
        ):
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            answers = []
            for name, one in INPUTS.items():
                assert one.task in tools
                given: dict[str, str] = dict(one.words)
                if name in files:
                    kind = "audio" if one.task == "classify_audio" else "image"
                    content = base64.b64encode(files[name].read_bytes()).decode()
                    given[kind] = f"data:{kind}/x-any;base64,{content}"
                answers.append((name, (await session.call_tool(one.task, given)).content[0].text))
            return iter(answers)

    for name, answer in anyio.run(use):
        sentences(INPUTS[name].codes, json.loads(answer))
