"""The recipe of what judges posts without a picture, on made-up tweets and a small random encoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcore.nets.text_alone import distinct, log_ratios
from mmcore.recipes.sentiment.train_text_alone import (
    TextAloneRecipe,
    balance,
    balancing,
    batches,
    chosen,
    make,
    plain,
    read_tweets,
    recalls,
)
from mmcore.results import Post
from tests.families import sentiment as small

WORDS = {"negative": "black car", "neutral": "two women", "positive": "red dog"}
RECIPE = TextAloneRecipe(
    most=(15, 20, 20), parts=2, stop=30, rounds=4, batch=8, rate=1e-3, head_rate=5e-3, average=0.5, looks=1
)


def write(file: Path, count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        label = str(draw.choice(list(WORDS)))
        rows.append(f"{label}\t{draw.choice(['a', 'the'])} {WORDS[label]} {draw.choice(['runs', 'sits', 'sky'])}")
    file.write_text("\n".join(["label\ttext", *rows]) + "\n", encoding="utf-8")


def test_it_learns_what_words_say_and_is_read_as_the_bundle_is(tmp_path: Path) -> None:
    write(tmp_path / "train.tsv", 150, 0)
    write(tmp_path / "dev.tsv", 40, 1)
    output = small.save(tmp_path / "model")
    figures = make(tmp_path, tmp_path / "work", output, RECIPE, say=lambda _: None)
    assert figures["macro_recall"] > 0.9
    assert figures["tweets"] <= 110
    assert json.loads((output / "config.json").read_text("utf-8"))["text_alone"]["layers"] == 2
    model = small.load(output)
    for label, words in WORDS.items():
        (found,) = model.judge([Post(f"the {words} runs")])
        assert found.text.label == label


def test_classes_are_balanced_anew_without_other_weights(tmp_path: Path) -> None:
    write(tmp_path / "dev.tsv", 40, 1)
    with pytest.raises(FileNotFoundError, match="text-alone"):
        balance(tmp_path, small.save(tmp_path / "heads"), RECIPE)
    output = small.save_with_text_alone(tmp_path / "model")
    before = small.load(output)
    figures = balance(tmp_path, output, RECIPE, say=lambda _: None)
    after = small.load(output)
    shift = json.loads((output / "config.json").read_text("utf-8"))["text_alone"]["shift"]
    assert figures["shift"] == shift == pytest.approx(after.text_alone.config.shift)
    assert sum(shift) == pytest.approx(0)
    assert figures["macro_recall"] >= figures["macro_recall_before"]
    assert after.fingerprint == before.fingerprint


def test_heads_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="bundle"):
        make(tmp_path, tmp_path / "work", tmp_path / "nothing")


def test_tweets_are_read_as_the_product_reads_posts(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("label\ttext\nneutral\tI\\u2019m here\\u002c @you http://x.co/a\n", "utf-8")
    texts, labels = read_tweets(tmp_path / "t.tsv")
    assert texts == ["I'm here, @user http://link"]
    assert labels.tolist() == [1]
    assert plain(r'\""so"') == '"so"'


def test_classes_are_drawn_evenly_and_batches_hold_each_place_once() -> None:
    labels = np.array([0] * 5 + [1] * 50 + [2] * 20)
    draw = np.random.default_rng(0)
    parts = chosen(labels, (3, 10, 10), 2, draw)
    assert [np.bincount(labels[part]).tolist() for part in parts] == [[3, 10, 10], [2, 10, 10]]
    assert len({*parts[0], *parts[1]}) == 45
    lengths = draw.integers(1, 30, 75)
    parts = list(batches(lengths, 8, draw))
    assert sorted(np.concatenate(parts).tolist()) == list(range(75))
    assert max(np.ptp(lengths[part]) for part in parts) < 29


def test_classes_are_balanced_by_a_shift_only_where_it_helps() -> None:
    labels = np.arange(300) % 3
    torch.manual_seed(0)
    right = torch.nn.functional.one_hot(torch.from_numpy(labels), 3) + torch.randn(300, 3) * 0.1
    assert balancing(right, labels).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    shift = balancing(right + torch.tensor([1.4, 0.0, 0.0]), labels)
    assert shift[0] < -0.2
    assert float(shift.sum()) == pytest.approx(0, abs=1e-6)
    assert recalls(right + torch.tensor([1.4, 0.0, 0.0]), labels)["macro_recall"] > 0.9


def test_ratios_say_which_class_a_word_is_of() -> None:
    features = [np.array([1, 2]), np.array([1, 3]), np.array([2, 4])] * 4
    found = log_ratios(features, np.array([0, 1, 2] * 4), 6)
    assert found.shape == (6, 3)
    assert found[3].argmax() == 1
    assert found[4].argmax() == 2
    assert found[1, 2] < 0
    assert not found[5].any()
    words, pairs = distinct(np.array([2, 7, 8, 7, 3]), 64)
    assert words.tolist() == [7, 8]
    assert len(pairs) == 2
