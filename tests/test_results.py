"""Options refuse what no family could do; results are frozen and become the JSON contract."""

from __future__ import annotations

import dataclasses
import inspect
import json
from typing import Any

import numpy as np
import pytest

from mmcore import results
from mmcore.errors import InputError
from mmcore.results import Caption, CaptionOptions, CaptionResult, Tag, Word
from mmcore.results.options import from_form

CAPTION = Caption("a dog runs", 0.61239, (Word("a", 0.9), Word("dog", 0.8), Word("runs", 0.4)))


def test_defaults():
    options = CaptionOptions()
    assert (options.decoding, options.num_captions, options.num_beams) == ("beam", 1, 3)
    assert (options.detail, options.explain) == (None, False)


@pytest.mark.parametrize(
    "values",
    [
        {"num_captions": 1},
        {"num_captions": 10},
        {"num_beams": 10},
        {"top_p": 0.05},
        {"top_p": 1.0},
        {"temperature": 5},
        {"max_words": 60},
        {"seed": -1},
        {"decoding": "greedy"},
        {"decoding": "nucleus"},
    ],
)
def test_limits_are_inclusive(values: dict[str, Any]):
    CaptionOptions(**values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"num_captions": 0}, "num_captions is 0; it must be between 1 and 10."),
        ({"num_captions": 11}, "num_captions is 11; it must be between 1 and 10."),
        ({"num_captions": 2.5}, "num_captions is 2.5; it must be a whole number."),
        ({"num_beams": 0}, "num_beams is 0; it must be between 1 and 10."),
        ({"top_p": 0.0}, "top_p is 0.0; it must be between 0.05 and 1.0."),
        ({"top_p": float("nan")}, "top_p is nan; it must be between 0.05 and 1.0."),
        ({"temperature": 0.0}, "temperature is 0.0; it must be between 0.05 and 5.0."),
        ({"max_words": 61}, "max_words is 61; it must be between 1 and 60."),
        ({"seed": 0.5}, "seed is 0.5; it must be a whole number."),
        ({"decoding": "magic"}, "There is no decoding called 'magic'. Choose one of: beam, nucleus, greedy."),
    ],
)
def test_options_out_of_range(values: dict[str, Any], sentence: str):
    with pytest.raises(InputError) as caught:
        CaptionOptions(**values)
    assert str(caught.value) == sentence


def test_to_dict_is_the_contract():
    result = CaptionResult(
        captions=(CAPTION,), model="compact-captioner", device="cpu", seconds=0.123456, tags=(Tag("dog", 0.98765),)
    )
    found = json.loads(json.dumps(result.to_dict()))
    assert {"captions", "model", "seconds"} <= set(found)
    assert found["captions"][0]["text"] == "a dog runs"
    assert found["captions"][0]["score"] == pytest.approx(0.6124)
    assert found["model"] == "compact-captioner"
    assert found["seconds"] == pytest.approx(0.1235)
    assert found["tags"] == [{"text": "dog", "score": 0.9877}]


def test_maps_stay_out_of_the_json():
    caption = dataclasses.replace(CAPTION, maps=np.full((3, 7, 7), 1 / 49, dtype=np.float32))
    result = CaptionResult(captions=(caption,), model="m", device="cpu", seconds=0.0)
    assert "maps" not in json.dumps(result.to_dict())


CLASSES = [
    value
    for _, value in inspect.getmembers(results, dataclasses.is_dataclass)
    if value.__module__.startswith("mmcore.results.")
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_everything_is_frozen(kind: type):
    assert kind.__dataclass_params__.frozen, f"{kind.__name__} can be changed on its way"


@pytest.mark.parametrize(
    "kind", [kind for kind in CLASSES if kind.__name__.endswith("Result")], ids=lambda kind: kind.__name__
)
def test_each_result_says_who_where_and_how_long(kind: type):
    names = {field.name for field in dataclasses.fields(kind)}
    assert {"model", "device", "seconds"} <= names
    assert callable(kind.to_dict)


@pytest.mark.parametrize(
    ("name", "value"), [("read_text", {}), ("read_text", 1), ("seed", True), ("seed", 2**64), ("seed", -(2**63))]
)
def test_options_are_of_their_kind(name: str, value: object) -> None:
    with pytest.raises(InputError) as caught:
        from_form(CaptionOptions, {name: value})
    assert name in str(caught.value)
