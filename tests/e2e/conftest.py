"""Chromium, and pages of the demo in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.demo.conftest import night, photo, server
from tests.demo.serving import Server

__all__ = ["night", "photo", "server"]

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WIDE = (1440, 1000)
NARROW = (390, 844)
PATIENCE = 60_000
"""Milliseconds that a busy machine may take; every wait ends as soon as its condition holds."""


@dataclass
class Visit:
    """A page of the demo, and what must not happen on it."""

    page: Page
    elsewhere: list[str] = field(default_factory=list)
    """Addresses outside the demo that the page asked for."""
    errors: list[str] = field(default_factory=list)
    """Uncaught errors of its scripts."""


# A browser a file: Playwright keeps an event loop in the thread, which a worker's next file may need for itself.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """The system's Chromium."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Callable[..., Visit]]:
    """Open the demo: ``visit(language="zh", size=NARROW, dark=True)``."""
    contexts = []
    visits: list[Visit] = []

    def opened(language: str = "en", size: tuple[int, int] = WIDE, dark: bool = False, **more: Any) -> Visit:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale={"en": "en-GB", "zh": "zh-CN"}[language],
            color_scheme="dark" if dark else "light",
            **more,
        )
        contexts.append(context)
        one = Visit(context.new_page())
        visits.append(one)

        def asked(request: Any) -> None:
            if not request.url.startswith((server.url, "data:", "blob:")):
                one.elsewhere.append(request.url)

        one.page.on("request", asked)
        one.page.on("pageerror", lambda error: one.errors.append(str(error)))
        one.page.set_default_timeout(PATIENCE)
        one.page.goto(server.url)
        one.page.locator("#mm-line .mm-line").wait_for()
        return one

    yield opened
    for context in contexts:
        context.close()
    for one in visits:
        assert one.elsewhere == [], "the page fetched something from elsewhere"
        assert one.errors == [], "a script of the page failed"
