"""Labels, sentences, matrices and maps over a model that knows colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmcore.errors import Cancelled, InputError, UnknownNameError
from mmcore.pool import ModelPool
from mmcore.results import Query, ZeroShotOptions, ZeroShotResult
from mmcore.settings import Settings
from mmcore.tasks.matching import explain_match, rank_texts, similarity, zero_shot, zero_shot_many
from mmcore.tasks.occlusion import occlusion_map
from mmcore.tasks.prompts import fill, sentences
from tests.fakes.retrieval import COLOURS, NAME, FakeRetriever, colour, retrieval_pool

LABELS = ZeroShotOptions.of("red, green, blue")


@pytest.fixture
def pool(settings: Settings) -> ModelPool:
    return retrieval_pool(settings)


def model_of(pool: ModelPool) -> FakeRetriever:
    model = pool.get(NAME)
    assert isinstance(model, FakeRetriever)
    return model


# zero-shot


def test_probabilities_are_the_softmax_of_scaled_cosines(pool: ModelPool):
    result = zero_shot(pool, colour("purple"), LABELS)
    assert [one.label for one in result.labels][2] == "green"
    assert sum(one.score for one in result.labels) == pytest.approx(1)
    expected = np.exp([10 * one.cosine for one in result.labels])
    np.testing.assert_allclose([one.score for one in result.labels], expected / expected.sum(), rtol=1e-6)
    assert (result.model, result.device) == (NAME, "cpu")


def test_the_vectors_of_a_label_in_several_sentences_are_averaged(pool: ModelPool):
    image = colour("red")
    both = zero_shot(pool, image, ZeroShotOptions.of("red,blue", ["{} stone", "{}"])).labels[0].cosine
    model = model_of(pool)
    mean = model.text_vectors(["red stone", "red"]).mean(0)
    expected = model.image_vectors([image])[0] @ mean / np.linalg.norm(mean)
    assert both == pytest.approx(float(expected), abs=1e-5)


def test_labels_are_read_from_a_line():
    assert ZeroShotOptions.of(" a cat,a  dog;a cat\nbird，鱼、").labels == ("a cat", "a dog", "bird", "鱼")
    quoted = ZeroShotOptions.of('"two dogs, outside", “猫，屋里”;"say ""hi""",A "red" dog, a "RED" dog')
    assert quoted.labels == ("two dogs, outside", "猫，屋里", 'say "hi"', 'A "red" dog')
    with pytest.raises(InputError, match="There is no label"):
        ZeroShotOptions.of(" , ")
    with pytest.raises(InputError, match=r"'a photo' has no \{\}"):
        ZeroShotOptions.of("cat", ["a photo"])


def test_too_many_labels(pool: ModelPool):
    limit = pool.settings.labels
    with pytest.raises(InputError, match=f"{limit + 1} labels; the limit is {limit}"):
        zero_shot(pool, colour("red"), ZeroShotOptions.of([f"thing {number}" for number in range(limit + 1)]))


def test_files_are_answered_in_order_and_labels_embedded_once(pool: ModelPool, tmp_path: Path):
    paths: list[str | Path | bytes] = []
    for name in ("red", "blue", "green"):
        colour(name).save(tmp_path / f"{name}.png")
        paths.append(tmp_path / f"{name}.png")
    paths.insert(1, b"not a picture")
    zero_shot(pool, colour("red"), LABELS)
    model_of(pool).batches.clear()
    outcomes = list(zero_shot_many(pool, paths, LABELS))
    assert [o.labels[0].label if isinstance(o, ZeroShotResult) else type(o).__name__ for o in outcomes] == [
        "red",
        "InputError",
        "blue",
        "green",
    ]
    assert model_of(pool).batches == [2 * 3, 3]


def test_many_files_can_be_cancelled_and_are_limited(pool: ModelPool):
    with pytest.raises(Cancelled):
        list(zero_shot_many(pool, [b"x"], LABELS, cancelled=lambda: True))
    with pytest.raises(InputError, match="2 files were given; the limit is 1"):
        zero_shot_many(pool, [b"x", b"y"], LABELS, limit=1)
    with pytest.raises(UnknownNameError):
        zero_shot_many(pool, [b"x"], LABELS, model="blip-base")


# sentences for labels


@pytest.mark.parametrize(
    ("template", "label", "expected"),
    [
        ("a photo of a {}", "cat", "a photo of a cat"),
        ("a photo of a {}", "owl", "a photo of an owl"),
        ("a photo of a {}", "a cat", "a photo of a cat"),
        ("a photo of a {}", "three cats", "a photo of three cats"),
        ("A {} in the picture", "owl", "An owl in the picture"),
        ("a {}", "a cat", "a cat"),
        ("a picture of the {}", "the moon", "a picture of the moon"),
        ("{}", "a cat", "a cat"),
        ("一张{}的照片", "猫", "一张猫的照片"),
    ],
)
def test_a_label_fits_into_its_sentence(template: str, label: str, expected: str):
    assert fill(template, label) == expected


def test_labels_go_into_sentences_of_their_language():
    templates = ("a photo of a {}", "{}", "一张{}的照片")
    assert sentences("cat", templates) == ["a photo of a cat", "cat"]
    assert sentences("猫", templates) == ["一张猫的照片", "猫"]
    assert sentences("cat", ("一张{}的照片",)) == ["一张cat的照片"]


# sentences and matrices


def test_sentences_are_ranked_for_a_picture(pool: ModelPool):
    ranking = rank_texts(pool, colour("blue"), ["red", "blue", "purple", "wibble"])
    assert [one.label for one in ranking.texts[:2]] == ["blue", "purple"]
    assert ranking.texts[0].score > ranking.cutoff > ranking.texts[2].score
    assert ranking.to_dict()["texts"][0]["text"] == "blue"


def test_the_matrix_has_every_picture_with_every_sentence(pool: ModelPool):
    shades = list(COLOURS)[:3]
    matrix = similarity(pool, [colour(shade) for shade in shades], [*shades, "wibble"], names=shades)
    assert matrix.pictures == tuple(shades)
    assert matrix.scores.shape == matrix.cosines.shape == (3, 4)
    assert list(matrix.cosines.argmax(1)) == list(matrix.scores.argmax(1)) == [0, 1, 2]
    np.testing.assert_allclose(matrix.cosines[range(3), range(3)], 1, atol=1e-2)
    assert similarity(pool, [colour("red")], ["red"]).pictures == ("1",)
    assert len(matrix.to_dict()["scores"]) == 3


def test_a_matrix_of_nothing_is_refused(pool: ModelPool):
    with pytest.raises(InputError, match="Choose a picture"):
        similarity(pool, [], ["red"])
    with pytest.raises(InputError, match="nothing to look for"):
        similarity(pool, [colour("red")], [])


# where


def red_right() -> Image.Image:
    image = Image.new("RGB", (40, 20), "blue")
    ImageDraw.Draw(image).rectangle((20, 0, 39, 19), fill="red")
    return image


def test_the_map_is_the_checkpoints_own(pool: ModelPool):
    found = explain_match(pool, red_right(), Query.of("red"))
    assert found.method == "exact"
    assert found.heat.shape == (1, 2)
    assert found.heat[0, 1] > found.heat[0, 0]
    assert found.query == "red"
    assert 0 < found.cosine < 1
    assert found.to_dict()["method"] == "exact"


def test_a_minus_part_turns_the_map(pool: ModelPool):
    plain = explain_match(pool, red_right(), Query.of("red")).heat
    less = explain_match(pool, red_right(), Query.of("red", without="blue")).heat
    assert less[0, 0] < 0 < less[0, 1]
    assert plain[0, 0] > less[0, 0]


@pytest.mark.parametrize("by", ["wish", "family"])
def test_occlusion_where_it_is_wished_or_there_is_no_grid(pool: ModelPool, by: str):
    if by == "family":
        model_of(pool).map_method = "occlusion"
    found = explain_match(pool, red_right(), Query.of("red"), method="occlusion" if by == "wish" else None)
    assert found.method == "occlusion"
    assert found.heat.shape == (7, 7)
    assert found.heat[:, 4:].min() > 0 > found.heat[:, :3].max()


def test_occlusion_covers_each_place_once_with_the_mean_colour():
    seen: list[Image.Image] = []

    def embed(images: Sequence[Image.Image]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        seen.extend(images)
        white = [np.asarray(image)[..., 0].mean() / 255 for image in images]
        return np.array([[value, 0] for value in white], np.float32)

    image = Image.new("RGB", (30, 21), "black")
    ImageDraw.Draw(image).rectangle((20, 7, 29, 13), fill="white")  # the cell in the middle row, right column
    heat = occlusion_map(embed, image, np.array([1, 0], np.float32), cells=3)
    assert np.unravel_index(heat.argmax(), heat.shape) == (1, 2)
    assert (heat[heat < heat.max()] < 0).all()  # grey on black adds white
    assert len(seen) == 9 + 1
