"""The bundled sentiment heads: sensible answers, explanations without a rest, numbers for the Lab that fit."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from mmcore import ModelPool, Post, SentimentOptions, Settings, classify_sentiment, decode_image
from mmcore.fusion.feature_sets import bundled
from mmcore.fusion.trainer import Training
from mmcore.results import FUSIONS, TrainingOptions

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
BUNDLE = Path(str(resources.files("mmcore"))) / "bundled" / "sentiment"


@pytest.fixture(scope="module")
def pool() -> ModelPool:
    return ModelPool(Settings(offline=True, device="cpu"))


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("What a lovely morning, I am so happy!", "positive"),
        ("Worst day ever, I want to cry.", "negative"),
        ("So proud of my wonderful team #love", "positive"),
        ("He died in a horrible crash. So sad.", "negative"),
    ],
)
def test_plain_texts_are_judged_as_people_do(pool: ModelPool, fusion: str, text: str, label: str) -> None:
    assert classify_sentiment(pool, Post(text), SentimentOptions(fusion=fusion)).label == label  # type: ignore[arg-type]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_contributions_share_out_the_answer_of_the_real_model(pool: ModelPool, fusion: str) -> None:
    image = decode_image(EXAMPLES / "two-dogs.jpg", Settings(offline=True))
    result = classify_sentiment(
        pool, Post("Worst day ever, I want to cry.", image), SentimentOptions(fusion, explain=True)
    )  # type: ignore[arg-type]
    why = result.explanation
    assert why is not None
    assert why.regions is not None
    assert why.without_words is not None
    assert why.without_regions is not None
    whole = result.scores.valence
    assert why.without_words.valence + sum(word.valence for word in why.words) == pytest.approx(whole, abs=5e-3)
    regions = float((why.regions[..., 2] - why.regions[..., 0]).sum())
    assert why.without_regions.valence + regions == pytest.approx(whole, abs=5e-3)
    words = {word.text: word.valence for word in why.words}
    assert min(words, key=words.__getitem__) in ("Worst", "cry.")


def test_a_not_turns_the_word_after_it(pool: ModelPool) -> None:
    result = classify_sentiment(pool, Post("this is not good at all"), SentimentOptions(explain=True))
    assert result.label == "negative"
    assert result.explanation is not None
    valence = {word.text: word.valence for word in result.explanation.words}
    assert min(valence, key=valence.__getitem__) == "not"


def test_the_labs_numbers_are_of_this_encoder_and_hold_no_post(pool: ModelPool) -> None:
    features = bundled("mvsa")
    assert features.encoder == pool.get("compact-sentiment").fingerprint
    assert features.encoder == json.loads((BUNDLE / "config.json").read_text(encoding="utf-8"))["encoder"]
    assert len(features) == 800
    assert min(features.counts()) > 50
    assert not features.texts
    assert not features.ids
    assert not features.pictures
    assert (BUNDLE / "lab-mvsa.npz").stat().st_size < 5_000_000


def test_a_head_trained_on_the_labs_numbers_judges(pool: ModelPool, settings: Settings) -> None:
    training = Training(bundled("mvsa"), TrainingOptions(epochs=4, seed=1))
    assert max(report.dev.accuracy for report in training.run()) > 0.6
    own = ModelPool(settings)
    training.keep(settings, "mine")
    result = classify_sentiment(own, Post("What a lovely morning, I am so happy!"), SentimentOptions(head="mine"))
    assert result.label == "positive"
    assert np.isfinite(result.scores.valence)


TWINS = [
    ("I don't like this phone at all", "I don’t like this phone at all"),
    ("It isn't good", "It isn&#39;t good"),
]


def label_of(pool: ModelPool, text: str) -> str:
    return classify_sentiment(pool, Post(text)).label


@pytest.mark.parametrize(("plain", "typed"), TWINS)
def test_an_apostrophe_of_a_telephone_changes_nothing(pool: ModelPool, plain: str, typed: str) -> None:
    assert classify_sentiment(pool, Post(typed)).scores == classify_sentiment(pool, Post(plain)).scores
    assert label_of(pool, plain) == "negative"


def test_words_in_links_and_names_do_not_count(pool: ModelPool) -> None:
    text = "meeting at 3pm in room 204"
    loving = classify_sentiment(pool, Post(f"{text} https://example.com/love-best-great-happy-win"))
    hating = classify_sentiment(pool, Post(f"{text} https://example.com/hate-worst-death-kill-sad"))
    assert loving.scores == hating.scores
    plain = classify_sentiment(pool, Post(text)).scores
    assert abs(plain.positive - loving.scores.positive) < 0.15


@pytest.mark.parametrize("sign", ["😡", "👎", "💔", "🙃", "😭", "#NotHappy", "#worstdayever"])
def test_emoji_and_hashtags_are_read(pool: ModelPool, sign: str) -> None:
    assert label_of(pool, sign) == "negative"


@pytest.mark.parametrize("sign", ["❤", "👍", "😍"])
def test_glad_emoji_are_read(pool: ModelPool, sign: str) -> None:
    assert label_of(pool, sign) == "positive"


@pytest.mark.parametrize(
    ("text", "code"), [(".", "no_words"), ("https://example.com/love", "no_words"), ("je déteste ça", "no_words_read")]
)
def test_no_evidence_is_not_sure(pool: ModelPool, text: str, code: str) -> None:
    result = classify_sentiment(pool, Post(text))
    assert result.label == "neutral"
    assert result.scores.positive == result.scores.negative
    assert {code, "not_sure"} <= {notice.code for notice in result.notices}


def test_a_verdict_at_the_end_of_a_long_post_is_read(pool: ModelPool) -> None:
    dull = " ".join(f"On day {number} we went to the office and then we went home again." for number in range(20))
    result = classify_sentiment(pool, Post(f"{dull} This was the worst experience of my life, I hate it."))
    assert result.label == "negative"
    assert "text_windows" in {notice.code for notice in result.notices}


def test_a_text_that_is_not_read_leaves_the_picture(pool: ModelPool) -> None:
    image = decode_image(EXAMPLES / "two-dogs.jpg", Settings(offline=True))
    both = classify_sentiment(pool, Post("je déteste ça", image))
    assert both.text is None
    assert both.scores == classify_sentiment(pool, Post(None, image)).scores


@pytest.mark.parametrize(
    "text",
    [
        "The meeting is at 3 pm on Monday in room 204.",
        "Apple will hold its event on September 9 http://t.co/abc",
        "Is anyone going to the game on Sunday?",
        "The president speaks in Berlin tomorrow",
    ],
)
def test_news_without_a_feeling_is_neutral(pool: ModelPool, text: str) -> None:
    assert label_of(pool, text) == "neutral"


def test_without_a_picture_all_fusions_give_the_answer_of_the_text(pool: ModelPool) -> None:
    post = Post("The meeting is at 3 pm on Monday in room 204.")
    result = classify_sentiment(pool, post, SentimentOptions("late", explain=True))
    assert {scores for _, scores in result.fusions} == {result.scores}
    assert result.text == result.scores
    assert result.gate == (("text", 1.0), ("image", 0.0))
    why = result.explanation
    assert why is not None
    assert why.without_words is not None
    together = why.without_words.valence + sum(word.valence for word in why.words)
    assert together == pytest.approx(result.scores.valence, abs=5e-3)
