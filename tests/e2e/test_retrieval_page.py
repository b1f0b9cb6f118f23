"""A visitor searches in pictures, in a real browser, with the fake retriever behind the page."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests import clips
from tests.demo.serving import Server
from tests.e2e.conftest import NARROW, PATIENCE
from tests.e2e.tabs import open_tab, record, remover
from tests.fakes.demo_retrieval import SLOW, SLOW_RELEASE

pytestmark = pytest.mark.e2e

RED, GREEN, BLUE = (230, 20, 20), (20, 220, 20), (20, 20, 220)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """A red, a green, a blue picture, and one that is half red and half blue."""
    paths = []
    for name, colour in (("rose", RED), ("leaf", GREEN), ("sea", BLUE)):
        paths.append(tmp_path / f"{name}.png")
        Image.new("RGB", (120, 90), colour).save(paths[-1])
    both = Image.new("RGB", (120, 90), RED)
    both.paste(BLUE, (60, 0, 120, 90))
    paths.append(tmp_path / "flag.png")
    both.save(paths[-1])
    return paths


def called(name: str) -> re.Pattern[str]:
    """What a match with that name is called, whatever its score."""
    return re.compile(rf"^{re.escape(name)}, score [01]\.\d\d$")


def view(page: Page, name: str) -> None:
    open_tab(page, name, "#mm-retrieval-views")


def ask(page: Page, words: str) -> None:
    page.locator("#mm-query textarea, #mm-query input").first.fill(words)
    page.locator("#mm-search").click()


def upload(page: Page, files: list[Path]) -> None:
    view(page, "Your pictures")
    page.locator("#mm-uploads input[type=file]").set_input_files(files)
    expect(page.locator("#mm-uploads")).to_contain_text(files[-1].stem)
    page.locator("#mm-uploads-add").click()


def search(stay: Callable[..., Page], **options: object) -> Page:
    """The tab of search, where nothing is asked."""
    page = stay(**options)
    open_tab(page, "Search")
    view(page, "Find pictures")
    for box in ("#mm-query", "#mm-without"):
        page.locator(f"{box} textarea, {box} input").first.fill("")
    remove = remover(page, "#mm-query-picture")
    (remove if remove.is_visible() else page.locator("#mm-search")).click()  # both ask, for nothing
    expect(page.locator("#mm-found .mm-empty:not(.mm-waiting)")).to_be_visible()
    return page


def own_pictures(page: Page, files: list[Path]) -> None:
    """Look among these pictures, which an earlier test may have uploaded already."""
    chosen, expected = page.locator("#mm-collection input"), f"My pictures ({len(files)})"
    if chosen.input_value() != expected:
        upload(page, files)
        expect(page.locator("#mm-uploads-report")).to_contain_text(f"Pictures added: {len(files)}")
        expect(chosen).to_have_value(expected)
    view(page, "Find pictures")


def delete_pictures(page: Page) -> None:
    view(page, "Your pictures")
    page.locator("#mm-uploads-clear").click()
    expect(page.locator("#mm-collection input")).to_have_value("Examples (99 pictures)")


def test_words_find_the_example_pictures(stay: Callable[..., Page]) -> None:
    page = search(stay)
    expect(page.locator("#mm-collection input")).to_have_value("Examples (99 pictures)")
    ask(page, "red")
    expect(page.locator("#mm-found .mm-query")).to_have_text("red", timeout=120_000)
    first = page.locator("#mm-found .mm-gallery button").first
    expect(first).to_have_attribute("aria-label", called("A cup of coffee"))
    expect(page.locator("#mm-found .mm-chips")).to_contain_text("Compact")


def test_an_example_query_is_one_click_away_and_nonsense_has_no_good_match(stay: Callable[..., Page]) -> None:
    page = search(stay)
    page.get_by_role("button", name="a dog", exact=True).click()  # no colour: the fake knows nothing of it
    expect(page.locator("#mm-found .mm-notice")).to_contain_text("No good match: no score reaches the cut-off of 0.50")
    expect(page.locator("#mm-query textarea, #mm-query input").first).to_have_value("a dog")
    expect(page.locator("#mm-found .mm-below")).to_have_attribute("open", "")


def test_own_pictures_words_minus_words_and_the_cutoff(stay: Callable[..., Page], pictures: list[Path]) -> None:
    page = search(stay)
    own_pictures(page, pictures)
    expect(page.locator("#mm-collection input")).to_have_value("My pictures (4)")
    good = page.locator("#mm-found .mm-found > .mm-gallery button")
    ask(page, "red")
    expect(page.locator("#mm-found .mm-hint").first).to_contain_text("Good matches: 2 of 4")
    expect(good.first).to_have_attribute("title", called("rose.jpg"))
    expect(good.nth(1)).to_have_attribute("title", called("flag.jpg"))

    page.locator("#mm-without textarea, #mm-without input").first.fill("blue")
    page.locator("#mm-search").click()
    expect(page.locator("#mm-found .mm-query")).to_have_text("red - blue")
    expect(good).to_have_count(1)
    expect(good.first).to_have_attribute("title", called("rose.jpg"))

    page.locator("#mm-cutoff input[type=number]").fill("0.99")
    page.locator("#mm-cutoff input[type=number]").press("Tab")
    expect(page.locator("#mm-found .mm-notice")).to_contain_text(re.compile(r"cut-off of 0\.99; the best is 0\.\d\d"))
    page.locator("#mm-cutoff").get_by_role("button", name="Reset").click()


def test_text_inside_the_pictures_is_found_and_shown_where_it_stands(
    stay: Callable[..., Page], pictures: list[Path]
) -> None:
    page = search(stay)
    own_pictures(page, pictures)
    reading = page.locator("#mm-reading textarea, #mm-reading input").first
    reading.fill("120 by 90")
    reading.press("Enter")
    expect(page.locator("#mm-found .mm-query")).to_have_text('"120 by 90"')
    first = page.locator("#mm-found .mm-gallery button").first
    expect(first.locator(".mm-read")).to_have_text("120 by 90")
    first.click()
    expect(page.locator("#mm-closeup .mm-boxes polygon")).to_have_count(1)
    expect(page.locator("#mm-closeup .mm-readout")).to_contain_text("Score 1.00")
    ask(page, "blue")  # both: the words and the text
    expect(page.locator("#mm-found .mm-query")).to_have_text('blue + "120 by 90"')
    expect(first).to_have_attribute("title", called("sea.jpg"))
    first.click()
    expect(page.locator("#mm-closeup .mm-overlay")).to_be_visible()
    expect(page.locator("#mm-closeup .mm-boxes polygon")).to_have_count(1)
    record(page, "search")
    expect(page.locator("#mm-query textarea, #mm-query input").first).to_have_value(re.compile(r"^blue word0\."))
    reading.fill("")


def test_a_picture_finds_its_like_and_a_broken_one_says_so(
    stay: Callable[..., Page], pictures: list[Path], tmp_path: Path
) -> None:
    page = search(stay)
    own_pictures(page, pictures)
    page.locator("#mm-query-picture input[type=file]").first.set_input_files(pictures[1])
    expect(page.locator("#mm-found .mm-query")).to_have_text("leaf.png")
    expect(page.locator("#mm-found .mm-gallery button").first).to_have_attribute("title", called("leaf.jpg"))
    remover(page, "#mm-query-picture").click()
    expect(page.locator("#mm-found .mm-empty:not(.mm-waiting)")).to_be_visible()
    broken = tmp_path / "broken.jpg"
    broken.write_text("%PDF-1.7")
    page.locator("#mm-query-picture input[type=file]").first.set_input_files(broken)
    expect(page.get_by_role("alert").filter(has_text="not a picture but a PDF document")).to_be_visible()


def test_a_result_opens_with_its_heat_map_and_can_be_searched_from(
    stay: Callable[..., Page], pictures: list[Path]
) -> None:
    page = search(stay)
    own_pictures(page, pictures)
    ask(page, "red")
    page.get_by_role("button", name=called("flag.jpg")).click()
    closeup = page.locator("#mm-closeup .mm-closeup")
    expect(closeup).to_contain_text(re.compile(r"Score [01]\.\d\d · cosine 0\.\d+"))
    overlay = closeup.locator(".mm-overlay")
    expect(overlay).to_be_visible()
    left, right = overlay.evaluate(
        """async (image) => {
          await image.decode();
          const canvas = document.createElement("canvas");
          canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
          const context = canvas.getContext("2d"); context.drawImage(image, 0, 0);
          const at = (x) => context.getImageData(Math.round(canvas.width * x), canvas.height / 2, 1, 1).data[1];
          return [at(.2), at(.8)];
        }"""
    )
    assert left > right + 80  # the red half is yellow in viridis, the blue half is violet
    closeup.get_by_role("button", name="Heat map").click()
    expect(overlay).to_be_hidden()

    closeup.get_by_role("button", name="Search from this picture").click()
    expect(page.locator("#mm-query-picture img")).to_be_visible()
    expect(page.locator("#mm-query textarea, #mm-query input").first).to_have_value("")
    expect(page.locator("#mm-found .mm-query")).to_have_text("flag.jpg")
    first = page.locator("#mm-found .mm-gallery button").first
    expect(first).to_have_attribute("title", called("flag.jpg"))


def test_a_zip_with_broken_files_and_copies_and_a_video_are_told_of(
    stay: Callable[..., Page], pictures: list[Path], tmp_path: Path
) -> None:
    archive = tmp_path / "holiday.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in pictures:
            file.write(path, f"2024/{path.name}")
        file.write(pictures[0], "2024/rose again.png")
        file.writestr("2024/notes.txt", "not a picture")
        file.writestr("__MACOSX/._rose.png", "hidden")
    page = search(stay)
    delete_pictures(page)
    upload(page, [archive])
    report = page.locator("#mm-uploads-report")
    expect(report).to_contain_text("Pictures added: 5; in all: 5")
    expect(report).to_contain_text("Could not be read: 1")
    expect(report).to_contain_text("notes.txt This is not a picture but a text file")
    expect(report).to_contain_text("rose again.jpg is a copy of rose.jpg")
    clip = clips.make(tmp_path / "clip.mp4", [(Image.new("RGB", (64, 48), one), 2.0) for one in (BLUE, GREEN)])
    upload(page, [clip])
    expect(report).to_contain_text("Pictures added: 1; in all: 7.")
    expect(report).to_contain_text("Key frames of videos among them: 2, of videos: 1.")
    view(page, "Find pictures")
    ask(page, "green")
    expect(page.locator("#mm-found .mm-query")).to_have_text("green")
    moment = page.get_by_role("button", name=called("clip.mp4, 0:02"))  # what is found in it is a moment
    moment.click()
    expect(page.locator("#mm-closeup .mm-closeup")).to_contain_text("clip.mp4, 0:02")
    delete_pictures(page)


def test_an_upload_can_be_stopped(stay: Callable[..., Page], tmp_path: Path, server: Server) -> None:
    slow = []
    for index in range(3):
        slow.append(tmp_path / f"slow-{index}.png")
        Image.new("RGB", SLOW, (index * 40, 0, 90)).save(slow[-1])
    page = search(stay)
    delete_pictures(page)
    upload(page, slow)
    expect(page.locator("#mm-uploads-report .mm-progress")).to_be_visible()
    page.locator("#mm-uploads-stop").click()
    expect(page.locator("#mm-uploads-report")).to_contain_text("Stopped, as asked.")
    (server.home / SLOW_RELEASE).touch()
    delete_pictures(page)


def test_uploads_are_gone_with_the_session(stay: Callable[..., Page], pictures: list[Path]) -> None:
    page, other = search(stay), stay(size=NARROW)
    own_pictures(page, pictures)
    open_tab(other, "Search")
    has_none(other)
    expect(page.locator("#mm-collection input")).to_have_value(f"My pictures ({len(pictures)})")
    page.reload()
    open_tab(page, "Search")
    has_none(page)


def has_none(page: Page) -> None:
    """Whose page this is has uploaded nothing."""
    expect(page.locator("#mm-collection input")).to_have_value("Examples (99 pictures)")
    page.locator("#mm-collection input").click()
    expect(page.get_by_role("option", name="My pictures (0)")).to_be_visible()
    page.keyboard.press("Escape")


def write(page: Page, where: str, words: str) -> None:
    """Type into a field that the page fills with examples in its language; a switch just before may still do so."""
    field = page.locator(f"{where} textarea")
    stayed = 0
    for _ in range(PATIENCE // 500):
        if field.input_value() != words:
            field.fill(words)
            stayed = 0
        page.wait_for_timeout(500)
        stayed += 1
        if stayed >= 2 and field.input_value() == words:
            return


def test_zero_shot_in_own_words(stay: Callable[..., Page], pictures: list[Path]) -> None:
    page = search(stay)
    view(page, "Your own labels")
    write(page, "#mm-labels", "green, blue, red")
    page.locator("#mm-labels-picture input[type=file]").first.set_input_files(pictures[2])
    bars = page.locator("#mm-labels-answer .mm-labels li")
    expect(bars).to_have_count(3)
    expect(bars.first).to_have_text("blue>99 %")


def test_sentences_are_ranked(stay: Callable[..., Page], pictures: list[Path]) -> None:
    page = search(stay)
    view(page, "Rank sentences")
    write(page, "#mm-sentences", "A green leaf.\nA red rose.")
    page.locator("#mm-sentences-picture input[type=file]").first.set_input_files(pictures[0])
    bars = page.locator("#mm-sentences-answer .mm-labels li")
    expect(bars.first).to_have_text(re.compile(r"A red rose\.[01]\.\d\d"))
    expect(bars.nth(1)).to_contain_text("A green leaf.")


def test_the_matrix_can_be_read_in_three_ways(stay: Callable[..., Page], pictures: list[Path]) -> None:
    page = search(stay)
    view(page, "Similarity matrix")
    page.locator("#mm-matrix-files input[type=file]").set_input_files(pictures[:2])
    expect(page.locator("#mm-matrix-files")).to_contain_text("leaf")
    page.locator("#mm-matrix-sentences textarea").fill("red\ngreen")
    page.locator("#mm-matrix-run").click()
    cells = page.locator("#mm-matrix tbody td")
    expect(cells).to_have_count(4)
    expect(cells.first).to_have_text("1.00")
    page.get_by_role("radio", name="Which sentence for each picture?").check(force=True)
    expect(cells.first).to_have_text(">99 %")
    expect(page.locator("#mm-matrix .mm-best")).to_have_count(2)


def test_the_map_shows_pictures_when_pointed_at(stay: Callable[..., Page], pictures: list[Path]) -> None:
    page = search(stay)
    own_pictures(page, pictures)
    view(page, "Map")
    field = page.locator("#mm-map-words textarea, #mm-map-words input").first
    field.click()
    field.press_sequentially("red", delay=100)  # as a person types; a view just opened loses what comes in one instant
    expect(field).to_have_value("red")
    page.locator("#mm-map-run").click()
    dots = page.locator("#mm-map .mm-dot")
    expect(dots).to_have_count(4)
    dots.first.hover()
    expect(page.locator("#mm-map .mm-preview figcaption")).to_have_text(called("rose.jpg"))


def test_matches_are_downloaded_without_the_folders_of_the_server(
    stay: Callable[..., Page], pictures: list[Path], server: Server
) -> None:
    page = search(stay)
    own_pictures(page, pictures)
    ask(page, "red")
    with page.expect_download() as download:
        page.locator("#mm-found").get_by_text("Download JSONL").click()
    lines = [json.loads(line) for line in download.value.path().read_text(encoding="utf-8").splitlines()]
    assert [(line["rank"], line["file"], line["good"]) for line in lines[:2]] == [
        (1, "rose.jpg", True),
        (2, "flag.jpg", True),
    ]
    with page.expect_download() as download:
        page.locator("#mm-found").get_by_text("Download JSON", exact=True).click()
    assert "/" not in json.loads(download.value.path().read_text())["matches"][0]["path"]


def test_results_follow_the_language(stay: Callable[..., Page], pictures: list[Path]) -> None:
    page = search(stay)
    own_pictures(page, pictures)
    ask(page, "something")
    expect(page.locator("#mm-found .mm-notice")).to_contain_text("No good match")
    page.locator("#mm-language").get_by_role("radio", name="中文").check(force=True)
    expect(page.locator("#mm-found .mm-notice")).to_contain_text("没有好的匹配")
    expect(page.locator("#mm-retrieval-views")).to_contain_text("相似度矩阵")
    expect(page.locator("#mm-collection input")).to_have_value("我的图片（4 张）")
    page.locator("#mm-language").get_by_role("radio", name="English").check(force=True)
    expect(page.locator("#mm-collection input")).to_have_value("My pictures (4)")


def test_a_narrow_screen_scrolls_down_only(stay: Callable[..., Page], pictures: list[Path]) -> None:
    page = search(stay, size=NARROW)
    own_pictures(page, pictures)
    ask(page, "red")
    page.get_by_role("button", name=called("rose.jpg")).click()
    expect(page.locator("#mm-closeup .mm-overlay")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
