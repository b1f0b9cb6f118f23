"""CIDEr-D and BLEU-4 against figures of the COCO caption evaluation code (pycocoevalcap 1.2) on the same words."""

import pytest

from mmcore.evaluation.caption_scores import CiderD, bleu_4, characters, score_captions, tokenize

REFERENCES = {
    "1": ["A black dog runs on the beach .", "A dog is running along the shore", "the black dog runs by the sea"],
    "2": ["Two children play football in a park", "Kids playing soccer on the green grass ."],
    "3": ["A man rides a red bicycle down the street", "A cyclist on a red bike", "A man is riding his bike"],
    "4": ["A plate of food on a table", "Food is on the white plate"],
}
CANDIDATES = {
    "1": "a black dog is running on the beach",
    "2": "two children are playing in the grass",
    "3": "a man rides a red bicycle down the street",
    "4": "a dog on a table",
}
CIDER_D = {"1": 2.706577310131, "2": 1.289768797921, "3": 3.898387912047, "4": 1.081191524874}


def test_tokenize_drops_punctuation() -> None:
    assert tokenize("A dog's ball , a T-shirt !") == ["a", "dog", "'s", "ball", "a", "t-shirt"]


@pytest.mark.parametrize("key", sorted(CANDIDATES))
def test_cider_d_is_that_of_coco(key: str) -> None:
    assert CiderD(REFERENCES).score(key, CANDIDATES[key]) == pytest.approx(CIDER_D[key], abs=1e-9)


def test_bleu_4_is_that_of_coco() -> None:
    assert bleu_4(CANDIDATES, REFERENCES) == pytest.approx(0.584908051389, abs=1e-9)


def test_repeating_words_does_not_pay() -> None:
    judge = CiderD(REFERENCES)
    assert judge.score("3", "bike bike bike bike bike") < judge.score("3", "a man on a bike")


def test_no_caption_scores_nothing() -> None:
    scores = score_captions({"1": ""}, REFERENCES)
    assert scores.cider_d == 0.0
    assert scores.bleu_4 == 0.0
    assert scores.pictures == 1


def test_chinese_is_compared_by_characters() -> None:
    assert characters("穿T恤的人，2个。") == ["穿", "t", "恤", "的", "人", "2", "个"]
    references = {"1": ["戴帽子的男人。", "戴着帽子的男人"], "2": ["草地上的狗", "在草地上跑的狗"]}
    judge = CiderD(references, characters)
    assert judge.score("1", "戴帽子的男人") > judge.score("1", "男人的帽子") > judge.score("1", "草地上的狗") == 0.0
    # By words of Latin letters there is nothing in them to compare.
    assert CiderD(references).score("1", "戴帽子的男人") == 0.0
    assert judge.score("1", "戴帽子的男人。") == judge.score("1", "戴帽子的男人")
    scores = score_captions({"1": "戴帽子的男人"}, references, characters)
    assert scores.bleu_4 == pytest.approx(1.0)
