"""What a visitor sent, before it is decoded: only files that were uploaded, never an address, never a server path.

gradio's own ``gr.Image`` opens a picture before our code runs and answers a broken one with a generic message, so
events that take pictures are declared with ``preprocess=False`` and their raw value is read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmcore.errors import InputError
from mmcore.settings import Settings

from . import fetching

CHECKED_SECONDS = 600
"""Between two sweeps of the uploads folder."""
KEPT_SECONDS = 3600
"""How long an upload is kept at least; the next sweep deletes it."""


def path_of(payload: Mapping[str, Any] | None) -> Path:
    """The uploaded file of a raw ``gr.Image`` or ``gr.File`` value.

    Raises InputError when nothing was given, for an address, and for a path that no upload made.
    """
    if not payload:
        raise InputError("nothing_given")
    from gradio.utils import get_upload_folder, is_in_or_equal

    given = payload.get("path")
    if not isinstance(given, str) or not given or "://" in given:
        raise InputError("upload_not_a_file")
    try:
        path = Path(given).resolve()
        known = is_in_or_equal(path, Path(get_upload_folder()).resolve()) and path.is_file()
    except (OSError, ValueError):  # no path at all: a NUL byte, half a surrogate pair, too long
        known = False
    if not known:
        raise InputError("upload_not_a_file")
    return path


def paths_of(payload: Sequence[Mapping[str, Any]] | None, limit: int) -> list[tuple[str, Path]]:
    """(name as the visitor knows it, uploaded file) of every file of a raw ``gr.File`` value.

    Raises InputError when there is none, or more than ``limit``.
    """
    if not payload:
        raise InputError("nothing_given")
    if len(payload) > limit:
        raise InputError("too_many_files", count=len(payload), limit=limit)
    files = []
    for item in payload:
        path = path_of(item)
        files.append((Path(str(item.get("orig_name") or path.name)).name, path))
    return files


def settle_addresses(settings: Settings) -> None:
    """Stop gradio from fetching an address in place of a file, or let it do so under our limits (``settings.fetch``).

    gradio fetches it before any function of ours is called, for whatever input it stands in, and offers no setting:
    its one download function is replaced.
    """
    from gradio import processing_utils

    async def fetched(url: str, cache_dir: str) -> str:
        import gradio as gr

        try:
            if not settings.fetch:
                raise InputError("upload_not_a_file")
            return str(await fetching.fetch(url, Path(cache_dir), settings))
        except InputError as error:  # whose language it should be is not known here
            raise gr.Error(str(error), print_exception=False) from None

    processing_utils.async_ssrf_protected_download = fetched
