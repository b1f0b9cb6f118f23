"""On the Chinese page everything is Chinese: every string that can be seen or is read aloud, on every tab.

Names stay as they are (NAMES); what is in another language on purpose says so by its ``lang``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo.tabs import TABS
from demo.ui.i18n import text
from mmcore.checkpoints import registry
from tests.e2e.conftest import PATIENCE
from tests.e2e.tabs import open_tab

pytestmark = pytest.mark.e2e

COLLECT = """() => {
  const found = new Set();
  const foreign = (node) => !(node.closest("[lang]")?.lang ?? "zh").startsWith("zh");
  const shown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: false });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const around = walker.currentNode.parentElement;
    if (around && !around.closest("script, style, code, math, noscript") && !foreign(around) && shown(around))
      found.add(walker.currentNode.textContent.trim());
  }
  for (const node of document.querySelectorAll("[title], [aria-label], [placeholder], [alt]")) {
    if (foreign(node) || !shown(node)) continue;
    for (const name of ["title", "aria-label", "placeholder", "alt"]) found.add((node.getAttribute(name) ?? "").trim());
  }
  for (const field of document.querySelectorAll("input[type=text], textarea, input:not([type])"))
    if (shown(field) && !foreign(field)) found.add(field.value.trim());
  found.add(document.title);
  return [...found].filter(Boolean);
}"""
OPEN_ALL = """() => {
  for (const one of document.querySelectorAll(".label-wrap:not(.open)")) if (one.checkVisibility()) one.click();
}"""
CLOSED = ".label-wrap:visible:not(.open)"
LOCALES = Path(__file__).resolve().parents[2] / "demo" / "locales"
ENGLISH = re.compile(r"[A-Za-z]{3,}(?:['’-][A-Za-z]+)*|[A-Za-z]{1,2}(?:['’-][A-Za-z]+)+")
"""Three letters or more: units and signs have fewer."""
NAMES = frozenset(
    (
        *(
            "MMCore",
            "Studio",
            "English",
            "API",
            "MCP",
            "CSV",
            "TSV",
            "XLSX",
            "JSON",
            "JSONL",
            "ZIP",
            "CPU",
            "GPU",
            "token",
        ),
        *(
            "MOV",
            "WebM",
            "MKV",
            "JPEG",
            "PNG",
            "WebP",
            "GIF",
            "BMP",
            "TIFF",
            "HEIC",
            "AVIF",
            "Top-p",
            "top-p",
            "hub",
            "OCR",
        ),
        *(
            "CIDEr-D",
            "CER",
            "FSDD",
            "espeak-ng",
            "CIDEr",
            "WER",
            "mAP",
            "top",
            "ImageNet",
            "AudioSet",
            "Flickr",
            "COCO",
            "CLAP",
            "MVSA-Single",
            "SemEval",
        ),
        *("MVSA", "K-CN", "Karpathy", "ESC", "LibriSpeech", "test-clean", "Immich", "PP-OCRv", "SGD", "Adam", "AdamW"),
        *("dropout", "Apache", "BSD", "Clause", "MIT", "text", "image", "label", "OWNER", "NAME", "COMMIT"),
    )
)
"""Names, formats, metrics, and the columns of tables that people bring along."""
PUBLISHED = {word for one in registry.CHECKPOINTS for word in ENGLISH.findall(one.title) if one.source != "bundled"}
"""Titles of other people's models."""
CITED = re.compile(r"\[[^]]*(?: et al\.|mmcore evaluate)[^]]*]")
"""Papers, and commands."""
GRADIOS_KEY = re.compile(r"common\.[a-z_]+")
"""The key itself, which gradio 6.31 shows where its Chinese has no word for it (a file that has arrived)."""
ADDRESS = re.compile(r"(?:[\w-]+/)+[\w.-]+(?:@\w+)?|`[^`]*`|（[a-z0-9, -]+）")
"""Also commands, and the packages that are missing."""


def test_nothing_on_the_chinese_page_is_english(stay: Callable[..., Page], photo: Path) -> None:
    page = stay(language="zh")
    found: dict[str, str] = {}

    def english(said: str) -> bool:
        bare = ADDRESS.sub("", CITED.sub("", said))
        return not GRADIOS_KEY.fullmatch(said) and not all(
            word in NAMES or word in PUBLISHED for word in ENGLISH.findall(bare)
        )

    def look(where: str) -> None:
        shown: list[str] = []
        for _ in range(PATIENCE // 200):  # gradio's own words are changed a moment after they come
            shown = page.evaluate(COLLECT)
            if not any(map(english, shown)):
                break
            page.wait_for_timeout(200)
        for said in shown:
            found.setdefault(said, where)

    for tab in TABS:
        open_tab(page, text("zh", f"ui.tab.{tab.name}"))
        if tab.name == "captioning":  # one with an answer, and its words
            page.locator("#mm-picture input[type=file]").first.set_input_files(photo)
            expect(page.locator(".mm-foot").first).to_be_visible()
        for _ in range(PATIENCE // 100):  # what opens may hold more that is closed
            page.evaluate(OPEN_ALL)
            page.wait_for_timeout(100)
            if not page.locator(CLOSED).count():
                break
        else:
            pytest.fail(f"something stays closed in {tab.name}")
        look(tab.name)
    assert len(found) > 300
    assert {said: where for said, where in found.items() if english(said)} == {}


def test_every_fact_and_every_word_of_gradios_has_its_chinese() -> None:
    known = json.loads((LOCALES / "models_zh.json").read_text(encoding="utf-8"))
    for one in registry.CHECKPOINTS:
        said = [
            one.title,
            one.licence,
            *(part for item in one.quality for part in (item.metric, item.protocol, item.source)),
        ]
        for words in said:
            names = ENGLISH.findall(ADDRESS.sub("", words))
            plain = all(word in NAMES or word in PUBLISHED for word in names)
            assert plain or words in known or " et al" in words or words.startswith("mmcore "), words
    used = {
        part
        for one in registry.CHECKPOINTS
        for item in one.quality
        for part in (item.metric, item.protocol, item.source)
    }
    used |= {part for one in registry.CHECKPOINTS for part in (one.title, one.licence)}
    assert set(known) <= used
