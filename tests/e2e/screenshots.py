"""``python -m tests.e2e.screenshots``: the pictures of the page in the README, taken of the real demo.

Starts ``python -m demo``, captions an example with the bundled model in each language, and writes
assets/screenshots/captioning-<language>.jpg (1440 pixels wide) and captioning-<language>-narrow.jpg.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assets" / "screenshots"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
SIZES = {"": (1440, 900), "-narrow": (390, 844)}
PATIENCE = 120_000


@contextmanager
def demo() -> Iterator[str]:
    """The address of the real demo, in a process of its own."""
    with tempfile.TemporaryDirectory() as uploads:
        environment = {**os.environ, "GRADIO_TEMP_DIR": uploads, "PYTHONUNBUFFERED": "1", "MMCORE_OFFLINE": "1"}
        command = [sys.executable, "-m", "demo"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if "http://" in line:
                    yield line[line.index("http://") :].strip()
                    return
            raise RuntimeError("the demo did not start")
        finally:
            process.terminate()
            process.communicate(timeout=20)


def take(browser: Browser, url: str, language: str, size: str, example: str) -> Path:
    """One picture of the page after it has captioned that example."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale=LANGUAGES[language], color_scheme="light"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.locator(f'#mm-examples img[src$="/{example}"]').click()
    expect(page.locator(".mm-caption").first).to_be_visible(timeout=PATIENCE)
    if size:
        page.locator(".mm-why summary").click()
    expect(page.locator(".mm-overlay")).to_be_visible(timeout=PATIENCE)
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    taken = page.screenshot(full_page=True)
    context.close()
    target = FOLDER / f"captioning-{language}{size}.jpg"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(taken)) as full:
        # A third of the bytes of a PNG; full colour resolution keeps letters and heat maps as they are.
        full.convert("RGB").save(target, quality=90, subsampling=0, optimize=True)
    return target


def main() -> None:
    """Take all of them and say where they are."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.screenshots", description=__doc__)
    parser.add_argument("--example", default="cat.jpg", help="file in assets/examples")
    example = parser.parse_args().example
    chromium = next((path for path in map(shutil.which, CHROMIUM) if path), None)
    if chromium is None:
        parser.error("there is no Chromium on this machine (Debian: apt-get install chromium fonts-noto-cjk)")
    with demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for language in LANGUAGES:
            for size in SIZES:
                target = take(browser, url, language, size, example)
                print(f"{target.relative_to(ROOT)}  {target.stat().st_size / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()
