"""The captioner's recipe on eight made-up pictures: it learns them by heart, and rewards move it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mmcore.evaluation.caption_scores import CiderD
from mmcore.evaluation.datasets import LabelledPicture
from mmcore.nets.caption_decoder import DecoderConfig
from mmcore.nets.image_encoder import FEATURES
from mmcore.nets.vocabulary import SPECIAL, Vocabulary
from mmcore.recipes.captioning.caption_dataset import CaptionDataset, CaptionerRecipe
from mmcore.recipes.captioning.caption_learning import learn
from mmcore.recipes.captioning.caption_reinforcing import reinforce
from mmcore.recipes.captioning.trained_decoder import Captioner, PooledDropout, report, write_captions

ANIMALS = ("dog", "cat", "bird", "horse")
PLACES = ("grass", "snow")
COPIES = 8
"""The same picture this often, so that an epoch has as many steps."""


def make_material(recipe: CaptionerRecipe) -> CaptionDataset:
    """Each animal in each place; the picture's features hold a pattern of the animal and one of the place."""
    vocabulary = Vocabulary([*SPECIAL, "a", "in", "the", "is", *ANIMALS, *PLACES])
    generator = np.random.default_rng(0)
    patterns = {word: generator.normal(0, 2, (112, 14, 14)) for word in (*ANIMALS, *PLACES)}
    pairs = [(animal, place) for animal in ANIMALS for place in PLACES] * COPIES
    features = np.stack([patterns[animal] + patterns[place] for animal, place in pairs]).astype(np.float16)
    examples = [
        LabelledPicture(
            Path(f"{animal}{place}"), "flickr8k", "train", (f"a {animal} in the {place}", f"the {animal} is in {place}")
        )
        for animal, place in pairs
    ]
    # The eight pictures once more, as the dev set that the report measures.
    examples += [LabelledPicture(e.image, e.source, "dev", e.captions) for e in examples[:8]]
    tags = torch.zeros(1, len(examples), 2, dtype=torch.long)
    return CaptionDataset(examples, [np.concatenate([features, features[:8]])], tags, tags.float(), vocabulary, recipe)


@pytest.fixture
def recipe() -> CaptionerRecipe:
    return CaptionerRecipe(
        batch=8, epochs=12, decoder_rate=3e-3, top_rate=1e-4, warmup_steps=5, smoothing=0.0, average=0.8,
        reinforce_epochs=2, reinforce_rate=1e-4, samples=4, max_words=8, labelled_a_epoch=0,
    )  # fmt: skip


@pytest.fixture
def captioner() -> Captioner:
    torch.manual_seed(0)
    captioner = Captioner(
        DecoderConfig(vocabulary=14, width=32, layers=1, heads=2, feedforward=64, tags=2, dropout=0.0)
    )
    # Means and one small convolution in place of the real top, so that the test takes seconds.
    captioner.top = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(112, FEATURES, 1))
    return captioner


def test_learns_by_heart_and_goes_on_with_rewards(
    recipe: CaptionerRecipe, captioner: Captioner, tmp_path: Path
) -> None:
    material = make_material(recipe)
    before = report(captioner, material, beams=1)["flickr8k_cider_d"]
    learn(captioner, material, tmp_path)
    learnt = report(captioner, material, beams=1)["flickr8k_cider_d"]
    assert learnt > before + 1.0
    written = write_captions(captioner, material, range(8), beams=2)
    for row, text in written.items():
        animal, place = ANIMALS[row // 2], PLACES[row % 2]
        assert animal in text
        assert place in text
    reinforce(captioner, material, tmp_path)
    assert report(captioner, material, beams=1)["flickr8k_cider_d"] >= learnt - 0.3
    judge = CiderD({str(row): material.captions[row] for row in range(8)})
    assert all(judge.score(str(row), text) > 1.0 for row, text in write_captions(captioner, material, range(8)).items())
    assert {path.name for path in tmp_path.iterdir()} >= {"learnt.pt", "reinforced.pt", "recipe.json"}


def test_pooled_dropout_drops_the_right_share() -> None:
    torch.manual_seed(0)
    dropout = PooledDropout(0.25)
    ones = torch.ones(1000, 1000)
    dropped = dropout(ones)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.01)
    assert not torch.equal(dropped, dropout(ones)), "another mask each time"
    assert torch.equal(dropout.eval()(ones), ones)
