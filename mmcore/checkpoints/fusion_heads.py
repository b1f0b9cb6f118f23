"""Fusion heads of one's own: where the Lab and ``mmcore train sentiment`` keep them, and where the task finds them.

A head is a folder ``<MMCORE_HOME>/heads/<name>`` with model.safetensors and config.json. Nothing here opens the
weights, so nothing here imports torch.
"""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from pathlib import Path

from mmcore.errors import InputError, UnknownNameError
from mmcore.settings import Settings

FILES = ("config.json", "model.safetensors")
"""What a head consists of."""

NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", re.ASCII)
LONGEST_NAME = 60
DRAWN = re.compile(r"lab-.+-[0-9a-f]{32}", re.ASCII)
"""Names that the page draws for a visitor's head: whoever knows one may use it, so they are never listed."""


def check_name(name: str) -> str:
    """The name, if a head may be called so: small letters, digits, single "-" or "_" between them; at most 60.

    Raises InputError. A name that passes cannot leave the folder of heads.
    """
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        raise InputError("head_name", name=name[:80], limit=LONGEST_NAME)
    return name


def folder_for(settings: Settings, name: str) -> Path:
    """Where a head of that name lies or would lie. Raises InputError for a name that is not allowed."""
    return settings.home / "heads" / check_name(name)


def kept(settings: Settings) -> tuple[str, ...]:
    """Names of the heads that are there, sorted."""
    home = settings.home / "heads"
    if not home.is_dir():
        return ()
    return tuple(sorted(path.name for path in home.iterdir() if _complete(path) and NAME.fullmatch(path.name)))


def find(settings: Settings, name: str) -> Path:
    """The folder of a head that is there. Raises InputError (name not allowed), UnknownNameError (lists those kept)."""
    folder = folder_for(settings, name)
    if not _complete(folder):
        raise UnknownNameError("head", name, [other for other in kept(settings) if not DRAWN.fullmatch(other)])
    return folder


def remove(settings: Settings, name: str) -> None:
    """Delete a head. Raises what ``find`` raises."""
    shutil.rmtree(find(settings, name))


def packed(settings: Settings, name: str) -> bytes:
    """A head as a ZIP file, for the download. Raises what ``find`` raises."""
    folder = find(settings, name)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in FILES:
            archive.write(folder / file, f"{name}/{file}")
    return out.getvalue()


def _complete(folder: Path) -> bool:
    return all((folder / file).is_file() for file in FILES)
