"""How the captioner learns to choose among its candidates."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from mmcore import Caption, CaptionOptions, ModelPool, Settings, Word
from mmcore.evaluation.caption_scores import CiderD
from mmcore.families._reranking import SIGNALS, Weights, different, ranked
from mmcore.families.compact_captioner import CompactCaptioning
from mmcore.nets.vocabulary import join_words
from mmcore.recipes.captioning import reranking
from mmcore.recipes.captioning.reranking import Choice, cross_validated, earned, fit

ROOT = Path(__file__).resolve().parents[2]


def made_choices(count: int, telling: int, seed: int = 0) -> list[Choice]:
    """Candidates whose reward follows one signal; the others are noise, of other sizes."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        signals = torch.randn(12, len(SIGNALS), generator=draw) * torch.tensor([1, 0.1, 0.05, 4, 3, 2.0])
        reward = signals[:, telling] / signals[:, telling].std()
        found.append(Choice(signals, reward + 0.3 * torch.randn(12, generator=draw)))
    return found


@pytest.mark.parametrize("telling", range(len(SIGNALS)))
def test_finds_the_signal_that_tells(telling: int) -> None:
    choices, others = made_choices(120, telling), made_choices(60, telling, seed=1)
    best = sum(float(one.rewards.max()) for one in others) / len(others)
    assert earned(others, fit(choices)) > 0.9 * best
    assert cross_validated(choices) > 0.9 * sum(float(one.rewards.max()) for one in choices) / len(choices)


def test_rewards_that_follow_nothing_earn_nothing_on_other_pictures() -> None:
    draw = torch.Generator().manual_seed(0)
    choices = [
        Choice(torch.randn(12, len(SIGNALS), generator=draw), torch.randn(12, generator=draw)) for _ in range(100)
    ]
    assert earned(choices, fit(choices)) > cross_validated(choices)
    assert abs(cross_validated(choices)) < 0.3


def test_ranks_by_the_weighted_sum_and_keeps_the_order_of_equals() -> None:
    signals = torch.zeros(3, len(SIGNALS))
    signals[:, 1] = torch.tensor([0.1, 0.5, 0.1])
    assert ranked(["a", "b", "c"], signals, Weights(1, 8, 0, 0, 0, 0)) == ["b", "a", "c"]


def test_fits_the_bundled_captioner_to_captions_and_writes_the_weights(tmp_path: Path) -> None:
    data, output = tmp_path / "data", tmp_path / "captioner"
    (data / "images").mkdir(parents=True)
    shutil.copytree(ROOT / "mmcore" / "bundled" / "captioner", output)
    rows = []
    for name, text in (("cat.jpg", "a cat"), ("two-dogs.jpg", "two dogs"), ("coffee.jpg", "a cup of coffee")):
        shutil.copy(ROOT / "assets" / "examples" / name, data / "images")
        rows.append(json.dumps({"image": name, "captions": [text]}))
    (data / "captions.jsonl").write_text("\n".join(rows))
    pool = ModelPool(Settings(offline=True, device="cpu"))
    figures = reranking.main(pool, data, output)
    assert figures["pictures"] == 3
    assert figures["fitted"] <= figures["best_candidate"]
    weights = json.loads((output / "config.json").read_text())["reranking"]["weights"]
    assert weights == figures["weights"]
    assert list(weights) == list(SIGNALS)


def test_signals_are_what_they_say() -> None:
    model = ModelPool(Settings(offline=True, device="cpu")).get("compact-captioner")
    assert isinstance(model, CompactCaptioning)
    image = Image.open(ROOT / "assets" / "examples" / "cat.jpg").convert("RGB")
    options = CaptionOptions()
    written, signals = model.candidates(model.see([image]), options)[0]
    texts = [join_words(model.network.vocabulary.decode(one.tokens)) for one in written]
    assert len(set(texts)) == len(texts) >= 5
    assert signals.shape == (len(texts), len(SIGNALS))
    assert torch.isfinite(signals).all()
    assert signals[:, 3].tolist() == [float(len(one.tokens)) for one in written]
    cats = [place for place, text in enumerate(texts) if "cat" in text.split()]
    assert cats, "the judge below needs a caption with a cat"
    judge = CiderD({"cat": ["a cat"], "dog": ["a dog"]})
    best = ranked(texts, signals, Weights(0, 1, 0, 0, 0, 0))[0]
    assert judge.score("cat", best) > 0, "by the cosine alone the best caption of a cat has a cat in it"


def test_alternatives_differ_in_more_than_an_article():
    texts = ("a cat on a sofa", "the cat on a sofa", "a cat on a sofa", "a kitten asleep")
    captions = [Caption(text, 0.5, tuple(Word(word, 0.5) for word in text.split())) for text in texts]
    assert [one.text for one in different(captions, 2)] == ["a cat on a sofa", "a kitten asleep"]
    assert [one.text for one in different(captions, 9)] == ["a cat on a sofa", "the cat on a sofa", "a kitten asleep"]
