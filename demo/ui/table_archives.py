"""An uploaded table, or a ZIP that holds one with its pictures: unpacked for a while, and never kept."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path

from mmcore.fusion.labelled_posts import unpacked
from mmcore.settings import Settings


class TableUpload:
    """The table of an upload. What was unpacked for it goes away with this object, or when the program ends."""

    def __init__(self, upload: Path, settings: Settings, limit: int) -> None:
        """Unpack a ZIP. Raises InputError: damaged, too large, no table in it or several, more files than ``limit``."""
        self.source = upload
        """A table, or a folder with labels.tsv and images."""
        if upload.suffix.lower() == ".zip":
            scratch = tempfile.mkdtemp(prefix="mmcore-table-")
            self._cleaner = weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
            self.source = unpacked(upload, replace(settings, home=Path(scratch)), limit)

    @property
    def table(self) -> Path:
        """The table itself."""
        return self.source / "labels.tsv" if self.source.is_dir() else self.source
