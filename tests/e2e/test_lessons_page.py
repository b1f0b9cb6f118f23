"""A class goes through every step of every lesson, in a real browser, with the bundled models behind the page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from demo.lessons.catalogue import LESSONS
from demo.ui.i18n import LANGUAGES, text

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("lab")]

SIZES = ((390, 844), (1600, 1000))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    wrong: list[str] = []
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield page
    context.close()
    assert wrong == []


def at(page: Page, lesson: int, step: int) -> None:
    expect(page.locator(f'.mm-step[data-lesson="{lesson}"][data-step="{step}"]')).to_be_visible()


def number(page: Page, selector: str) -> float:
    found = re.search(r"[-−]?\d+(\.\d+)?", page.locator(selector).first.inner_text())
    assert found, selector
    return float(found[0])


def no_overflow(page: Page) -> None:
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, (width, page.url)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_step_of_every_lesson(page: Page, address: str, language: str) -> None:
    page.goto(f"{address}?lang={language}&lesson={LESSONS[0].number}&step=1")
    for lesson in LESSONS:
        page.locator(f'.mm-lesson-nav [data-go="{lesson.number},1"]').click()
        for place, step in enumerate(lesson.steps, 1):
            at(page, lesson.number, place)
            assert text(language, lesson.key(step, "title")) in page.locator(".mm-step h2").inner_text()
            expect(page.locator(".mm-after")).to_be_hidden()
            wrong = (step.answer + 1) % step.choices
            page.locator(f'[data-vote="{wrong}"]').click()
            expect(page.locator(".mm-vote .mm-said")).to_have_text(text(language, "lessons.wrong"))
            page.locator(f'[data-vote="{step.answer}"]').click()
            expect(page.locator(".mm-vote .mm-said")).to_have_text(text(language, "lessons.right"))
            for choice in range(step.choices):
                page.locator(f'[data-try="{choice}"]').click()
                said = text(language, lesson.key(step, f"said.{choice}"))
                expect(page.locator(".mm-check .mm-said")).to_have_text(said)
            page.locator(".mm-source summary").click()
            expect(page.locator(".mm-source pre")).to_contain_text("def ")
            no_overflow(page)
            if place < len(lesson.steps):
                page.locator(f'.mm-turning [data-go="{lesson.number},{place + 1}"]').click()


def test_back_forward_and_reload_keep_the_place_and_the_votes(page: Page, address: str) -> None:
    page.goto(f"{address}?lang=en&lesson=4&step=1")
    at(page, 4, 1)
    page.locator('[data-vote="0"]').click()
    page.locator('.mm-step-nav [data-go="4,2"]').click()
    at(page, 4, 2)
    assert "step=2" in page.url
    page.go_back()
    at(page, 4, 1)
    expect(page.locator(".mm-after")).to_be_visible()
    page.go_forward()
    at(page, 4, 2)
    page.reload()
    at(page, 4, 2)


def test_an_address_that_no_lesson_has_leads_to_the_first(page: Page, address: str) -> None:
    page.goto(f"{address}?lang=en&lesson=99&step=x")
    at(page, LESSONS[0].number, 1)


def test_the_numbers_of_lesson_4_follow_the_controls(page: Page, address: str) -> None:
    page.goto(f"{address}?lang=en&size=large&lesson=4&step=1")
    at(page, 4, 1)
    page.locator('[data-vote="0"]').click()
    page.locator('[data-cell="q,0,1"]').fill("3")
    keys = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0]])
    scores = keys @ np.array([1, 3, 1, 0]) / 2
    weights = np.exp(scores) / np.exp(scores).sum()
    for row in range(3):
        assert number(page, f'[data-score="{row}"]') == pytest.approx(scores[row], abs=0.005)
        assert number(page, f'[data-weight="{row}"]') == pytest.approx(weights[row], abs=0.0005)
    page.locator("[data-mine]").fill("0.9")
    expect(page.locator("[data-verdict]")).to_have_text(text("en", "lessons.04.again"))
    page.locator("[data-mine]").fill(f"{weights[0]:.3f}")
    expect(page.locator("[data-verdict]")).to_have_text(text("en", "lessons.right"))

    page.locator('.mm-step-nav [data-go="4,2"]').click()
    at(page, 4, 2)
    page.locator('[data-vote="0"]').click()
    shares = np.array(page.evaluate("JSON.parse(document.querySelector('.mm-live').dataset.data).shares"))
    page.locator('[data-input="temperature"]').fill("2")
    flat = np.sqrt(shares) / np.sqrt(shares).sum()
    assert number(page, "[data-largest]") == pytest.approx(flat.max() * 100, abs=0.06)
    assert number(page, "[data-even]") == pytest.approx(np.exp(-(flat * np.log(flat)).sum()), abs=0.06)

    page.locator('.mm-step-nav [data-go="4,5"]').click()
    at(page, 4, 5)
    page.locator('[data-vote="2"]').click()
    page.locator("[data-run]").click()
    page.locator("[data-r]").wait_for()
    assert abs(number(page, "[data-r]")) < 0.4
    page.locator('[data-word="0"]').click()
    maps, lost = (
        np.array(page.evaluate(f"JSON.parse(document.querySelector('.mm-live').dataset.data).{name}"))
        for name in ("maps", "lost")
    )
    assert number(page, "[data-r]") == pytest.approx(np.corrcoef(maps[0], lost[0])[0, 1], abs=0.006)
