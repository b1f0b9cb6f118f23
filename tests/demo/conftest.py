"""Pictures for the demo."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image


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
