"""A further language of the captioner: names of tags as tokens, and a memory over the same picture."""

import pytest
import torch

from mmcore.nets.caption_decoder import CELLS
from mmcore.nets.caption_language import CaptionLanguage
from mmcore.nets.vocabulary import BOS, PAD, SPECIAL

DECODER = {"width": 16, "layers": 2, "heads": 2, "feedforward": 32, "max_length": 12, "tags": 2, "dropout": 0.0}


@pytest.fixture
def language() -> CaptionLanguage:
    """Of a tagger that knows dog, dogs, cat, and "shot", which has no name."""
    torch.manual_seed(0)
    config = {
        "vocabulary": [*SPECIAL, "狗", "猫", "的"],
        "tag_names": ["狗", "狗", "猫", ""],
        "least_tag_probability": 0.1,
        "decoder": DECODER,
    }
    return CaptionLanguage(config).eval()


def test_words_of_one_name_are_one_tag_and_a_word_without_a_name_is_none(language: CaptionLanguage) -> None:
    tokens, values = language.tags(torch.tensor([[0.2, 0.7, 0.05, 0.99], [0.0, 0.0, 0.4, 0.0]]))
    dog, cat = (language.vocabulary.index[name] for name in ("狗", "猫"))
    assert tokens.tolist() == [[dog, PAD], [cat, PAD]]
    assert values[:, 0].tolist() == pytest.approx([0.7, 0.4])


def test_the_memory_holds_the_cells_and_the_named_tags(language: CaptionLanguage) -> None:
    memory = language.remember(torch.randn(1, 1280, 7, 7), torch.tensor([[0.0, 0.9, 0.2, 0.0]]))
    assert memory.states.shape == (1, CELLS + 2, 16)
    assert memory.mask[0, 0, 0].all()


def test_shared_keys_and_values_change_nothing(language: CaptionLanguage) -> None:
    """Two captions of one picture with its keys and values made once: the hidden states are those made for each."""
    memory = language.remember(torch.randn(2, 1280, 7, 7), torch.rand(2, 4))
    tokens = torch.tensor([[BOS, 4, 6, 5], [BOS, 5, 6, 4], [BOS, 4, 4, 4]])
    owners = torch.tensor([0, 0, 1])
    own = memory.select(owners)
    shared = [(key[owners], value[owners]) for key, value in language.decoder.start(memory).memory]
    with torch.no_grad():
        assert torch.allclose(
            language.decoder.hidden(tokens, own), language.decoder.hidden(tokens, own, looked_at=shared), atol=1e-6
        )
