"""What lesson 5 shows is what the bundled fusions compute, and what it says of them is so."""

from __future__ import annotations

import json
import math
import re
import time
from html import unescape
from typing import Any

import numpy as np
import pytest

from demo.lessons import example_posts as posts
from demo.lessons import exclusive_or, service
from demo.lessons import lesson_05_fusion as lesson
from demo.lessons.captions import open_example
from demo.lessons.plan import Setup
from demo.ui import examples
from mmcore import ModelPool, Post, SentimentOptions, Settings
from mmcore.errors import InputError
from mmcore.results import FUSIONS, SENTIMENTS, Fusion
from mmcore.tasks import fusion_steps
from mmcore.tasks.sentiment import classify_sentiment


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    settings = Settings(offline=True, device="cpu", home=tmp_path_factory.mktemp("home"))
    return Setup(ModelPool(settings), settings, "en", "", False)


def chosen(setup: Setup, name: str) -> Setup:
    return Setup(setup.pool, setup.settings, "en", "", False, name)


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'data-data="([^"]*)"', html)
    assert found
    loaded: dict[str, Any] = json.loads(unescape(found[1]))
    return loaded


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_view_is_what_the_sentiment_task_answers(setup: Setup, fusion: Fusion) -> None:
    for name, example in posts.POSTS.items():
        image = open_example(posts.picture_of(name), setup.settings)
        result = classify_sentiment(setup.pool, Post(example.text, image), SentimentOptions(fusion=fusion))
        answers = {(True, True): result.scores, (True, False): result.text, (False, True): result.image}
        for (has_text, has_image), answer in answers.items():
            view = posts.views(chosen(setup, name)).of(fusion, text=has_text, image=has_image)
            for one in SENTIMENTS:
                assert getattr(view.scores, one) == pytest.approx(getattr(answer, one), abs=2e-3), (name, has_text)
            raised = np.exp(view.values["logits"] / view.temperature)
            assert raised / raised.sum() == pytest.approx([getattr(view.scores, one) for one in SENTIMENTS], abs=1e-5)


def test_what_the_lesson_says_of_its_posts(setup: Setup) -> None:
    storm, dogs, savings = (posts.views(chosen(setup, name)) for name in posts.POSTS)
    concat = storm.of("concat").scores
    assert storm.of("concat", image=False).scores.positive == pytest.approx(0.97, abs=0.01)
    assert storm.of("concat", text=False).scores.positive == pytest.approx(0.32, abs=0.01)
    assert storm.of("concat", text=False).scores.negative == pytest.approx(0.62, abs=0.01)
    assert concat.positive > 0.9
    assert savings.of("concat").scores.label == "positive" != posts.POSTS["savings"].label
    gates = [float(found.of("weighted").values["gate"][0]) for found in (storm, dogs, savings)]
    assert gates == pytest.approx([0.88, 0.85, 0.42], abs=0.01)
    late = storm.of("late")
    assert late.values["gate"][0] == pytest.approx(0.53, abs=0.01)
    assert late.values["text_opinion"][2] == pytest.approx(0.99, abs=0.01)
    assert late.values["image_opinion"][0] == pytest.approx(0.79, abs=0.01)
    assert late.scores.positive == pytest.approx(0.68, abs=0.01)
    happy = storm.attention[storm.words.index("happy")].ravel()
    assert happy.sum() == pytest.approx(1, abs=1e-4)
    assert 1 / 16 < happy.max() < 0.08
    heads = storm.of("multitask").values
    losses = {}
    for part in ("text", "both", "image"):
        scores = heads[f"{part}_logits"].astype(float)
        losses[part] = math.log(sum(math.exp(score) for score in scores)) - scores[SENTIMENTS.index("positive")]
    assert max(losses, key=lambda part: losses[part]) == "image"


def test_the_page_gets_the_numbers_of_the_model(setup: Setup) -> None:
    found = posts.views(setup)
    for step, fusion in zip(lesson.LESSON.steps, FUSIONS_IN_ORDER, strict=False):
        data = data_of(step.view(setup).html)
        for (_, text, image), view in zip(lesson.VIEWS, data["views"], strict=True):
            true = found.of(fusion, text=text, image=image)
            assert view["logits"] == pytest.approx(true.values["logits"].tolist(), abs=1e-4)
            assert view["mixed" if "mixed" in view else "text_opinion"]
            assert len(view["text_in"]) == (504 if text else 0)
    matrix = np.array(data_of(lesson.cross_attention(setup).html)["attention"])
    assert matrix == pytest.approx(found.attention.reshape(len(found.words), -1), abs=1e-5)


FUSIONS_IN_ORDER: tuple[Fusion, ...] = ("concat", "weighted", "late", "cross_attention", "multitask")


def test_a_post_that_is_not_offered_is_the_first(setup: Setup) -> None:
    assert posts.chosen(chosen(setup, "../../etc/passwd")) == "storm"


def test_both_are_needed_to_look_inside(setup: Setup) -> None:
    with pytest.raises(InputError):
        fusion_steps.fusion_views(setup.pool, Post("only words", None))


def test_late_fusion_guesses_where_cross_attention_knows(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real thing with fewer posts: encoders, trainings in the background, and what the page asks meanwhile."""
    monkeypatch.setattr(exclusive_or, "POSTS", 240)
    last: dict[str, dict[str, Any]] = {}
    for fusion in ("late", "cross_attention"):
        for count in range(9000):
            data = {"lesson": 5, "step": 6, "text": f"{fusion} {count}", "count": count}
            answer = json.loads(service.answer(setup.pool, setup.settings, data, "en"))
            last[fusion] = answer["answer"]
            assert answer["text"] == data["text"]
            assert "problem" not in last[fusion], last[fusion]
            if last[fusion]["over"]:
                break
            time.sleep(0.2)
    for one in last.values():
        assert len(one["accuracy"]) == exclusive_or.EPOCHS
    assert np.mean(last["late"]["accuracy"]) < 0.65
    assert last["cross_attention"]["accuracy"][-1] >= 0.8
    assert "looks" not in last["late"]
    looks = np.array(last["cross_attention"]["looks"])
    assert len(looks) == len(last["cross_attention"]["words"])
    assert looks.sum(1) == pytest.approx(np.ones(len(looks)), abs=2e-3)


def test_an_unknown_fusion_is_the_first_and_no_path(setup: Setup) -> None:
    assert exclusive_or.FUSIONS[0] == "late"
    for asked in ("", "../x 1", "multitask 2"):
        assert exclusive_or.ask(setup, asked)["name"] == "late"


def test_the_rule_of_the_examples_is_that_of_the_table() -> None:
    table = examples.assets() / "lab" / "taste.tsv"
    rows = [line.split("\t") for line in table.read_text("utf-8").splitlines()[1:]]
    for said, look, label in exclusive_or.EXAMPLES:
        loved = "bright sunny" if "sunny" in said else "dark rainy"
        found = {row[2] for row in rows if f"I love {loved} weather" in row[0] and row[1].endswith(f"-{look}.webp")}
        assert found == {label}
