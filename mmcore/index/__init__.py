"""Image collections: named, persistent, incremental, searchable.

    library = Library(settings)
    collection = library.open_or_create("holidays", checkpoint)
    report = collection.add(["~/Pictures"], embed, checkpoint=checkpoint)
    hits = collection.search(vector, checkpoint=checkpoint, top=20)

``embed`` and ``vector`` come from a retrieval model (``mmcore.tasks.retrieval``); this package knows no model.
"""

from mmcore.index.collection import Collection
from mmcore.index.library import Library, SessionLibrary
from mmcore.index.readings import Readings
from mmcore.index.records import (
    AddOptions,
    AddReport,
    Broken,
    Duplicate,
    DuplicateGroup,
    Embed,
    Entry,
    Hit,
    ReadLines,
    ReadReport,
    Summary,
)

__all__ = [
    "AddOptions",
    "AddReport",
    "Broken",
    "Collection",
    "Duplicate",
    "DuplicateGroup",
    "Embed",
    "Entry",
    "Hit",
    "Library",
    "ReadLines",
    "ReadReport",
    "Readings",
    "SessionLibrary",
    "Summary",
]
