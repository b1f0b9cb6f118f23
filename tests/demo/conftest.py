"""The demo in a process of its own, and pictures for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.demo.serving import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo with the fake captioner, one for all tests."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A light picture: the fake captioner is sure of it."""
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (80, 60), (200, 180, 160)).save(path)
    return path


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A dark picture: the fake captioner is not sure of it."""
    path = tmp_path / "night.png"
    Image.new("RGB", (60, 80), (5, 5, 5)).save(path)
    return path
