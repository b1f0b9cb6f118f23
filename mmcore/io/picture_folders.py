"""The picture files in a folder and below, told by their content; and what is left out, counted with its reason."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from mmcore.io.filetypes import HEAD, sniff

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib"),
    *(".tif", ".tiff", ".heic", ".heif", ".hif", ".avif"),
)
"""Files that are called so are meant to be pictures: what is no picture among them is reported as broken."""
REASONS = ("not_pictures", "other_formats", "linked_folders", "excluded", "hidden", "unreadable")
"""Why something is left out; linked folders, excluded and hidden ones count once with all that is in them."""


def pictures_below(
    folder: Path, exclude: Sequence[str] = (), *, follow_links: bool = False, clips: bool = False
) -> tuple[list[Path], Counter[str]]:
    """Picture files in a folder and below, sorted by path, and how many were left out for which of REASONS.

    ``exclude`` are patterns with ``*`` and ``?`` for names of files and folders, or for paths below the folder. Links
    to folders are left out unless ``follow_links``; then each folder is walked once, so that no walk goes in a circle.
    ``clips`` lets videos pass, too.
    """
    found: list[Path] = []
    left_out: Counter[str] = Counter()
    walked = {_identity(folder)}
    for at, folders, names in os.walk(folder, followlinks=follow_links):
        kept = []
        for name in folders:
            path = Path(at, name)
            reason = _passed_over(path, folder, exclude)
            if reason is None and path.is_symlink() and not follow_links:
                reason = "linked_folders"
            if reason is not None:
                left_out[reason] += 1
            elif not follow_links or (seen := _identity(path)) not in walked:
                kept.append(name)
                if follow_links:
                    walked.add(seen)
        folders[:] = kept
        for name in names:
            path = Path(at, name)
            reason = _passed_over(path, folder, exclude) or _no_picture(path, clips=clips)
            if reason is None:
                found.append(path)
            else:
                left_out[reason] += 1
    return sorted(found), left_out


def _passed_over(path: Path, folder: Path, exclude: Sequence[str]) -> str | None:
    if path.name.startswith("."):
        return "hidden"
    below = path.relative_to(folder).as_posix()
    return "excluded" if any(fnmatchcase(tried, one) for one in exclude for tried in (path.name, below)) else None


def _no_picture(path: Path, *, clips: bool) -> str | None:
    """Why a file is left out; None for a picture, by its content or by its name."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return None
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would never end
            return "not_pictures"
        with path.open("rb") as file:
            group = sniff(file.read(HEAD)).group
    except OSError:
        return "unreadable"
    if group == "picture" or (clips and group == "video"):
        return None
    return "other_formats" if group in ("other picture", "svg") else "not_pictures"


def _identity(folder: Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino
