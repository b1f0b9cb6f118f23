"""What is in the picture, as everyday words: the recognition half of the captioner.

Two heads look at the same pooled features. The ImageNet head is the published classifier; its 1,000 fine classes are
summed into everyday words ("Egyptian cat" and "tabby" are both "cat"). The word head was trained here, on words that
people use in captions and on labels that ImageNet lacks ("kitchen", "giraffe", "person").
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmcore.nets.image_encoder import FEATURES
from mmcore.nets.vocabulary import PAD


class Tagger(nn.Module):
    """Pooled features (B, 1280) -> probability of each of T everyday words (B, T).

    ``class_words[c]`` is the word index of ImageNet class c; ``head_words[h]`` the word index of output h of the
    word head. A word that both heads know gets the higher probability.
    """

    class_words: Tensor
    head_words: Tensor

    def __init__(self, words: int, class_words: list[int], head_words: list[int]) -> None:
        super().__init__()
        self.words = words
        self.imagenet = nn.Linear(FEATURES, len(class_words))
        self.word_head = nn.Linear(FEATURES, len(head_words))
        self.register_buffer("class_words", torch.tensor(class_words), persistent=False)
        self.register_buffer("head_words", torch.tensor(head_words), persistent=False)

    def forward(self, pooled: Tensor) -> Tensor:
        """Pooled features of the untouched ImageNet encoder -> word probabilities."""
        classes = self.imagenet(pooled).softmax(-1)
        by_class = classes.new_zeros(len(pooled), self.words).index_add(1, self.class_words, classes)
        by_word = torch.zeros_like(by_class)
        by_word[:, self.head_words] = self.word_head(pooled).sigmoid()
        return torch.maximum(by_class, by_word)


def top_tags(probabilities: Tensor, word_tokens: Tensor, count: int, least: float) -> tuple[Tensor, Tensor]:
    """Word probabilities (B, T) -> the ``count`` likeliest as vocabulary tokens (B, count) and their probabilities.

    ``word_tokens`` (T,) is the vocabulary index of each tag word. Places with less than ``least`` are PAD.
    """
    values, places = probabilities.topk(count)
    return torch.where(values >= least, word_tokens[places], PAD), values
