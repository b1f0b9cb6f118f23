"""Only files that were uploaded are read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from demo.ui import uploads
from mmcore.errors import InputError
from mmcore.settings import Settings


@pytest.fixture
def inside(isolated: Path) -> Path:
    path = isolated / "gradio" / "abc" / "cat.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    return path


def test_an_upload_is_taken(inside: Path) -> None:
    assert uploads.path_of({"path": str(inside)}) == inside.resolve()


@pytest.mark.parametrize("payload", [None, {}])
def test_nothing_given(payload: Any) -> None:
    with pytest.raises(InputError) as caught:
        uploads.path_of(payload)
    assert caught.value.key == "nothing_given"


@pytest.mark.parametrize(
    "path",
    ["/etc/hostname", "http://example.org/cat.jpg", "file:///etc/hostname", "", None, 7, "cat.jpg", "\0", "\ud800"],
)
def test_addresses_and_other_paths_are_refused(inside: Path, path: Any) -> None:
    with pytest.raises(InputError) as caught:
        uploads.path_of({"path": path})
    assert caught.value.key == "upload_not_a_file"


def test_a_way_out_of_the_folder_is_refused(inside: Path, isolated: Path) -> None:
    secret = isolated / "secret.jpg"
    secret.write_bytes(b"x")
    link = inside.parent / "link.jpg"
    link.symlink_to(secret)
    for path in (
        f"{inside.parent}/../../secret.jpg",
        str(link),
        str(inside.parent),
        f"{inside}x",
        f"{inside}{'x' * 300}",
    ):
        with pytest.raises(InputError):
            uploads.path_of({"path": path})


def test_names_of_many_are_those_of_the_visitor_without_folders(inside: Path) -> None:
    files = [{"path": str(inside), "orig_name": "../../holiday.jpg"}, {"path": str(inside)}]
    assert [name for name, _ in uploads.paths_of(files, 2)] == ["holiday.jpg", "cat.jpg"]


def test_many_have_a_limit(inside: Path) -> None:
    with pytest.raises(InputError) as caught:
        uploads.paths_of([{"path": str(inside)}] * 3, 2)
    assert caught.value.values == {"count": 3, "limit": 2}


def test_gradio_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import gradio as gr
    from gradio import processing_utils

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", None)
    uploads.settle_addresses(Settings())
    with pytest.raises(gr.Error, match="never an address"):
        asyncio.run(processing_utils.async_ssrf_protected_download("http://example.org/cat.jpg", cache_dir=""))
