"""The words of a post, as people type them on telephones -> the words that a model and a word list read.

The same sentence gives the same answer whatever keyboard wrote it: typographic apostrophes and quotation marks, HTML
entities, hashtags with and without capitals, emoji. What is no word is not read as one: links, @names, file names.
Everything here is pure and light.
"""

from __future__ import annotations

import html
import re
from functools import cache

# Link and @name keep a fixed stand-in, since posts without and with them differ; their letters say nothing.
LINK = re.compile(
    r"(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|co|cn|de|uk|fr|es)\b(?:/\S*)?", re.I
)
NAME = re.compile(r"(?<![\w.])@\w+")
FILE = re.compile(
    r"\b[\w-]+\.(?:jpe?g|png|gif|webp|heic|bmp|tiff?|mp[34]|wav|ogg|flac|mov|avi|pdf|docx?|xlsx?|csv|tsv|txt|zip)\b",
    re.I,
)
HASHTAG = re.compile(r"(?<![\w&])#(\w+)")
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
APOSTROPHES = str.maketrans(
    {"’": "'", "‘": "'", "´": "'", "`": "'", "ʼ": "'", "＇": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'}
)

EMOJI: dict[str, str] = {
    sign: word
    for word, signs in {
        "happy": "😀 😃 😄 😁 😊 🙂 😺 😸 🤗 ☺ 😇 🥳 🎉 😎",
        "love": "❤ ♥ 😍 🥰 😘 💕 💖 💗 💓 💞 💘 💙 💚 💛 💜 🧡 🖤 😻 💝 🫶",
        "funny": "😂 🤣 😆 😅 😹",
        "good": "👍 👌 ✅ 💯 🏆 🙌 👏 💪 🤩 ✨",
        "thankful": "🙏",
        "angry": "😡 😠 🤬 😤 👿 💢",
        "bad": "👎 ❌ 🚫 💩",
        "sad": "😢 😭 😞 😔 🙁 ☹ 😟 😿 😥 😓 🥺 😩 😫 😣 😖",
        "heartbroken": "💔",
        "disgusting": "🤮 🤢",
        "scared": "😱 😨 😰",
        "annoying": "🙄 😒 😑",
        "seriously annoying": "🙃",
        "dead": "💀 ☠",
        "confused": "😕 🤔 😐 😶",
    }.items()
    for sign in signs.split()
}
"""Emoji -> the English word that a reader would put there. The polarity follows the Emoji Sentiment Ranking
(Kralj Novak et al., PLOS ONE 2015) as far as those are clear; 🙃 is read as people use it since: not amused."""

_JOINED = re.compile("[\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff]")
_EMOJI = re.compile("|".join(map(re.escape, EMOJI)))

NEGATIONS = ("not", "no", "never", "cant", "dont", "isnt", "wasnt", "didnt", "wont", "aint")
_COMMON = """
a about after again all always am an and another any are as at back be because been before best better big bring but
by can come could day days did do does done down dream ever every everyone everything family feel feeling few first
food for forever friend friends from game get girl give go going gone got had has have he her here him his home hour
how i if in into is it its job just keep know last let life like little live long look made make man many me more
morning most much music must my need new next night now of off old on once one only or other our out over people
phone place please quote right said same say see she show so some someone something soon still summer take tell than
that the their them then there these they thing things this those time times to today together tomorrow too trip
true two up us very want was way we week weekend well were what when where which while who why will winter with
woman work world year yes yet you your vibes mood monday tuesday wednesday thursday friday saturday sunday
"""
_FEELINGS = """
amazing angry annoyed awesome awful bad beautiful blessed bored boring broken cool crap crazy cry crying cute dead
delicious depressed disappointed disaster disgusting dumb enjoy epic excited fail fantastic fear fun funny glad good
great grateful happiness happy hate hated horrible hurt joy kill lonely lost love loved lovely loving lucky mad miss
nice pain pathetic perfect pretty proud ruined sad scary sick smile sorry stupid success sucks super sweet terrible
thankful tired ugly upset useless waste win winning wonderful worried worse worst wow wrong yay
"""

FUNCTION_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "es": """el la los las un una unos unas de del que y en por para con sin es son eres soy está están esta este
        esto muy pero como más mi tu su te se lo le les nos yo ella ellos nosotros no sí hay todo toda nada siempre
        nunca hoy qué porque cuando también fue ser tengo tiene día mucho""",
        "de": """der die das den dem des ein eine einen einem einer und ist sind war bin bist nicht kein keine ich du er
        sie es wir ihr mich dich mir dir mit auf für von zu zum zur im am aber auch sehr so wie was wenn weil alles
        diesen diese dieser dieses heute immer nie habe hat haben mein dein schon noch nur mehr über""",
        "fr": """le la les un une des du de et est sont suis es je tu il elle nous vous ils elles ce cette ces ça c'est
        j'ai pas ne que qui dans pour avec sans sur très mais plus mon ma mes ton ta son sa tout tous rien jamais
        toujours aujourd'hui être avoir fait déteste j'aime quel""",
        "it": """il lo la gli le un una di del della che e è sono sei non per con senza in nel nella io tu lui lei noi
        voi loro questo questa molto ma come più mio tuo suo mi ti si tutto niente sempre mai oggi anche perché quando
        ho ha hanno""",
        "pt": """o a os as um uma de do da dos das que e é são sou não por para com sem em no na nos nas eu você ele ela
        nós eles este esta isso muito mas como mais meu minha seu sua tudo nada sempre nunca hoje também quando
        foi tenho tem""",
        "nl": """de het een en is zijn ben niet geen ik jij je hij zij wij we mij met op voor van naar maar ook heel zo
        als wat omdat alles deze dit vandaag altijd nooit heb heeft mijn nog meer over""",
        "en": """the a an and is are was were be been am i you he she it we they me my your his her its our their this
        that these those not no do does did don't can't isn't to of in on for with at by from as but or so if very
        just have has had will would can what who how why when all up out about more there than then too""",
    }.items()
}
"""Words that a sentence of the language can hardly do without: which language it is, told by its words."""

LANGUAGE_NAMES = {
    "es": ("Spanish", "西班牙语"),
    "de": ("German", "德语"),
    "fr": ("French", "法语"),
    "it": ("Italian", "意大利语"),
    "pt": ("Portuguese", "葡萄牙语"),
    "nl": ("Dutch", "荷兰语"),
}
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


def clean_post(text: str) -> str:
    """A post as a word list and an English encoder should read it. What is clean already comes back as it was."""
    clean = html.unescape(text).translate(APOSTROPHES)
    clean = NAME.sub("@user", LINK.sub("http://link", FILE.sub("file", clean)))
    clean = HASHTAG.sub(lambda tag: opened_hashtag(tag[1]), clean)
    clean = _EMOJI.sub(lambda sign: f" {EMOJI[sign[0]]} ", _JOINED.sub("", clean))
    return re.sub(r"[ \t]{2,}", " ", clean).strip() if clean != text else text


def opened_hashtag(tag: str) -> str:
    """ "NotHappy" and "nothappy" -> "#not happy": a sign for the tag, then its words. Unknown words stay together."""
    words = [word for word in HUMP.split(tag) if word]
    if len(words) == 1:
        words = _split(tag.lower()) or words
    return "#" + " ".join(words)


def has_words(text: str) -> bool:
    """Whether a text that ``clean_post`` has cleaned holds a letter outside links and names."""
    rest = text.replace("http://link", "").replace("@user", "")
    return any(letter.isalpha() for letter in rest)


def foreign_language(text: str) -> str | None:
    """Code of a Latin-script language other than English that most of the text is in; None for English or unclear.

    Function words are counted: two of another language, and more than twice the English ones.
    """
    words = [word.lower() for word in WORD.findall(text)]
    counts = {language: sum(word in known for word in words) for language, known in FUNCTION_WORDS.items()}
    english = sum(word in FUNCTION_WORDS["en"] and not _shared(word) for word in words)
    del counts["en"]
    best = max(counts, key=lambda language: counts[language])
    enough = counts[best] >= 2 or (counts[best] >= 1 and english == 0 and len(words) <= 4 and _only(best, words))
    return best if enough and counts[best] > 2 * english else None


def windows_of(text: str, most: int) -> list[str]:
    """The text in pieces of at most ``most`` words, cut between sentences where possible; a short one as it is."""
    pieces: list[list[str]] = [[]]
    for sentence in re.split(r"(?<=[.!?。！？\n])\s+", text):
        words = sentence.split()
        while len(words) > most:
            pieces.append(words[:most])
            words = words[most:]
        if len(pieces[-1]) + len(words) > most:
            pieces.append([])
        pieces[-1] += words
    found = [" ".join(piece) for piece in pieces if piece]
    return found if len(found) > 1 else [text]


def _shared(word: str) -> bool:
    return any(word in known for language, known in FUNCTION_WORDS.items() if language != "en")


def _only(language: str, words: list[str]) -> bool:
    """Whether a word is there that no English text has: one with an accent among the language's own."""
    return any(word in FUNCTION_WORDS[language] and not word.isascii() for word in words)


@cache
def _known() -> frozenset[str]:
    return frozenset({*_COMMON.split(), *NEGATIONS, *_FEELINGS.split()})


def _split(tag: str) -> list[str] | None:
    """ "worstdayever" -> ["worst", "day", "ever"]; None where it is one word or not made of known ones.

    The fewest words win; every word but "a" and "i" has two letters.
    """
    known = _known()
    best: list[list[str] | None] = [[]] + [None] * len(tag)
    for end in range(1, len(tag) + 1):
        for start in range(max(0, end - 16), end):
            before, word = best[start], tag[start:end]
            if before is None or word not in known or (len(word) == 1 and word not in "ai"):
                continue
            here = best[end]
            if here is None or len(before) + 1 < len(here):
                best[end] = [*before, word]
    found = best[-1]
    return found if found and len(found) > 1 else None
