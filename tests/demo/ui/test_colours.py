"""The heat map's colours."""

from __future__ import annotations

import numpy as np
from PIL import Image

from demo.ui import colours


def test_viridis_runs_from_dark_violet_to_yellow_and_gets_lighter_all_the_way() -> None:
    table = colours.viridis()
    assert table.shape == (256, 3)
    assert tuple(table[0]) == (0x44, 0x01, 0x54)
    assert tuple(table[-1]) == (0xFD, 0xE7, 0x25)
    light = table @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light) > -1).all()  # bytes are rounded
    assert (light[8:] > light[:-8]).all()


def test_viridis_agrees_with_published_values() -> None:
    """Values of matplotlib's table at 1/4, 1/2 and 3/4, to within the error of interpolation."""
    table = colours.viridis().astype(int)
    for index, published in ((64, (59, 82, 139)), (128, (33, 145, 140)), (191, (94, 201, 98))):
        assert np.abs(table[index] - published).max() <= 4


def test_the_legend_has_the_colours_of_the_map() -> None:
    gradient = colours.css_gradient()
    assert gradient.startswith("linear-gradient(to right, #440154")
    assert gradient.endswith("#fde725)")


def test_a_map_takes_the_shape_of_its_picture() -> None:
    even = np.full((7, 7), 1 / 49, np.float32)
    assert colours.heat_image(even, 640, 320).size == (96, 48)
    assert colours.heat_image(even, 10, 2000).size == (1, 96)


def test_a_map_that_says_nothing_looks_dull() -> None:
    even = np.full((7, 7), 1 / 49, np.float32)
    levels = np.asarray(colours.heat_image(even, 96, 96))
    assert levels.min() == levels.max() == 85  # a third of the scale
    assert np.asarray(colours.heat_image(np.zeros((3, 3), np.float32), 9, 9)).max() == 0


def test_the_brightest_place_is_where_the_evidence_is() -> None:
    evidence = np.zeros((4, 4), np.float32)
    evidence[0, 3] = 1
    levels = np.asarray(colours.heat_image(evidence, 96, 96))
    row, column = np.unravel_index(levels.argmax(), levels.shape)
    assert row < 24
    assert column >= 72
    assert levels.max() == 255


def test_shrink_keeps_small_pictures_and_the_original() -> None:
    small = Image.new("RGB", (40, 30))
    assert colours.shrink(small).size == (40, 30)
    large = Image.new("RGB", (4000, 1000))
    assert colours.shrink(large).size == (720, 180)
    assert large.size == (4000, 1000)
