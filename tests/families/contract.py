"""What every captioner of the transformers library must keep, whatever its family."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmcore import families
from mmcore.checkpoints import locate
from mmcore.checkpoints.registry import find
from mmcore.families._attention_maps import center_of_mass, mean_attention, share, word_maps
from mmcore.families.base import Captioner
from mmcore.results import Caption, CaptionOptions, Word
from mmcore.settings import Settings, local_variable
from tests import tiny
from tests.families import seeing

SOME = tiny.pictures(3)


def load(name: str, folder: Path) -> Any:
    """The checkpoint from a local folder, through the path that the product takes."""
    checkpoint = find(name)
    settings = Settings(local={local_variable(name): folder}, offline=True)
    model = families.load(checkpoint, locate.locate(checkpoint, settings), "cpu", "float32")
    assert isinstance(model, Captioner)
    return model


def texts(answers: list[tuple[Caption, ...]]) -> list[list[str]]:
    return [[caption.text for caption in answer] for answer in answers]


def assert_same(answers: list[tuple[Caption, ...]], expected: list[list[tuple[str, float]]]) -> None:
    """The same texts in the same order, and each caption's words multiply to the tokens' probability."""
    assert texts(answers) == [[text for text, _ in captions] for captions in expected]
    for answer, captions in zip(answers, expected, strict=True):
        for caption, (_, log_probability) in zip(answer, captions, strict=True):
            assert sum(math.log(word.probability) for word in caption.words) == pytest.approx(log_probability, abs=1e-3)


def token_log_probabilities(network: Any, output: Any, tokenizer: Any) -> list[tuple[str, float]]:
    """Texts, and the sum of the log-probabilities of the shown tokens, of what ``generate`` returned."""
    scores = network.compute_transition_scores(
        output.sequences, output.logits, output.get("beam_indices"), normalize_logits=True
    )
    found = []
    for sequence, row in zip(output.sequences, scores, strict=True):
        tokens = sequence[1 : len(row) + 1].tolist()
        shown = [
            value for token, value in zip(tokens, row.tolist(), strict=True) if token not in tokenizer.all_special_ids
        ]
        found.append((tokenizer.decode(sequence[1:], skip_special_tokens=True).strip(), sum(shown)))
    return found


def check_words(model: Any, pictures: list[Image.Image]) -> None:
    """Words join to the text, probabilities are probabilities, the score is their geometric mean."""
    for decoding in ("beam", "greedy", "nucleus"):
        for answer in model.caption(pictures, CaptionOptions(decoding=decoding, num_captions=2, max_words=12)):
            assert len(answer) == (1 if decoding == "greedy" else 2)
            for caption in answer:
                assert "".join(word.text for word in caption.words) == "".join(caption.text.split())
                assert all(0 < word.probability <= 1 for word in caption.words)
                if caption.words:
                    logs = [math.log(word.probability) for word in caption.words]
                    assert caption.score == pytest.approx(math.exp(sum(logs) / len(logs)))
                else:
                    assert caption.score == 0
            if decoding == "nucleus":
                assert answer[0].score >= answer[1].score


def check_batch(model: Any, max_words: int = 12, detail: str | None = None) -> None:
    """A picture gets the same captions alone and in a batch, in any order."""
    for decoding in ("greedy", "beam", "nucleus"):
        options = CaptionOptions(decoding=decoding, num_captions=2, max_words=max_words, detail=detail)
        together = model.caption(SOME, options)
        assert texts(together) == [texts(model.caption([picture], options))[0] for picture in SOME]
        assert texts(together)[::-1] == texts(model.caption(SOME[::-1], options))
        alone = model.caption(SOME[1:2], options)[0]
        assert [caption.score for caption in together[1]] == pytest.approx(
            [caption.score for caption in alone], rel=1e-4
        )


def check_seed(model: Any) -> None:
    """The seed alone decides the draw, and the process-wide random state is left as it was."""
    options = CaptionOptions(decoding="nucleus", num_captions=3, max_words=12, seed=7)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    first = texts(model.caption(SOME, options))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]
    torch.manual_seed(99)
    assert texts(model.caption(SOME, options)) == first
    other = CaptionOptions(decoding="nucleus", num_captions=3, max_words=12, seed=8)
    assert texts(model.caption(SOME, other)) != first
    assert any(len(set(captions)) > 1 for captions in first)  # draws of one picture differ


def check_maps(model: Any, cells: int) -> None:
    """One map a word, each >= 0 with the sum 1; different words and pictures give different maps."""
    for answer, picture in zip(model.caption(SOME, CaptionOptions(num_captions=2, max_words=12)), SOME, strict=True):
        for caption in answer:
            maps = model.word_maps(picture, caption)
            assert maps.shape == (len(caption.words), cells, cells)
            assert maps.dtype == np.float32
            assert (maps >= 0).all()
            assert np.allclose(maps.sum((1, 2)), 1, atol=1e-5)
    words = tuple(Word(text, 0.5) for text in ("a", "dog", "sits"))
    caption = Caption("a dog sits", 0.5, words)
    maps = model.word_maps(SOME[0], caption)
    assert not any(layer._forward_hooks for layer in model.self_attention_memory())
    assert not np.allclose(maps[0], maps[1], atol=1e-3)
    assert not np.allclose(maps, model.word_maps(SOME[1], caption), atol=1e-3)
    assert model.word_maps(SOME[0], Caption("", 0.0, ())).shape == (0, cells, cells)


def check_own_step(model: Any, decode: Any) -> None:
    """Attention is that of a plain pass; a token's gradient is that of its own step, whatever follows.

    ``decode(ids, states)`` is the plain pass.
    """
    tokens = model.tokenizer("a dog and a cat on the sky", add_special_tokens=False)["input_ids"]
    states = model.encode(SOME[:1], model.detail(None)).detach()
    attentions, gradients = model._read_back(tokens, states)
    ids = torch.tensor([[*model.start, *tokens]])
    output = decode(ids, states.requires_grad_())
    own = slice(len(model.start) - 1, -1)
    plain = torch.stack(output.cross_attentions)[:, 0, :, own].numpy(force=True)
    assert np.allclose(attentions, plain, atol=1e-5)
    # What the last layer reads in a step acts on this step alone, so there the plain gradient is the same.
    chosen = output.logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])
    (slope,) = torch.autograd.grad(128 * chosen.sum(), output.cross_attentions[-1])
    assert np.allclose(gradients[-1], slope[0, :, own].numpy(force=True), rtol=1e-3, atol=1e-2)
    for end in range(1, len(tokens)):
        assert np.allclose(model._read_back(tokens[:end], states)[1], gradients[:, :, :end], rtol=1e-3, atol=1e-2)


def quarter(heat: Any, corner: str) -> float:
    """Weight of a map in a corner's quarter of the picture."""
    row, column = seeing.CORNERS[corner]
    return share(heat, row / 2, column / 2, row / 2 + 0.5, column / 2 + 0.5)


def check_known_answer(model: Any, corner: str) -> None:
    """See ``seeing``: both corners are looked at for every word, but each colour's word comes from its own corner."""
    image, other = seeing.picture(corner, seeing.opposite(corner)), seeing.opposite(corner)
    caption = Caption("a red blue", 0.5, tuple(Word(text, 0.5) for text in ("a", "red", "blue")))
    _, red, blue = model.word_maps(image, caption)
    assert quarter(red, corner) > 0.95
    assert quarter(blue, other) > 0.95
    assert_near(center_of_mass(red), corner)
    assert_near(center_of_mass(blue), other)
    tokens = model.tokenizer(caption.text, add_special_tokens=False)["input_ids"]
    attention = mean_attention(model._read_back(tokens, model.encode([image], model.detail(None)))[0])
    for looked in word_maps(attention, [(index,) for index in range(len(tokens))], model.grid, model.first_cell):
        assert quarter(looked, corner) == pytest.approx(quarter(looked, other), abs=0.1)
        assert quarter(looked, corner) + quarter(looked, other) > 0.9


def assert_near(place: tuple[float, float], corner: str) -> None:
    """The place is the middle of the square in that corner, a quarter of the side from both edges."""
    expected = [0.25 + side / 2 for side in seeing.CORNERS[corner]]
    assert place == pytest.approx(expected, abs=0.05)
