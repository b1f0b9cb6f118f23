"""Colours of pixels against colours that are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmcore.io.colour_measure import colour_shares
from mmcore.io.questions import COLOURS

KNOWN = {
    "black": "#101010", "white": "#fafafa", "grey": "#8c8c8c", "red": "#d01010", "orange": "#ff8010",
    "yellow": "#f5e020", "green": "#209030", "blue": "#2050d0", "purple": "#7a209a", "pink": "#f58cb4",
    "brown": "#6b4020",
}  # fmt: skip


def test_every_basic_colour_is_tried():
    assert set(KNOWN) == set(COLOURS)


@pytest.mark.parametrize("name", KNOWN)
def test_a_plain_picture_has_its_colour(name: str):
    shares = colour_shares(Image.new("RGB", (40, 30), KNOWN[name]))
    assert next(iter(shares)) == name
    assert shares[name] == pytest.approx(1)


def test_shares_are_those_of_the_pixels_and_weights_choose_among_them():
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (30, 0, 40, 20))
    shares = colour_shares(picture)
    assert list(shares)[:2] == ["red", "blue"]
    assert shares["blue"] == pytest.approx(0.25, abs=0.03)
    assert sum(shares.values()) == pytest.approx(1)
    right = np.zeros((1, 8), np.float32)
    right[0, 7] = 1
    assert next(iter(colour_shares(picture, right))) == "blue"
    assert colour_shares(picture, np.zeros((2, 2), np.float32)) == shares
