"""A visitor at the page: everything in a real browser, with the fake captioner behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests import clips
from tests.demo.serving import Server
from tests.e2e.conftest import NARROW
from tests.e2e.tabs import answered, flashed, open_tab, remover
from tests.fakes.demo import HELD, RELEASE

pytestmark = pytest.mark.e2e

SENTENCE = "a brown dog runs on the grass."


def captions(stay: Callable[..., Page], **options: object) -> Page:
    """The tab of captions, with no picture and no caption."""
    page = stay(**options)
    open_tab(page, "Captions")
    remove_picture(page)
    return page


def remove_picture(page: Page) -> None:
    remove = remover(page, "#mm-picture")
    if remove.is_visible():
        remove.click()
    expect(page.locator("#mm-answer-1 .mm-empty:not(.mm-waiting)")).to_be_visible()


def choose_picture(page: Page, path: Path) -> None:
    page.locator("#mm-picture input[type=file]").first.set_input_files(path)
    answered(page)


def overlay(page: Page) -> str | None:
    return page.locator("#mm-answer-1 .mm-overlay").get_attribute("src")


def word(page: Page, text: str) -> None:
    page.locator("#mm-answer-1 .mm-caption:not([hidden])").get_by_role("button", name=text, exact=True).click()


def test_an_upload_is_captioned_and_a_clicked_word_shows_its_map(stay: Callable[..., Page], photo: Path) -> None:
    page = captions(stay)
    choose_picture(page, photo)
    expect(page.locator(".mm-caption").first).to_have_text(SENTENCE)
    expect(page.locator(".mm-overlay")).to_be_visible()  # the most telling word's

    word(page, "dog")
    expect(page.locator(".mm-readout")).to_contain_text("“dog” — probability 80 %")
    dog = overlay(page)
    word(page, "runs")
    expect(page.locator(".mm-readout")).to_contain_text("“runs” — probability 75 %")
    assert overlay(page) != dog
    pressed = page.locator(".mm-word[aria-pressed=true]")
    expect(pressed).to_have_text("runs")
    word(page, "runs")  # a second click lets it go
    expect(pressed).to_have_count(0)


def test_pointing_shows_a_map_for_a_moment_and_the_keyboard_does_too(stay: Callable[..., Page], photo: Path) -> None:
    page = captions(stay)
    choose_picture(page, photo)
    word(page, "dog")
    kept = overlay(page)
    page.locator(".mm-word", has_text="brown").hover()
    expect(page.locator(".mm-readout")).to_contain_text("“brown”")
    assert overlay(page) != kept
    page.locator("#mm-brand").hover()
    expect(page.locator(".mm-readout")).to_contain_text("“dog”")
    assert overlay(page) == kept
    page.locator(".mm-word", has_text="the").focus()
    expect(page.locator(".mm-readout")).to_contain_text("“the”")
    page.keyboard.press("Enter")
    expect(page.locator(".mm-word[aria-pressed=true]")).to_have_text("the")


def test_an_example_is_one_click_away_and_named(stay: Callable[..., Page]) -> None:
    page = captions(stay)
    page.get_by_role("button", name="A cat", exact=True).click()
    answered(page)
    expect(page.locator(".mm-caption").first).to_have_text(SENTENCE)


def test_alternatives_take_the_place_of_the_caption(stay: Callable[..., Page], photo: Path) -> None:
    page = captions(stay)
    choose_picture(page, photo)
    page.get_by_role("button", name="two dogs play outside.").click()
    expect(page.locator(".mm-caption:not([hidden])")).to_have_text("two dogs play outside.")
    word(page, "play")
    expect(page.locator(".mm-readout")).to_contain_text("“play”")


def test_doubt_is_shown(stay: Callable[..., Page], night: Path) -> None:
    page = captions(stay)
    choose_picture(page, night)
    expect(page.locator(".mm-doubt")).to_have_text(
        "I am not sure about this sentence. I recognise: espresso (93 %), cup (40 %)."
    )


def test_language_and_brightness_are_switched_everywhere_and_remembered(
    visit: Callable[..., Page], photo: Path
) -> None:
    page = visit()
    body = page.locator("body")
    expect(body).not_to_have_class("dark")
    page.get_by_role("button", name="Light or dark").click()
    expect(body).to_have_class("dark")
    choose_picture(page, photo)
    expect(page.locator(".mm-why summary")).to_have_text("Why?")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    page.locator("#mm-language").get_by_role("radio", name="中文").check(force=True)
    expect(page.locator("#mm-run")).to_have_text("描述这张图片")
    expect(page.locator(".mm-why summary")).to_have_text("为什么？")
    expect(page.locator("#mm-line")).to_contain_text("在本机")
    expect(page.get_by_role("tab", name="图片描述")).to_be_visible()
    expect(page.get_by_role("tab", name="模型")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("button", name="一只猫")).to_be_visible()
    expect(page.locator(".mm-caption").first).to_have_text(SENTENCE)  # nothing is lost
    assert len(asked) <= 6, asked  # all tabs' words by one request; five need a model, the queue or a choice

    page.reload()
    expect(body).to_have_class("dark")
    expect(page.locator("#mm-run")).to_have_text("描述这张图片")
    expect(page.locator("#mm-language").get_by_role("radio", name="中文")).to_be_checked()
    page.locator("#mm-language").get_by_role("radio", name="English").check(force=True)
    expect(page.locator("#mm-run")).to_have_text("Describe the picture")


def test_captions_are_in_the_language_of_the_page_unless_one_is_chosen(stay: Callable[..., Page], photo: Path) -> None:
    page = stay(language="zh")
    open_tab(page, "图片描述")
    remove_picture(page)
    choose_picture(page, photo)
    caption = page.locator(".mm-caption").first
    expect(caption).to_have_text("棕色的狗在草地上奔跑")
    expect(caption).to_have_attribute("lang", "zh")
    chosen = page.locator("#mm-caption-language input")
    usual = chosen.input_value()
    chosen.click()
    page.get_by_role("option", name="English").click()
    page.locator("#mm-run").click()
    expect(caption).to_have_text(SENTENCE)
    expect(caption).to_have_attribute("lang", "en")
    chosen.click()
    page.get_by_role("option", name=usual, exact=True).click()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two pictures, and a tone that is a dog to the fake tagger."""
    shots = [(Image.new("RGB", (64, 48), colour), 1.5) for colour in ("white", "khaki")]
    tone = 0.3 * np.sin(2 * np.pi * 200 * np.arange(3 * clips.RATE) / clips.RATE)
    return clips.make(tmp_path / "clip.mp4", shots, tone, size=(64, 48))


def describe_clip(page: Page, path: Path) -> None:
    """In the open part for videos."""
    field = page.locator("#mm-clip-file")
    if not field.is_visible():
        page.locator("#mm-clip > button").first.click()
    remove = field.get_by_role("button", name=re.compile("Clear|清除"))
    if remove.is_visible():
        remove.click()
    field.locator("input[type=file]").first.set_input_files(path)
    expect(field).to_contain_text(path.stem)
    page.locator("#mm-clip-run").click()


def test_a_short_video_gets_a_caption_for_each_key_frame_and_its_sounds(
    stay: Callable[..., Page], clip: Path, tmp_path: Path
) -> None:
    page = captions(stay)
    describe_clip(page, clip)
    answer = page.locator("#mm-clip-answer")
    expect(answer.locator(".mm-frames li")).to_have_count(2)
    expect(answer.locator(".mm-caption")).to_have_text(SENTENCE)
    expect(answer.locator(".mm-frames .mm-span").last).to_have_text("1.5 s – 3.0 s")
    expect(answer.locator(".mm-clip-sounds")).to_contain_text("Dog")
    chinese = stay(language="zh")
    open_tab(chinese, "图片描述")
    describe_clip(chinese, clip)
    answer = chinese.locator("#mm-clip-answer")
    expect(answer.locator(".mm-frames p").last).to_have_text("棕色的狗在草地上奔跑")
    expect(answer.locator(".mm-frames p").last).to_have_attribute("lang", "zh")
    expect(answer.locator(".mm-clip-sounds")).to_contain_text("狗")
    long = clips.make(tmp_path / "long.mp4", [(Image.new("RGB", (16, 16)), 122)], fps=1, size=(16, 16))
    describe_clip(chinese, long)
    expect(answer.locator(".mm-error")).to_contain_text("视频长 2.03 分钟，上限是 2 分钟")


def html_file(path: Path) -> Path:
    path.write_text("<html><body>not found</body></html>")
    return path


def test_a_chinese_browser_gets_chinese_at_once(visit: Callable[..., Page], tmp_path: Path, server: Server) -> None:
    page = visit(language="zh")
    expect(page.locator("#mm-run")).to_have_text("描述这张图片")
    expect(page.locator("#mm-language").get_by_role("radio", name="中文")).to_be_checked()
    expect(page.locator("#mm-answer-1")).to_contain_text("请选择一张图片")
    page.get_by_text("更多选项").click()
    expect(page.get_by_text("束搜索", exact=True)).to_be_visible()
    page.get_by_role("tab", name="模型").click()
    expect(page.locator(".mm-table").first).to_contain_text("990 MB")

    page.get_by_role("tab", name="图片描述").click()
    choose_picture(page, html_file(tmp_path / "broken.jpg"))
    expect(page.get_by_role("alert").filter(has_text="这不是图片，而是网页（HTML）。")).to_be_visible()
    assert "Traceback" not in server.log()


def test_a_broken_upload_is_explained(stay: Callable[..., Page], tmp_path: Path, server: Server) -> None:
    page = captions(stay)
    choose_picture(page, html_file(tmp_path / "broken.jpg"))
    sentence = "This is not a picture but a web page (HTML)."
    expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    assert "Traceback" not in server.log()


def test_an_error_leaves_no_old_caption_behind(stay: Callable[..., Page], photo: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photo.read_bytes()[:300])
    page = captions(stay)
    choose_picture(page, photo)
    expect(page.locator(".mm-caption").first).to_have_text(SENTENCE)
    remove_picture(page)
    expect(page.locator("#mm-answer-1 .mm-first-hint")).to_contain_text("the example “A cat”")
    choose_picture(page, broken)
    expect(page.get_by_role("alert").filter(has_text="damaged or cut off")).to_be_visible()


def test_two_models_side_by_side(stay: Callable[..., Page], photo: Path) -> None:
    page = captions(stay)
    page.get_by_text("Compare with another model or decoding").click()
    page.locator("#mm-second input").click()
    page.get_by_role("option", name="BLIP base").click()
    choose_picture(page, photo)
    expect(page.locator("#mm-answer-1 .mm-chips")).to_contain_text("Compact captioner")
    expect(page.locator("#mm-answer-2 .mm-chips")).to_contain_text("BLIP base")
    page.locator("#mm-answer-2").get_by_role("button", name="dog", exact=True).click()
    expect(page.locator("#mm-answer-2 .mm-readout")).to_contain_text("“dog”")
    page.locator("#mm-second input").click()
    page.get_by_role("option", name="None").click()


def test_a_tier_that_is_not_here_says_why_and_compact_stays(stay: Callable[..., Page], photo: Path) -> None:
    page = captions(stay)
    page.get_by_role("radio", name="Standard").click(force=True)
    expect(page.locator("#mm-line .mm-notice")).to_contain_text("so Compact captioner stays in use")
    expect(page.locator("#mm-line .mm-notice")).to_contain_text("offline mode is on")
    expect(page.get_by_role("radio", name="Compact")).to_be_checked()
    choose_picture(page, photo)
    expect(page.locator("#mm-answer-1 .mm-chips")).to_contain_text("Compact captioner")


def open_batch(page: Page) -> None:
    files = page.locator("#mm-batch-files")
    if not files.is_visible():
        page.get_by_text("Many pictures at once").click()
    clear = files.get_by_role("button", name="Clear", exact=True)
    if clear.is_visible():
        clear.click()
        expect(clear).to_have_count(0)


def test_a_batch_becomes_a_table_and_two_files(
    stay: Callable[..., Page], photo: Path, night: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    broken.write_text("%PDF-1.7")
    page = captions(stay)
    open_batch(page)
    page.locator("#mm-batch-files input[type=file]").set_input_files([photo, broken, night])
    expect(page.locator("#mm-batch-files")).to_contain_text("night")
    page.locator("#mm-batch-run").click()
    expect(page.locator("#mm-batch-progress")).to_contain_text("Done: 3 pictures, 1 of them could not be read.")
    expect(page.locator("#mm-batch-table")).to_contain_text("not a picture but a PDF document")
    thumbnails = page.locator("#mm-batch-table img.mm-thumb:visible")
    expect(thumbnails).to_have_count(2)
    assert thumbnails.first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 80
    with page.expect_download() as download:
        page.get_by_text("Download JSONL").click()
    lines = [json.loads(line) for line in download.value.path().read_text(encoding="utf-8").splitlines()]
    assert [line["path"] for line in lines] == ["photo.jpg", "broken.jpg", "night.png"]
    assert lines[0]["captions"][0]["text"] == SENTENCE
    assert lines[1]["error"]["type"] == "InputError"
    with page.expect_download() as download:
        page.get_by_text("Download CSV").click()
    assert download.value.path().read_text(encoding="utf-8-sig").startswith("file,caption,score")


def in_batches(server: Server) -> int:
    """Pictures that reached a model in a batch so far: those of the other panels are explained."""
    return sum(one["pictures"] for one in server.asked() if one.get("explain") is False)  # other tabs explain nothing


def test_a_batch_can_be_stopped(stay: Callable[..., Page], photo: Path, tmp_path: Path, server: Server) -> None:
    held = [tmp_path / f"held-{index:02}.png" for index in range(40)]
    for path in held:
        Image.new("RGB", HELD, "white").save(path)
    before = in_batches(server)
    page = captions(stay)
    open_batch(page)
    page.locator("#mm-batch-files input[type=file]").set_input_files(held)
    expect(page.locator("#mm-batch-files")).to_contain_text("held-39")
    page.locator("#mm-batch-run").click()
    expect(page.locator("#mm-batch-progress")).to_contain_text("of 40 pictures")
    expect(page.locator("#mm-batch-table")).to_contain_text("held-00.png")
    page.locator("#mm-batch-stop").click()
    expect(page.locator("#mm-batch-stop")).to_be_disabled()
    expect(page.locator("#mm-batch-progress")).to_contain_text("Stopped, as asked.")
    (server.home / RELEASE).touch()  # the batch that is under way ends, and no other begins
    page.get_by_role("button", name="A cat", exact=True).click()
    answered(page)
    expect(page.locator(".mm-caption").first).to_have_text(SENTENCE)
    with page.expect_download() as download:
        page.get_by_text("Download JSONL").click()
    done = download.value.path().read_text(encoding="utf-8").splitlines()
    assert 0 < len(done) < 40
    assert in_batches(server) - before < 40


def test_copy_and_download_of_one_caption(stay: Callable[..., Page], photo: Path) -> None:
    page = captions(stay)
    choose_picture(page, photo)
    caption = page.get_by_role("region", name="Caption", exact=True)  # a video's answer may be on its way out
    caption.get_by_role("button", name="Copy", exact=True).click()
    flashed(page, "Copied")
    assert page.evaluate("navigator.clipboard.readText()") == SENTENCE
    with page.expect_download() as download:
        caption.get_by_text("Download JSON", exact=True).click()
    assert json.loads(download.value.path().read_text())["captions"][0]["text"] == SENTENCE


def test_a_narrow_screen_has_one_column_and_nothing_to_scroll_sideways(stay: Callable[..., Page], photo: Path) -> None:
    page = captions(stay, size=NARROW)
    choose_picture(page, photo)
    expect(page.locator("#mm-answer-1 .mm-caption").first).to_have_text(SENTENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    assert not page.locator("#mm-answer-1 .mm-why").evaluate("why => why.open")
    answer, model = page.locator("#mm-answer-1").bounding_box(), page.locator("#mm-model").bounding_box()
    assert answer is not None
    assert model is not None
    assert answer["y"] < model["y"]  # the answer comes before the options
    word(page, "dog")
    expect(page.locator("#mm-answer-1 .mm-overlay")).to_be_visible()


def test_on_a_narrow_screen_every_model_is_a_card(stay: Callable[..., Page]) -> None:
    page = stay(size=NARROW)
    open_tab(page, "Models")
    row = page.locator(".mm-inventory tbody tr").first
    expect(row.locator(".mm-licence")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    expect(page.locator(".mm-inventory thead:visible")).to_have_count(0)
    told = row.locator(".mm-size").evaluate("cell => getComputedStyle(cell, '::before').content")
    assert told == '"Size"'


def test_a_tier_whose_model_is_not_here_leaves_the_captioner_alone(stay: Callable[..., Page], photo: Path) -> None:
    page = captions(stay)
    with page.expect_response(lambda answer: "queue" in answer.url or "run" in answer.url):
        page.get_by_role("radio", name="Large").click(force=True)  # the page may have gone back to Compact at once
    choose_picture(page, photo)
    expect(page.locator(".mm-caption").first).to_have_text(SENTENCE)
    expect(page.locator("#mm-line")).to_contain_text("qwen3-vl-2b")  # what it would take
    expect(page.get_by_role("radio", name="Compact")).to_be_checked()
    expect(page.locator("#mm-line")).to_contain_text("Compact captioner")


def test_models_can_be_looked_at_and_unloaded(stay: Callable[..., Page], photo: Path) -> None:
    page = captions(stay)
    choose_picture(page, photo)
    expect(page.locator(".mm-caption").first).to_have_text(SENTENCE)
    page.get_by_role("tab", name="Models").click()
    page.get_by_role("button", name="Refresh").click()
    row = page.locator(".mm-table tr", has_text="compact-captioner")
    expect(row).to_contain_text("CPU, 127 MB")  # with the encoder that it shares
    page.get_by_role("button", name="Unload: Compact captioner").click()
    expect(page.locator("#mm-models-message")).to_contain_text("Compact captioner is unloaded.")
    expect(row).to_contain_text("no")
    page.get_by_role("button", name="Download: BLIP base").click()
    expect(page.locator(".mm-table tr", has_text="blip-base")).to_contain_text("offline mode is on")
    page.get_by_label("Any repository of the hub").fill("someone/their-clip")
    page.get_by_role("button", name="Look up").click()
    expect(page.locator("#mm-models-message")).to_contain_text("offline mode is on")
