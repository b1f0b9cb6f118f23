"""How the captioner learns to choose among its candidates."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmcore import Caption, CaptionOptions, ModelPool, Settings, Word
from mmcore.evaluation.caption_scores import CiderD
from mmcore.families._reranking import SIGNALS, Weights, different, ranked, similarities, without_repeats
from mmcore.families.compact_captioner import CompactCaptioning
from mmcore.nets.decoding import Written
from mmcore.nets.vocabulary import SPECIAL, Vocabulary, join_words
from mmcore.recipes.captioning import reranking
from mmcore.recipes.captioning.reranking import Choice, cross_validated, earned, fit

ROOT = Path(__file__).resolve().parents[2]


def made_choices(count: int, telling: int, seed: int = 0) -> list[Choice]:
    """Candidates whose reward follows one signal; the others are noise, of other sizes."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        signals = torch.randn(12, len(SIGNALS), generator=draw) * torch.tensor([1, 0.1, 4, 3, 2, 0.2])
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
    assert figures["fitted"] <= figures["best_on_shortlist"] <= figures["best_candidate"]
    assert figures["first"]["cosine"] == 0
    weights = json.loads((output / "config.json").read_text())["reranking"]["weights"]
    assert weights == figures["weights"]
    assert list(weights) == list(SIGNALS)
    # How rare a word is: "a" is in the captions of all three pictures, "cat" in those of one, "zebra" in none.
    config = json.loads((output / "config.json").read_text())
    index = Vocabulary(config["network"]["vocabulary"]).index
    rarity = [config["reranking"]["rarity"][index[word]] for word in ("a", "cat", "zebra")]
    assert rarity == [round(math.log(3 / 2), 2), 1.1, 1.1]


def test_signals_are_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelPool(Settings(offline=True, device="cpu")).get("compact-captioner")
    assert isinstance(model, CompactCaptioning)
    image = Image.open(ROOT / "assets" / "examples" / "cat.jpg").convert("RGB")
    options = CaptionOptions()
    seen = model.see([image])
    candidates = model.candidates(seen, options)
    written, signals = model.shortlists(seen, candidates)[0]
    texts = [join_words(model.network.vocabulary.decode(one.tokens)) for one in written]
    assert len(set(texts)) == len(texts) >= 5
    assert signals.shape == (len(texts), len(SIGNALS))
    assert torch.isfinite(signals).all()
    assert signals[:, 2].tolist() == [float(len(one.tokens)) for one in written]
    assert (signals[:, 5] > 0).all()
    assert (signals[:, 5] < 1).all()
    # The shortlist are those that the cheap signals rank first.
    assert model.reranking is not None
    monkeypatch.setattr(model, "reranking", replace(model.reranking, shortlist=3))
    cheap = model.signals(seen.tag_probabilities[0], candidates[0])
    assert not cheap[:, 1].any()
    first = ranked(candidates[0], cheap, model.reranking.first)[:3]
    kept, few = model.shortlists(seen, candidates)[0]
    assert [one.tokens for one in kept] == [one.tokens for one in first]
    assert model.dual is not None
    vectors = model.dual.text_vectors([join_words(model.network.vocabulary.decode(one.tokens)) for one in kept])
    np.testing.assert_allclose(
        few[:, 1], vectors @ model.dual.image_vectors([image])[0], atol=2e-3
    )  # bytes of two files
    cats = [place for place, text in enumerate(texts) if "cat" in text.split()]
    assert cats, "the judge below needs a caption with a cat"
    judge = CiderD({"cat": ["a cat"], "dog": ["a dog"]})
    best = ranked(texts, signals, Weights(0, 1, 0, 0, 0, 0))[0]
    assert judge.score("cat", best) > 0, "by the cosine alone the best caption of a cat has a cat in it"


def test_no_caption_names_a_thing_twice_unless_all_do() -> None:
    vocabulary = Vocabulary([*SPECIAL, "a", "man", "next", "to", "dog"])
    made = [Written(tuple(vocabulary.encode(text)), ()) for text in ("a man next to a man", "a man next to a dog")]
    assert without_repeats(vocabulary, {"man": 0, "dog": 1}, made) == made[1:]
    assert without_repeats(vocabulary, {"man": 0, "dog": 1}, made[:1]) == made[:1]


def test_captions_are_alike_as_cider_finds_them() -> None:
    """One-picture CIDEr-D with the same weights of n-grams: without its clipping, since no word stands twice here."""
    texts = ("a dog runs on grass", "a dog runs on sand", "two men")
    words = sorted({word for text in texts for word in text.split()})
    rarity = [float(len(word)) for word in words]
    written = [Written(tuple(words.index(word) for word in text.split()), ()) for text in texts]
    found = similarities(written, rarity)

    def cosine(one: str, other: str, length: int) -> float:
        weight = {}
        for text in (one, other):
            parts = text.split()
            runs = [tuple(parts[at : at + length]) for at in range(len(parts) - length + 1)]
            weight[text] = {run: sum(len(word) for word in run) for run in runs}
        dot = sum(value * weight[other].get(run, 0) for run, value in weight[one].items())
        norms = [math.sqrt(sum(value**2 for value in weight[text].values())) for text in (one, other)]
        return dot / (norms[0] * norms[1]) if all(norms) else 0.0

    assert found[0, 1] == pytest.approx(sum(cosine(texts[0], texts[1], length) for length in range(1, 5)) / 4)
    assert found[0, 2] == 0
    assert found[0, 0] == pytest.approx(1)
    assert found[2, 2] == pytest.approx(0.5), "two words have no runs of three and four"
    alike = similarities([Written((4, 5), ()), Written((4, 5, 6), ())], ())
    assert alike[0, 1] == pytest.approx((2 / math.sqrt(6) + 1 / math.sqrt(2)) / 4 * math.exp(-1 / 72))


def test_alternatives_differ_in_more_than_an_article():
    texts = ("a cat on a sofa", "the cat on a sofa", "a cat on a sofa", "a kitten asleep")
    captions = [Caption(text, 0.5, tuple(Word(word, 0.5) for word in text.split())) for text in texts]
    assert [one.text for one in different(captions, 2)] == ["a cat on a sofa", "a kitten asleep"]
    assert [one.text for one in different(captions, 9)] == ["a cat on a sofa", "the cat on a sofa", "a kitten asleep"]
