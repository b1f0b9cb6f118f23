"""A visitor teaches classes in a real browser, with the bundled encoders behind the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Page, expect

from demo.ui import examples
from demo.ui.i18n import text
from mmcore.checkpoints import class_heads
from tests.e2e.conftest import NARROW

pytestmark = pytest.mark.e2e

LONG = 240_000
"""Milliseconds: the first visitor waits for the encoder to be loaded."""


@pytest.fixture
def page(new_page: Callable[..., Page], address: str) -> Iterator[Page]:
    wrong: list[str] = []
    page = new_page(address, size=NARROW)
    page.set_default_timeout(LONG)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield page
    page.close()
    assert wrong == []


def path_of(name: str) -> str:
    return next(str(item.path) for item in examples.collection() if item.path.stem == name)


def test_classes_are_taught_tried_and_taken_along(page: Page, address: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    page.goto(f"{address}?lang=en&lesson=classes")
    expect(page.locator("#mm-classes-train")).to_be_visible(timeout=LONG)
    page.locator("#mm-classes-train").click()
    expect(page.locator("#mm-classes-outcome .mm-error")).to_contain_text("at least 3", timeout=LONG)

    page.locator('[data-do="examples"]').click()
    expect(page.locator(".mm-class-shown img")).to_have_count(15, timeout=LONG)
    # one's own: a fourth class with a name, from files and from the camera
    page.locator('[data-do="add"]').click()
    expect(page.locator('[data-card="4"].mm-here')).to_be_visible(timeout=LONG)
    page.locator('[data-name="4"]').fill("Cups <i>")
    page.locator('[data-name="4"]').press("Tab")
    mine = [path_of("coffee"), path_of("fig"), str(broken)]
    page.set_input_files("#mm-classes-files input[type=file]", mine)
    expect(page.locator('[data-card="4"] img')).to_have_count(2, timeout=LONG)
    expect(page.locator(".mm-classes-line")).to_contain_text("broken.jpg", timeout=LONG)
    page.locator("#mm-classes-camera button:visible").first.click()
    page.wait_for_function("document.querySelector('#mm-classes-camera video')?.videoWidth > 0")  # it sees something
    page.locator("#mm-classes-camera .photo-capture").click()
    expect(page.locator('[data-card="4"] img')).to_have_count(3, timeout=LONG)
    page.locator("#mm-classes-train").click()
    expect(page.locator(".mm-learned")).to_be_visible(timeout=LONG)
    expect(page.locator(".mm-learned .mm-confusion td.mm-hit")).to_have_count(4)
    with page.expect_download() as download:
        page.locator(".mm-learned a[download]").click()
    head = class_heads.read(Path(download.value.path()))
    assert head.classes == ("Birds", "Drawings", "Buildings", "Cups <i>")

    # and a program uses it
    client = Client(address, verbose=False)
    said = client.predict(
        handle_file(path_of("nuthatch")), handle_file(str(download.value.path())), api_name="/classify_own"
    )
    assert {one["label"] for one in said["labels"]} == set(head.classes)
    assert said["label"] == said["labels"][0]["label"]
    with pytest.raises(AppError, match="no head"):
        client.predict(handle_file(path_of("owl")), handle_file(path_of("owl")), api_name="/classify_own")

    page.set_input_files("#mm-classes-try-picture input[type=file]", path_of("drawn-rabbit"))
    answer = page.locator("#mm-classes-answer [data-label]")
    expect(answer).to_have_attribute("data-label", "Drawings", timeout=LONG)
    first = answer.locator('[data-layer="0"]')
    expect(first).to_be_visible()
    answer.locator('[data-map="1"]').click()
    expect(first).to_be_hidden()
    expect(answer.locator('[data-layer="1"]')).to_be_visible()
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0
    tops = [page.locator(f"#mm-classes-{name}").evaluate("one => one.getBoundingClientRect().top")
            for name in ("kind", "board", "train", "outcome")]  # fmt: skip
    assert tops == sorted(tops), "on a narrow page one teaches before one reads what was learned"

    page.locator('[data-do="drop"]').first.click()
    expect(page.locator(".mm-learned")).to_have_count(0, timeout=LONG)
    expect(page.locator("#mm-classes-outcome")).to_contain_text(text("en", "text.classes.ready"))


def test_the_lessons_lead_to_the_classes(page: Page, address: str) -> None:
    page.goto(f"{address}?lang=zh&lesson=1&step=1")
    page.locator('.mm-lesson-nav [data-go="classes,1"]').click()
    expect(page.locator("#mm-classes-board")).to_be_visible(timeout=LONG)
    expect(page).to_have_url(re.compile("tab=classes"))
    expect(page.locator('[data-do="examples"]')).to_have_text(text("zh", "text.classes.examples"))
