"""The decoder's arithmetic: a distribution, the same with and without a cache, and a pointer that copies."""

import pytest
import torch

from mmcore.nets.caption_decoder import CELLS, CaptionDecoder, DecoderConfig, Memory
from mmcore.nets.image_encoder import FEATURES
from mmcore.nets.image_sizes import GRID_SIZE
from mmcore.nets.vocabulary import BOS, PAD, UNKNOWN

CONFIG = DecoderConfig(vocabulary=30, width=16, layers=2, heads=2, feedforward=32, max_length=12, tags=3)


@pytest.fixture
def decoder() -> CaptionDecoder:
    torch.manual_seed(0)
    return CaptionDecoder(CONFIG).eval()


@pytest.fixture
def memory(decoder: CaptionDecoder) -> Memory:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, FEATURES, GRID_SIZE, GRID_SIZE, generator=generator)
    tags = torch.tensor([[7, 9, PAD], [5, PAD, PAD]])
    probabilities = torch.tensor([[0.9, 0.4, 0.0], [0.7, 0.0, 0.0]])
    with torch.no_grad():
        return decoder.remember(features, tags, probabilities)


TOKENS = torch.tensor([[BOS, 4, 9, 11], [BOS, 20, 5, 6]])


@torch.no_grad()
def test_gives_a_distribution(decoder: CaptionDecoder, memory: Memory) -> None:
    total = decoder(TOKENS, memory).exp().sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-4, rtol=0)


@torch.no_grad()
def test_special_tokens_take_no_probability(decoder: CaptionDecoder, memory: Memory) -> None:
    assert decoder(TOKENS, memory).exp()[..., [PAD, BOS, UNKNOWN]].max() < 1e-6


@torch.no_grad()
def test_cache_changes_nothing(decoder: CaptionDecoder, memory: Memory) -> None:
    whole = decoder(TOKENS, memory)
    cache = decoder.start(memory)
    steps = torch.cat([decoder(TOKENS[:, [position]], memory, cache) for position in range(4)], 1)
    torch.testing.assert_close(steps, whole, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_future_words_are_not_seen(decoder: CaptionDecoder, memory: Memory) -> None:
    changed = TOKENS.clone()
    changed[:, 3] = 25
    torch.testing.assert_close(decoder(changed, memory)[:, :3], decoder(TOKENS, memory)[:, :3])


@torch.no_grad()
def test_target_log_probabilities_are_those_of_the_mixture(decoder: CaptionDecoder, memory: Memory) -> None:
    targets = torch.tensor([[4, 9, 11, 2], [20, 5, 6, 2]])
    hidden = decoder.hidden(TOKENS, memory)
    got, _ = decoder.target_log_probabilities(hidden, memory, targets)
    want = decoder.log_probabilities(hidden, memory).gather(2, targets[..., None])[..., 0]
    torch.testing.assert_close(got, want)


@torch.no_grad()
def test_an_open_gate_copies_tags_only(decoder: CaptionDecoder, memory: Memory) -> None:
    decoder.copy_gate.bias.fill_(50.0)
    probabilities = decoder(TOKENS, memory).exp()
    assert probabilities[0, :, [7, 9]].sum(-1).min() > 0.999
    assert probabilities[1, :, 5].min() > 0.999


@torch.no_grad()
def test_without_tags_nothing_is_copied(decoder: CaptionDecoder) -> None:
    decoder.copy_gate.bias.fill_(50.0)
    features = torch.randn(1, FEATURES, GRID_SIZE, GRID_SIZE, generator=torch.Generator().manual_seed(2))
    memory = decoder.remember(features, torch.full((1, 3), PAD), torch.zeros(1, 3))
    hidden = decoder.hidden(TOKENS[:1], memory)
    write, _, _ = decoder.write_or_copy(hidden, memory)
    torch.testing.assert_close(decoder.log_probabilities(hidden, memory).exp(), write.exp())


@torch.no_grad()
def test_look_shows_the_weights_that_were_used(decoder: CaptionDecoder, memory: Memory) -> None:
    maps = decoder.look(TOKENS, memory)
    assert maps.shape == (CONFIG.layers, 2, CONFIG.heads, 4, CELLS + CONFIG.tags)
    torch.testing.assert_close(maps.sum(-1), torch.ones_like(maps.sum(-1)))
    assert maps[:, 1, ..., CELLS + 1 :].max() == 0.0, "missing tags are not looked at"
    # The first layer by hand: softmax(QK' / sqrt(d)) of the first layer's cross-attention.
    layer = decoder.layers[0]
    x = decoder.read(TOKENS) + decoder.position[:4]
    x = x + layer.self_attention(layer.self_norm(x), *layer.self_attention.keys_values(layer.self_norm(x)), causal=True)
    query = layer.cross_attention.split(layer.cross_attention.query(layer.cross_norm(x)))
    key, _ = layer.cross_attention.keys_values(memory.states)
    scores = (query @ key.transpose(-2, -1) / (CONFIG.width // CONFIG.heads) ** 0.5).masked_fill(
        ~memory.mask, -torch.inf
    )
    torch.testing.assert_close(maps[0], scores.softmax(-1))
