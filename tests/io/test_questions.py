"""What a question asks for, told by its words."""

from __future__ import annotations

import pytest

from mmcore.io.questions import Asked, understood
from mmcore.results.ask import KINDS

ENGLISH = {
    "What is this?": ("what",),
    "what's in the picture": ("what",),
    "Can you tell me what this is?": ("what",),
    "Describe the picture.": ("what",),
    "What kind of animal is it?": ("what",),
    "Is there a dog?": ("presence", "a dog"),
    "Is there a cat in the image?": ("presence", "a cat"),
    "Do you see any people?": ("presence", "a person"),
    "Are there any cars here?": ("presence", "cars"),
    "Is this a lemon?": ("presence", "a lemon"),
    "Is a dog in the picture?": ("presence", "a dog"),
    "Does it show a bicycle?": ("presence", "a bicycle"),
    "Is it a dog or a cat?": ("choice", "a dog", "a cat"),
    "Is this a fig or an apple?": ("choice", "a fig", "an apple"),
    "Which is it, a fig, an apple or a pear?": ("choice", "a fig", "an apple", "a pear"),
    "Is this indoors or outdoors?": ("choice", "indoors", "outdoors"),
    "Is the cat sitting or standing?": ("choice", "cat sitting", "cat standing"),
    "Is there a dog or not?": ("presence", "a dog"),
    "Is it red or blue?": ("choice", "red", "blue"),
    "What colour is the bowl?": ("colour", "bowl"),
    "What color does the car have?": ("colour", "car"),
    "Is the cat black?": ("colour", "cat"),
    "What are the main colours?": ("colours",),
    "What colours are in the picture?": ("colours",),
    "How many dogs are there?": ("count", "dogs"),
    "How many are there?": ("count",),
    "Where is the camera?": ("where", "camera"),
    "Where in the picture is the bench?": ("where", "bench"),
    "Where was this taken?": ("place",),
    "Which city is this?": ("place",),
    "What does the sign say?": ("read",),
    "Is there any text in the picture?": ("read",),
    "Who is this?": ("who",),
    "When was this taken?": ("when",),
    "What time is it?": ("when",),
    "Why is the dog sad?": ("why",),
    "How old is the man?": ("measure",),
    "What is the dog doing?": ("doing",),
    "What is on the table?": ("doing",),
    "What is the difference?": ("compare",),
    "Is the cat happy?": ("statement",),
    "How do I cook it?": ("other",),
    "Tell me a joke": ("other",),
}
CHINESE = {
    "这是什么？": ("what",),
    "图里有什么？": ("what",),
    "描述一下这张图片": ("what",),
    "有没有狗？": ("presence", "狗"),
    "图片里有人吗？": ("presence", "人"),
    "这是猫吗？": ("presence", "猫"),
    "这张图里有没有自行车": ("presence", "自行车"),
    "是狗还是猫？": ("choice", "狗", "猫"),
    "这是白天还是晚上？": ("choice", "白天", "晚上"),
    "碗是什么颜色的？": ("colour", "碗"),
    "车是红色的吗？": ("colour", "车"),
    "主要颜色是什么？": ("colours",),
    "有几只狗？": ("count", "狗"),
    "图里有多少人？": ("count", "人"),
    "狗在哪里？": ("where", "狗"),
    "这是哪里？": ("place",),
    "上面写了什么？": ("read",),
    "他是谁？": ("who",),
    "这是什么时候拍的？": ("when",),
    "为什么他在笑？": ("why",),
    "这只狗多大？": ("measure",),
    "狗在做什么？": ("doing",),
    "两张图有什么区别？": ("compare",),
    "猫可爱吗？": ("statement",),
    "你好": ("other",),
}


@pytest.mark.parametrize("question", ENGLISH)
def test_english_questions(question: str):
    kind, *things = ENGLISH[question]
    assert understood(question) == Asked(kind, tuple(things), "en")


@pytest.mark.parametrize("question", CHINESE)
def test_chinese_questions(question: str):
    kind, *things = CHINESE[question]
    assert understood(question) == Asked(kind, tuple(things), "zh")


def test_every_kind_is_asked_here():
    assert {kind for kind, *_ in (*ENGLISH.values(), *CHINESE.values())} == set(KINDS)


@pytest.mark.parametrize(
    ("earlier", "question", "kind", "things"),
    [
        (["Is there a dog?"], "And a cat?", "presence", ("a cat",)),
        (["Where is the dog?"], "What about the ball?", "where", ("ball",)),
        (["Is there a dog?"], "What colour is it?", "colour", ("a dog",)),
        (["What colour is the ball?"], "Where is it?", "where", ("ball",)),
        (["Is there a dog?", "And a cat?"], "Where is it?", "where", ("a cat",)),
        (["有没有狗？"], "猫呢？", "presence", ("猫",)),
        (["有没有狗？"], "它是什么颜色的？", "colour", ("狗",)),
        ([], "What colour is it?", "colour", ()),
        ([], "Where is it?", "place", ()),
    ],
)
def test_a_question_may_lean_on_the_one_before(earlier: list[str], question: str, kind: str, things: tuple[str, ...]):
    asked = understood(question, earlier)
    assert (asked.kind, asked.things) == (kind, things)


@pytest.mark.parametrize(
    "odd", ["", "?", "？？？", "or", "or or or", "is there", "where is", "还是", "a" * 4000, "有吗"]
)
def test_odd_questions_are_no_failure(odd: str):
    assert understood(odd).kind in KINDS
