"""Decoding against exhaustive search on a vocabulary small enough to try everything."""

import itertools

import pytest
import torch

from mmcore.nets.caption_decoder import CaptionDecoder, DecoderConfig, Memory
from mmcore.nets.decoding import beam_search, nucleus_sample
from mmcore.nets.image_encoder import FEATURES
from mmcore.nets.image_sizes import GRID_SIZE
from mmcore.nets.vocabulary import BOS, EOS, PAD, UNKNOWN

WORDS = (4, 5, 6, 7)
MAX_WORDS = 4


@pytest.fixture(scope="module")
def decoder() -> CaptionDecoder:
    torch.manual_seed(3)
    decoder = CaptionDecoder(
        DecoderConfig(vocabulary=8, width=16, layers=2, heads=2, feedforward=32, max_length=12, tags=2)
    ).eval()
    with torch.no_grad():
        decoder.embedding.weight.mul_(6.0)
        decoder.copy_gate.bias.fill_(0.0)
    return decoder


@pytest.fixture(scope="module")
def memory(decoder: CaptionDecoder) -> Memory:
    features = torch.randn(3, FEATURES, GRID_SIZE, GRID_SIZE, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        return decoder.remember(features, torch.tensor([[4, 6], [5, PAD], [PAD, PAD]]), torch.rand(3, 2))


@torch.no_grad()
def every_caption(decoder: CaptionDecoder, memory: Memory, picture: int) -> dict[tuple[int, ...], float]:
    """Mean log-probability of every caption of one to MAX_WORDS words without a word twice in a row."""
    one = memory.select(torch.tensor([picture]))
    scores = {}
    for length in range(1, MAX_WORDS + 1):
        for words in itertools.product(WORDS, repeat=length):
            if all(a != b for a, b in itertools.pairwise(words)):
                log_p = decoder(torch.tensor([[BOS, *words]]), one)[0]
                targets = [*words, EOS]
                scores[words] = float(sum(log_p[t, token] for t, token in enumerate(targets))) / len(targets)
    return scores


@torch.no_grad()
def test_a_wide_beam_finds_the_best_captions(decoder: CaptionDecoder, memory: Memory) -> None:
    found = beam_search(decoder, memory, beams=120, captions=3, max_words=MAX_WORDS, length_power=1.0)
    for picture in range(3):
        scores = every_caption(decoder, memory, picture)
        best = sorted(scores, key=scores.__getitem__, reverse=True)[:3]
        assert [written.tokens for written in found[picture]] == best
        assert found[picture][0].score == pytest.approx(scores[best[0]], abs=1e-4)


@torch.no_grad()
def test_greedy_takes_the_likeliest_word_each_time(decoder: CaptionDecoder, memory: Memory) -> None:
    for picture, captions in enumerate(beam_search(decoder, memory, 1, 1, MAX_WORDS)):
        one = memory.select(torch.tensor([picture]))
        words: list[int] = []
        for step in range(MAX_WORDS):
            log_p = decoder(torch.tensor([[BOS, *words]]), one)[0, -1]
            log_p[[PAD, BOS, UNKNOWN, *words[-1:], *([EOS] if step == 0 else [])]] = -torch.inf
            token = int(log_p.argmax())
            if token == EOS:
                break
            words.append(token)
        assert captions[0].tokens == tuple(words)


@torch.no_grad()
@pytest.mark.parametrize("beams", [1, 3, 5])
def test_batch_and_single_agree(decoder: CaptionDecoder, memory: Memory, beams: int) -> None:
    together = beam_search(decoder, memory, beams, beams, MAX_WORDS)
    for picture in range(3):
        alone = beam_search(decoder, memory.select(torch.tensor([picture])), beams, beams, MAX_WORDS)[0]
        assert [written.tokens for written in together[picture]] == [written.tokens for written in alone]


@torch.no_grad()
def test_beams_give_different_captions_in_order(decoder: CaptionDecoder, memory: Memory) -> None:
    for captions in beam_search(decoder, memory, 5, 5, MAX_WORDS, length_power=1.0):
        assert len({written.tokens for written in captions}) == len(captions) == 5
        assert [c.score for c in captions] == sorted((c.score for c in captions), reverse=True)


@torch.no_grad()
def test_nucleus_draws_from_the_nucleus_only(decoder: CaptionDecoder, memory: Memory) -> None:
    rows = torch.zeros(400, dtype=torch.long)
    generator = torch.Generator().manual_seed(0)
    tokens, _ = nucleus_sample(decoder, memory.select(rows), MAX_WORDS, top_p=0.6, generator=generator)
    p = decoder(torch.tensor([[BOS]]), memory.select(torch.tensor([0])))[0, 0].exp()
    p[[PAD, BOS, UNKNOWN, EOS]] = 0.0
    p = p / p.sum()
    nucleus, held = set(), 0.0
    for word in p.argsort(descending=True).tolist():
        if held >= 0.6:
            break
        nucleus.add(word)
        held += float(p[word])
    drawn = torch.bincount(tokens[:, 0], minlength=8).float() / 400
    assert set(tokens[:, 0].tolist()) == nucleus
    for word in nucleus:
        assert float(drawn[word]) == pytest.approx(float(p[word]) / held, abs=0.1)


@torch.no_grad()
def test_sampled_log_probabilities_are_the_models_own(decoder: CaptionDecoder, memory: Memory) -> None:
    tokens, log_p = nucleus_sample(decoder, memory, MAX_WORDS, generator=torch.Generator().manual_seed(5))
    inputs = torch.cat([torch.full((3, 1), BOS), tokens[:, :-1]], 1)
    want = decoder(inputs, memory).gather(2, tokens[..., None])[..., 0]
    real = tokens != PAD
    torch.testing.assert_close(log_p[real], want[real], atol=1e-4, rtol=1e-4)
    assert (tokens == EOS).sum(1).tolist() == [1, 1, 1], "every caption ends once, and nothing follows"


@torch.no_grad()
def test_captions_that_begin_alike_are_drawn_as_if_each_were_alone(decoder: CaptionDecoder, memory: Memory) -> None:
    many = memory.select(torch.arange(3).repeat_interleave(40))
    for top_p in (0.7, 1.0):
        apart = nucleus_sample(decoder, many, MAX_WORDS, top_p, 1.5, torch.Generator().manual_seed(6))
        shared = nucleus_sample(decoder, memory, MAX_WORDS, top_p, 1.5, torch.Generator().manual_seed(6), draws=40)
        assert torch.equal(shared[0], apart[0])
        assert torch.allclose(shared[1], apart[1], atol=1e-5)
        assert len(set(map(tuple, shared[0].tolist()))) > 5
