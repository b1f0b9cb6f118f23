"""Result -> HTML, read back with an HTML parser."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from demo.captioning import view
from demo.ui import html
from demo.ui.events import Failure
from mmcore.errors import InputError
from mmcore.results import Caption, CaptionResult, Tag, Word


@dataclass
class Node:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    nodes: list[Node] = field(default_factory=list)
    opened: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, dict(attrs))
        self.nodes.append(node)
        if tag not in ("img", "br"):
            self.opened.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened, f"</{tag}> closes nothing"
        assert self.opened.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for node in self.opened:
            node.text += data

    def find(self, **wanted: str) -> list[Node]:
        """Nodes with that tag= or that word in class_=, or that attribute."""
        found = self.nodes
        for name, value in wanted.items():
            if name == "tag":
                found = [node for node in found if node.tag == value]
            elif name == "class_":
                found = [node for node in found if value in (node.attributes.get("class") or "").split()]
            else:
                found = [node for node in found if node.attributes.get(name.replace("_", "-")) == value]
        return found


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert not page.opened, f"not closed: {page.opened}"
    return page


def caption(text: str, maps: bool = True, score: float = 0.5) -> Caption:
    words = tuple(Word(word, 0.9 - 0.1 * place) for place, word in enumerate(text.split()))
    evidence = np.full((len(words), 2, 2), 0.25, np.float32)
    evidence[-1] = [[0, 0], [0, 1]]
    return Caption(text=text, score=score, words=words, maps=evidence if maps else None)


def answer(*captions: Caption, confident: bool = True, tags: tuple[Tag, ...] = ()) -> view.Answer:
    result = CaptionResult(captions, "compact-captioner", "cpu", 0.0432, tags=tags, confident=confident)
    return view.answer_of(result, Image.new("RGB", (1600, 800), "red"))


def test_words_are_buttons_with_a_map_and_a_readout() -> None:
    page = read(view.panel(answer(caption("a dog runs")), "en"))
    words = page.find(tag="button", class_="mm-word")
    assert [word.text for word in words] == ["a", "dog", "runs"]
    assert words[1].attributes["data-readout"] == (
        "“dog” — probability 80 %. Bright: where the model looked for this word."
    )
    assert all((word.attributes["data-map"] or "").startswith("data:image/png;base64,") for word in words)
    assert [word for word in words if "data-first" in word.attributes] == [words[2]]


def test_the_map_of_a_word_is_bright_where_its_evidence_is() -> None:
    page = read(view.panel(answer(caption("a dog")), "en"))
    address = page.find(class_="mm-word")[1].attributes["data-map"] or ""
    overlay = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGBA")
    assert overlay.size == (96, 48)
    dark, bright = overlay.getpixel((0, 0)), overlay.getpixel((95, 47))
    assert isinstance(dark, tuple)
    assert isinstance(bright, tuple)
    assert np.abs(np.subtract(dark[:3], (0x44, 0x01, 0x54))).max() <= 6
    assert np.abs(np.subtract(bright[:3], (0xFD, 0xE7, 0x25))).max() <= 6
    assert bright[3] > dark[3] > 0


def test_punctuation_is_no_word_to_point_at() -> None:
    page = read(view.panel(answer(caption("a dog .")), "en"))
    assert [word.text for word in page.find(class_="mm-word")] == ["a", "dog"]
    assert page.find(class_="mm-caption")[0].text == "a dog."


def test_without_maps_there_is_no_why() -> None:
    page = read(view.panel(answer(caption("a dog", maps=False)), "en"))
    assert not page.find(tag="details")
    assert [word.tag for word in page.find(class_="mm-word")] == ["span", "span"]


def test_the_picture_is_small_upright_and_described() -> None:
    page = read(view.panel(answer(caption("a dog runs")), "en"))
    picture = page.find(tag="img", alt="a dog runs")[0]
    assert (picture.attributes["width"], picture.attributes["height"]) == ("720", "360")
    assert page.find(class_="mm-legend")[0].text == "littlemuch"


def test_what_orders_the_alternatives_is_shown() -> None:
    ordered = [
        replace(caption(text, score=score), rank=rank) for text, score, rank in (("a", 0.5, 2.0), ("b", 0.9, 1.0))
    ]
    page = read(view.panel(answer(*ordered), "en"))
    assert [one.text for one in page.find(class_="mm-fit")] == ["1.00", "0.37"]  # e to the power of the difference
    said = page.find(class_="mm-alternatives")[0].text
    assert "In the order in which they fit the picture" in said
    by_score = view.panel(answer(caption("a", score=0.9), caption("b", score=0.5)), "en")
    assert "The surest of its own words first" in by_score
    by_search = view.panel(answer(caption("a", score=0.5), caption("b", score=0.9)), "en")
    assert "In the order of the search" in by_search


def test_a_sentence_is_shown_once() -> None:
    page = read(view.panel(answer(caption("a", score=0.9), caption("b", score=0.7), caption("a", score=0.5)), "en"))
    assert [one.text for one in page.find(class_="mm-caption")] == ["a", "b"]
    assert [one.text for one in page.find(tag="button") if "data-show" in one.attributes] == ["a", "b"]


def test_a_newcomer_finds_a_finished_answer_that_is_called_an_example() -> None:
    shown = read(view.first_view(answer(caption("a dog runs")), "en"))
    assert shown.find(class_="mm-first-hint")[0].text.startswith("An answer that is there already")
    assert shown.find(tag="button", class_="mm-word")
    assert view.first_view(None, "en") == ""


def test_alternatives_can_take_the_place_of_the_caption() -> None:
    page = read(view.panel(answer(caption("a dog", score=0.5), caption("two dogs", score=0.125)), "en"))
    first, second = page.find(class_="mm-caption")
    assert "hidden" not in first.attributes
    assert "hidden" in second.attributes
    assert [
        (node.attributes["data-show"], node.text) for node in page.find(tag="button") if "data-show" in node.attributes
    ] == [
        ("0", "a dog"),
        ("1", "two dogs"),
    ]
    assert "12 %" in page.find(tag="ol")[0].text
    assert not read(view.panel(answer(caption("a dog")), "en")).find(tag="ol")


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "I am not sure about this sentence. I recognise: espresso (93 %), cup (40 %)."),
        ("zh", "这句话我没有把握。我认出的有：浓缩咖啡 (93 %)、杯子 (40 %)。"),
    ],
)
def test_doubt_is_shown_with_what_is_recognised(language: str, sentence: str) -> None:
    tags = (Tag("espresso", 0.93), Tag("cup", 0.4), Tag("table", 0.01))
    page = read(view.panel(answer(caption("a dog"), confident=False, tags=tags), language))
    assert page.find(class_="mm-doubt")[0].text == sentence
    assert not read(view.panel(answer(caption("a dog"), tags=tags), language)).find(class_="mm-doubt")


def test_doubt_without_tags() -> None:
    page = read(view.panel(answer(caption("a dog"), confident=False), "en"))
    assert page.find(class_="mm-doubt")[0].text == "I am not sure about this one."


def test_chips_say_model_tier_device_and_time() -> None:
    page = read(view.panel(answer(caption("a dog")), "zh"))
    chips = [
        chip.text for chip in page.find(class_="mm-chips")[0:1] and page.find(tag="li") if "title" in chip.attributes
    ]
    assert chips == ["模型: 小型图片描述模型", "档次: 精简", "设备: CPU", "用时: 0.043 s"]


def test_the_download_holds_the_json_contract() -> None:
    shown = answer(caption("a dog"))
    link = read(view.panel(shown, "en")).find(tag="a", download="caption.json")[0]
    content = base64.b64decode((link.attributes["href"] or "").split(",")[1]).decode()
    assert json.loads(content) == shown.result.to_dict()


def test_copying_gets_the_text_of_the_caption() -> None:
    page = read(view.panel(answer(caption("a dog .")), "en"))
    assert page.find(class_="mm-caption")[0].attributes["data-text"] == "a dog ."
    assert page.find(data_done="Copied")[0].text == "Copy"


def test_hostile_words_stay_text() -> None:
    hostile = Caption('<script>alert("x")</script>', 0.5, (Word('<img src=x onerror="y">', 0.5),))
    page = read(view.panel(answer(hostile, hostile), "en"))
    assert not page.find(tag="script")
    assert not page.find(src="x")


@pytest.mark.parametrize(("language", "sentence"), [("en", "The file is empty"), ("zh", "文件是空的")])
def test_an_error_stands_where_the_answer_would(language: str, sentence: str) -> None:
    page = read(view.panel(Failure(InputError("image_empty")), language))
    assert sentence in page.find(role="alert")[0].text


def test_an_unexpected_error_shows_its_reference_only() -> None:
    page = read(view.panel(Failure(None, "0a1b2c3d"), "en"))
    assert "Something went wrong (ref 0a1b2c3d)" in page.find(role="alert")[0].text


def test_nothing_yet() -> None:
    assert "Choose a picture" in read(view.panel(None, "en")).find(class_="mm-empty")[0].text


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0 %"), (0.001, "<1 %"), (0.01, "1 %"), (0.834, "83 %"), (0.999, ">99 %"), (1, "100 %")],
)
def test_percent(share: float, shown: str) -> None:
    assert html.percent(share) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.0432, "0.043 s"), (1.234, "1.2 s"), (34.4, "34 s")])
def test_seconds(seconds: float, shown: str) -> None:
    assert html.seconds_text(seconds) == shown


def test_devices() -> None:
    assert html.device_name("cpu") == "CPU"
    assert html.device_name("cuda:0") == "GPU (cuda:0)"


@pytest.mark.parametrize(("sentence", "first"), [("a cat of mine", "cat"), ("of the", "of"), ("a dog , a", "dog")])
def test_the_first_map_belongs_to_a_word_that_names_something(sentence: str, first: str) -> None:
    texts = sentence.split()
    maps = np.full((len(texts), 7, 7), 1 / 49, np.float32)
    maps[0] = 0
    maps[0, 3, 3] = 1  # the most concentrated
    caption = Caption(sentence, 0.5, tuple(Word(text, 0.9) for text in texts), maps)
    told = view._most_telling(caption)
    assert told is not None
    assert texts[told] == first


def test_a_chinese_caption_is_marked_as_such_and_has_no_blanks() -> None:
    words = tuple(Word(word, 0.8) for word in ("草地上", "的", "狗"))
    maps = np.full((3, 2, 2), 0.25, np.float32)
    maps[1] = [[1, 0], [0, 0]]  # the sharpest map is that of a particle, which names nothing
    maps[2] = [[0.7, 0.1], [0.1, 0.1]]
    chinese = Caption("草地上的狗", 0.8, words, maps, language="zh")
    page = read(view.panel(answer(chinese, replace(chinese, text="狗")), "en"))
    paragraph = page.find(class_="mm-caption")[0]
    assert (paragraph.attributes["lang"], paragraph.text) == ("zh", "草地上的狗")
    shown = [node.text for node in page.find(class_="mm-word") if "data-first" in node.attributes]
    assert shown[0] == "狗"
    assert [node.attributes["lang"] for node in page.find(tag="button") if "data-show" in node.attributes] == [
        "zh",
        "zh",
    ]
