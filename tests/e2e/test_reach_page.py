"""Who uses the page without a mouse, by ear, on a phone or from the last row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo.tabs import TABS
from demo.ui.i18n import texts
from tests.demo.serving import Server
from tests.e2e.conftest import NARROW
from tests.e2e.tabs import answered

pytestmark = pytest.mark.e2e

VIEWS = [key.rpartition(".")[2] for key in texts("en") if key.startswith("ui.retrieval.view.")]
AXE = Path(__file__).parent / "axe" / "axe.min.js"
OPEN = "#mm-tabs > .tabitem:not([style*='none'])"
GRAVE = """async ([place, rules]) => {
  const asked = { resultTypes: ["violations"], ...(rules.length ? { runOnly: rules } : {}) };
  const found = await axe.run(place || document, asked);
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact)).flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.target.join(" ")}: ${node.html.slice(0, 120)}`));
}"""


def show(page: Page, name: str, row: str = "#mm-tabs") -> None:
    button = page.locator(f'{row} > .tab-wrapper [data-tab-id="{name}"]')
    button.click()
    expect(button).to_have_attribute("aria-selected", "true")


def with_answers(page: Page) -> None:
    """An answer in each tab that gives one at a click."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    show(page, "captioning")
    page.locator('#mm-examples img[src$="/cat.jpg"]').click()
    answered(page)
    show(page, "retrieval")
    show(page, "search", "#mm-retrieval-views")
    page.locator("#mm-queries button").first.click()
    page.locator("#mm-found .mm-gallery button").first.click()
    expect(page.locator("#mm-closeup .mm-overlay")).to_be_visible()
    show(page, "sentiment")
    page.locator("#mm-sentiment-examples tbody tr").nth(1).click()
    expect(page.locator("#mm-sentiment-answer .mm-fusions")).to_be_visible()
    show(page, "audio")
    page.locator("#mm-sound-examples [data-example]").first.click()
    expect(page.locator(".mm-heard").first).to_be_visible()


def grave(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """What axe calls serious or critical, in every tab and view, with where it is: of what is around the tabs, once."""
    found: list[str] = []
    for place, tab in enumerate(TABS):
        show(page, tab.name)
        expect(page.locator(OPEN)).to_have_count(1)
        for view in VIEWS if tab.name == "retrieval" else ("",):
            if view:
                show(page, view, "#mm-retrieval-views")
            seen: list[str] = []
            for _ in range(20):  # what fades in or out is looked at again
                seen = page.evaluate(GRAVE, [OPEN if place else "", list(rules)])
                if not seen:
                    break
                page.wait_for_timeout(500)
            found += [f"{tab.name} {view}: {one}" for one in seen]
    return found


def test_axe_finds_nothing_serious_in_light_and_dark(stay: Callable[..., Page]) -> None:
    page = stay()
    with_answers(page)
    assert grave(page) == []
    page.evaluate("document.body.classList.add('dark')")
    try:
        assert grave(page, ["color-contrast"]) == []
    finally:
        page.evaluate("document.body.classList.remove('dark')")


def test_axe_finds_nothing_serious_on_a_phone_and_tabs_are_a_strip(stay: Callable[..., Page]) -> None:
    page = stay(size=NARROW)
    with_answers(page)
    assert grave(page, ["color-contrast", "scrollable-region-focusable", "button-name", "target-size"]) == []
    strip = page.locator("#mm-tabs > .tab-wrapper > .tab-container")
    expect(strip.get_by_role("tab")).to_have_count(len(TABS))
    expect(page.locator("#mm-tabs > .tab-wrapper .overflow-menu")).to_have_count(0)
    wide, shown = strip.evaluate("strip => [strip.scrollWidth, strip.clientWidth]")
    assert wide > shown
    show(page, "models")  # comes into sight by itself
    page.wait_for_function(
        "wide => document.querySelector('#mm-tabs [data-tab-id=models]').getBoundingClientRect().right <= wide",
        arg=NARROW[0],
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    show(page, "captioning")


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until what has the keyboard is that."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"the keyboard does not reach {selector}")


def test_the_keyboard_is_enough_and_a_projector_gets_large_letters(visit: Callable[..., Page], server: Server) -> None:
    page = visit(address=f"{server.url}?size=large")
    assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") == 20
    expect(page.locator("#mm-answer-1 .mm-first-hint")).to_be_visible()  # a finished answer, before anything is done
    expect(page.locator("#mm-answer-1 .mm-overlay")).to_be_visible()

    page.locator("#mm-examples .gallery-item").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    answered(page)
    expect(page.locator("#mm-answer-1 .mm-caption .mm-word").first).to_be_visible()  # before the way to it begins
    tab_to(page, "#mm-answer-1 .mm-caption .mm-word")
    page.keyboard.press("Enter")
    expect(page.locator("#mm-answer-1 .mm-word[aria-pressed=true]")).to_have_count(1)
    expect(page.locator("#mm-answer-1 .mm-readout")).to_contain_text("probability")
    tab_to(page, "#mm-answer-1 [data-keep]")
    page.keyboard.press("Enter")
    expect(page.locator(".mm-kept .mm-caption").first).to_be_visible()
