"""The recipe of the Chinese decoder on made-up pictures: words, batches, and that it learns."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcore.evaluation.datasets import LabelledPicture
from mmcore.nets.caption_decoder import CaptionDecoder, DecoderConfig
from mmcore.nets.vocabulary import BOS, EOS, PAD, UNKNOWN
from mmcore.recipes.captioning.chinese_dataset import (
    PATTERNS,
    ChineseDataset,
    ChineseRecipe,
    mirrored,
    read_captions,
    words_of,
)  # fmt: skip
from mmcore.recipes.captioning.chinese_learning import Pictures, cider_d, learn, write

NAMES = {"dog": "狗", "fire truck": "消防车"}
TRAIN, DEV, LABELLED = range(16), range(16, 20), range(20, 24)


@pytest.fixture
def material(tmp_path: Path) -> ChineseDataset:
    """Sixteen pictures of a dog or a man, four of them once more as dev, four fire trucks with a label only."""
    folder = tmp_path / "flickr8k_cn"
    folder.mkdir()
    said = {0: ["草地上的狗。", "在草地上奔跑的狗。"], 1: ["戴帽子的男人。", "戴着帽子的男人。"]}
    rows = [{"image": f"{row}.jpg", "human": said[row % 2]} for row in (*TRAIN, *DEV)]
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    examples = [LabelledPicture(Path(f"{row}.jpg"), "flickr8k", "dev" if row in DEV else "train") for row in range(20)]
    examples += [LabelledPicture(Path(f"{row}.jpg"), "objects", "train", labels=("fire truck",)) for row in LABELLED]
    recipe = ChineseRecipe(
        batch=8, labelled_a_epoch=4, epochs=25, rate=4e-3, words_rate=8e-3, warmup_steps=4, smoothing=0.0, average=0.6,
        min_count=2,
    )  # fmt: skip
    return ChineseDataset(examples, read_captions(tmp_path), NAMES, recipe)


def test_words_are_those_of_the_dictionary_or_of_the_vocabulary() -> None:
    assert words_of("戴帽子的男人。") == ["戴", "帽子", "的", "男人"]
    assert words_of("停在路边的消防车", {"消防车": 1, "路边": 2, "停": 3, "在": 4, "的": 5}) == [
        *("停", "在", "路边", "的"),
        "消防车",
    ]
    # A word that the vocabulary lacks becomes its signs.
    assert words_of("男人", {"男": 1, "人": 2}) == ["男", "人"]


def test_every_name_is_one_token_and_phrases_name_the_thing(material: ChineseDataset) -> None:
    assert material.vocabulary.index["消防车"]
    assert all("消防车" in text for row in LABELLED for text in material.captions[row])
    tokens = material.encode(material.captions[LABELLED[0]][0])
    assert material.vocabulary.index["消防车"] in tokens
    assert UNKNOWN not in tokens
    assert set(material.references) == set(DEV)
    assert not set(DEV) & set(material.captions)
    assert all("{w}" in pattern for patterns in PATTERNS.values() for pattern in patterns)


def test_batches_are_the_same_for_the_same_epoch_and_parted_by_length(material: ChineseDataset) -> None:
    first = [rows for rows, _ in material.epoch(0)]
    assert first == [rows for rows, _ in material.epoch(0)]
    assert first != [rows for rows, _ in material.epoch(1)]
    groups = material.targets([0, 1, 2])
    owners = torch.cat([owner for _, owner in groups]).tolist()
    assert sorted(owners) == [0, 0, 1, 1, 2, 2]
    widths = [tokens.shape[1] for tokens, _ in groups]
    assert widths == sorted(widths)
    for tokens, _ in groups:
        assert (tokens[:, 0] == BOS).all()
        assert ((tokens == EOS).sum(1) == 1).all()


def test_mirrored_exchanges_left_and_right() -> None:
    grid = torch.arange(49.0).view(1, 49, 1)
    assert mirrored(grid).view(7, 7)[2].tolist() == [20, 19, 18, 17, 16, 15, 14]
    assert torch.equal(mirrored(mirrored(grid)), grid)


def test_learns_what_is_in_the_picture_and_goes_on_where_it_was(material: ChineseDataset, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    patterns = generator.normal(0, 1, (3, 1, 1280)).repeat(49, 1).astype(np.float16)
    kinds = [2 if row in LABELLED else row % 2 for row in range(24)]
    tags = torch.full((24, 2), PAD)
    tags[list(LABELLED), 0] = material.vocabulary.index["消防车"]
    pictures = Pictures(patterns[kinds], tags, (tags != PAD).float())
    torch.manual_seed(0)
    config = DecoderConfig(
        len(material.vocabulary), width=32, layers=1, heads=2, feedforward=64, tags=2, dropout=0.0, max_length=24
    )
    decoder = CaptionDecoder(config)
    learn(decoder, pictures, material, tmp_path)
    written = write(decoder, pictures, material.vocabulary, [*DEV, LABELLED[0]])
    dog, man = written[DEV[0]], written[DEV[1]]
    assert "狗" in dog
    assert "男人" in man
    assert "消防车" in written[LABELLED[0]]
    assert cider_d({row: written[row] for row in DEV}, material.references) > 1.0
    # The last state is stored; a run that finds it does nothing more and ends with the same weights.
    again = CaptionDecoder(config)
    learn(again, pictures, material, tmp_path)
    for name, value in decoder.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
