"""Sentences for labels, the words of the tagger, cross-fitting, and the three folders."""

import csv
import json
import random
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from mmcore.evaluation.datasets import captioning_examples
from mmcore.evaluation.phrases import (
    IMAGENET_WORDS,
    KINDS,
    OWN_SENTENCES,
    PATTERNS,
    captions_for,
    everyday_word,
    kind_of,
    sentences_for,
    with_article,
)
from mmcore.nets.image_encoder import FEATURES
from mmcore.recipes.captioning.recognition import head_targets, head_vocabulary
from mmcore.recipes.captioning.train_captioner import build_vocabulary, cross_fit


def test_every_class_has_a_word_and_every_word_sentences_that_name_it() -> None:
    assert len(IMAGENET_WORDS) == 1000
    for word in {*IMAGENET_WORDS, *(word for words in KINDS.values() for word in words)}:
        assert word.strip() == word.lower() != ""
        sentences = sentences_for(word)
        assert len(sentences) >= 2
        assert any(word in sentence or word.split(" ")[-1] in sentence for sentence in sentences), word
    assert set(KINDS) <= set(PATTERNS)


def test_words() -> None:
    assert everyday_word("domestic cat") == "cat"
    assert everyday_word("Pizza") == "pizza"
    assert with_article("apple") == "an apple"
    assert with_article("unicycle") == "a unicycle"
    assert with_article("hay") == "some hay"
    assert kind_of("zebra") == "animal"
    assert kind_of("no such thing") == "other"


def test_captions_take_turns_and_prefer_things() -> None:
    captions = captions_for(("person", "bus", "car"), random.Random(0), 4)
    assert all(c in OWN_SENTENCES["bus"] for c in captions[::2])
    assert all(c in OWN_SENTENCES["car"] for c in captions[1::2])
    assert len(set(captions)) == 4


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The three folders in miniature."""
    for name in ("flickr8k", "objects", "coco_extra"):
        (tmp_path / name / "images").mkdir(parents=True)
    flickr = [
        {"image": f"f{i}.webp", "split": "dev" if i == 3 else "train", "captions": ["A dog runs .", "a dog in grass"]}
        for i in range(4)
    ]
    coco = [{"image": "c0.webp", "captions": ["a cat on a bed"], "labels": ["cat"]}]
    labels = [(f"imagenet1k_sample_n021240{i}_Egyptian_cat.webp", "imagenet1k_sample", "Egyptian cat") for i in (75,)]
    labels += [(f"r{i}.webp", "houses_rooms", "house exterior" if i % 2 else "kitchen") for i in range(10)]
    for folder, rows in (("flickr8k", flickr), ("coco_extra", coco)):
        (tmp_path / folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with (tmp_path / "objects" / "labels.tsv").open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([("image", "source", "label"), *labels])
    with (tmp_path / "coco_extra" / "labels.tsv").open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([("image", "labels"), ("c1.webp", "tv|person")])
    for example in captioning_examples(tmp_path):
        Image.new("RGB", (40, 30), (200, 20, 20)).save(example.image)
    return tmp_path


def test_reads_the_folders(data: Path) -> None:
    examples = captioning_examples(data)
    assert [e.split for e in examples if e.source == "flickr8k"] == ["train"] * 3 + ["dev"]
    rooms = [e for e in examples if e.source == "houses_rooms"]
    assert sum(e.split == "held" for e in rooms) == 2, "a fifth is held back"
    assert {label for e in rooms for label in e.labels} == {"house", "kitchen"}
    assert [e.labels for e in examples if e.source == "imagenet1k_sample"] == [("cat",)]
    assert [(e.split, e.labels) for e in examples if e.source == "coco"] == [
        ("held", ("cat",)),
        ("train", ("television", "person")),
    ]
    assert captioning_examples(data) == examples, "the same split every time"


def test_tags_of_training_pictures_come_from_heads_that_did_not_see_them(data: Path) -> None:
    examples = captioning_examples(data)
    vocabulary = build_vocabulary(examples)
    assert "fire truck" in vocabulary.index
    words = ["dog", "kitchen", "house"]
    targets, weights = head_targets(examples, words, vocabulary)
    assert targets[0, 0] == pytest.approx(2 / 3), "two of the captions mention the dog"
    labelled = next(row for row, e in enumerate(examples) if e.labels == ("kitchen",))
    assert targets[labelled].tolist() == [0.0, 1.0, 0.0]
    assert weights[labelled].tolist() == [0.0, 1.0, 1.0], "a label says nothing about dogs"
    torch.manual_seed(0)
    # Features that identify each picture: a head remembers what it saw and knows nothing of the others.
    pooled = [torch.eye(len(examples), FEATURES).mul(30).half()]
    imagenet = nn.Linear(FEATURES, 1000)
    tags, probabilities, _ = cross_fit(
        examples, pooled, imagenet, vocabulary, words, list(dict.fromkeys([*words, *IMAGENET_WORDS])), count=2
    )
    kitchen = vocabulary.index["kitchen"]
    train_rows = [row for row, e in enumerate(examples) if e.split == "train" and e.labels == ("kitchen",)]
    seen = (tags[0] == kitchen).float() * probabilities[0]
    assert float(seen[train_rows].max()) < 0.8, "cross-fitted, so not learnt by heart"


def test_head_words_leave_out_empty_ones(data: Path) -> None:
    examples = captioning_examples(data)
    words = head_vocabulary(examples, build_vocabulary(examples))
    assert "kitchen" in words
    assert "cat" not in words, "one picture is too few where the ImageNet head knows the word"
    assert "the" not in words
