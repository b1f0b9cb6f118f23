"""Ways through the page: addresses, links, pictures that go from tab to tab, answers that are kept and saved."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.demo.serving import Server
from tests.e2e.conftest import PATIENCE
from tests.e2e.tabs import answered, flashed

pytestmark = pytest.mark.e2e


def show(page: Page, name: str) -> None:
    page.locator(f'#mm-tabs > .tab-wrapper [data-tab-id="{name}"]').click()


def asks(*parts: str) -> re.Pattern[str]:
    return re.compile(r"\?" + "".join(f"(?=.*{re.escape(part)})" for part in parts))


def test_the_address_follows_and_the_picture_goes_along(stay: Callable[..., Page]) -> None:
    page = stay()
    show(page, "captioning")
    page.locator('#mm-examples img[src$="/cat.jpg"]').click()
    expect(page).to_have_url(asks("tab=captioning", "example=cat", "lang=en"))
    answered(page)

    page.locator("#mm-captioning-carry [data-carry=retrieval]").click()
    expect(page.locator("#mm-found .mm-gallery").first).to_be_visible()  # answered by itself
    expect(page).to_have_url(asks("tab=retrieval"))
    page.locator("#mm-retrieval-carry [data-carry=sentiment]").click()
    expect(page.locator("#mm-sentiment-answer .mm-verdict")).to_be_visible()
    expect(page.locator("#mm-sentiment-text textarea")).to_be_focused()
    page.keyboard.type("what a day")
    expect(page).to_have_url(asks("tab=sentiment", "text=what+a+day"))
    page.go_back()
    expect(page.locator("#mm-found .mm-gallery").first).to_be_visible()
    expect(page).to_have_url(asks("tab=retrieval"))
    page.go_forward()
    expect(page.locator("#mm-sentiment-answer .mm-verdict")).to_be_visible()
    page.locator("#mm-sentiment-text textarea").fill("")
    expect(page).not_to_have_url(asks("text="))

    page.locator("#mm-link").click()
    flashed(page, "✓")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_an_answer_is_kept_beside_the_next_and_saved_with_its_credit(stay: Callable[..., Page]) -> None:
    page = stay()
    show(page, "captioning")
    page.locator('#mm-examples img[src$="/coffee.jpg"]').click()
    answered(page)
    expect(page.locator("#mm-answer-1 .mm-caption").first).to_be_visible()
    page.locator("#mm-answer-1 [data-keep]").click()
    expect(page.locator(".mm-kept .mm-caption").first).to_be_visible()
    expect(page.locator(".mm-kept button")).to_have_count(1)  # it only shows; what can be pressed puts it away
    with page.expect_download() as download:
        page.locator("#mm-answer-1 [data-save]").click()
    assert download.value.suggested_filename == "mmcore-captioning.png"
    with Image.open(download.value.path()) as saved:
        assert saved.width == 1800  # 900 pixels of the page, twice as fine
        colours = saved.convert("RGB").resize((60, 60)).getcolors(3600)
    assert colours is not None
    assert len(colours) > 50  # the picture is in it, not only letters
    page.locator(".mm-kept button").click()
    expect(page.locator(".mm-kept")).to_have_count(0)
    assert "Rachel Michetti" in page.evaluate("window.mmcoreCredits[window.mmcore.ways.file()]")


def test_a_link_brings_back_tab_example_options_and_language(visit: Callable[..., Page], server: Server) -> None:
    before = len(server.asked())
    query = "tab=captioning&example=rocket&num_captions=2&top_p=7&decoding=greedy&model=nobody&lang=zh"
    page = visit(address=f"{server.url}?{query}")
    answered(page)
    expect(page.locator("#mm-answer-1 .mm-caption").first).to_be_visible()
    asked: list[dict[str, Any]] = []
    for _ in range(PATIENCE // 200):  # the first caption that is seen may still be the answer that a newcomer finds
        asked = [one for one in server.asked()[before:] if one.get("decoding") == "greedy"]
        if asked:
            break
        page.wait_for_timeout(200)
    assert asked[-1]["num_captions"] == 2
    assert asked[-1]["language"] == "zh"
    notes = page.locator(".mm-link-note")  # of what there is not; the usual value is in use
    expect(notes.filter(has_text="top_p = 7")).to_be_visible()
    expect(notes.filter(has_text="model = nobody")).to_be_visible()
    expect(page).to_have_url(asks("example=rocket", "num_captions=2", "decoding=greedy", "lang=zh"))
    expect(page).not_to_have_url(re.compile("top_p|nobody"))


def test_a_link_with_words_is_answered(visit: Callable[..., Page], server: Server) -> None:
    page = visit(address=f"{server.url}?tab=retrieval&text=a+dog&top=5")
    expect(page.locator("#mm-found .mm-answer")).to_be_visible()
    query = page.locator("#mm-query textarea, #mm-query input").first
    expect(query).to_have_value("a dog")
    show(page, "captioning")
    expect(page).to_have_url(asks("tab=captioning"))
    page.reload()
    expect(page.locator('#mm-tabs [data-tab-id="captioning"][aria-selected="true"]').first).to_be_visible()
    page.go_back()  # to a tab that nobody has opened since: its address fills it
    expect(page.locator("#mm-found .mm-answer")).to_be_visible()
    expect(query).to_have_value("a dog")
    expect(page).to_have_url(asks("tab=retrieval", "text=a+dog", "top=5"))


def test_what_a_tier_takes_is_said_in_every_tab_before_it_is_chosen(stay: Callable[..., Page]) -> None:
    page = stay()
    for name in ("lab", "models"):
        show(page, name)
        page.locator("#mm-tier label").nth(1).hover()
        note = page.locator('.mm-tier-note[data-tier="standard"]')
        expect(note).to_contain_text("not on this machine: 464 MB to download")
        expect(note).to_contain_text("This page works offline at the moment")
        page.locator("#mm-brand").hover()
        expect(note).to_be_hidden()
    page.get_by_role("radio", name="Standard").click(force=True)  # and after, while the switch goes back
    expect(note).to_be_visible()
    expect(page.get_by_role("radio", name="Compact")).to_be_checked()
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()
