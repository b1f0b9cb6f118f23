"""A class goes through every step of every lesson, in a real browser, with the bundled models behind the page."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import ConsoleMessage, Page, expect
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

NARROW, PROJECTOR, WIDE = (390, 844), (1280, 720), (1600, 1000)
PATIENCE = 120_000
"""Milliseconds: the first who looks at a step waits for its models."""


CUT_OFF = re.compile("AbortError|Connection errored out")


class Class:
    """Pages that all tests of this file share, one a language: to load one takes longer than most of what is tried."""

    def __init__(self, new_page: Callable[..., Page], address: str) -> None:
        self._new_page, self.address = new_page, address
        self._pages: dict[str, Page] = {}
        self.wrong: list[str] = []

    def page(self, language: str = "en", query: str = "") -> Page:
        """The page in that language where the last test left it, or at the address with that query."""
        page = self._pages.get(language)
        if page is None:
            page = self._pages[language] = self._new_page(self.address, language, WIDE)
            page.set_default_timeout(PATIENCE)
            page.on("pageerror", lambda error: self.wrong.append(str(error)))
            page.on("console", self._said)
            query = query or f"lesson={LESSONS[0].number}&step=1"
        if query:
            self.leave(lambda: page.goto(f"{self.address}?lang={language}&{query}"))
        return page

    def leave(self, go: Callable[[], object]) -> None:
        """Go to another page, or to this one anew: that gradio's requests are cut off by it is no fault of the page."""
        before = len(self.wrong)
        go()
        self.wrong[before:] = [one for one in self.wrong[before:] if not CUT_OFF.search(one)]

    def _said(self, message: ConsoleMessage) -> None:
        refused = message.location["url"].endswith("/class")  # a code that no class has is told of by its status
        if message.type == "error" and not refused:
            self.wrong.append(message.text)

    def close(self) -> None:
        for page in self._pages.values():
            page.close()


@pytest.fixture(scope="module")
def shared(new_page: Callable[..., Page], address: str) -> Iterator[Class]:
    pages = Class(new_page, address)
    yield pages
    pages.close()


@pytest.fixture
def pupils(shared: Class) -> Iterator[Class]:
    yield shared
    wrong, shared.wrong = shared.wrong, []
    assert wrong == []


@pytest.fixture
def page(pupils: Class) -> Page:
    return pupils.page()


def at(page: Page, lesson: int, step: int) -> None:
    expect(page.locator(f'.mm-step[data-lesson="{lesson}"][data-step="{step}"]')).to_be_visible(timeout=PATIENCE)


def number(page: Page, selector: str) -> float:
    found = re.search(r"[-−]?\d+(\.\d+)?", page.locator(selector).first.text_content() or "")
    assert found, selector
    return float(found[0])


# What can be seen of a text must be inside its step, and nothing may widen the page.
OVERFLOW = """([selector, large]) => {
  const root = document.querySelector(selector);
  document.documentElement.classList.toggle("mm-large", large);
  const wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const clips = (one) => getComputedStyle(one).overflowX !== "visible";
  const scrolls = (one) => one !== root && (clips(one) || scrolls(one.parentElement));
  const right = root.getBoundingClientRect().right + 1;
  const over = [...root.querySelectorAll("*")].filter((one) => !one.closest("svg") && !one.closest(".mm-sr")
    && one.getClientRects().length && one.getBoundingClientRect().right > right && !scrolls(one));
  const named = over.slice(0, 3).map((one) => one.outerHTML.slice(0, 120));
  return wider > 0 ? [`the page is ${wider} px too wide`, ...named] : named;
}"""

# A visitor's way through a step, in the page itself: a click that is sent from outside takes a tenth of a second, and a
# step needs a dozen. As from outside, what is covered or out of sight cannot be clicked.
WALK = """async ([choices, answer]) => {
  const root = document.querySelector(".mm-step");
  const find = (selector) => root.querySelector(selector);
  const said = (kind) => find(`.mm-${kind} .mm-said`).textContent;
  const press = (button) => {
    button.scrollIntoView({ block: "center", behavior: "instant" });
    const { left, top, width, height } = button.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    if (!hit || !button.contains(hit)) throw new Error(`cannot click ${button.outerHTML.slice(0, 200)}`);
    hit.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, composed: true }));
  };
  const move = (input, value) => {
    input.value = value;
    input.dispatchEvent(new InputEvent("input", { bubbles: true }));
  };
  const shown = () => find(".mm-after").getClientRects().length > 0;
  const seen = { title: find("h2").textContent, after: [shown()], votes: [], checks: [], odd: [] };
  const look = (what) => {
    for (const one of root.querySelectorAll(".mm-live output, .mm-filled, .mm-live td")) {
      if (/NaN|undefined|Infinity|null/.test(one.textContent)) seen.odd.push([what, one.outerHTML.slice(0, 150)]);
    }
  };
  for (const place of [(answer + 1) % choices, answer]) {
    press(find(`[data-vote="${place}"]`));
    seen.votes.push(said("vote"));
  }
  seen.after.push(shown());
  for (let place = 0; place < choices; place += 1) {
    press(find(`[data-try="${place}"]`));
    seen.checks.push(said("check"));
  }
  press(find(".mm-source summary"));
  find(".mm-source").open = true; // what a click does that a person makes
  seen.code = find(".mm-source pre").textContent;
  // every control that is computed here: sliders to both ends, every button, cells to other numbers, boxes
  look("at first");
  const live = find(".mm-live");
  for (const slider of live.querySelectorAll('input[type="range"]')) {
    const first = slider.value;
    for (const value of [slider.min, slider.max, first]) {
      move(slider, value);
      look(`${slider.dataset.input} = ${value}`);
    }
  }
  for (const cell of live.querySelectorAll('input[type="number"]')) {
    const first = cell.value;
    for (const value of ["", "-1", first]) { move(cell, value); look(`a cell = ${value}`); }
  }
  for (const box of live.querySelectorAll('input[type="checkbox"], input[type="radio"]')) {
    box.click();
    look("a box");
    box.click();
  }
  const buttons = [...live.querySelectorAll("[data-pick], [data-word], [data-head], [data-preset]")];
  for (const button of buttons) {
    if (button.getClientRects().length === 0 || button.dataset.pick === "course") continue;
    press(button);
    look(button.outerHTML.slice(0, 80));
  }
  return seen;
}"""


def no_overflow(
    page: Page, root: str = ".mm-step", sizes: tuple[tuple[int, int], ...] = (NARROW, PROJECTOR, WIDE)
) -> None:
    """Nothing sticks out, narrow, wide, and in the size for projectors."""
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(OVERFLOW, [root, (width, height) == PROJECTOR]) == [], (width, page.url)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_step_of_every_lesson(pupils: Class, language: str) -> None:
    page = pupils.page(language)
    page.evaluate("localStorage.removeItem('mmcore-lessons')")
    sizes = (WIDE, PROJECTOR, NARROW)
    for lesson in LESSONS:
        page.locator(f'.mm-lesson-nav [data-go="{lesson.number},1"]').click()
        for place, step in enumerate(lesson.steps, 1):
            at(page, lesson.number, place)
            seen = page.evaluate(WALK, [step.choices, step.answer])
            assert text(language, lesson.key(step, "title")) in seen["title"]
            assert seen["after"] == [False, True], "what happens is shown after the vote"
            assert seen["votes"] == [text(language, f"lessons.{one}") for one in ("wrong", "right")]
            assert seen["checks"] == [
                text(language, lesson.key(step, f"said.{choice}")) for choice in range(step.choices)
            ]
            assert "def " in seen["code"]
            assert seen["odd"] == []
            no_overflow(page, sizes=sizes)
            sizes = sizes[::-1]  # the next step begins in the size in which this one ends: wide and narrow by turns
            other = page.locator('.mm-live :is([data-picture], [data-choose])[aria-pressed="false"]')
            if language == "en" and other.count():
                name = other.last.get_attribute("data-picture") or other.last.get_attribute("data-choose")
                other.last.click()
                pressed = f':is([data-picture="{name}"], [data-choose="{name}"])[aria-pressed="true"]'
                expect(page.locator(f".mm-live {pressed}")).to_be_visible()
            if place < len(lesson.steps):
                page.locator(f'.mm-turning [data-go="{lesson.number},{place + 1}"]').click()
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


def test_a_lesson_that_does_not_come_is_told_of_and_can_be_asked_for_again(pupils: Class) -> None:
    page = pupils.page()
    asked = lambda route: "lesson=2" in (route.request.post_data or "")  # noqa: E731
    page.route("**/queue/join*", lambda route: route.fulfill(status=503) if asked(route) else route.continue_())
    pupils.page(query="lesson=2&step=3")
    told = page.locator("#mm-lesson [role=alert]")
    expect(told).to_have_text(text("en", "lessons.missing"))
    page.unroute("**/queue/join*")
    pupils.wrong = [one for one in pupils.wrong if "503" not in one]
    page.locator("#mm-lesson").get_by_role("button", name=text("en", "lessons.missing.again")).click()
    at(page, 2, 3)
    expect(told).to_have_count(0)


def test_back_forward_and_reload_keep_the_place_and_the_votes(pupils: Class) -> None:
    page = pupils.page("en", "lesson=99&step=x")
    at(page, LESSONS[0].number, 1)  # an address that no lesson has leads to the first
    page.evaluate("localStorage.removeItem('mmcore-lessons')")
    go(page, 4, 1)
    page.locator('[data-vote="0"]').click()
    go(page, 4, 2)
    expect(page).to_have_url(re.compile("step=2"))
    page.go_back()
    at(page, 4, 1)
    expect(page.locator(".mm-after")).to_be_visible()
    page.go_forward()
    at(page, 4, 2)
    expect(page.locator(".mm-after")).to_be_hidden()
    page.locator('[data-vote="1"]').click()
    pupils.leave(page.reload)
    at(page, 4, 2)
    expect(page.locator('[data-vote="1"][aria-pressed="true"]')).to_be_visible()


def go(page: Page, lesson: int, step: int) -> None:
    """To another step by its buttons."""
    if not page.locator(f'.mm-step-nav [data-go="{lesson},{step}"]').count():
        page.locator(f'.mm-lesson-nav [data-go="{lesson},1"]').click()
        at(page, lesson, 1)
    if step > 1:
        page.locator(f'.mm-step-nav [data-go="{lesson},{step}"]').click()
    at(page, lesson, step)


def open_step(page: Page, lesson: int, step: int) -> None:
    """To another step, and past its question."""
    go(page, lesson, step)
    page.locator('[data-vote="0"]').click()


def test_the_numbers_of_lesson_2_follow_the_controls(page: Page) -> None:
    open_step(page, 2, 1)
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

    open_step(page, 2, 2)
    page.locator('[data-pick="depth"][data-value="4"]').click()
    expect(page.locator('[data-out="numbers"]').first).to_have_text(f"{1280 * 7 * 7:,}")
    expect(page.locator('[data-depth="4"]')).to_be_visible()
    expect(page.locator('[data-depth="0"]')).to_be_hidden()

    open_step(page, 2, 3)
    page.locator('[data-input="typed"]').fill("happy")
    expect(page.locator('[data-near="0"]')).to_have_text("smiling")

    open_step(page, 2, 4)
    page.locator('[data-input="width"]').fill("128")
    page.locator('[data-input="layers"]').fill("3")
    made = TextEncoder(TextConfig(14_855, 128, 3, 4, 512))
    count = sum(one.numel() for one in made.parameters())
    expect(page.locator('[data-out="own"]').first).to_have_text(f"{count:,}")


def minus(page: Page, name: str) -> float:
    """A number of the page, whose minus is a real one."""
    return float((page.locator(f'[data-out="{name}"]').first.text_content() or "").replace("−", "-"))


def test_the_numbers_of_lesson_4_follow_the_controls(page: Page) -> None:
    open_step(page, 4, 1)
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

    open_step(page, 4, 2)
    shares = np.array(page.evaluate("JSON.parse(document.querySelector('.mm-live').dataset.data).shares"))
    page.locator('[data-input="temperature"]').fill("2")
    flat = np.sqrt(shares) / np.sqrt(shares).sum()
    assert number(page, "[data-largest]") == pytest.approx(flat.max() * 100, abs=0.06)
    assert number(page, "[data-even]") == pytest.approx(np.exp(-(flat * np.log(flat)).sum()), abs=0.06)

    open_step(page, 4, 5)
    page.locator("[data-run]").click()
    page.locator("[data-r]").wait_for()
    assert abs(number(page, "[data-r]")) < 0.4
    page.locator('[data-word="0"]').click()
    maps, lost = (
        np.array(page.evaluate(f"JSON.parse(document.querySelector('.mm-live').dataset.data).{name}"))
        for name in ("maps", "lost")
    )
    assert number(page, "[data-r]") == pytest.approx(np.corrcoef(maps[0], lost[0])[0, 1], abs=0.006)


def data_of(page: Page) -> Any:
    """The numbers that the server gave the step."""
    return json.loads(page.locator(".mm-live").get_attribute("data-data") or "")


def softmax_of(scores: Any) -> Any:
    powers = np.exp(np.asarray(scores, float) - np.max(scores))
    return powers / powers.sum()


def test_the_numbers_of_lesson_3_follow_the_controls(page: Page) -> None:
    open_step(page, 3, 1)
    ends = []
    for name, angle, length in (("a", 35, 1.5), ("b", 120, 2)):
        page.locator(f'[data-input="angle-{name}"]').fill(str(angle))
        page.locator(f'[data-input="length-{name}"]').fill(str(length))
        ends.append(length * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]))
    assert number(page, "[data-dot]") == pytest.approx(ends[0] @ ends[1], abs=0.006)
    assert number(page, "[data-cosine]") == pytest.approx(np.cos(np.radians(85)), abs=0.006)

    open_step(page, 3, 3)
    cosines = np.array(data_of(page)["cosines"])
    page.locator('[data-input="tau"]').fill("0.1")
    assert number(page, '[data-pair="1,2"]') == pytest.approx(softmax_of(cosines[1] / 0.1)[2] * 100, abs=0.06)

    open_step(page, 3, 4)
    page.locator('[data-input="tau"]').fill("0.2")
    rows = -np.mean([np.log(softmax_of(cosines[one] / 0.2)[one]) for one in range(4)])
    columns = -np.mean([np.log(softmax_of(cosines[:, one] / 0.2)[one]) for one in range(4)])
    assert number(page, "[data-loss]") == pytest.approx((rows + columns) / 2, abs=0.0006)
    assert number(page, '[data-filled="rows"]') == pytest.approx(rows, abs=0.0006)


def test_the_numbers_of_lesson_5_follow_the_controls(page: Page) -> None:
    open_step(page, 5, 2)
    both = data_of(page)["views"][0]
    page.locator('[data-input="gate"]').fill("0.3")
    logits = 0.3 * np.array(both["text_logits"]) + 0.7 * np.array(both["image_logits"])
    assert minus(page, "logit") == pytest.approx(logits[2], abs=0.006)

    open_step(page, 5, 3)
    both = data_of(page)["views"][0]
    page.locator('[data-input="gate"]').fill("0.8")
    mean = 0.8 * np.array(both["text_opinion"]) + 0.2 * np.array(both["image_opinion"])
    assert number(page, '[data-out="mean"]') == pytest.approx(mean[2], abs=0.0006)

    open_step(page, 5, 5)
    given = data_of(page)
    losses = {
        part: -np.log(softmax_of(given["views"][0][f"{part}_logits"])[given["label"]])
        for part in ("text", "both", "image")
    }
    for part, loss in losses.items():
        assert number(page, f'[data-out="loss_{part}"]') == pytest.approx(loss, abs=0.006)
    assert number(page, '[data-out="loss"]') == pytest.approx(np.mean(list(losses.values())), abs=0.006)
    page.locator('[data-pick="view"][data-value="1"]').click()
    assert number(page, '[data-out="count"]') == 1, "without the picture only the head of the text answers"


def test_the_numbers_of_lesson_6_follow_the_controls(page: Page) -> None:
    open_step(page, 6, 1)
    given = data_of(page)
    posts = (np.array(given["text"]), np.array(given["image"]), given["labels"])
    page.locator('[data-input="a"]').fill("1.5")
    page.locator('[data-input="b"]').fill("-0.5")
    loss, (first, second) = live.cross_entropy(*posts, (1.5, -0.5))
    assert number(page, '[data-out="loss"]') == pytest.approx(loss, abs=0.0006)
    assert (minus(page, "slope_a"), minus(page, "slope_b")) == pytest.approx((first, second), abs=0.0006)
    page.locator('[data-pick="step"]').click()
    assert minus(page, "a") == pytest.approx(1.5 - first, abs=0.006)

    for step, pressed, kind in ((2, None, "gd"), (3, 3, "adam")):
        open_step(page, 6, step)
        page.locator('[data-input="rate"]').fill("-1")
        if pressed is not None:
            page.locator(f'[data-pick="optimiser"][data-value="{pressed}"]').click()
        way = live.descend(lambda at, _: live.cross_entropy(*posts, at)[1], (2.6, -0.8), 0.1, 30, kind)
        assert number(page, '[data-out="loss"]') == pytest.approx(live.cross_entropy(*posts, way[-1])[0], abs=0.0011)

    open_step(page, 6, 4)
    page.locator('[data-input="epoch"]').fill("7")
    expect(page.locator('[data-output="epoch"]')).to_have_text("7")
    assert number(page, '[data-out="train"]') < number(page, '[data-out="dev"]')


def test_the_numbers_of_lesson_1_follow_the_controls(page: Page) -> None:
    open_step(page, 1, 1)
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
    expect(page.locator('[data-out="shape"]')).to_have_text(f"32 × {mel.shape[1]}")
    cell = mel[int(0.8 * 32), int(0.35 * mel.shape[1])]
    assert number(page, '[data-out="here"]') == pytest.approx(cell, abs=0.06)

    open_step(page, 1, 6)
    page.locator('[data-pick="change"][data-value="7"]').click()
    assert number(page, '[data-out="share-0"]') > number(page, '[data-out="share-2"]')


def test_the_numbers_of_lesson_7_follow_the_controls(page: Page) -> None:
    def data(name: str) -> Any:
        return page.evaluate(f"JSON.parse(document.querySelector('.mm-live').dataset.data).{name}")

    open_step(page, 7, 1)
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
    assert number(page, 'p [data-out="mixed"]') == pytest.approx((19 / 26 + 1 / 6) / 2, abs=0.0006)
    expect(page.locator(".mm-thumbs figure:not([hidden])")).to_have_count(6)


def test_the_numbers_of_lesson_8_follow_the_controls(page: Page) -> None:
    open_step(page, 8, 1)
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
    assert number(page, '.mm-filled [data-out="colour"]') < 1 / 2

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
    assert number(page, 'p [data-out="z"]') == pytest.approx(0.001 / np.hypot(0.003, 0.004), abs=0.06)

    open_step(page, 8, 7)
    page.locator("[data-preset]").nth(1).click()
    assert number(page, 'p [data-out="value"]') == pytest.approx(270 / 340 * 100, abs=0.06)
    page.locator('[data-input="price"]').fill("1000")
    assert number(page, '[data-out="cost"]') == 30 * 1000 + 70


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_page_for_teachers_prints_worksheets(pupils: Class, language: str) -> None:
    page = pupils.page(language, "lesson=teachers" if language == "zh" else "")
    if language == "en":
        page.locator('.mm-lesson-nav [data-go="teachers,1"]').click()
    expect(page.locator(".mm-teachers")).to_be_visible()
    no_overflow(page, ".mm-teachers")
    answer = page.locator(".mm-solution").first
    expect(answer).to_be_visible()
    page.locator('[data-pick="mode"][data-value="1"]').click()
    expect(answer).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator(".mm-sheet h3").first).to_be_visible()
    for unwanted in (".mm-lesson-nav", "#mm-header", ".mm-opening", '.mm-room[data-class="out"]'):
        expect(page.locator(unwanted)).to_be_hidden()
    page.emulate_media(media="screen")
    go(page, LESSONS[0].number, 1)
    page.go_back()
    expect(page.locator(".mm-teachers")).to_be_visible()


def test_a_class_votes_and_its_teacher_sees_it(pupils: Class) -> None:
    teacher, pupil = pupils.page("en"), pupils.page("zh")
    go(pupil, 4, 1)
    teacher.locator('.mm-lesson-nav [data-go="teachers,1"]').click()
    teacher.locator('[data-hide="tiers"]').check()
    teacher.locator('[data-hide="uploads"]').check()
    teacher.locator("[data-class-open]").click()
    expect(teacher.locator("[data-class-mine]")).to_be_visible()
    expect(teacher.locator("[data-class-big]")).to_have_text(re.compile("^[A-Z0-9]+$"))
    code = teacher.locator("[data-class-big]").inner_text()
    expect(teacher.locator("[data-class-link]")).to_contain_text(f"?class={code}")

    pupil.locator("[data-class-code]").fill("AAA-AAA")
    pupil.locator("[data-class-code]").press("Enter")
    expect(pupil.locator("[data-class-problem]")).to_contain_text("没有代码为 AAAAAA 的课堂")
    pupil.locator("[data-class-code]").fill(f"{code[:3].lower()} {code[3:]}")
    pupil.locator("[data-class-code]").press("Enter")
    expect(pupil.locator("[data-class-said]")).to_have_text(text("zh", "lessons.class.in", code=code, pupils=1))
    expect(pupil.locator("#mm-tier")).to_be_hidden()
    expect(teacher.locator("#mm-tier")).to_be_visible()

    go(teacher, 4, 1)
    teacher.evaluate("sessionStorage.clear()")
    voted = teacher.locator('[data-voted="vote"]')
    expect(voted).to_contain_text(text("en", "lessons.class.voted", count=0, pupils=1))
    expect(pupil.locator(".mm-tally").first).to_be_hidden()
    pupil.locator('[data-vote="2"]').click()
    expect(pupil.locator('[data-vote="2"] .mm-tally')).to_have_text(text("zh", "lessons.class.votes", count=1))
    expect(voted).to_contain_text(text("en", "lessons.class.voted", count=1, pupils=1))
    expect(teacher.locator(".mm-tally").first).to_be_hidden()
    teacher.locator('[data-bars="vote"]').click()
    expect(teacher.locator('[data-vote="2"] .mm-tally')).to_have_text(text("en", "lessons.class.votes", count=1))
    expect(teacher.locator('[data-vote="0"] .mm-tally')).to_have_text(text("en", "lessons.class.votes", count=0))
    expect(teacher.locator(".mm-after")).to_be_hidden()
    no_overflow(teacher)
    pupil.locator('[data-vote="0"]').click()
    expect(teacher.locator('[data-vote="0"] .mm-tally')).to_have_text(text("en", "lessons.class.votes", count=1))

    teacher.locator('.mm-lesson-nav [data-go="teachers,1"]').click()
    teacher.locator('[data-hide="tiers"]').uncheck()
    expect(pupil.locator("#mm-tier")).to_be_visible()
    teacher.locator("[data-class-close]").click()
    expect(teacher.locator("[data-class-mine]")).to_be_hidden()
    expect(pupil.locator("[data-class-problem]")).to_contain_text(code)
    expect(pupil.locator("[data-class-code]")).to_be_visible()
