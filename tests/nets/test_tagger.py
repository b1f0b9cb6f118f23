"""The tagger sums fine classes into words and takes the better of its two heads."""

import torch

from mmcore.nets.image_encoder import FEATURES
from mmcore.nets.tagger import Tagger


@torch.no_grad()
def test_classes_are_summed_and_heads_are_joined() -> None:
    torch.manual_seed(0)
    tagger = Tagger(words=3, class_words=[0, 0, 1, 1], head_words=[1, 2])
    pooled = torch.rand(5, FEATURES)
    classes = tagger.imagenet(pooled).softmax(-1)
    words = tagger.word_head(pooled).sigmoid()
    got = tagger(pooled)
    torch.testing.assert_close(got[:, 0], classes[:, 0] + classes[:, 1])
    torch.testing.assert_close(got[:, 1], torch.maximum(classes[:, 2] + classes[:, 3], words[:, 0]))
    torch.testing.assert_close(got[:, 2], words[:, 1])
