"""``python -m tests.e2e.screenshots``: the pictures of the page in the README, taken of the real demo.

Starts ``python -m demo``, tries an example of each tab with the bundled model in each language, and writes
assets/screenshots/<tab>-<language>.jpg (1440 pixels wide), <tab>-<language>-narrow.jpg and, with ``--dark``,
<tab>-<language>-dark.jpg. Scenes, languages and sizes can be named: ``captioning --language en --size wide``.
"""

from __future__ import annotations

import argparse
import io
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from demo.ui.i18n import text
from tests.demo.serving import real_demo
from tests.e2e.tabs import open_tab

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assets" / "screenshots"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
SIZES = {"": (1440, 900), "-narrow": (390, 844), "-dark": (1440, 900)}
NAMED = {"wide": "", "narrow": "-narrow", "dark": "-dark"}
PATIENCE = 120_000


def captioning(page: Page, language: str, size: str) -> None:
    """The cat with its sentence and the map of a word."""
    page.locator('#mm-examples img[src$="/cat.jpg"]').click()
    expect(page.locator(".mm-caption").first).to_be_visible(timeout=PATIENCE)
    if size == "-narrow":
        page.locator(".mm-why summary").first.click()
    expect(page.locator(".mm-overlay").first).to_be_visible(timeout=PATIENCE)


def audio(page: Page, language: str, size: str) -> None:
    """The morning scene with its events and the evidence of its best label."""
    open_tab(page, text(language, "ui.tab.audio"))
    page.locator("#mm-sound-examples [data-example]").first.click()
    expect(page.locator(".mm-heard")).to_be_visible(timeout=PATIENCE)
    if size == "-narrow":
        page.locator("#mm-sound-why summary").click()
    expect(page.locator("#mm-sound-why .mm-overlay")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#mm-sound time").last).not_to_have_text("0:00")  # the player has drawn the waveform


def retrieval(page: Page, language: str, size: str) -> None:
    """Snowy mountains among the example pictures, and where the best one has them."""
    open_tab(page, text(language, "ui.tab.retrieval"))
    page.locator("#mm-queries button", has_text="snowy mountains").click()
    page.locator("#mm-found .mm-gallery button").first.click()
    expect(page.locator("#mm-closeup .mm-overlay")).to_be_visible(timeout=PATIENCE)


def matrix(page: Page, language: str, size: str) -> None:
    """Five pictures, five sentences, and which sentence belongs to which picture."""
    open_tab(page, text(language, "ui.tab.retrieval"))
    open_tab(page, text(language, "ui.retrieval.view.matrix"), "#mm-retrieval-views")
    page.locator("#mm-matrix-reading label").nth(1).click()
    page.locator("#mm-matrix-run").click()
    expect(page.locator("#mm-matrix .mm-matrix")).to_be_visible(timeout=PATIENCE)


def sentiment(page: Page, language: str, size: str) -> None:
    """Sad words with a cheerful drawing, and what each word and region does."""
    open_tab(page, text(language, "ui.tab.sentiment"))
    page.locator(".mm-posts:visible tbody tr").nth(1).click()
    expect(page.locator(".mm-fusions")).to_be_visible(timeout=PATIENCE)
    if size == "-narrow":
        page.locator("#mm-sentiment-answer .mm-why summary").click()
    expect(page.locator("#mm-sentiment-answer .mm-overlay")).to_be_visible(timeout=PATIENCE)


def lab(page: Page, language: str, size: str) -> None:
    """Two fusions trained and compared."""
    open_tab(page, text(language, "ui.tab.lab"))
    page.locator("#mm-lab-train").click()
    expect(page.locator("#mm-lab-line")).to_contain_text(text(language, "text.lab.finished", count=2), timeout=PATIENCE)
    expect(page.locator("#mm-lab-outcome .mm-confusion")).to_be_visible()


def ask(page: Page, language: str, size: str) -> None:
    """What a picture shows, each sentence with its source."""
    open_tab(page, text(language, "ui.tab.ask"))
    page.locator('#mm-ask-examples img[src$="/cat.jpg"]').click()
    expect(page.locator("#mm-ask-picture img")).to_be_visible()
    page.locator("#mm-ask-suggestions button").first.click()
    page.locator("#mm-ask-run").click()
    expect(page.locator("#mm-ask-answer")).to_contain_text("cat", timeout=PATIENCE)
    expect(page.locator("#mm-ask-stop")).to_be_disabled()


def models(page: Page, language: str, size: str) -> None:
    """What there is, what it costs, what is on this machine."""
    open_tab(page, text(language, "ui.tab.models"))
    expect(page.locator(".mm-models").first).to_be_visible()


def lesson(page: Page, language: str, size: str) -> None:
    """Lesson 4: every layer and head of the captioner while it writes "dog"."""
    page.goto(f"{page.url.split('?')[0]}?lang={language}&lesson=4&step=4")
    page.locator('[data-vote="2"]').click()
    expect(page.locator("[data-cells]")).to_contain_text("%")


SCENES: dict[str, Callable[[Page, str, str], None]] = {
    "captioning": captioning,
    "retrieval": retrieval,
    "matrix": matrix,
    "sentiment": sentiment,
    "audio": audio,
    "ask": ask,
    "lab": lab,
    "models": models,
    "lesson": lesson,
}
"""Name of the picture -> how to get there from a fresh page."""


def take(browser: Browser, url: str, language: str, size: str, name: str) -> Path:
    """One picture of a scene."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale=LANGUAGES[language],
        color_scheme="dark" if size == "-dark" else "light",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.locator("#mm-line .mm-line").wait_for()
    SCENES[name](page, language, size)
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    taken = page.screenshot(full_page=True)
    context.close()
    target = FOLDER / f"{name}-{language}{size}.jpg"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(taken)) as full:
        # A third of the bytes of a PNG; full colour resolution keeps letters and heat maps as they are.
        full.convert("RGB").save(target, quality=84, subsampling=0, optimize=True)
    return target


def main() -> None:
    """Take all of them and say where they are."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.screenshots", description=__doc__)
    parser.add_argument("scenes", nargs="*", default=[*SCENES], help=f"some of: {', '.join(SCENES)}")
    parser.add_argument("--language", action="append", choices=[*LANGUAGES], help="only this one")
    parser.add_argument("--size", action="append", choices=[*NAMED], help="only this one; default: wide and narrow")
    parser.add_argument("--dark", action="store_true", help="dark ones, too")
    given = parser.parse_args()
    scenes, languages = given.scenes, given.language or [*LANGUAGES]
    sizes = [NAMED[name] for name in given.size or ["wide", "narrow", *(["dark"] if given.dark else [])]]
    chromium = next((path for path in map(shutil.which, CHROMIUM) if path), None)
    if chromium is None:
        parser.error("there is no Chromium on this machine (Debian: apt-get install chromium fonts-noto-cjk)")
    with real_demo() as url, sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for language in languages:
            for size in sizes:
                for name in scenes:
                    target = take(browser, url, language, size, name)
                    print(f"{target.relative_to(ROOT)}  {target.stat().st_size / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()
