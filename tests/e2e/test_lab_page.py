"""A visitor in the Lab: a real browser and the real training, on what a fake model reads."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.demo.serving import Server
from tests.e2e.conftest import NARROW, PATIENCE
from tests.e2e.tabs import open_tab

pytestmark = pytest.mark.e2e

FIRST = 5 * PATIENCE
"""Milliseconds: the server reads its set of posts for the first visitor, and every visitor trains."""
UNDER_WAY = re.compile(r"epoch \d+ of")
"""Which epochs the line shows depends on how quickly the page asks."""


def tab(stay: Callable[..., Page], **options: object) -> Page:
    """The Lab without runs, its data and fusions as at first."""
    page = stay(**options)
    open_tab(page, "实验室" if options.get("language") == "zh" else "Lab")
    expect(page.locator("#mm-lab-train")).to_be_visible()
    if options.get("language") == "zh":  # the switch as the page starts, which empties the line, is over
        expect(page.locator("#mm-lab-runs")).to_contain_text(re.compile("[一-鿿]"))
    clear = page.locator("#mm-lab-clear")
    if clear.is_visible():
        clear.click()
        expect(page.locator("#mm-lab-line .mm-progress")).to_have_count(0)
    page.locator("#mm-lab-data input[value=pairs]").check()
    for fusion in ("late", "cross_attention"):
        page.locator(f"#mm-lab-fusions input[name={fusion}]").check()
    return page


def set_epochs(page: Page, count: int) -> None:
    box = page.locator("#mm-lab-epochs input[type=number]")
    box.fill(str(count))
    box.press("Tab")


def train(page: Page) -> None:
    page.locator("#mm-lab-train").click()


def train_long(page: Page) -> None:
    """A training that is surely still under way when the next click comes: a slow fusion, and no early stopping."""
    page.get_by_role("checkbox", name="Late fusion").uncheck()
    set_epochs(page, 200)
    patience = page.locator("#mm-lab-patience input[type=number]")
    if not patience.is_visible():
        page.locator("#mm-lab-options > button").click()
    patience.fill("0")
    patience.press("Tab")
    train(page)
    expect(page.locator("#mm-lab-line")).to_contain_text(UNDER_WAY, timeout=FIRST)


def done(page: Page, runs: int) -> None:
    expect(page.locator("#mm-lab-line")).to_contain_text(f"Runs done: {runs}.", timeout=FIRST)


def own_zip(folder: Path, table: str) -> Path:
    path = folder / "own.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("own.csv", table)
    return path


STROKES = """(colours) => ["accuracy", "loss"].every((kind) => {
  const lines = [...document.querySelectorAll(`#mm-lab-${kind} svg .mark-line path`)];
  return lines.map((line) => line.getAttribute("stroke")).sort().join() === colours.join();
})"""
"""Every curve has the colour of its run."""


def test_a_newcomer_trains_two_fusions_and_compares_them(stay: Callable[..., Page]) -> None:
    page = tab(stay)  # the file's first: nobody has trained on it
    expect(page.locator(".mm-runs tbody tr")).to_have_count(0)
    set_epochs(page, 3)
    train(page)  # so short that nobody may see the button for Stop; the next test presses it
    done(page, 2)
    rows = page.locator(".mm-runs tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("1 Late fusion")
    expect(rows.nth(1)).to_contain_text("2 Cross-attention")
    expect(page.locator("#mm-lab-accuracy canvas, #mm-lab-accuracy svg.marks").first).to_be_visible()
    expect(page.locator("#mm-lab-loss canvas, #mm-lab-loss svg.marks").first).to_be_visible()
    page.wait_for_function(STROKES, arg=["#0072b2", "#d55e00", "#ecb78c"])
    for language in ("中文", "English"):
        page.get_by_role("radio", name=language).check(force=True)
    page.wait_for_function(STROKES, arg=["#0072b2", "#d55e00", "#ecb78c"])
    expect(page.locator(".mm-confusion td.mm-hit")).to_have_count(3)
    expect(page.locator(".mm-mistakes li img").first).to_be_visible()
    expect(page.locator("#mm-lab-train")).to_be_enabled()
    expect(page.locator("#mm-lab-stop")).to_be_disabled()

    page.locator("#mm-lab-pick input").click()
    page.get_by_role("option", name="1 Late fusion").click()
    expect(page.locator('.mm-runs tr[aria-current="true"]')).to_contain_text("1 Late fusion")
    with page.expect_download() as download:
        page.get_by_text("Download (safetensors").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist()) == ["late-1/config.json", "late-1/model.safetensors"]

    page.locator("#mm-lab-clear").click()
    expect(page.locator(".mm-runs tbody tr")).to_have_count(0)


def test_a_link_brings_the_same_setting_and_the_same_curves(
    stay: Callable[..., Page], visit: Callable[..., Page], server: Server
) -> None:
    page = tab(stay)
    page.get_by_role("radio", name="Taste (exclusive or)").check()
    page.get_by_role("checkbox", name="Cross-attention").uncheck()
    set_epochs(page, 3)
    train(page)
    done(page, 1)
    figures = page.locator(".mm-runs tbody td").all_inner_texts()[:4]
    page.get_by_text("Link to this setting").click()
    page.locator("#mm-lab-make-link").click()
    box = page.locator("#mm-lab-link textarea")
    expect(box).to_have_value(
        f"{server.url}?tab=lab&data=taste&fusions=late&optimiser=adamw&learning_rate=0.001"
        "&batch_size=64&epochs=3&dropout=0.3&modality_dropout=0.2&patience=8&seed=0&lang=en"
    )

    other = visit(language="zh", address=box.input_value())
    expect(other.locator("#mm-lab-train")).to_be_visible()  # the Lab is open
    expect(other.locator("#mm-lab-line")).to_contain_text("The setting of the link is filled in.")
    expect(other.get_by_role("radio", name="Taste (exclusive or)")).to_be_checked()
    expect(other.locator("#mm-lab-epochs input[type=number]")).to_have_value("3")
    train(other)
    done(other, 1)
    assert other.locator(".mm-runs tbody td").all_inner_texts()[:4] == figures


def test_stop_keeps_what_was_trained(stay: Callable[..., Page]) -> None:
    page = tab(stay)
    train_long(page)
    page.locator("#mm-lab-stop").click()
    expect(page.locator("#mm-lab-line")).to_contain_text("Stopped. What was trained so far is kept.", timeout=FIRST)
    expect(page.locator(".mm-runs tbody tr")).to_have_count(1)
    expect(page.locator(".mm-runs tbody tr")).to_contain_text("(stopped)")
    expect(page.locator(".mm-confusion")).to_be_visible()


TABLES = {
    "en": [
        ("text,image\nx,\n", "label"),
        ("text,image,label\n" + "".join(f"words {n},,positive\n" for n in range(30)), "negative, neutral"),
    ],
    "zh": [
        ("text,image,label\nx,,great\n", "great"),
        ("text,image,label\nx,a.png,positive\ny,b.png,negative\n", "a.png"),
    ],
}
"""Language -> (table, what must be said about it)."""


@pytest.mark.parametrize("language", list(TABLES))
def test_a_bad_table_is_explained(stay: Callable[..., Page], tmp_path: Path, server: Server, language: str) -> None:
    page = tab(stay, language=language)
    page.get_by_role("radio", name="自己的表格" if language == "zh" else "Your own table").check()
    chooser = page.locator("#mm-lab-file")
    for table, said in TABLES[language]:
        chooser.locator("input[type=file]").set_input_files(own_zip(tmp_path, table))
        expect(chooser).to_contain_text("own")
        train(page)
        alert = page.locator("#mm-lab-line [role=alert]")
        title = "没有成功。" if language == "zh" else "That did not work."
        expect(alert).to_have_text(re.compile(f"{re.escape(title)}.*{re.escape(said)}", re.DOTALL))
        expect(page.locator("#mm-lab-train")).to_be_enabled()
        chooser.get_by_role("button", name="清除" if language == "zh" else "Clear").click()
        expect(chooser).not_to_contain_text("own.zip")
    assert "Traceback" not in server.log()


def test_a_broken_link_says_so_and_the_rest_is_used(visit: Callable[..., Page], server: Server) -> None:
    page = visit(address=f"{server.url}?tab=lab&epochs=9&learning_rate=fast")
    expect(page.locator("#mm-lab-line")).to_contain_text("learning_rate is fast")
    expect(page.locator("#mm-lab-epochs input[type=number]")).to_have_value("9")
    expect(page).to_have_url(re.compile(r"[?&]epochs=9(&|$)"))


def test_a_kept_fusion_is_used_in_the_sentiment_tab_and_survives_a_reload(stay: Callable[..., Page]) -> None:
    page = tab(stay)
    page.get_by_role("checkbox", name="Cross-attention").uncheck()
    set_epochs(page, 2)
    train(page)
    done(page, 1)
    page.locator("#mm-lab-name textarea, #mm-lab-name input").first.fill("My first")
    page.locator("#mm-lab-keep").click()
    expect(page.locator("#mm-sentiment-run")).to_be_visible()  # the sentiment tab is open
    expect(page.locator("#mm-sentiment-fusion input")).to_have_value("My first (kept in the Lab)")
    page.locator("#mm-sentiment-text textarea").fill("what a lovely day")
    page.locator("#mm-sentiment-run").click()
    expect(page.locator("#mm-sentiment-answer .mm-chips")).to_contain_text("My first")
    page.reload()
    open_tab(page, "Sentiment")
    page.locator("#mm-sentiment-fusion input").click()
    expect(page.get_by_role("option", name="My first (kept in the Lab)")).to_be_visible()


def test_two_visitors_do_not_disturb_each_other(stay: Callable[..., Page]) -> None:
    first, second = tab(stay), tab(stay, size=NARROW)
    second.get_by_role("checkbox", name="Cross-attention").uncheck()
    set_epochs(second, 2)
    train_long(first)
    train(second)
    done(second, 1)
    second.locator("#mm-lab-clear").click()
    first.locator("#mm-lab-stop").click()
    expect(first.locator("#mm-lab-line")).to_contain_text("Stopped", timeout=FIRST)
    expect(first.locator(".mm-runs tbody tr")).to_have_count(1)
    expect(second.locator(".mm-runs tbody tr")).to_have_count(0)


def test_the_lab_in_chinese(stay: Callable[..., Page]) -> None:
    page = tab(stay, language="zh")
    expect(page.locator("#mm-lab-train")).to_have_text("训练")
    set_epochs(page, 2)
    train(page)
    expect(page.locator("#mm-lab-line")).to_contain_text("完成：2 次训练。", timeout=FIRST)
    expect(page.locator(".mm-runs")).to_contain_text("2 交叉注意力")
    expect(page.locator("#mm-lab-outcome")).to_contain_text("混淆矩阵")
    page.locator("#mm-language").get_by_role("radio", name="English").check(force=True)
    expect(page.locator("#mm-lab-outcome")).to_contain_text("Confusion matrix")
    expect(page.locator(".mm-runs")).to_contain_text("2 Cross-attention")
    page.locator("#mm-language").get_by_role("radio", name="中文").check(force=True)
    expect(page.locator("#mm-lab-train")).to_have_text("训练")


def test_a_narrow_screen_has_nothing_to_scroll_sideways(stay: Callable[..., Page]) -> None:
    page = tab(stay, size=NARROW)
    set_epochs(page, 2)
    train(page)
    done(page, 2)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    button, line = page.locator("#mm-lab-train").bounding_box(), page.locator("#mm-lab-line").bounding_box()
    assert button is not None
    assert line is not None
    assert button["y"] < line["y"]  # first the choices, then what comes of them
