"""A page of its own for attacks, so that what they leave behind meets no other test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo.serving import Server, serving


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo with the fake models."""
    with serving(tmp_path_factory.mktemp("target")) as running:
        yield running
