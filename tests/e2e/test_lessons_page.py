"""A class goes through every step of every lesson, in a real browser, with the bundled models behind the page."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from scipy.signal import correlate2d

from demo.lessons import live
from demo.lessons.catalogue import LESSONS
from demo.lessons.references import REFERENCES
from demo.ui import examples
from demo.ui.i18n import LANGUAGES, text
from mmcore import Settings
from mmcore.evaluation.caption_scores import CiderD
from mmcore.evaluation.sound_scores import average_precision
from mmcore.fusion.metrics import calibration_error, confusion_matrix, temper
from mmcore.io.audio_files import load_audio
from mmcore.io.images import decode_image
from mmcore.nets.text_encoder import TextConfig, TextEncoder

pytestmark = pytest.mark.e2e

SIZES = ((390, 844), (1600, 1000))


@pytest.fixture
def page(new_page: Callable[..., Page], address: str) -> Iterator[Page]:
    wrong: list[str] = []
    page = new_page(address, size=SIZES[1])
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield page
    page.close()
    assert wrong == []


def at(page: Page, lesson: int, step: int) -> None:
    expect(page.locator(f'.mm-step[data-lesson="{lesson}"][data-step="{step}"]')).to_be_visible(timeout=120_000)


def number(page: Page, selector: str) -> float:
    found = re.search(r"[-−]?\d+(\.\d+)?", page.locator(selector).first.text_content() or "")
    assert found, selector
    return float(found[0])


def no_overflow(page: Page) -> None:
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, (width, page.url)


PRESS = """([part, buttons]) => buttons.map((button) => {
  document.querySelector(button).click();
  return document.querySelector(`${part} .mm-said`).innerText.trim();
})"""


def pressed(page: Page, part: str, buttons: list[str]) -> list[str]:
    """What is said after each button: presses them all in the page, in a tenth of the time that a mouse takes."""
    said: list[str] = page.evaluate(PRESS, [part, buttons])
    return said


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
            votes, tries = [wrong, step.answer], range(step.choices)
            judged = [text(language, f"lessons.{name}") for name in ("wrong", "right")]
            said = [text(language, lesson.key(step, f"said.{choice}")) for choice in tries]
            if language == "en":
                for choice, words in zip(votes, judged, strict=True):
                    page.locator(f'[data-vote="{choice}"]').click()
                    expect(page.locator(".mm-vote .mm-said")).to_have_text(words)
                for choice, words in zip(tries, said, strict=True):
                    page.locator(f'[data-try="{choice}"]').click()
                    expect(page.locator(".mm-check .mm-said")).to_have_text(words)
                page.locator(".mm-source summary").click()
                expect(page.locator(".mm-source pre")).to_contain_text("def ")
            else:  # that a mouse reaches the buttons has been seen
                assert pressed(page, ".mm-vote", [f'[data-vote="{choice}"]' for choice in votes]) == judged
                assert pressed(page, ".mm-check", [f'[data-try="{choice}"]' for choice in tries]) == said
                assert "def " in (page.locator(".mm-source pre").text_content() or "")
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


def test_the_numbers_of_lesson_2_follow_the_controls(page: Page, address: str) -> None:
    page.goto(f"{address}?lang=en&lesson=2&step=1")
    at(page, 2, 1)
    page.locator('[data-vote="0"]').click()
    page.locator('[data-pick="kernel"][data-value="4"]').click()
    page.locator('[data-cell="k,0,1"]').fill("2.5")
    page.locator('[data-input="x"]').fill("10")
    page.locator('[data-input="y"]').fill("20")
    shown = page.evaluate("JSON.parse(document.querySelector('.mm-live').dataset.data).pixels")
    pixels = np.frombuffer(base64.b64decode(shown), np.uint8).reshape(64, 64).astype(float)
    kernel = np.array([[0, 2.5, 0], [-1, 5, -1], [0, -1, 0]])
    assert minus(page, "sum") == pytest.approx((pixels[20:23, 10:13] * kernel).sum(), abs=0.06)
    every = correlate2d(pixels, kernel, "valid")
    assert (minus(page, "low"), minus(page, "high")) == pytest.approx((every.min(), every.max()), abs=0.6)

    page.locator('.mm-step-nav [data-go="2,2"]').click()
    at(page, 2, 2)
    page.locator('[data-vote="0"]').click()
    page.locator('[data-pick="depth"][data-value="4"]').click()
    expect(page.locator('[data-out="numbers"]').first).to_have_text(f"{1280 * 7 * 7:,}")
    expect(page.locator('[data-depth="4"]')).to_be_visible()
    expect(page.locator('[data-depth="0"]')).to_be_hidden()

    page.locator('.mm-step-nav [data-go="2,3"]').click()
    at(page, 2, 3)
    page.locator('[data-vote="0"]').click()
    page.locator('[data-input="typed"]').fill("happy")
    expect(page.locator('[data-near="0"]')).to_have_text("smiling")

    page.locator('.mm-step-nav [data-go="2,4"]').click()
    at(page, 2, 4)
    page.locator('[data-vote="0"]').click()
    page.locator('[data-input="width"]').fill("128")
    page.locator('[data-input="layers"]').fill("3")
    made = TextEncoder(TextConfig(14_855, 128, 3, 4, 512))
    count = sum(one.numel() for one in made.parameters())
    expect(page.locator('[data-out="own"]').first).to_have_text(f"{count:,}")


def minus(page: Page, name: str) -> float:
    """A number of the page, whose minus is a real one."""
    return float((page.locator(f'[data-out="{name}"]').first.text_content() or "").replace("−", "-"))


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


def open_step(page: Page, lesson: int, step: int) -> None:
    page.locator(f'.mm-step-nav [data-go="{lesson},{step}"]').click()
    at(page, lesson, step)
    page.locator('[data-vote="0"]').click()


def test_the_numbers_of_lesson_1_follow_the_controls(page: Page, address: str) -> None:
    page.goto(f"{address}?lang=en&lesson=1&step=1")
    at(page, 1, 1)
    page.locator('[data-vote="0"]').click()
    known = {item.path.name: item for item in (*examples.pictures(), *examples.sounds())}
    pixels = np.asarray(
        decode_image(known["two-dogs.jpg"].path, Settings()).resize((224, 224), Image.Resampling.BICUBIC)
    )
    page.locator('[data-input="x"]').fill("30")
    page.locator('[data-input="y"]').fill("200")
    assert [number(page, f'[data-out="{name}"]') for name in "rgb"] == pixels[200, 30].tolist()
    assert number(page, '[data-out="r1"]') == pytest.approx((float(pixels[200, 30, 0]) - 127) / 128, abs=0.0006)
    box = page.locator('[data-canvas="picture"]').bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    assert page.locator('[data-input="x"]').input_value() in ("55", "56", "57")
    assert page.locator('[data-input="y"]').input_value() in ("111", "112", "113")

    open_step(page, 1, 2)
    page.locator('[data-pick="way"][data-value="2"]').click()
    shares = page.evaluate("JSON.parse(document.querySelector('.mm-live').dataset.data).shares")
    page.locator('[data-input="crop"]').fill("1")
    assert number(page, '[data-out="share-2"]') == pytest.approx(shares[3][2] * 100, abs=0.06)

    open_step(page, 1, 4)
    page.locator('[data-fill="typed"]').last.click()
    expect(page.locator("[data-english]")).to_contain_text("a dog on grass running")
    page.locator('[data-input="typed"]').fill("Straße")
    expect(page.locator('[data-out="unknown"]')).to_have_text("1")

    open_step(page, 1, 5)
    sound = load_audio(known["robin.ogg"].path, Settings(), 16_000).samples[:40_960]
    page.locator('[data-pick="window"][data-value="2"]').click()
    page.locator('[data-pick="hop"][data-value="3"]').click()
    page.locator('[data-input="bands"]').fill("32")
    page.locator('[data-input="time"]').fill("0.35")
    page.locator('[data-input="band"]').fill("0.8")
    mel = live.log_mel(np.round(np.asarray(sound, np.float64) * 32767) / 32767, 16_000, 1024, 512, 32)
    assert page.locator('[data-out="shape"]').inner_text() == f"32 × {mel.shape[1]}"
    cell = mel[int(0.8 * 32), int(0.35 * mel.shape[1])]
    assert number(page, '[data-out="here"]') == pytest.approx(cell, abs=0.06)

    open_step(page, 1, 6)
    page.locator('[data-pick="change"][data-value="7"]').click()
    assert number(page, '[data-out="share-0"]') > number(page, '[data-out="share-2"]')


def test_the_numbers_of_lesson_7_follow_the_controls(page: Page, address: str) -> None:
    def data(name: str) -> Any:
        return page.evaluate(f"JSON.parse(document.querySelector('.mm-live').dataset.data).{name}")

    page.goto(f"{address}?lang=en&lesson=7&step=1")
    at(page, 7, 1)
    page.locator('[data-vote="0"]').click()
    counts = confusion_matrix(data("truth"), data("said"))
    page.locator('[data-cell="m,0,0"]').fill("1")
    expect(page.locator("[data-verdict]")).to_contain_text("not right yet")
    for row in range(3):
        for column in range(3):
            page.locator(f'[data-cell="m,{row},{column}"]').fill(str(counts[row, column]))
    expect(page.locator("[data-verdict]")).to_have_text(text("en", "lessons.07.all_right"))
    f1 = 2 * np.diag(counts) / (counts.sum(0) + counts.sum(1))
    assert number(page, '[data-out="macro"]') == pytest.approx(f1.mean(), abs=0.0006)
    assert number(page, '[data-out="accuracy"]') == pytest.approx(np.trace(counts) / 12, abs=0.0006)

    open_step(page, 7, 2)
    page.locator('[data-input="threshold"]').fill("0.6")
    expect(page.locator('[data-out="accuracy_short"]')).to_have_text("84 %")
    page.locator('[data-input="threshold"]').fill("0.2")
    found, relevant = np.array(data("scores")) >= 0.2, np.array(data("relevant"))
    assert number(page, '[data-out="fp"]') == (found & ~relevant).sum()
    assert number(page, '[data-out="precision"]') == pytest.approx(
        (found & relevant).sum() / found.sum() * 100, abs=0.6
    )

    open_step(page, 7, 3)
    page.locator('[data-pick="query"][data-value="0"]').click()
    each = [average_precision(scores, truth) for scores, truth in zip(data("scores"), data("relevant"), strict=True)]
    assert number(page, '.mm-filled [data-out="ap"]') == pytest.approx(each[0], abs=0.0006)
    assert number(page, '[data-out="map"]') == pytest.approx(np.mean(each), abs=0.0006)

    open_step(page, 7, 4)
    cosines = np.array(data("cosines"))
    page.locator('[data-pick="size"][data-value="2"]').click()
    page.locator('[data-pick="way"][data-value="1"]').click()
    page.locator('[data-input="k"]').fill("2")
    some = cosines[::2, ::2].T
    right = ((some >= np.diag(some)[:, None]).sum(1) <= 2).mean()
    assert number(page, '[data-out="recall"]') == pytest.approx(right * 100, abs=0.06)

    open_step(page, 7, 5)
    page.locator('[data-picture="two-dogs.jpg"]').click()
    page.locator('[data-picture="two-dogs.jpg"][aria-pressed="true"]').wait_for()
    page.locator('[data-input="caption"]').fill("Two brown cats look out of a door.")
    score = CiderD(REFERENCES).score("two-dogs.jpg", "Two brown cats look out of a door.")
    expect(page.locator('output[data-out="cider"]')).to_have_text(f"{score:.2f}")
    expect(page.locator(".mm-five mark").first).to_have_text("Two")

    open_step(page, 7, 6)
    page.locator('[data-input="heat"]').fill("0.01")
    shares = temper(np.array(data("cosines")), 0.01)
    assert number(page, '[data-out="ece"]') == pytest.approx(calibration_error(shares, np.arange(32)), abs=0.0006)
    assert number(page, '[data-out="confidence"]') == pytest.approx(shares.max(1).mean() * 100, abs=0.06)

    open_step(page, 7, 7)
    page.locator('[data-input="share"]').fill("50")
    assert number(page, 'p [data-out="mixed"]') == pytest.approx((15 / 26 + 1 / 6) / 2, abs=0.0006)
    expect(page.locator(".mm-thumbs figure:not([hidden])")).to_have_count(6)


def test_the_numbers_of_lesson_8_follow_the_controls(page: Page, address: str) -> None:
    page.goto(f"{address}?lang=en&lesson=8&step=1")
    at(page, 8, 1)
    page.locator('[data-vote="0"]').click()
    page.locator('[data-choose="wooden-bird.jpg"]').click()
    page.locator('[data-choose="wooden-bird.jpg"][aria-pressed="true"]').wait_for()
    page.locator('[data-pick="cause"][data-value="0"]').click()
    expect(page.locator("[data-told]")).to_have_text(text("en", "lessons.08.case.2.hint"))
    page.locator('[data-pick="cause"][data-value="1"]').click()
    expect(page.locator("[data-told]")).to_contain_text(text("en", "lessons.08.case.2.why"))

    open_step(page, 8, 2)
    page.locator('[data-pick="group"][data-value="2"]').click()
    values = np.array(page.evaluate("JSON.parse(document.querySelector('.mm-live').dataset.data).values"))[2]
    difference = values[0] - values[1]
    assert number(page, 'p [data-out="mean"]') == pytest.approx(difference.mean(), abs=0.0006)
    assert number(page, 'p [data-out="error"]') == pytest.approx(difference.std(ddof=1) / np.sqrt(6), abs=0.0006)
    page.locator('[data-input="own"]').fill("The [cat|dog] is here.")
    expect(page.locator("[data-own] li")).to_have_count(2)
    expect(page.locator("[data-own] li").last).to_contain_text("The dog is here.")

    open_step(page, 8, 3)
    page.locator('[data-pick="scale"][data-value="1"]').click()
    assert number(page, '.mm-filled [data-out="colour"]') < 1 / 3

    open_step(page, 8, 5)
    for place in (0, 1, 3, 4):
        page.locator(f'[data-work="{place}"]').set_checked(False)
    page.locator('[data-use="changed"]').check()
    expect(page.locator("[data-duties] li")).to_have_text(
        [text("en", f"lessons.08.duty.{duty}") for duty in ("name", "changes", "alike")]
    )
    page.locator('[data-work="4"]').check()
    page.locator('[data-use="sold"]').check()
    expect(page.locator("[data-duties] li").last).to_have_text(text("en", "lessons.08.duty.not_sold"))

    open_step(page, 8, 6)
    page.locator('[data-pick="second"][data-value="3"]').click()
    assert number(page, 'p [data-out="z"]') == pytest.approx(0.004 / np.hypot(0.004, 0.001), abs=0.06)

    open_step(page, 8, 7)
    page.locator("[data-preset]").nth(1).click()
    assert number(page, 'p [data-out="value"]') == pytest.approx(270 / 340 * 100, abs=0.06)
    page.locator('[data-input="price"]').fill("1000")
    assert number(page, '[data-out="cost"]') == 30 * 1000 + 70


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_page_for_teachers_prints_worksheets(page: Page, address: str, language: str) -> None:
    page.goto(f"{address}?lang={language}&lesson=teachers")
    expect(page.locator(".mm-teachers")).to_be_visible()
    no_overflow(page)
    answer = page.locator(".mm-solution").first
    expect(answer).to_be_visible()
    page.locator('[data-pick="mode"][data-value="1"]').click()
    expect(answer).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator(".mm-sheet h3").first).to_be_visible()
    expect(page.locator(".mm-lesson-nav")).to_be_hidden()
    expect(page.locator("#mm-header")).to_be_hidden()
    page.emulate_media(media="screen")
    page.locator(f'.mm-lesson-nav [data-go="{LESSONS[0].number},1"]').click()
    at(page, LESSONS[0].number, 1)
    page.go_back()
    expect(page.locator(".mm-teachers")).to_be_visible()
