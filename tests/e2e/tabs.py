"""The way to a tab, on a screen of any width."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect


def open_tab(page: Page, title: str, row: str = "#mm-tabs") -> None:
    """Click the tab of that title; where the row is too narrow for it, it waits in gradio's menu of further tabs."""
    tabs = page.locator(row)
    tab = tabs.get_by_role("tab", name=title, exact=True)
    more = tabs.locator(".overflow-menu > button").first
    expect(tab.or_(more).first).to_be_visible()
    # A title comes with all that is translated: nobody clicks before the page has put the rest in its place.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    if tab.is_visible():
        tab.click()
    else:
        more.click()
        tabs.locator(".overflow-dropdown").first.get_by_role("button", name=title, exact=True).click()


def answered(page: Page) -> None:
    """The first panel of the captions shows an answer to what was asked, or an error.

    Not nothing yet, not the sign of waiting, and not the finished answer that a newcomer finds under it: that one may
    come late, and alone it is no sign of anything.
    """
    expect(page.locator("#mm-answer-1:not(:has(.mm-empty))")).to_have_count(1)


def remover(page: Page, picture: str) -> Locator:
    """The cross of a picture's field: in Chinese it has gradio's English name until the page has put its own there."""
    return page.locator(picture).get_by_role("button", name=re.compile("Remove Image|移除图片"))


def flashed(page: Page, words: str) -> None:
    """A button has said these words. It does for a second and a half, so the page itself looks, and not the test."""
    said = "words => [...document.querySelectorAll('button')].some((one) => one.textContent.trim() === words)"
    page.wait_for_function(said, arg=words)


def record(page: Page, tab: str, seconds: float = 1.5) -> None:
    """Open the row with the microphone of a tab, and record."""
    row = page.locator(f"#mm-{tab}-speak")
    recorder = page.locator(f"#mm-{tab}-microphone")
    if not recorder.is_visible():
        row.locator("button").first.click()
    recorder.locator(".record-button, .record").first.click()
    page.wait_for_timeout(1000 * seconds)  # the length of the recording, not a wait for the page
    recorder.locator(".stop-button, .stop").first.click()
