"""A quick walk through a picture file's parts before a library decodes it.

Pillow and its libraries take what a format allows: hundreds of thousands of comments, thousands of scans, millions of
empty parts, each of which costs time that a small file pays for with a few bytes. No camera and no program writes
such files; they are refused here, after a walk that is linear in the parts and stops at the first too many.
"""

from __future__ import annotations

import struct

from mmcore.errors import InputError

JPEG_SCANS = 100
"""A progressive picture has about ten."""
JPEG_SEGMENTS = 2_000
"""Metadata of 64 kB each: a large colour profile or preview takes tens of them."""
PNG_CHUNKS = 20_000
"""Pixels come in chunks of 8 kB or more: 160 MB of them."""
GIF_BLOCKS = 2_000
"""Extensions before the first picture, and pieces of one comment."""
TIFF_ENTRIES = 4_096
"""Entries of the first directory."""
LONGEST_SIDE = 30_000
"""Pixels of the longer side: a row of millions is no picture, whatever its area."""


def check(name: str, data: bytes) -> None:
    """Raise InputError for a file whose parts are more than any picture has. ``name`` is that of a picture type.

    What is damaged passes: the decoder says what is wrong with it.
    """
    scan = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "TIFF": _tiff}.get(name)
    if scan is not None:
        scan(data)


def check_sides(width: int, height: int) -> None:
    """Raise InputError for a picture that is a mere line."""
    if max(width, height) > LONGEST_SIDE:
        raise InputError("image_too_elongated", width=width, height=height, limit=LONGEST_SIDE)


def _too_many(name: str, limit: int) -> InputError:
    return InputError("image_too_elaborate", format=name, limit=limit)


def _jpeg(data: bytes) -> None:
    at, segments, scans = 2, 0, 0
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0 or 0xD0 <= marker <= 0xD8 or marker == 1:  # stuffing, restarts: part of the pixels
            at += 2
            continue
        if marker == 0xD9:
            return
        segments += 1
        scans += marker == 0xDA
        if scans > JPEG_SCANS:
            raise _too_many("JPEG", JPEG_SCANS)
        if segments > JPEG_SEGMENTS:
            raise _too_many("JPEG", JPEG_SEGMENTS)
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))


def _png(data: bytes) -> None:
    at, chunks = 8, 0
    while at + 8 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return
        chunks += 1
        if chunks > PNG_CHUNKS:
            raise _too_many("PNG", PNG_CHUNKS)
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _gif(data: bytes) -> None:
    if len(data) < 13:
        return
    at, blocks = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0), 0
    while at < len(data) and data[at] == 0x21:
        at += 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
            blocks += 1
            if blocks > GIF_BLOCKS:
                raise _too_many("GIF", GIF_BLOCKS)
        at += 1
        blocks += 1
        if blocks > GIF_BLOCKS:
            raise _too_many("GIF", GIF_BLOCKS)


def _tiff(data: bytes) -> None:
    order = "<" if data.startswith(b"II") else ">"
    if data[2:4] not in (b"*\0", b"\0*") or len(data) < 8:
        return
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    if at + 2 > len(data):
        return
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    if entries > TIFF_ENTRIES:
        raise _too_many("TIFF", TIFF_ENTRIES)
