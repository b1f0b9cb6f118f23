"""Chinese into English, word by word: words, order, both kinds of characters, mixed texts, and what is left alone."""

from __future__ import annotations

import gzip
from importlib import resources

import pytest

from mmcore.io.chinese import dictionary, english_of, has_chinese, segment


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("猫", "cat"),
        ("笔记本电脑", "laptop"),
        ("红色的汽车", "red car"),
        ("戴帽子的男人", "man wearing hat"),  # what describes goes behind
        ("一个穿蓝色衣服的男人", "a man wearing blue clothes"),  # and the number stays in front
        ("有一只狗在奔跑", "a dog running"),  # there is; is running
        ("坐在台阶上的男女", "man and woman sitting on steps"),  # at ... on
        ("城市夜景", "city at night"),
        ("一朵蒲公英", "a dandelion"),  # what things are counted with is left out
        ("两架飞机", "two airplane"),
        ("郁金香和百合花", "tulip and lily"),
        ("我不喜欢这部电影", "I do not like this movie"),
        ("质量不错，推荐购买", "quality pretty good, recommend buy"),
        ("太好了！", "too good!"),
    ],
)
def test_words_and_their_order(text: str, english: str) -> None:
    assert english_of(text) == english


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("一只狗在草地上奔跑", "一隻狗在草地上奔跑"),
        ("两个女孩骑自行车", "兩個女孩騎自行車"),
        ("飞机和火车", "飛機和火車"),
        ("戴帽子的男人", "戴帽子的男人"),
    ],
)
def test_traditional_characters_are_read_as_simplified_ones(simplified: str, traditional: str) -> None:
    assert english_of(traditional) == english_of(simplified)


def test_what_is_not_chinese_stays() -> None:
    assert english_of("a 猫 with iPhone 15 ☕") == "a cat with iPhone 15 ☕"
    assert english_of("生日快乐！🎂 @anna") == "birthday happy! 🎂 @anna".replace("! ", "!")
    for text in ("a black cat", "", "кошка", "猫が好き", "ネコ", "고양이"):  # kana: the signs are Japanese
        assert english_of(text) == text


def test_only_chinese_is_chinese() -> None:
    assert has_chinese("猫")
    assert has_chinese("a 猫")
    assert not any(map(has_chinese, ("a cat", "猫です", "кошка", "고양이", "")))


def test_signs_without_a_word_are_left_out() -> None:
    assert english_of("㐀") == ""
    assert segment("㐀狗") == ["㐀", "狗"]


def test_segments_are_the_text_again() -> None:
    text = "一个小男孩在草地上玩篮球旁边有两只狗"
    assert "".join(segment(text)) == text
    assert {"小男孩", "篮球"} <= set(segment(text))


def test_a_long_text_takes_no_time() -> None:
    assert len(english_of("今天天气真好" * 800).split()) == 800 * 4


def test_the_dictionary_says_whose_it_is_and_has_short_glosses() -> None:
    folder = resources.files("mmcore") / "bundled" / "dictionary"
    notice = gzip.decompress((folder / "words.tsv.gz").read_bytes()).decode().splitlines()[:3]
    assert "CC-CEDICT" in notice[0]
    assert "Attribution-ShareAlike 4.0" in notice[1]
    assert "CC BY-SA 4.0" in (folder / "README.md").read_text(encoding="utf-8")
    words = dictionary()
    assert len(words) > 30_000
    assert all(entry.gloss.isascii() and "\t" not in entry.gloss and entry.cost > 0 for entry in words.values())
