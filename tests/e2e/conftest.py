"""Chromium, and pages of the demo in it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.demo.conftest import night, photo
from tests.demo.serving import Server

__all__ = ["night", "photo"]

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PERMISSIONS = ("camera", "clipboard-read", "clipboard-write", "microphone")
WIDE = (1440, 1000)
NARROW = (390, 844)
PATIENCE = 60_000
"""Milliseconds that a busy machine may take; every wait ends as soon as its condition holds."""

CALM = "window.requestAnimationFrame = (step) => setTimeout(() => step(performance.now()), 60);"
"""gradio asks for the next frame for ever, sixty times a second: a sixth of a core for each page that stays open."""

FORGOTTEN = "cookies,local_storage,indexeddb,service_workers,cache_storage"

FAILED = pytest.StashKey[bool]()
"""Of a test: whether it failed."""


@dataclass
class Visit:
    """A page of the demo, and what must not happen on it."""

    page: Page
    elsewhere: list[str] = field(default_factory=list)
    """Addresses outside the demo that the page asked for."""
    errors: list[str] = field(default_factory=list)
    """Uncaught errors of its scripts."""

    def failed(self, error: object) -> None:
        """Write an error down, but not that gradio's own requests were cut off when the page was left or reloaded."""
        if "AbortError: signal is aborted" not in str(error):
            self.errors.append(str(error))

    def close(self) -> None:
        self.page.close()

    def assert_well(self) -> None:
        assert self.elsewhere == [], "the page fetched something from elsewhere"
        assert self.errors == [], "a script of the page failed"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


# A browser for the files of this folder that a worker meets one after the other, not for longer: Playwright keeps an
# event loop in the thread, which other tests may need for themselves.
@pytest.fixture(scope="package")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The system's Chromium. Its microphone hears a tone of 200 Hz, a dog to the fake tagger, for ever."""
    heard = tmp_path_factory.mktemp("microphone") / "tone.wav"
    soundfile.write(heard, 0.3 * np.sin(2 * np.pi * 200 * np.arange(160_000) / 16_000), 16_000, subtype="PCM_16")
    microphone = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={heard}",
    )
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, *microphone])
        yield running
        running.close()


@pytest.fixture(scope="package")
def contexts(browser: Browser) -> Iterator[dict[str, list[BrowserContext]]]:
    """Those of each language that ``new_page`` has made."""
    made: dict[str, list[BrowserContext]] = {}
    yield made
    for known in made.values():
        for context in known:
            context.close()


@pytest.fixture(scope="package")
def new_page(browser: Browser, contexts: dict[str, list[BrowserContext]]) -> Callable[..., Page]:
    """An empty page of somebody new. The scripts of the demo are fetched and compiled once for a context: one that has
    no page open is used again, after what it remembers of the demo at that address is forgotten.
    """

    def new(address: str, language: str = "en", size: tuple[int, int] = WIDE) -> Page:
        known = contexts.setdefault(language, [])
        context = next((one for one in known if not one.pages), None)
        if context is None:
            context = browser.new_context(
                locale={"en": "en-GB", "zh": "zh-CN"}[language],
                color_scheme="light",
                reduced_motion="reduce",  # every frame of a movement is drawn without a GPU
                permissions=PERMISSIONS,
            )
            context.add_init_script(CALM)
            known.append(context)
        page = context.new_page()
        origin = {"origin": address.rstrip("/"), "storageTypes": FORGOTTEN}
        context.new_cdp_session(page).send("Storage.clearDataForOrigin", origin)
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.set_default_timeout(PATIENCE)
        return page

    return new


def opened(
    new_page: Callable[..., Page], server: Server, language: str = "en", size: tuple[int, int] = WIDE, address: str = ""
) -> Visit:
    """The demo, or an address of it, as somebody new sees it."""
    visit = Visit(new_page(server.url, language, size))

    def asked(request: Any) -> None:
        if not request.url.startswith((server.url, "data:", "blob:")):
            visit.elsewhere.append(request.url)

    visit.page.on("request", asked)
    visit.page.on("pageerror", visit.failed)
    visit.page.goto(address or server.url)
    visit.page.locator("#mm-line .mm-line").wait_for(state="attached")
    return visit


@pytest.fixture
def visit(new_page: Callable[..., Page], server: Server) -> Iterator[Callable[..., Page]]:
    """Open the demo as somebody new: ``visit(language="zh", size=NARROW, address=...)``."""
    visits: list[Visit] = []

    def new(**options: Any) -> Page:
        visits.append(opened(new_page, server, **options))
        return visits[-1].page

    yield new
    for one in visits:
        one.close()
    for one in visits:
        one.assert_well()


@pytest.fixture(scope="package")
def open_pages(contexts: dict[str, list[BrowserContext]]) -> Iterator[dict[tuple[object, ...], Visit]]:
    """The pages that ``stay`` keeps."""
    pages: dict[tuple[object, ...], Visit] = {}
    yield pages
    for one in pages.values():
        one.close()


@pytest.fixture
def stay(
    new_page: Callable[..., Page],
    server: Server,
    open_pages: dict[tuple[object, ...], Visit],
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., Page]]:
    """The page as an earlier test left it: to load it takes longer than most of what is tried on it.

    ``stay()`` is a page for all tests of the file; ``stay(language="zh")`` and ``stay(size=NARROW)`` are others, for
    those of all files. A test puts away what it needs to be empty, and undoes what others would not expect: a chosen
    model, a tier, a language. After a failure the next test gets a new page.
    """
    used: dict[tuple[object, ...], Visit] = {}

    def kept(language: str = "en", size: tuple[int, int] = WIDE) -> Page:
        name = (language, size, request.path if (language, size) == ("en", WIDE) else None)
        if name not in open_pages:
            for past in [one for one in open_pages if one[-1] not in (None, request.path)]:
                open_pages.pop(past).close()
            open_pages[name] = opened(new_page, server, language, size)
        used[name] = open_pages[name]
        return used[name].page

    yield kept
    for name, one in used.items():
        if request.node.stash.get(FAILED, False) or one.errors or one.elsewhere:
            open_pages.pop(name).close()
    for one in used.values():
        one.assert_well()
