"""Posts as people type them: the same sentence is read the same whatever keyboard wrote it."""

from __future__ import annotations

import pytest

from mmcore.io.texts import (
    clean_post,
    foreign_language,
    has_words,
    readable_part,
    telling_words,
    windows_of,
)


@pytest.mark.parametrize(
    "sign", ["’", "‘", "‛", "´", "`", "ʼ", "ʹ", "′", "＇", " '", "\u00a0'", "&#39;", "&amp;#39;", "&rsquo;", "&apos;"]
)
def test_every_apostrophe_is_one(sign: str):
    assert clean_post(f"I don{sign}t like it") == "I don't like it"


@pytest.mark.parametrize(
    "text",
    [
        *("I ｈａｔｅ this", "I 𝗵𝗮𝘁𝗲 this", "I ha\u00adte this", "I hate\u200b this", "I\u00a0hate this"),
        *("I h\u0430te this", "I <b>hate</b> this"),
    ],
)
def test_letters_of_every_keyboard_are_the_plain_ones(text: str):
    assert clean_post(text) == "I hate this"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("this is soooooo gooood", "this is so good"),
        ("I HAAATE it, reallllly", "I HATE it, really"),
        ("Yesss sweeeet", "Yes sweet"),
        ("hmmm World War III, www, zzzz and xyzzzy", "hmmm World War III, www, zzzz and xyzzzy"),
    ],
)
def test_drawn_out_words_are_the_usual_ones(text: str, clean: str):
    assert clean_post(text) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("room 204 bit.ly/love-best", "room 204 http://link"),
        ("room 204 example.xyz/hate-kill", "room 204 http://link"),
        ("//cdn.example.com/hate.js", "http://link"),
        ("I love it.Great place", "I love it.Great place"),
        ("noon @hate.kill.die", "noon @user"),
        ("noon .@hate_kill", "noon .@user"),
        ("noon u/hate_kill_die", "noon @user"),
        ("noon @hate_kill@social.example", "noon @user"),
        (r"see C:\hate\kill.docx now", "see file now"),
        ("see ~/love/best.tar.gz", "see file"),
        ("love.best.great.webm", "file"),
        ("I am not #happy", "I am not happy"),
        ("#ihatemondays", "#i hate mondays"),
        ("#therapist", "#therapist"),
        (":(", "sad"),
        ("<3 <3", "love love"),
        ("fine :(", "fine :("),
        ("&nbsp;", ""),
        ("🖕", "angry"),
        ("at 3pm https://example.com/love-best-great", "at 3pm http://link"),
        ("see www.hate.example/kill now", "see http://link now"),
        ("@hate_kill_die at 3pm", "@user at 3pm"),
        ("photo: sunset_love_best.jpg", "photo: file"),
        ("mail love@example.com", "mail @user"),
        ("😡", "angry"),
        ("❤️", "love"),
        ("👍🏽 nice", "good nice"),
        ("#NotHappy today", "#Not Happy today"),
        ("#nothappy", "#not happy"),
        ("#worstdayever", "#worst day ever"),
        ("#notimpressed", "#not impressed"),
        ("#neverdisappoints", "#never disappoints"),
        ("#donteatthere", "#dont eat there"),
        ("#notebook #notable #nothing", "#notebook #notable #nothing"),
        ("#london", "#london"),
        ("salt &amp; pepper", "salt & pepper"),
    ],
)
def test_what_is_no_word_is_not_read_as_one(text: str, clean: str):
    assert clean_post(text) == clean


def test_links_and_names_go_where_they_should():
    assert clean_post("noon https://a.example/hate @kill you@love.com", stand_ins=False) == "noon"
    assert clean_post("https://a.example/hate", stand_ins=False) == ""


@pytest.mark.parametrize("text", ["I don't like this phone at all", "two  blanks\nand a line", "Room 204, 3pm!", ""])
def test_a_clean_text_comes_back_as_it_was(text: str):
    assert clean_post(text) == text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Te odio, eres una persona mala y triste", "es"),
        ("Ich liebe diesen Tag, alles ist wunderbar", "de"),
        ("je déteste ça", "fr"),
        ("Odio questo telefono, non funziona mai", "it"),
        ("que dia horrível, não gostei de nada", "pt"),
        ("Het eten was slecht en koud", "nl"),
        ("Detta är den sämsta filmen jag har sett", "sv"),
        ("Det er en dårlig film", "da"),
        ("Bardzo dobry film", "pl"),
        ("Bundan nefret ediyorum", "tr"),
        ("Film ini sangat jelek", "id"),
        ("Tôi ghét điều này", "vi"),
        ("muy malo", "es"),
        ("Danke schön", "de"),
        ("On my way to LA", None),
        ("Me and the boys", None),
        ("Leonardo da Vinci exhibition", None),
        ("Fun in Rio de Janeiro", None),
        ("toll road", None),
        ("Belle and Bella", None),
        ("Was hat he done", None),
        ("I am so happy today", None),
        ("a man on a bike", None),
        ("die hard is the best", None),
        ("Les Misérables was amazing", None),
        ("lol nice", None),
        ("", None),
    ],
)
def test_a_language_is_told_by_its_words(text: str, language: str | None):
    assert foreign_language(text) == language


def test_the_english_half_of_a_text_is_read():
    assert readable_part("Great food, aber der Kellner war nicht nett") == ("Great food,", "de")
    assert readable_part("The room is small. La comida estaba fria.") == ("The room is small.", "es")
    assert readable_part("La comida estaba fria. Nunca más!") == ("La comida estaba fria. Nunca más!", "es")
    assert readable_part("Good, really good.") == ("Good, really good.", None)


def test_words_that_tell_something():
    assert telling_words("the table http://link @user") == ["table"]
    assert telling_words("asdfgh qwrtzp") == []
    assert telling_words("the train leaves at noon") == ["train", "leaves", "noon"]


@pytest.mark.parametrize(
    ("text", "there"), [(".", False), ("12 :)", False), ("http://link @user", False), ("ok", True)]
)
def test_whether_there_is_anything_to_read(text: str, there: bool):
    assert has_words(text) is there


def test_windows_hold_every_word_once():
    text = " ".join(f"This is sentence number {number}." for number in range(60))
    windows = windows_of(text, 90)
    assert len(windows) == 4
    assert " ".join(windows) == text
    assert all(len(window.split()) <= 90 for window in windows)
    assert [len(window.split()) for window in windows_of("word " * 200, 90)] == [90, 90, 20]
    assert windows_of("short  text\n", 90) == ["short  text\n"]
