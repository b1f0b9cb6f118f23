"""Archives that visitors upload: honest ones, broken ones, and bombs."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from demo.ui import picture_archives
from mmcore.errors import InputError
from mmcore.settings import Settings
from tests.pictures import encode, plain

PICTURE = encode(plain(), "PNG")


def write(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def read(path: Path, settings: Settings, room: int = 10) -> list[picture_archives.Member]:
    return list(picture_archives.members(path, "holiday.zip", settings, room))


def test_an_archive_is_told_by_its_content(tmp_path: Path) -> None:
    assert picture_archives.is_archive(write(tmp_path / "a.jpg", {"cat.png": PICTURE}))
    assert picture_archives.is_archive(write(tmp_path / "empty.zip", {}))
    picture = tmp_path / "picture.zip"
    picture.write_bytes(PICTURE)
    assert not picture_archives.is_archive(picture)


def test_members_come_without_folders_and_without_hidden_files(tmp_path: Path, settings: Settings) -> None:
    path = write(
        tmp_path / "a.zip",
        {
            "holiday/cat.png": PICTURE,
            "../../etc/dog.png": PICTURE,
            "C:\\pictures\\bird.png": PICTURE,
            "__MACOSX/holiday/._cat.png": b"x",
            ".DS_Store": b"x",
            "holiday/Thumbs.db": b"x",
        },
    )
    members = read(path, settings)
    assert [member.name for member in members] == ["cat.png", "dog.png", "bird.png"]
    assert all(member.content == PICTURE for member in members)


def test_more_files_than_there_is_room_for_are_refused(tmp_path: Path, settings: Settings) -> None:
    path = write(tmp_path / "a.zip", {f"{index}.png": PICTURE for index in range(4)})
    assert len(read(path, settings, room=4)) == 4
    with pytest.raises(InputError) as caught:
        read(path, settings, room=3)
    assert (caught.value.key, caught.value.values) == ("too_many_files", {"count": 4, "limit": 3})


def test_a_bomb_is_not_unpacked(tmp_path: Path, settings: Settings) -> None:
    path = write(tmp_path / "a.zip", {"bomb.png": bytes(20_000_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError) as caught:
        read(path, settings)
    assert caught.value.key == "archive_bomb"
    assert str(caught.value).startswith("holiday.zip says that it would unpack to 20 MB")


def test_a_file_over_the_limit_comes_as_its_error(tmp_path: Path, settings: Settings) -> None:
    small = replace(settings, image_bytes=1000)
    path = write(tmp_path / "a.zip", {"large.png": bytes(range(250)) * 8, "cat.png": PICTURE})
    large, cat = read(path, small)
    assert isinstance(large.content, InputError)
    assert large.content.key == "image_too_large"
    assert cat.content == PICTURE


def test_a_header_that_lies_about_the_size_is_not_believed(tmp_path: Path, settings: Settings) -> None:
    path = write(tmp_path / "a.zip", {"large.png": bytes(50_000)}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", 10)  # the size that the directory claims
    path.write_bytes(data)
    (member,) = read(path, replace(settings, image_bytes=1000))
    assert isinstance(member.content, InputError) or len(member.content) <= 1000


def test_damaged_and_locked_archives_are_explained(tmp_path: Path, settings: Settings) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(write(tmp_path / "a.zip", {"cat.png": PICTURE}).read_bytes()[:40])
    with pytest.raises(InputError) as caught:
        read(cut, settings)
    assert caught.value.key == "archive_damaged"
    assert "holiday.zip cannot be unpacked" in str(caught.value)

    path = write(tmp_path / "b.zip", {"cat.png": PICTURE})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    (member,) = read(path, settings)
    assert isinstance(member.content, InputError)
    assert member.content.key == "archive_encrypted"


def test_a_damaged_member_leaves_the_others(tmp_path: Path, settings: Settings) -> None:
    path = write(tmp_path / "a.zip", {"bad.png": PICTURE, "cat.png": PICTURE})
    data = bytearray(path.read_bytes())
    data[data.index(PICTURE) + 20] ^= 0xFF
    path.write_bytes(data)
    bad, cat = read(path, settings)
    assert isinstance(bad.content, InputError)
    assert bad.content.key == "archive_damaged"
    assert cat.content == PICTURE


def test_an_archive_in_an_archive_stays_a_file(tmp_path: Path, settings: Settings) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("cat.png", PICTURE)
    path = write(tmp_path / "a.zip", {"inner.zip": inner.getvalue()})
    (member,) = read(path, settings)
    assert member.content == inner.getvalue()
