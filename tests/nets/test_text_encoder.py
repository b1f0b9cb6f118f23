"""The sentence encoder is BERT: the same weights give the same states as transformers' implementation."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel

from mmcore.nets.text_encoder import TextConfig, TextEncoder, pool_words, state_dict_from_bert

CONFIG = TextConfig(vocabulary=50, width=32, layers=2, heads=4, hidden=64, max_length=20)


@pytest.fixture(scope="module")
def theirs() -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=80, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=40,
    )  # fmt: skip
    model = BertModel(config).eval()
    for parameter in model.parameters():  # the initial biases and norms would hide mistakes
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture
def ours(theirs: BertModel) -> TextEncoder:
    model = TextEncoder(CONFIG).eval()
    model.load_state_dict(state_dict_from_bert(theirs.state_dict(), torch.arange(50) + 10, CONFIG))
    return model


def test_the_same_states_as_transformers(theirs: BertModel, ours: TextEncoder):
    tokens = torch.randint(0, 50, (3, 12), generator=torch.Generator().manual_seed(1))
    mask = torch.ones(3, 12)
    mask[1, 7:] = 0
    with torch.inference_mode():
        expected = theirs(input_ids=tokens + 10, attention_mask=mask).last_hidden_state
        found = ours(tokens, mask)
    assert torch.allclose(found[mask.bool()], expected[mask.bool()], atol=1e-5)


def test_padding_changes_nothing(ours: TextEncoder):
    tokens = torch.randint(0, 50, (1, 6), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        alone = pool_words(ours(tokens, torch.ones(1, 6)), torch.ones(1, 6))
        mask = torch.cat([torch.ones(1, 6), torch.zeros(1, 5)], 1)
        padded = pool_words(ours(torch.cat([tokens, torch.full((1, 5), 3)], 1), mask), mask)
    assert torch.allclose(alone, padded, atol=1e-5)
    assert alone.norm() == pytest.approx(1, abs=1e-5)
