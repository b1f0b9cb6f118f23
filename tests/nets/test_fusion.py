"""The five fusions: shapes, missing modalities, gates and attention that sum to 1, saved and loaded unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmcore.nets.fusion import (
    KINDS,
    CrossAttention,
    Dropout,
    Fusion,
    FusionConfig,
    Inputs,
    build,
    inputs_from,
    load,
    save,
)
from mmcore.results import FUSIONS
from tests.posts import IMAGE, REGIONS, TEXT, WIDTH, WORDS, make_set

CONFIG = FusionConfig(text=TEXT, image=IMAGE, word=WIDTH, region=WIDTH, width=16, attention=16, heads=2, dropout=0.2)
each = pytest.mark.parametrize("name", FUSIONS)


def some_inputs(count: int = 9) -> Inputs:
    return inputs_from(make_set(30), np.arange(count))


def head(name: str) -> Fusion:
    torch.manual_seed(1)
    made = build(name, CONFIG)
    made.standardize(some_inputs(9))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return made.eval().requires_grad_(False)


def test_every_fusion_that_may_be_chosen_is_built() -> None:
    assert tuple(KINDS) == FUSIONS
    assert all((kind.__doc__ and "=" in kind.__doc__) or kind.name == "multitask" for kind in KINDS.values())


@each
def test_probabilities_of_any_mixture_of_modalities(name: str) -> None:
    one, inputs = head(name), some_inputs()
    text = torch.tensor([True, True, False] * 3)
    image = torch.tensor([True, False, True] * 3)
    mixed = inputs.without(text=~text, image=~image)
    found = one.probabilities(mixed)
    assert found.shape == (9, 3)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found.sum(-1), torch.ones(9))
    for place, view in enumerate((inputs, inputs.only(image=False), inputs.only(text=False))):
        rows = [place, place + 3, place + 6]
        torch.testing.assert_close(found[rows], one.probabilities(view)[rows], msg=f"{name} mixes posts up")


@each
def test_what_is_missing_does_not_matter(name: str) -> None:
    """Whatever stands in the rows of a missing modality, the answer is the same."""
    one, inputs = head(name), some_inputs()
    other = inputs_from(make_set(30, seed=5), np.arange(9))
    without_text = Inputs(
        other.words, other.word_mask, other.text, inputs.regions, inputs.image, inputs.has_text, inputs.has_image
    )
    without_image = Inputs(
        inputs.words, inputs.word_mask, inputs.text, other.regions, other.image, inputs.has_text, inputs.has_image
    )
    torch.testing.assert_close(one(without_text.only(text=False)), one(inputs.only(text=False)))
    torch.testing.assert_close(one(without_image.only(image=False)), one(inputs.only(image=False)))
    assert not torch.allclose(one(inputs.only(text=False)), one(inputs))
    assert not torch.allclose(one(inputs.only(image=False)), one(inputs))


@each
def test_a_gate_is_a_share(name: str) -> None:
    one, inputs = head(name), some_inputs()
    gate = one.gate(inputs)
    assert (gate is not None) == (name in ("weighted", "late"))
    if gate is not None:
        torch.testing.assert_close(gate.sum(-1), torch.ones(9))
        torch.testing.assert_close(one.gate(inputs.only(image=False)), torch.tensor([[1.0, 0.0]] * 9))
        torch.testing.assert_close(one.gate(inputs.only(text=False)), torch.tensor([[0.0, 1.0]] * 9))


def test_attention_is_a_share_of_the_regions() -> None:
    one, inputs = head("cross_attention"), some_inputs()
    looks = one.attention(inputs)
    assert looks is not None
    assert looks.shape == (9, WORDS, REGIONS)
    torch.testing.assert_close(looks.sum(-1), torch.ones(9, WORDS))
    assert isinstance(one, CrossAttention)
    back = one.look(inputs)[2]
    behind = back.masked_select(~inputs.word_mask[:, None].expand_as(back))
    assert float(behind.abs().max()) == 0, "behind the text's end"


@each
def test_text_behind_its_end_is_not_read(name: str) -> None:
    one, inputs = head(name), some_inputs()
    words = torch.where(inputs.word_mask[..., None], inputs.words, torch.full_like(inputs.words, 7.0))
    changed = Inputs(
        words, inputs.word_mask, inputs.text, inputs.regions, inputs.image, inputs.has_text, inputs.has_image
    )
    torch.testing.assert_close(one(changed), one(inputs))


def test_late_averages_probabilities() -> None:
    one, inputs = head("late"), some_inputs()
    weight = float(torch.sigmoid(one.balance))  # type: ignore[arg-type]
    text, image = one(inputs.only(image=False)).softmax(-1), one(inputs.only(text=False)).softmax(-1)
    torch.testing.assert_close(one(inputs).softmax(-1), weight * text + (1 - weight) * image)


@each
def test_the_way_ends_at_the_logits_and_what_is_missing_takes_none(name: str) -> None:
    one, inputs = head(name), some_inputs()
    for view in (inputs, inputs.only(image=False), inputs.only(text=False)):
        steps = one.on_the_way(view)
        torch.testing.assert_close(steps["logits"], one(view))
        assert steps["text"].shape == steps["image"].shape == (9, CONFIG.width)
        if "gate" in steps:
            torch.testing.assert_close(steps["gate"], one.gate(view))
    torch.testing.assert_close(one.on_the_way(inputs.only(text=False))["text"], one.text.absent.expand(9, -1))


def test_the_way_worked_out_by_hand() -> None:
    inputs = some_inputs()
    for name in ("concat", "cross_attention", "multitask"):
        one = head(name)
        steps = one.on_the_way(inputs)
        torch.testing.assert_close(one.classify(steps["mixed"]), steps.get("both_logits", steps["logits"]))  # type: ignore[operator]
    steps = head("weighted").on_the_way(inputs)
    blend = steps["gate"][:, :1] * steps["text_logits"] + steps["gate"][:, 1:] * steps["image_logits"]
    torch.testing.assert_close(blend, steps["logits"])
    steps = head("late").on_the_way(inputs)
    blend = steps["gate"][:, :1] * steps["text_opinion"] + steps["gate"][:, 1:] * steps["image_opinion"]
    torch.testing.assert_close(blend.log(), steps["logits"])


def test_each_view_has_its_temperature() -> None:
    one, inputs = head("concat"), some_inputs()
    one.temperatures.copy_(torch.tensor([1.0, 2.0, 4.0]))
    for place, view in enumerate((inputs, inputs.only(image=False), inputs.only(text=False))):
        torch.testing.assert_close(one.probabilities(view), (one(view) / 2**place).softmax(-1))


@each
def test_saved_and_loaded_it_says_the_same(name: str, tmp_path: Path) -> None:
    one, inputs = head(name), some_inputs()
    save(one, tmp_path, {"features": "made-up"})
    again, config = load(tmp_path)
    assert config["features"] == "made-up"
    assert type(again) is type(one)
    torch.testing.assert_close(again.probabilities(inputs), one.probabilities(inputs), atol=5e-3, rtol=0)


def test_dropout_draws_from_its_own_generator() -> None:
    dropout, ones = Dropout(0.25), torch.ones(400, 400)
    dropout.generator = torch.Generator().manual_seed(3)
    first = dropout(ones)
    assert float((first == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(first.mean()) == pytest.approx(1.0, abs=0.01)
    torch.rand(5)  # somebody else draws from the global one
    dropout.generator.manual_seed(3)
    assert torch.equal(dropout(ones), first)
    assert torch.equal(dropout.eval()(ones), ones)
