"""What was read in a picture, as HTML."""

from __future__ import annotations

import pytest

from demo.ui import text_boxes
from demo.ui.i18n import LANGUAGES, text
from mmcore.results import GroundedPhrase
from mmcore.results.ocr import TextLine

BOX = ((0.1, 0.2), (0.5, 0.2), (0.5, 0.3), (0.1, 0.3))


def read(*lines: str) -> tuple[TextLine, ...]:
    return tuple(TextLine(line, 0.9, BOX) for line in lines)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_is_listed_and_boxed(language: str):
    html = text_boxes.reading(read("one <i>", "two"), "data:x", (200, 100), language)
    assert text(language, "text.reads") in html
    assert html.count("<li>") == html.count("<polygon") == 2
    assert 'points="20.0,20.0 100.0,20.0 100.0,30.0 20.0,30.0"' in html
    assert "<i>" not in html
    assert 'data-text="one &lt;i&gt; two"' in html


def test_a_phrase_has_its_number_in_the_list_and_on_the_picture():
    phrases = [
        GroundedPhrase("a <dog>", ((0.1, 0.2, 0.5, 0.4), (0.6, 0.2, 0.9, 0.4))),
        GroundedPhrase("grass", ((0.0, 0.5, 1.0, 1.0),)),
    ]
    html = text_boxes.grounding(phrases, "data:x", (200, 100), "en")
    assert html.count("<li") == 2
    assert html.count("<polygon") == 3
    assert (html.count(">1</text>"), html.count(">2</text>")) == (2, 1)
    assert 'points="20.0,20.0 100.0,20.0 100.0,40.0 20.0,40.0"' in html
    assert "<dog>" not in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_nothing_was_found_it_says_so(language: str):
    assert text(language, "text.phrases_none") in text_boxes.grounding((), "data:x", (200, 100), language)


def test_without_text_it_says_so():
    assert text("en", "text.reads_none") in text_boxes.reading(read(), "data:x", (200, 100), "en")
