from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mmcore.evaluation.retrieval import occurs, recall, stored_queries

FLICKR8K = Path(__file__).resolve().parents[3] / "shared" / "data" / "flickr8k" / "captions.jsonl"


def test_recall_both_ways_worked_out_by_hand():
    # Pictures A, B, C; texts a1, a2 of A, b1 of B, c1 of C.
    cosines = np.array([[0.9, 0.1, 0.2], [0.1, 0.5, 0.6], [0.3, 0.8, 0.1], [0.7, 0.1, 0.6]])
    found = recall(cosines, np.array([0, 0, 1, 2]))
    assert found["text_to_image_r1"] == 2 / 4  # a1 and b1
    assert found["text_to_image_r5"] == 1
    # A's nearest is a1; B's b1; C's nearest are a2 and c1 alike, and a tie is not counted as found.
    assert found["image_to_text_r1"] == 2 / 3
    assert found["image_to_text_r5"] == 1


def test_one_vector_for_everything_finds_nothing():
    found = recall(np.ones((40, 20)), np.repeat(np.arange(20), 2))
    assert set(found.values()) == {0.0}


def test_recall_at_10_counts_nine_better_ones():
    cosines = np.zeros((1, 30))
    cosines[0, :10] = np.linspace(1, 0.5, 10)
    assert recall(cosines, np.array([9]))["text_to_image_r10"] == 1
    assert recall(cosines, np.array([9]))["text_to_image_r5"] == 0
    cosines[0, 10] = 0.4
    assert recall(cosines, np.array([10]))["text_to_image_r10"] == 0


@pytest.mark.parametrize(
    ("query", "expected"),
    [("a dog in the snow", True), ("two dogs playing", True), ("a cat", False), ("a dog with a guitar", False)],
)
def test_a_query_occurs_where_one_picture_has_all_its_words(query: str, expected: bool):
    described = [("A brown dog runs .", "Dogs play in snow"), ("A man with a guitar",)]
    assert occurs(query, described) is expected


def test_the_stored_queries_are_enough_and_differ():
    for kind, least in (("nonsense", 40), ("real", 40), ("outside_flickr8k", 20)):
        queries = stored_queries(kind)
        assert len(set(queries)) == len(queries) >= least
    for kind in ("nonsense", "real"):
        assert not set(stored_queries(kind)) & set(stored_queries(f"{kind}_seen"))


@pytest.mark.skipif(not FLICKR8K.is_file(), reason="the Flickr8k captions are not on this machine")
def test_the_words_outside_flickr8k_never_occur_in_it():
    rows = [json.loads(line) for line in FLICKR8K.read_text("utf-8").splitlines()]
    words = set(re.findall(r"[a-z]+", " ".join(text for row in rows for text in row["captions"]).lower()))
    assert not {form for word in stored_queries("outside_flickr8k") for form in (word, word + "s")} & words
