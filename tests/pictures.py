"""Picture files made in memory: good ones, and the broken ones that people (and attackers) upload."""

from __future__ import annotations

import random
import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    """The picture as a file of that format; HEIC through pillow-heif."""
    file = BytesIO()
    if format == "HEIC":
        import pillow_heif

        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, format, **options)
    return file.getvalue()


def plain(mode: str = "RGB", colour: Any = RED, size: tuple[int, int] = (16, 12)) -> Image.Image:
    return Image.new(mode, size, colour)


def quarters(size: int = 32) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right: shows every rotation."""
    image = Image.new("RGB", (size, size))
    half = size // 2
    for column, row, colour in ((0, 0, RED), (half, 0, GREEN), (0, half, BLUE), (half, half, WHITE)):
        image.paste(colour, (column, row, column + half, row + half))
    return image


def noise(size: int = 64) -> Image.Image:
    """A picture that does not compress, so that half of its file is half of its pixels."""
    return Image.frombytes("RGB", (size, size), random.Random(0).randbytes(size * size * 3))


def png_chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(width: int, height: int, data: bytes = b"", *, depth: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    """A PNG written chunk by chunk; ``data`` are its rows, each after its filter byte."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + header + extra + pixels + png_chunk(b"IEND", b"")


def png_of_damaged_pixels() -> bytes:
    """A PNG with one changed byte amid its compressed pixels."""
    data = bytearray(encode(noise(), "PNG"))
    data[data.index(b"IDAT") + 10] ^= 0xFF
    return bytes(data)


def jpeg_of_size(width: int, height: int) -> bytes:
    """A small JPEG whose header claims another size."""
    data = encode(noise(), "JPEG")
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


def gif_of_size(width: int, height: int) -> bytes:
    data = encode(noise(), "GIF")
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


def gif_with_frame_of_size(width: int, height: int) -> bytes:
    """A GIF of one pixel whose frame claims another size."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2\x44\1\0;"


def webp_of_size(width: int, height: int) -> bytes:
    """An animated WebP whose canvas claims another size."""
    data = bytearray(encode(noise(), "WEBP", save_all=True, append_images=[noise().rotate(90)]))
    canvas = data.index(b"VP8X") + 12
    data[canvas : canvas + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def heic_of_size(width: int, height: int) -> bytes:
    data = bytearray(encode(noise(), "HEIC"))
    extent = data.index(b"ispe") + 8
    data[extent : extent + 8] = struct.pack(">II", width, height)
    return bytes(data)


def bmp_of_size(width: int, height: int) -> bytes:
    data = encode(noise(), "BMP")
    return data[:18] + struct.pack("<ii", width, height) + data[26:]


def tiff(*tags: tuple[int, int, int, int]) -> bytes:
    """A TIFF of one directory and no pixels; each tag is (number, type, count, value)."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)


SHORT, LONG = 3, 4

TIFF_GREY = ((258, SHORT, 1, 8), (259, SHORT, 1, 1), (262, SHORT, 1, 1), (273, LONG, 1, 8), (277, SHORT, 1, 1))
"""8 bits, uncompressed, grey, one strip, one sample."""


def zipped(name: str) -> bytes:
    """A ZIP archive with one empty file."""
    import zipfile

    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "")
    return file.getvalue()
