"""The collections over the pool of fakes."""

from __future__ import annotations

import pytest

from demo.retrieval.collections import CollectionChooser
from mmcore.pool import ModelPool


@pytest.fixture
def shelf(pool: ModelPool) -> CollectionChooser:
    return CollectionChooser(pool)
