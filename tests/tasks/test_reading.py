"""Chinese reaches a model that reads English as English, and the result says so."""

from __future__ import annotations

import numpy as np
import pytest

from mmcore.checkpoints.registry import find
from mmcore.pool import ModelPool
from mmcore.results import Query, ZeroShotOptions
from mmcore.settings import Settings
from mmcore.tasks.embedding import embed_texts
from mmcore.tasks.matching import explain_match, rank_texts, similarity, zero_shot
from mmcore.tasks.reading import read_as, word_by_word
from tests.fakes.retrieval import NAME, colour, retrieval_pool


@pytest.fixture
def pool(settings: Settings) -> ModelPool:
    return retrieval_pool(settings)


def test_a_model_that_reads_chinese_itself_gets_the_chinese() -> None:
    assert read_as(find("chinese-clip-base"), "红色") == "红色"
    assert word_by_word(find("siglip2-base"), ["红色"]) == ()
    assert read_as(find("compact-retriever"), "红色") == "red"
    assert read_as(find("compact-sentiment"), "我很高兴") == "I very happy"


def test_a_text_without_a_known_word_stays_for_the_model_to_refuse() -> None:
    assert read_as(find("compact-retriever"), "㐀") == "㐀"
    assert read_as(find("compact-retriever"), "красный") == "красный"


def test_the_notice_shows_each_text_once_in_both_languages() -> None:
    (notice,) = word_by_word(find("compact-retriever"), ["红色", "a cat", "猫", "红色"])
    assert notice.to_dict()["values"] == {"pairs": "红色 → red; 猫 → cat"}
    assert "word by word" in notice.text("en")
    assert "逐词" in notice.text("zh")


def test_vectors_are_those_of_the_english(pool: ModelPool) -> None:
    np.testing.assert_array_equal(embed_texts(pool, ["红色", "藍色"], NAME), embed_texts(pool, ["red", "blue"], NAME))


def test_labels_keep_their_name_and_are_read_in_the_templates(pool: ModelPool) -> None:
    image = colour("red")
    chinese = zero_shot(pool, image, ZeroShotOptions.of("红色，绿色，蓝色", ["a {} stone"]))
    english = zero_shot(pool, image, ZeroShotOptions.of("red,green,blue", ["a {} stone"]))
    assert chinese.labels[0].label == "红色"
    assert [one.score for one in chinese.labels] == [one.score for one in english.labels]
    assert chinese.notices[0].code == "read_word_by_word"
    assert not english.notices


def test_every_answer_says_it(pool: ModelPool) -> None:
    image = colour("red")
    for answer in (
        rank_texts(pool, image, ["红色", "blue"]),
        similarity(pool, [image], ["红色"]),
        explain_match(pool, image, Query.of("红色", without="蓝色")),
    ):
        assert [notice.code for notice in answer.notices] == ["read_word_by_word"]
        assert answer.to_dict()["notices"][0]["values"]["pairs"].startswith("红色 → red")
