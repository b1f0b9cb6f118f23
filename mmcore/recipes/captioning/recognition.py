"""Training of the tagger's word head, and the tags that the caption decoder is trained with.

A head sees its own training pictures too clearly. So the decoder is trained with tags from cross-fitting: the
pictures are split in folds, and the tags of a fold come from a head that was trained on the other folds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.evaluation.datasets import LabelledPicture
from mmcore.evaluation.phrases import IMAGENET_WORDS
from mmcore.nets.image_encoder import FEATURES, Top
from mmcore.nets.tagger import Tagger
from mmcore.nets.vocabulary import Vocabulary

MIN_MENTIONS = 40
"""A caption word becomes a tag if at least this many training captions use it."""

MIN_PICTURES = 8
"""A label that the ImageNet head names already is learnt by the word head only with this many training pictures."""

LEAST_PROBABILITY = 0.03
"""A word of less is no tag."""

_NOT_TAGS = """
a an the and or of in on at to by for with from into onto over under up down out off through across along around
behind beside between near next is are be being was has have does do doing its it his her him their them they he she
who that this there another other others others' each some something someone one two three four five many several
both all while as during after about against towards toward past away very together like ready lot set get gets
getting take takes taking make makes making go going goes whilst s t 's trying tries top front side middle back left
right edge day number
"""
NOT_TAGS = frozenset(_NOT_TAGS.split())
"""Words that say nothing about what is in the picture."""


@torch.inference_mode()
def pooled_features(top: Top, view: np.ndarray, batch: int = 64) -> Tensor:
    """Stored trunk features (N, 112, 14, 14) -> pooled features (N, 1280) of the untouched ImageNet encoder."""
    out = torch.empty(len(view), FEATURES, dtype=torch.float16)
    for start in range(0, len(view), batch):
        with torch.autocast("cpu", torch.bfloat16):
            features = top(torch.from_numpy(np.array(view[start : start + batch])).float())
        out[start : start + batch] = features.float().mean((2, 3)).half()
    return out


def head_vocabulary(examples: Sequence[LabelledPicture], vocabulary: Vocabulary) -> list[str]:
    """The words of the word head: caption words that are common enough, then labels."""
    mentions = Counter(
        word
        for example in examples
        if example.split == "train"
        for caption in example.captions
        for word in set(vocabulary.split(caption))
    )
    common = [word for word, count in mentions.most_common() if count >= MIN_MENTIONS and word not in NOT_TAGS]
    pictures = Counter(label for example in examples if example.split == "train" for label in example.labels)
    known = set(IMAGENET_WORDS)
    labels = [label for label, count in sorted(pictures.items()) if count >= MIN_PICTURES or label not in known]
    return list(dict.fromkeys([*common, *labels]))


def head_targets(
    examples: Sequence[LabelledPicture], words: Sequence[str], vocabulary: Vocabulary
) -> tuple[Tensor, Tensor]:
    """Targets (N, H) in 0..1 and weights (N, H).

    A caption word counts as present in proportion to how many of the captions mention it (three are enough for 1).
    A labelled picture says nothing about words that are no labels: their weight is 0.
    """
    place = {word: position for position, word in enumerate(words)}
    labels = {label for example in examples for label in example.labels}
    is_label = torch.tensor([word in labels for word in words])
    targets = torch.zeros(len(examples), len(words))
    weights = torch.ones(len(examples), len(words))
    for row, example in enumerate(examples):
        for caption in example.captions:
            for word in set(vocabulary.split(caption)):
                if word in place:
                    targets[row, place[word]] += 1 / 3
        for label in example.labels:
            if label in place:
                targets[row, place[label]] = 1.0
        if not example.captions:
            weights[row] = is_label.float()
    return targets.clamp_max(1.0), weights


def train_head(
    pooled: Sequence[Tensor], targets: Tensor, weights: Tensor, rows: Tensor, epochs: int = 12, seed: int = 0
) -> nn.Linear:
    """Logistic regression on the given rows of all views (AdamW, binary cross-entropy)."""
    torch.manual_seed(seed)
    head = nn.Linear(FEATURES, targets.shape[1])
    nn.init.zeros_(head.weight)
    with torch.no_grad():
        rate = (targets[rows] * weights[rows]).sum(0) / weights[rows].sum(0).clamp_min(1)
        head.bias.copy_(torch.logit(rate.clamp(1e-4, 0.5)))
    optimizer = torch.optim.AdamW(head.parameters(), lr=1.5e-3, weight_decay=0.02)
    steps = epochs * -(-len(rows) // 256)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for part in rows[torch.randperm(len(rows), generator=generator)].split(256):
            view = pooled[int(torch.randint(len(pooled), (), generator=generator))]
            loss = F.binary_cross_entropy_with_logits(
                head(view[part].float()), targets[part], weights[part], reduction="sum"
            ) / len(part)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return head


def make_tagger(imagenet: nn.Linear, head: nn.Linear, head_words: Sequence[str], words: Sequence[str]) -> Tagger:
    """Join the published ImageNet classifier and the trained word head; ``words`` are all tag words, in order."""
    place = {word: position for position, word in enumerate(words)}
    tagger = Tagger(len(words), [place[word] for word in IMAGENET_WORDS], [place[word] for word in head_words])
    tagger.imagenet.load_state_dict(imagenet.state_dict())
    tagger.word_head.load_state_dict(head.state_dict())
    return tagger.eval()
