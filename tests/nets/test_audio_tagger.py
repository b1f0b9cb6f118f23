"""The compact tagger of sounds: shapes for any length, its grid, its sizes as JSON."""

import json

import pytest
import torch

from mmcore.nets.audio_tagger import LABELS, AudioTagger, Stage, TaggerConfig
from mmcore.nets.image_encoder import fuse_norms

SMALL = TaggerConfig(
    stem=8, features=16, hidden=12, labels=7, stages=(Stage(8, 1, 1, 1, False), Stage(16, 2, 2, 2, True))
)


def small() -> AudioTagger:
    torch.manual_seed(0)
    return AudioTagger(SMALL).eval()


@pytest.mark.parametrize("columns", [4, 101, 201, 1001])
@torch.inference_mode()
def test_any_length_gives_a_logit_for_each_label(columns: int) -> None:
    assert small()(torch.randn(2, 128, columns)).shape == (2, 7)


@torch.inference_mode()
def test_the_full_size_has_audiosets_labels_and_a_grid_of_32_by_32() -> None:
    tagger = AudioTagger().eval()
    grid = tagger.grid(torch.randn(1, 128, 1000))
    assert grid.shape == (1, tagger.config.features, 4, 32)
    assert tagger.classify(grid).shape == (1, LABELS)
    assert 1e6 < sum(value.numel() for value in tagger.parameters()) < 3e6


@torch.inference_mode()
def test_classify_follows_the_grid() -> None:
    tagger, seen = small(), torch.randn(3, 128, 250)
    torch.testing.assert_close(tagger(seen), tagger.classify(tagger.grid(seen)))
    torch.testing.assert_close(tagger(seen)[1:2], tagger(seen[1:2]))


@torch.inference_mode()
def test_folded_norms_change_nothing() -> None:
    tagger, seen = small(), torch.randn(1, 128, 250)
    for layer in tagger.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2.0)
    before = tagger(seen)
    torch.testing.assert_close(fuse_norms(tagger)(seen), before, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_labels_can_be_left_out() -> None:
    tagger, seen = small(), torch.randn(1, 128, 250)
    every = tagger(seen)
    tagger.keep_labels([4, 0])
    torch.testing.assert_close(tagger(seen), every[:, [4, 0]])


def test_sizes_survive_json() -> None:
    assert TaggerConfig.from_dict(json.loads(json.dumps(SMALL.to_dict()))) == SMALL


def test_it_learns_to_tell_two_sounds_apart() -> None:
    torch.manual_seed(0)
    tagger = AudioTagger(SMALL).train()
    low, high = torch.full((8, 128, 32), -1.4), torch.full((8, 128, 32), -1.4)
    low[:, :20], high[:, 100:] = 0.5, 0.5
    seen, truth = torch.cat([low, high]), torch.arange(2).repeat_interleave(8)
    optimizer = torch.optim.AdamW(tagger.parameters(), lr=0.01)
    for _ in range(45):
        loss = torch.nn.functional.cross_entropy(tagger(seen + 0.05 * torch.randn_like(seen)), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(tagger.eval()(seen).argmax(1), truth)
