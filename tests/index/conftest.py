"""A library of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmcore.index import Collection, Library
from mmcore.settings import Settings
from tests.index.world import MADE_BY


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def library(settings: Settings) -> Library:
    return Library(settings)


@pytest.fixture
def collection(library: Library) -> Iterator[Collection]:
    made = library.create("things", MADE_BY)
    yield made
    made.close()
