"""The page that is attacked."""

from __future__ import annotations

import pytest

from tests.demo.serving import Server


@pytest.fixture(scope="session")
def target(server: Server) -> Server:
    """The demo with the fake models. This folder comes last of those that ask it: what it leaves meets no other."""
    return server
