"""Where the sound in a file begins and ends, whatever its header says.

A header is written before the sound is: a recorder that cannot go back (a pipe, a crash) leaves 0, -1 or a length that
was right some seconds earlier. Files are also joined end to end. Only the bytes that are there are believed.

    parts(name, file)   a joined file -> one piece of it for each file that went in
    mended(name, file)  a file whose header says too little -> the same with the length that it has
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

BEGINNINGS = {
    "Ogg": re.compile(rb"OggS\0[\2\6]"),
    "FLAC": re.compile(rb"fLaC[\0\x80]\0\0\x22"),
    "WAV": re.compile(rb"RI(?:FF|FX)....WAVE", re.DOTALL),
    "AIFF": re.compile(rb"FORM....AIF[FC]", re.DOTALL),
    "CAF": re.compile(rb"caff\x00\x01\x00\x00desc"),
    "MP4": re.compile(rb"\0\0\0[\x10-\x60]ftyp[ -~]{4}"),
    "M4A": re.compile(rb"\0\0\0[\x10-\x60]ftyp[ -~]{4}"),
    "WebM": re.compile(rb"\x1aE\xdf\xa3.{0,40}\x42\x82", re.DOTALL),
    "Matroska": re.compile(rb"\x1aE\xdf\xa3.{0,40}\x42\x82", re.DOTALL),
}
"""How a file of that kind begins, in so many bytes that chance does not make them."""
LONGEST = 64
"""More bytes than any of them has."""
CHUNK = 1 << 20
MOST_PARTS = 1000
UNKNOWN = 0x7FFF_0000
"""Lengths from here on say that the writer did not know (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF less the header)."""
METADATA = frozenset(
    b"LIST id3  ID3  bext cue  fact smpl inst PEAK JUNK junk iXML axml _PMX NAME AUTH ANNO MARK INST COMT APPL (c)  "
    b"PAD  afsp"[place : place + 4]
    for place in range(0, 24 * 5, 5)
)
"""Chunks that stand behind the sound."""


class Part(io.RawIOBase):
    """A stretch of a file as a file, with some of its bytes replaced."""

    def __init__(self, file: BinaryIO, start: int, end: int, patches: dict[int, bytes] | None = None) -> None:
        super().__init__()
        self._file, self._start, self._end = file, start, end
        self._patches = patches or {}
        self._place = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """One can go to any place in it."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, counted from the beginning of the stretch."""
        base = (0, self._place, self._end - self._start)[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """The place."""
        return self._place

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """The next bytes; their number, 0 at the end of the stretch."""
        begin = self._start + self._place
        self._file.seek(begin)
        data = bytearray(self._file.read(max(0, min(len(buffer), self._end - begin))))
        for at, patch in self._patches.items():
            for place, value in enumerate(patch, at - self._place):
                if 0 <= place < len(data):
                    data[place] = value
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


@dataclass(frozen=True)
class Mended:
    """A file to be read, and what its header claimed."""

    file: BinaryIO
    claimed: float = 1.0
    """How many times the sound that is there the header says there is; above 1 the end is missing."""


def parts(name: str, file: BinaryIO) -> list[BinaryIO]:
    """The files that were joined; of one that was not, itself."""
    pattern = BEGINNINGS.get(name)
    if pattern is None:
        return [file]
    size = _size(file)
    starts = [0, *_beginnings(name, file, pattern)]
    file.seek(0)
    if len(starts) == 1 or len(starts) > MOST_PARTS:
        return [file]
    return [Part(file, start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]  # type: ignore[misc]


def _beginnings(name: str, file: BinaryIO, pattern: re.Pattern[bytes]) -> Iterator[int]:
    """Where another file begins behind the first."""
    file.seek(0)
    place, kept = 0, b""
    group_end = -1  # an Ogg file begins with one page for each of its streams
    while chunk := file.read(CHUNK):
        data = kept + chunk
        for found in pattern.finditer(data):
            start = place - len(kept) + found.start()
            if found.start() + LONGEST > len(data) and len(chunk) == CHUNK:
                break  # seen again with the next chunk
            if name == "Ogg":
                follows = start == group_end
                group_end = start + _page_length(file, start)
                if follows:
                    continue
            if start > 0:
                yield start
        place += len(chunk)
        kept = data[-LONGEST:] if len(data) > LONGEST else data
        # What the kept bytes hold was found already, unless it reached into the next chunk.
        file.seek(place)


def _page_length(file: BinaryIO, start: int) -> int:
    file.seek(start)
    head = file.read(27 + 255)
    count = head[26] if len(head) > 26 else 0
    return 27 + count + sum(head[27 : 27 + count])


def mended(name: str, file: BinaryIO) -> Mended:
    """The file with a header that says how much is there, for the kinds whose header counts bytes."""
    size = _size(file)
    if name == "WAV":
        return _riff(file, size)
    if name == "AIFF":
        return _aiff(file, size)
    if name == "AU":
        file.seek(0)
        head = file.read(12)
        start, said = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
        if said < size - start:  # nothing ever stands behind the sound
            return Mended(_patched(file, size, {8: b"\xff" * 4}))
        return Mended(file, _claim(said, size - start))
    if name == "CAF":
        for chunk in _chunks(file, 8, size, "big", 8):
            rest = size - chunk.start
            if chunk.name == b"data" and (chunk.length > rest or not chunk.followed):
                return Mended(
                    _patched(file, size, {chunk.start - 8: rest.to_bytes(8, "big")}), _claim(chunk.length, rest)
                )
    return Mended(file)


def _riff(file: BinaryIO, size: int) -> Mended:
    file.seek(0)
    wide, order = file.read(4) in (b"RF64", b"BW64"), "little"
    if wide:  # its 64-bit lengths stand in a chunk of their own, and the others are all ones
        file.seek(28)
        said = int.from_bytes(file.read(8), "little")
    for chunk in _chunks(file, 12, size, order, 4):
        if chunk.name != b"data":
            continue
        rest = size - chunk.start
        length = said if wide else chunk.length
        follows = _followed(file, chunk.start + length + length % 2, size, order, 4) if length else False
        if rest <= 0 or length >= rest or follows:
            return Mended(file, 1.0 if wide else _claim(length, rest))
        right = {4: (min(size - 8, 0xFFFF_FFFE)).to_bytes(4, "little")}
        right[chunk.start - 4] = min(rest, 0xFFFF_FFFE).to_bytes(4, "little")
        if wide:
            right |= {0: b"RIFF", 12: b"JUNK"}
        return Mended(_patched(file, size, right))
    return Mended(file)


def _aiff(file: BinaryIO, size: int) -> Mended:
    common: _Chunk | None = None
    for chunk in _chunks(file, 12, size, "big", 4):
        if chunk.name == b"COMM":
            common = chunk
        if chunk.name != b"SSND" or common is None:
            continue
        file.seek(common.start)
        fields = file.read(8)
        channels, frames = int.from_bytes(fields[:2], "big"), int.from_bytes(fields[2:6], "big")
        frame = channels * ((int.from_bytes(fields[6:8], "big") + 7) // 8)
        rest = size - chunk.start
        short = not chunk.followed and chunk.length < rest
        sound = (rest if short else min(rest, chunk.length)) - 8
        if not frame or sound <= 0 or not (short or frames == 0):
            return Mended(file, _claim(chunk.length, rest))
        right = {common.start + 2: (sound // frame).to_bytes(4, "big")}
        if short:
            right |= {chunk.start - 4: rest.to_bytes(4, "big"), 4: (size - 8).to_bytes(4, "big")}
        return Mended(_patched(file, size, right))
    return Mended(file)


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    start: int
    """Of what it holds."""
    length: int
    """As it says."""
    followed: bool = field(compare=False)
    """Whether another chunk, or the end of the file, stands where it says that it ends."""


def _chunks(file: BinaryIO, place: int, size: int, order: str, width: int) -> Iterator[_Chunk]:
    while place + 4 + width <= size:
        file.seek(place)
        head = file.read(4 + width)
        length = int.from_bytes(head[4:], order)  # type: ignore[arg-type]
        start = place + 4 + width
        padding = length % 2 if width == 4 else 0
        ends = start + length + padding
        yield _Chunk(head[:4], start, length, bool(length) and _followed(file, ends, size, order, width))
        place = ends


def _followed(file: BinaryIO, place: int, size: int, order: str, width: int) -> bool:
    """Whether chunks lead from there to the end of the file: else the sound goes on."""
    while place < size - (4 + width):
        file.seek(place)
        head = file.read(4 + width)
        if head[:4] in METADATA:
            return True
        if not all(32 <= letter < 127 for letter in head[:4]):
            return False
        length = int.from_bytes(head[4:], order)  # type: ignore[arg-type]
        place += 4 + width + length + (length % 2 if width == 4 else 0)
        if place > size + 1:
            return False
    return True


def _patched(file: BinaryIO, size: int, patches: dict[int, bytes]) -> BinaryIO:
    return Part(file, 0, size, patches)  # type: ignore[return-value]


def _claim(said: int, there: int) -> float:
    return said / there if 0 < there < said < UNKNOWN else 1.0


def _size(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
