"""Answers put together from what the bundled models know, without a language model: each sentence has its source.

A question is told apart by its words (``mmcore/io/questions.py``). What is in a picture is said by the captioner and
its tagger, whether something is in it by the retriever and the tagger together, which of several things it is by the
retriever, colours are measured, text is read where the extra is installed. What none of them can know is said so.

Whether a thing is there is a probability of a logistic regression over two signals, the logit of the retriever's
calibrated score of "a THING" and the logit of the tagger's probability of that word where it knows it (Platt scaling of
their sum). It was fitted on the labels of 127 COCO pictures, each thing that is there with as many that are not;
``mmcore evaluate ask`` counts how often its yes and its no are right. In between it says that it cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from PIL import Image

from mmcore.checkpoints.registry import find
from mmcore.families.base import Captioner
from mmcore.io.chinese import english_of
from mmcore.io.colour_measure import colour_shares
from mmcore.io.images import clean_text
from mmcore.io.questions import COLOURS, Asked, understood
from mmcore.io.tag_names import tag_text
from mmcore.pool import ModelPool
from mmcore.results import AnswerPart, Caption, CaptionOptions, Notice, Query, Tag, ZeroShotOptions
from mmcore.results.ocr import one_line
from mmcore.tasks import ocr
from mmcore.tasks.embedding import background, embed_images
from mmcore.tasks.matching import explain_match, similarity, zero_shot
from mmcore.tasks.prompts import fill
from mmcore.tasks.reading import word_by_word
from mmcore.types import Floats

EYES = "compact-answers"
RETRIEVER = "compact-retriever"
SURE, DOUBTED = 0.75, 0.2
"""Probability from which on a thing is there, and below which it is not; in between nobody can tell."""
KNOWN, UNKNOWN = (0.81, 0.38, 2.92), (0.72, 0.0, 0.75)
"""Weights of the retriever's logit, the tagger's logit, and what is added: for words that the tagger knows, and for
others. Fitted as the text above says."""
LEAST_TAG = 0.35
"""Tags less probable than this are not named in an answer."""
LEAST_COLOUR, MOST_COLOURS = 0.12, 3
CLEAR = 0.8
"""Probability from which on one of several things stands out."""
TAGGER = 0.5
"""How much the tagger's say counts in a choice, where it knows all that is to choose from."""
LEAST = 0.01
"""Added to a tagger's probability before it counts in a choice."""
WORDED = {"indoors": "inside", "outdoors": "outside", "indoor": "inside", "outdoor": "outside"}
"""What is asked for -> the word for it that the captions have on which retriever and tagger were trained."""
LISTS = ((", ", " (", ")"), ("、", "（", "）"))
"""How things with a figure are listed, in English and in Chinese."""
TEXT_GRID = 28
CHOICE = 8
"""Chinese sentences to choose from."""
PEOPLE = ("person", "people", "man", "men", "woman", "women", "boy", "girl", "child", "children", "guy", "lady", "baby")
"""What the tagger calls a person."""
PLACES: dict[tuple[int, int], tuple[str, str]] = {
    (-1, -1): ("in the upper left", "左上方"),
    (-1, 0): ("at the top", "上方"),
    (-1, 1): ("in the upper right", "右上方"),
    (0, -1): ("on the left", "左边"),
    (0, 0): ("in the middle", "中间"),
    (0, 1): ("on the right", "右边"),
    (1, -1): ("in the lower left", "左下方"),
    (1, 0): ("at the bottom", "下方"),
    (1, 1): ("in the lower right", "右下方"),
}
"""(down, across): -1, 0 or 1 from the middle."""

Parts: TypeAlias = "list[AnswerPart]"


class Eyes(Captioner, Protocol):
    """What the captioner of the bundle offers beyond ``Captioner``."""

    def word_probability(self, image: Image.Image, words: Sequence[str]) -> float | None:
        """Of the likeliest of the words; None where none is known."""


def compose(
    pool: ModelPool, images: Sequence[Image.Image], question: str, earlier: Sequence[str], explain: bool
) -> tuple[Asked, tuple[AnswerPart, ...], tuple[Notice, ...]]:
    """What was asked, the sentences of the answer, and what was assumed to find them.

    ``earlier`` are the questions before. Raises InputError for a thing in a script that cannot be read, WeightsError
    and CapacityError.
    """
    asked = understood(clean_text(question, pool.settings), earlier)
    parts: Parts = []
    if asked.kind == "compare":
        parts += _compared(pool, images)
    for number, image in enumerate(images, 1):
        own = _ABOUT[asked.kind](pool, image, asked, explain)
        parts += [replace(part, picture=number) for part in own] if len(images) > 1 else own
    parts = list({(part.code, part.params, part.picture * (not part.refuses)): part for part in parts}.values())
    parts = [replace(part, picture=0) if part.refuses and part.code != "cannot_read" else part for part in parts]
    return asked, tuple(parts), word_by_word(find(RETRIEVER), asked.things)


# What is in it


def _seen(pool: ModelPool, image: Image.Image, language: str, explain: bool, tags: bool = True) -> Parts:
    """The captioner's sentence, in the language of the question, too, and what the tagger is fairly sure of."""

    def look(model: Eyes, pictures: Sequence[Image.Image]) -> list[tuple[list[_Sentence], tuple[Tag, ...]]]:
        return [(_sentences(model, picture, language), model.tags(picture)) for picture in pictures]

    (((english, *chinese), tagged),) = pool.run(EYES, look, [image])
    own = _chosen(pool, image, chinese) if chinese else english
    both = (english.caption.text, own.caption.text)
    where = None
    if explain:
        (where,) = pool.run(EYES, lambda model, some: [_telling_map(model, one, own.caption) for one in some], [image])
    part = AnswerPart.of("seen" if own.sure else "seen_unsure", caption=both, map=where)
    return [part, *(_tags(tagged) if tags else [])]


class _Sentence(NamedTuple):
    caption: Caption
    sure: bool
    """Whether the tagger backs it, and sees the people that it speaks of."""


def _sentences(model: Eyes, image: Image.Image, language: str) -> list[_Sentence]:
    """The best English one; where the question is in Chinese, those to choose from follow."""
    captions = list(model.caption([image], CaptionOptions())[0])
    if language == "zh":
        captions += model.caption([image], CaptionOptions(language="zh", num_captions=CHOICE))[0]
    seen = (model.word_probability(image, PEOPLE) or 0.0) >= LEAST_TAG

    def sure(caption: Caption) -> bool:
        people = set(re.findall(r"\w+", english_of(caption.text).lower())).intersection(PEOPLE)
        return model.confident(image, caption) and (seen or not people)

    return [_Sentence(caption, sure(caption)) for caption in captions]


def _chosen(pool: ModelPool, image: Image.Image, sentences: Sequence[_Sentence]) -> _Sentence:
    """Of Chinese ones that which the retriever finds most like the picture, as the dictionary words it in English.

    English ones are re-ranked by the captioner with the same network; alone it likes best what is common, a cat at a
    window.
    """
    sentences = [one for one in sentences if one.sure] or sentences
    words = [english_of(one.caption.text).lower() for one in sentences]
    return sentences[int(similarity(pool, [image], words, RETRIEVER).scores[0].argmax())]


def _telling_map(model: Captioner, image: Image.Image, caption: Caption) -> Floats | None:
    """That of the caption's word which the tagger backs most; None where it backs none."""
    named = [tag.text for tag in model.tags(image, caption.language)]
    backed = [(named.index(word.text), place) for place, word in enumerate(caption.words) if word.text in named]
    return model.word_maps(image, caption)[min(backed)[1]] if backed else None


def _tags(tags: Sequence[Tag]) -> Parts:
    sure = [tag for tag in tags if tag.probability >= LEAST_TAG]
    if not sure:
        return [AnswerPart.of("tags_none")]
    english = ", ".join(f"{tag.text} ({_shown(tag.probability):.0%})" for tag in sure)
    names = {tag_text("zh", tag.text): tag.probability for tag in reversed(sure)}  # "dog" and "dogs" are one word
    chinese = "、".join(f"{name}（{_shown(share):.0%}）" for name, share in reversed(names.items()))
    return [AnswerPart.of("tags", things=(english, chinese))]


def _what(pool: ModelPool, image: Image.Image, asked: Asked, explain: bool) -> Parts:
    return _seen(pool, image, asked.language, explain)


# Whether something is in it, which of several, and where


def probability_of(pool: ModelPool, image: Image.Image, thing: str) -> float:
    """How probable it is that the thing ("a dog", "狗") is in the picture, where half of all things asked for are."""
    english = english_of(thing).lower() or thing
    score = similarity(pool, [image], [fill("a {}", english)], RETRIEVER).scores[0, 0]
    (tagged,) = _tagged(pool, image, [english])
    first, second, constant = UNKNOWN if tagged is None else KNOWN
    total = first * _logit(float(score)) + second * _logit(0.5 if tagged is None else tagged) + constant
    return float(1 / (1 + np.exp(-total)))


def _tagged(pool: ModelPool, image: Image.Image, things: Sequence[str]) -> list[float | None]:
    """What the tagger says of each thing in English; None for those that it does not know."""
    words = [_names(thing) for thing in things]

    def work(model: Eyes, pictures: Sequence[Image.Image]) -> list[list[float | None]]:
        return [[model.word_probability(picture, some) for some in words] for picture in pictures]

    return pool.run(EYES, work, [image])[0]


def _names(english: str) -> tuple[str, ...]:
    """How the tagger may call the thing: itself, one of it, many of it; for a person all that people are called."""
    word = re.sub(r"^(?:an?|one|the) ", "", english).strip()
    if word in ("person", "people", "human", "persons", "humans", "human being"):
        return PEOPLE
    return tuple(dict.fromkeys((word, word.removesuffix("s"), word.removesuffix("es"), f"{word}s", f"{word}es")))


def _logit(share: float) -> float:
    kept = min(max(share, 1e-4), 1 - 1e-4)
    return float(np.log(kept / (1 - kept)))


def _shown(probability: float) -> float:
    """As it is said: nothing is certain."""
    return min(max(probability, 0.01), 0.99)


def _heat(pool: ModelPool, image: Image.Image, thing: str) -> Floats:
    """(rows, columns), >= 0, sum 1: where the retriever finds what speaks for the thing."""
    found = np.maximum(np.nan_to_num(explain_match(pool, image, Query.of(thing), RETRIEVER).heat), 0)
    total = float(found.sum())
    shares = found / total if total > 0 else np.full_like(found, 1 / found.size)
    return shares.astype(np.float32)


def _presence(pool: ModelPool, image: Image.Image, asked: Asked, explain: bool) -> Parts:
    if not asked.thing:
        return _seen(pool, image, asked.language, explain)
    probability = probability_of(pool, image, asked.thing)
    if probability < DOUBTED:
        return [AnswerPart.of("no", thing=asked.thing, probability=_shown(1 - probability))]
    code = "yes" if probability >= SURE else "unsure"
    heat = _heat(pool, image, asked.thing) if explain else None
    return [AnswerPart.of(code, thing=asked.thing, probability=_shown(probability), map=heat)]


def _choice(pool: ModelPool, image: Image.Image, asked: Asked, explain: bool) -> Parts:
    worded = {thing: WORDED.get(english_of(thing).lower(), thing) for thing in asked.things}
    found = zero_shot(pool, image, ZeroShotOptions(tuple(dict.fromkeys(worded.values()))), RETRIEVER).labels
    fits = {one.label: one.score for one in found}
    scored = {thing: fits[word] for thing, word in worded.items()}
    tagged = _tagged(pool, image, [english_of(word).lower() for word in worded.values()])
    if all(share is not None for share in tagged):
        scored = {
            thing: score * (LEAST + (share or 0)) ** TAGGER
            for (thing, score), share in zip(scored.items(), tagged, strict=True)
        }
    total = sum(scored.values())
    (best, score), *others = sorted(((thing, one / total) for thing, one in scored.items()), key=lambda item: -item[1])
    listed = [
        join.join(f"“{thing}”{left}{_shown(one):.0%}{right}" for thing, one in others) for join, left, right in LISTS
    ]
    heat = _heat(pool, image, worded[best]) if explain else None
    code = "choice" if score >= CLEAR else "choice_close"
    return [AnswerPart.of(code, first=best, probability=_shown(score), others=(listed[0], listed[1]), map=heat)]


def _where(pool: ModelPool, image: Image.Image, asked: Asked, explain: bool) -> Parts:
    probability = probability_of(pool, image, asked.thing)
    if probability < DOUBTED:
        return [AnswerPart.of("where_nowhere", thing=asked.thing)]
    heat = _heat(pool, image, asked.thing)
    place, shown = place_of(heat), heat if explain else None
    if probability < SURE:
        return [
            AnswerPart.of("where_unsure", thing=asked.thing, probability=_shown(probability), place=place, map=shown)
        ]
    return [AnswerPart.of("where", thing=asked.thing, place=place, map=shown)]


def place_of(heat: Floats) -> tuple[str, str]:
    """Where the strongest part of a map lies, in English and in Chinese."""
    strong = np.where(heat >= 0.6 * heat.max(), heat, 0)
    rows, columns = np.indices(heat.shape)
    down = float((strong * (rows + 0.5)).sum() / strong.sum()) / heat.shape[0]
    across = float((strong * (columns + 0.5)).sum() / strong.sum()) / heat.shape[1]
    return PLACES[_third(down), _third(across)]


def _third(share: float) -> int:
    return -1 if share < 0.36 else 1 if share > 0.64 else 0


# Colours


def _colours(pool: ModelPool, image: Image.Image, asked: Asked, explain: bool) -> Parts:
    return [AnswerPart.of("colours", colours=_listed(colour_shares(image)))]


def _colour(pool: ModelPool, image: Image.Image, asked: Asked, explain: bool) -> Parts:
    if not asked.thing:
        return _colours(pool, image, asked, explain)
    probability = probability_of(pool, image, asked.thing)
    if probability < DOUBTED:
        return [
            AnswerPart.of("no", thing=asked.thing, probability=_shown(1 - probability)),
            *_colours(pool, image, asked, explain),
        ]
    heat = _heat(pool, image, asked.thing)
    noun = re.sub(r"^(?:an?|one|the) ", "", english_of(asked.thing).lower())
    labels = {f"{colour} {noun}": colour for colour in COLOURS}
    best, second, *_ = zero_shot(pool, image, ZeroShotOptions(tuple(labels)), RETRIEVER).labels
    shares = colour_shares(image, np.where(heat >= 0.5 * heat.max(), heat, 0))
    parts = [
        AnswerPart.of("colour_there", thing=asked.thing, colours=_listed(shares), map=heat if explain else None),
        AnswerPart.of(
            "colour_words",
            thing=asked.thing,
            colours=_listed({labels[best.label]: best.score, labels[second.label]: second.score}),
        ),
    ]
    if probability < SURE:
        parts.append(AnswerPart.of("unsure", thing=asked.thing, probability=_shown(probability)))
    return parts


def _listed(shares: dict[str, float]) -> tuple[str, str]:
    """ "black (52 %), grey (30 %)", and the same in Chinese."""
    first, *rest = shares.items()
    kept = [first, *(item for item in rest if item[1] >= LEAST_COLOUR)][:MOST_COLOURS]
    english = ", ".join(f"{name} ({_shown(share):.0%})" for name, share in kept)
    return english, "、".join(f"{COLOURS[name]}（{_shown(share):.0%}）" for name, share in kept)


# Text, and two pictures


def _read(pool: ModelPool, image: Image.Image, asked: Asked, explain: bool) -> Parts:
    problem = ocr.unavailable(pool.settings)
    if problem is not None:
        return [AnswerPart.of("cannot_read", command='pip install "mmcore-studio[ocr]"')]
    lines = ocr.read_text(pool, image).lines
    if not lines:
        return [AnswerPart.of("read_nothing")]
    marked = np.zeros((TEXT_GRID, TEXT_GRID), np.float32)
    for line in lines:
        across, down = zip(*line.box, strict=True)
        left, top = (int(min(values) * TEXT_GRID) for values in (across, down))
        right, bottom = (
            max(int(np.ceil(max(values) * TEXT_GRID)), start + 1) for values, start in ((across, left), (down, top))
        )
        marked[top:bottom, left:right] = 1
    shares = marked / marked.sum() if explain and marked.any() else None
    return [AnswerPart.of("read", text=one_line(lines), map=shares)]


def _compared(pool: ModelPool, images: Sequence[Image.Image]) -> Parts:
    if len(images) < 2:
        return [AnswerPart.of("cannot_compare")]
    vectors = embed_images(pool, images, RETRIEVER)
    score = float(background(pool, RETRIEVER, vectors).image_scores(vectors[0] @ vectors[1]))
    return [AnswerPart.of("alike" if score >= 0.5 else "unlike", score=score)]


# What cannot be known


def _refusal(code: str, seen: bool = False) -> _About:
    """Says so; with ``seen``, and what can be seen all the same."""

    def about(pool: ModelPool, image: Image.Image, asked: Asked, explain: bool) -> Parts:
        return [AnswerPart.of(code), *(_seen(pool, image, asked.language, explain, tags=False) if seen else [])]

    return about


def _count(pool: ModelPool, image: Image.Image, asked: Asked, explain: bool) -> Parts:
    return [AnswerPart.of("cannot_count"), *(_presence(pool, image, asked, explain) if asked.thing else [])]


class _About(Protocol):
    def __call__(self, pool: ModelPool, image: Image.Image, asked: Asked, explain: bool) -> Parts:
        """The sentences about one picture."""


_ABOUT: dict[str, _About] = {
    "what": _what,
    "presence": _presence,
    "choice": _choice,
    "colour": _colour,
    "colours": _colours,
    "where": _where,
    "read": _read,
    "count": _count,
    "compare": _what,
    "doing": _refusal("cannot_doing", seen=True),
    "who": _refusal("cannot_who", seen=True),
    "when": _refusal("cannot_when"),
    "why": _refusal("cannot_why", seen=True),
    "place": _refusal("cannot_place", seen=True),
    "measure": _refusal("cannot_measure"),
    "statement": _refusal("cannot_statement", seen=True),
    "other": _refusal("cannot_other"),
}
"""Kind of question -> what is said about a picture."""
