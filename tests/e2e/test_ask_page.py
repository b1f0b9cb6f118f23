"""A visitor at the Ask tab: a real browser with the fake models behind it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.demo.serving import Server
from tests.e2e.conftest import NARROW
from tests.e2e.tabs import flashed, open_tab, record, remover
from tests.fakes.demo import HELD, RELEASE

pytestmark = pytest.mark.e2e


def tab(stay: Callable[..., Page], picture: Path | None, **options: object) -> Page:
    """The tab with a picture and without a conversation."""
    page = stay(**options)
    open_tab(page, "提问" if options.get("language") == "zh" else "Ask")
    expect(page.locator("#mm-ask-line .mm-line")).to_be_visible()
    remove = remover(page, "#mm-ask-picture")
    # Each of these clears the conversation: one that came late would clear the one that the test begins.
    if remove.is_visible():
        with page.expect_response("**/run/predict*"):
            remove.click()
    with page.expect_response("**/run/predict*"):
        page.locator("#mm-ask-clear").click()
    expect(page.locator("#mm-ask-answer .mm-empty")).to_be_visible()
    if picture is not None:
        with page.expect_response("**/run/predict*"):
            page.locator("#mm-ask-picture input[type=file]").first.set_input_files(picture)
        expect(page.locator("#mm-ask-picture img")).to_be_visible()
    return page


def ask(page: Page, question: str) -> None:
    before = page.locator("#mm-ask-answer [data-text]").count()
    page.locator("#mm-ask-question textarea").fill(question)
    page.locator("#mm-ask-question textarea").press("Enter")
    expect(page.locator("#mm-ask-answer [data-text]")).to_have_count(before + 1)


def test_several_turns_with_sources_maps_and_a_cleared_history(stay: Callable[..., Page], photo: Path) -> None:
    page = tab(stay, photo)
    ask(page, "Is there a dog?")
    expect(page.locator(".mm-part").last).to_contain_text("Yes, I think so: “a dog”")
    expect(page.locator(".mm-origin").last).to_have_text("from the comparison of words and picture")
    expect(page.locator("#mm-ask-question textarea")).to_have_value("")
    page.locator(".mm-where summary").last.click()
    expect(page.locator(".mm-where .mm-overlay").last).to_be_visible()
    ask(page, "And how many are there?")
    expect(page.locator(".mm-refusing")).to_contain_text("I cannot count")
    expect(page.locator(".mm-asked")).to_have_count(2)
    expect(page.locator("#mm-ask-answer .mm-foot")).to_have_count(1)
    page.locator("#mm-ask-answer [data-copy]").click()
    flashed(page, "Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("I cannot count")
    page.locator("#mm-ask-clear").click()
    expect(page.locator(".mm-asked")).to_have_count(0)


def test_a_suggested_question_is_put_into_the_box(stay: Callable[..., Page], photo: Path) -> None:
    page = tab(stay, photo)
    page.locator("#mm-ask-suggestions button", has_text="main colours").click()
    expect(page.locator("#mm-ask-question textarea")).to_have_value("What are the main colours?")
    held: list[Route] = []
    page.route("**/queue/join*", lambda route: held.append(route), times=1)
    with page.expect_request("**/queue/join*"):
        record(page, "ask")
    page.locator("#mm-ask-question textarea").fill("What are the main colours? And why?")  # while that is heard
    held[0].continue_()  # what is said goes behind what stands there by then
    expect(page.locator("#mm-ask-question textarea")).to_have_value(
        re.compile(r"^What are the main colours\? And why\? word0\.")
    )
    page.locator("#mm-ask-question textarea").fill("What are the main colours?")
    page.locator("#mm-ask-run").click()
    expect(page.locator(".mm-part")).to_contain_text("The main colours are")


def test_a_question_without_a_picture_is_told_so_and_stays(stay: Callable[..., Page]) -> None:
    page = tab(stay, None)
    page.locator("#mm-ask-question textarea").fill("What is this?")
    page.locator("#mm-ask-run").click()
    expect(page.locator("#mm-ask-answer .mm-error")).to_contain_text("Nothing was given")
    expect(page.locator("#mm-ask-question textarea")).to_have_value("What is this?")


def test_an_answer_can_be_stopped(stay: Callable[..., Page], server: Server, tmp_path: Path) -> None:
    path = tmp_path / "held.png"
    Image.new("RGB", HELD, (200, 180, 160)).save(path)
    (server.home / RELEASE).unlink(missing_ok=True)
    page = tab(stay, path)
    ask(page, "What is this?")  # pictures of this size wait from the second time on
    page.locator("#mm-ask-question textarea").fill("What do you see?")
    page.locator("#mm-ask-run").click()
    page.locator("#mm-ask-stop").click()
    expect(page.locator("#mm-ask-answer .mm-notice")).to_have_text("Stopped.")
    expect(page.locator("#mm-ask-question textarea")).to_have_value("What do you see?")
    expect(page.locator("#mm-ask-stop")).to_be_disabled()
    (server.home / RELEASE).touch()
    page.locator("#mm-ask-clear").click()


def test_it_speaks_chinese_and_fits_a_telephone(stay: Callable[..., Page], photo: Path) -> None:
    page = tab(stay, photo, language="zh", size=NARROW)
    ask(page, "有没有狗？")
    expect(page.locator(".mm-part").last).to_contain_text("我认为有：“狗”与图片相符")
    expect(page.locator(".mm-origin").last).to_have_text("来自文字与图片的比较")
    expect(page.locator(".mm-notices")).to_contain_text("狗 → dog")
    expect(page.locator("#mm-ask-suggestions")).to_contain_text("这是什么？")
    ask(page, "他是谁？")
    expect(page.locator(".mm-refusing")).to_contain_text("我无法知道这是谁")
    page.locator("#mm-ask-speak button", has_text="用说话代替打字").click()
    expect(page.locator("#mm-ask-microphone")).to_contain_text("中文或英文，说的话会填入输入框")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
