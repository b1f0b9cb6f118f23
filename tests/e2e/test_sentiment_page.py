"""A visitor at the sentiment tab: a real browser with the fake model behind it."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.demo.serving import Server
from tests.e2e.conftest import NARROW
from tests.e2e.tabs import flashed, open_tab, record, remover

pytestmark = pytest.mark.e2e


def tab(stay: Callable[..., Page], **options: object) -> Page:
    """The tab of sentiment, with no text and no picture."""
    page = stay(**options)
    open_tab(page, "情感分析" if options.get("language") == "zh" else "Sentiment")
    expect(page.locator("#mm-sentiment-line .mm-line")).to_be_visible()
    write(page, "")
    remove = remover(page, "#mm-sentiment-picture")
    (remove if remove.is_visible() else page.locator("#mm-sentiment-run")).click()  # both ask again
    expect(page.locator("#mm-sentiment-answer .mm-empty:not(.mm-waiting)")).to_be_visible()
    return page


def write(page: Page, words: str) -> None:
    page.locator("#mm-sentiment-text textarea").fill(words)


def choose_picture(page: Page, path: Path) -> None:
    page.locator("#mm-sentiment-picture input[type=file]").first.set_input_files(path)


def test_text_and_picture_are_judged_alone_and_together(stay: Callable[..., Page], night: Path) -> None:
    page = tab(stay)
    write(page, "what a lovely day")
    page.locator("#mm-sentiment-run").click()
    expect(page.locator(".mm-verdict")).to_contain_text("Positive")
    expect(page.locator(".mm-sentiments").first).to_contain_text("no picture was given")
    choose_picture(page, night)  # judged at once
    expect(page.locator(".mm-interaction")).to_contain_text("Conflict")
    expect(page.locator(".mm-fusions tr")).to_have_count(5)
    expect(page.locator(".mm-said .mm-positive", has_text="lovely")).to_be_visible()
    page.locator("#mm-sentiment-read-text input").check()
    expect(page.locator(".mm-besides")).to_contain_text("60 by 80")
    page.locator("#mm-sentiment-read-text input").uncheck()
    expect(page.locator(".mm-besides")).to_have_count(0)


def test_a_spoken_post_is_judged_by_its_words_and_its_voice_is_shown(stay: Callable[..., Page]) -> None:
    page = tab(stay)
    write(page, "so sad")
    record(page, "sentiment")
    expect(page.locator(".mm-besides")).to_contain_text("word0.")
    expect(page.locator(".mm-besides")).to_contain_text("mostly about 200")  # the tone that the microphone hears
    expect(page.locator(".mm-besides")).to_contain_text("not judged")
    expect(page.locator(".mm-verdict")).to_contain_text("Negative")
    page.locator("#mm-sentiment-microphone").get_by_role("button", name="Clear").click()
    expect(page.locator(".mm-besides")).to_have_count(0)


def test_no_old_answer_stands_beside_a_new_post(stay: Callable[..., Page]) -> None:
    page = tab(stay)
    write(page, "what a lovely day")
    page.locator("#mm-sentiment-run").click()
    expect(page.locator("#mm-sentiment-answer .mm-why")).to_be_visible()
    held: list[Route] = []
    released: list[bool] = []  # what is asked after that is not held any more
    page.route("**/queue/join*", lambda route: route.continue_() if released else held.append(route))
    write(page, "so sad")
    page.locator("#mm-sentiment-run").click()
    expect(page.locator("#mm-sentiment-answer .mm-waiting")).to_be_visible()
    expect(page.locator(".mm-verdict")).to_have_count(0)
    released.append(True)
    for route in held:
        route.continue_()
    expect(page.locator(".mm-verdict")).to_contain_text("Negative")
    page.unroute("**/queue/join*")


def test_maps_are_chosen_and_words_look_at_regions(stay: Callable[..., Page], photo: Path) -> None:
    page = tab(stay)
    write(page, "lovely light")
    choose_picture(page, photo)
    overlay = page.locator("#mm-sentiment-answer .mm-overlay")
    expect(overlay).to_be_visible()
    push = overlay.get_attribute("src")
    page.get_by_role("button", name="Positive", exact=True).click()
    expect(page.locator("#mm-sentiment-answer .mm-readout")).to_contain_text("raise the probability of “Positive”")
    assert overlay.get_attribute("src") != push
    page.locator("#mm-sentiment-fusion input").click()
    page.get_by_role("option", name="Cross-attention").click()
    page.locator(".mm-said button", has_text="lovely").click()
    expect(page.locator("#mm-sentiment-answer .mm-readout")).to_contain_text("where in the picture this word looks")
    page.locator("#mm-sentiment-fusion input").click()
    page.get_by_role("option", name="The model's own").click()


def test_an_example_is_one_click_away(stay: Callable[..., Page]) -> None:
    page = tab(stay)
    page.locator("#mm-sentiment-examples tbody tr", has_text="The food made").click()
    expect(page.locator(".mm-verdict")).to_be_visible()
    expect(page.locator("#mm-sentiment-text textarea")).to_have_value("The food made me ill.")
    expect(page.locator("#mm-sentiment-picture img")).to_be_visible()
    page.locator("#mm-sentiment-examples tbody tr", has_text="I cannot stand").click()
    expect(page.locator(".mm-sentiments").first).to_contain_text("no picture was given")


def test_another_script_on_compact_gets_a_clear_message(stay: Callable[..., Page]) -> None:
    page = tab(stay, language="zh")
    write(page, "какой ужасный день")
    page.locator("#mm-sentiment-run").click()
    expect(page.locator("#mm-sentiment-answer [role=alert]")).to_contain_text("multilingual-sentiment")


def test_an_example_of_the_chinese_page_is_in_the_address(stay: Callable[..., Page]) -> None:
    page = tab(stay, language="zh")
    page.locator("#mm-sentiment-examples-zh tbody tr").nth(1).click()
    expect(page.locator("#mm-sentiment-text textarea")).to_have_value("这里的饭菜让我生病了。")
    expect(page).to_have_url(re.compile(r"[?&]example=2(&|$)"))


def test_chinese_is_judged_and_its_english_is_shown(stay: Callable[..., Page]) -> None:
    page = tab(stay, language="zh")
    write(page, "我不喜欢这部电影")
    page.locator("#mm-sentiment-run").click()
    expect(page.locator("#mm-sentiment-answer .mm-notices")).to_contain_text("I do not like this movie")


def test_the_language_switch_changes_the_answer_and_loses_nothing(stay: Callable[..., Page], night: Path) -> None:
    page = tab(stay)
    write(page, "lovely")
    choose_picture(page, night)
    expect(page.locator(".mm-interaction")).to_contain_text("Conflict")
    page.locator("#mm-language").get_by_role("radio", name="中文").check(force=True)
    expect(page.locator(".mm-interaction")).to_contain_text("冲突")
    expect(page.locator("#mm-sentiment-run")).to_have_text("判断")
    expect(page.locator("#mm-sentiment-text textarea")).to_have_value("lovely")
    page.locator("#mm-sentiment-fusion input").click()
    expect(page.get_by_role("option", name="门控加权")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#mm-language").get_by_role("radio", name="English").check(force=True)
    expect(page.locator("#mm-sentiment-run")).to_have_text("Judge")


def test_a_broken_picture_is_explained(stay: Callable[..., Page], tmp_path: Path, server: Server) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("<html></html>")
    page = tab(stay)
    choose_picture(page, broken)
    expect(page.locator("#mm-sentiment-answer [role=alert]")).to_contain_text("not a picture")
    assert "Traceback" not in server.log()


def test_a_zip_of_posts_becomes_a_table_and_two_files(stay: Callable[..., Page], tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), "white").save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "posts.zip", "w") as archive:
        archive.writestr("posts.csv", "text,image\nlovely day,a.png\nso sad,\n,gone.png\n")
        archive.write(tmp_path / "a.png", "a.png")
    page = tab(stay)
    page.get_by_text("Many posts at once").click()
    page.locator("#mm-sentiment-batch-files input[type=file]").set_input_files(tmp_path / "posts.zip")
    expect(page.locator("#mm-sentiment-batch-files")).to_contain_text("posts")
    page.locator("#mm-sentiment-batch-run").click()
    expect(page.locator("#mm-sentiment-batch-progress")).to_contain_text(
        "Done: 3 posts, 1 of them could not be judged."
    )
    expect(page.locator("#mm-sentiment-batch-table")).to_contain_text("gone.png")
    with page.expect_download() as download:
        page.locator("#mm-sentiment-batch-downloads").get_by_text("Download JSONL").click()
    lines = [json.loads(line) for line in download.value.path().read_text(encoding="utf-8").splitlines()]
    assert [line.get("label") for line in lines] == ["positive", "negative", None]


def test_copy_and_download_of_one_answer(stay: Callable[..., Page]) -> None:
    page = tab(stay)
    write(page, "so sad")
    page.locator("#mm-sentiment-run").click()
    answer = page.locator("#mm-sentiment-answer")
    answer.get_by_role("button", name="Copy", exact=True).click()
    flashed(page, "Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("Negative: negative ")
    with page.expect_download() as download:
        answer.get_by_text("Download JSON", exact=True).click()
    assert json.loads(download.value.path().read_text())["label"] == "negative"


def test_a_narrow_screen_has_nothing_to_scroll_sideways(stay: Callable[..., Page], night: Path) -> None:
    page = tab(stay, size=NARROW)
    order = ("text", "picture", "run", "examples", "answer", "model")
    boxes = [page.locator(f"#mm-sentiment-{one}").bounding_box() for one in order]
    assert [box["y"] for box in boxes if box] == sorted(box["y"] for box in boxes if box)
    assert all(boxes)
    write(page, "lovely but so sad and terrible, and lovely again")
    choose_picture(page, night)
    expect(page.locator(".mm-verdict")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    answer, model = (page.locator(one).bounding_box() for one in ("#mm-sentiment-answer", "#mm-sentiment-model"))
    assert answer is not None
    assert model is not None
    assert answer["y"] < model["y"]  # the answer comes before the options
