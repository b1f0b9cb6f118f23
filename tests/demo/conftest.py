"""What the tests of the demo hand in, and a pool of fakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mmcore.pool import ModelPool
from mmcore.settings import Settings
from tests.fakes.demo import fake_pool


@pytest.fixture
def pool(settings: Settings) -> ModelPool:
    """A real pool whose models are fakes."""
    return fake_pool(settings)


@pytest.fixture
def uploads(isolated: Path) -> Path:
    """Where gradio puts what is uploaded."""
    folder = isolated / "gradio"
    folder.mkdir(exist_ok=True)
    return folder


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
