"""The compact tagger of sounds: shapes for any length, its grid, its sizes as JSON."""

import json

import pytest
import torch

from mmcore.nets.audio_tagger import LABELS, AudioTagger, TaggerConfig
from mmcore.nets.mobilenet_tagger import EfficientAT, fold_norms

SMALL = TaggerConfig(width=0.1, widening=1.0, hidden=12, labels=7)


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
    assert grid.shape == (1, 384, 4, 32)
    assert tagger.classify(grid).shape == (1, LABELS)
    assert 1e6 < sum(value.numel() for value in tagger.parameters()) < 2e6


@torch.inference_mode()
def test_blocks_begin_and_end_as_the_teachers_do() -> None:
    x = y = torch.randn(1, 1, 128, 64)
    for own, teachers in zip(AudioTagger().eval().features, EfficientAT(0.4).eval().features, strict=True):
        x, y = own(x), teachers(y)
        assert x.shape == y.shape


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
    fold_norms(tagger)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in tagger.modules())
    torch.testing.assert_close(tagger(seen), before, atol=1e-4, rtol=1e-4)


def test_sizes_survive_json() -> None:
    assert TaggerConfig.from_dict(json.loads(json.dumps(SMALL.to_dict()))) == SMALL
