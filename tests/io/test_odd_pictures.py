"""Forty pictures in odd encodings against their plain twins: the mean colour is the same within 3 of 255."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw

from mmcore.io.images import decode_image, list_images
from mmcore.results import notices_of
from mmcore.settings import Settings
from tests.pictures import encode, png_chunk

SIZE = (64, 48)
SETTINGS = Settings()


def grey() -> np.ndarray:
    """(48, 64) in 0-1: a gradient with a disc, dark below."""
    rows, columns = np.mgrid[0:48, 0:64]
    disc = (rows - 20) ** 2 + (columns - 30) ** 2 < 150
    return np.clip(0.1 + 0.7 * columns / 63 * (1 - rows / 60) + 0.15 * disc, 0, 1)


def plain_grey() -> Image.Image:
    return Image.fromarray(np.round(grey() * 255).astype(np.uint8))


def colours() -> Image.Image:
    one = grey()
    return Image.fromarray(np.round(np.stack([one, one[::-1], 1 - one], -1) * 255).astype(np.uint8))


def deep(top: float, dtype: type = np.uint16, odd: float | None = None, **options: object) -> bytes:
    """A TIFF whose white is ``top``, with one pixel of another value."""
    values = grey() * top
    if odd is not None:
        values[3, 5] = odd
    if np.issubdtype(dtype, np.integer):
        values = np.round(values)
    return encode(Image.fromarray(values.astype(dtype)), "TIFF", **options)


def deep_colours(top: int, form: str) -> bytes:
    """16-bit colours of which ``top`` is the brightest, by hand: Pillow writes none."""
    values = np.asarray(plain_grey() if "grey" in form else colours())
    values = np.round(values / 255 * top).astype(np.uint16).reshape(SIZE[1], SIZE[0], -1)
    if "alpha" in form:
        values = np.concatenate([values, np.full((*values.shape[:2], 1), top, np.uint16)], axis=2)
    height, width, bands = values.shape
    if form.startswith("PNG"):
        header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[bands], 0, 0, 0)
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
        chunks = [png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    end = "<" if "little" in form else ">"
    data = values.astype(f"{end}u2").tobytes()
    tags = {256: width, 257: height, 259: 1, 262: 2, 277: bands, 278: height}
    places = 8 + 2 + 12 * (len(tags) + 3) + 4
    entries = [(tag, struct.pack(f"{end}HHIHH", tag, 3, 1, value, 0)) for tag, value in tags.items()]
    entries.append((258, struct.pack(f"{end}HHII", 258, 3, bands, places)))
    entries.append((273, struct.pack(f"{end}HHII", 273, 4, 1, places + 2 * bands)))
    entries.append((279, struct.pack(f"{end}HHII", 279, 4, 1, len(data))))
    head = (b"II*\0" if end == "<" else b"MM\0*") + struct.pack(f"{end}IH", 8, len(entries))
    directory = b"".join(entry for _, entry in sorted(entries)) + bytes(4)
    return head + directory + struct.pack(f"{end}{bands}H", *[16] * bands) + data


def linear() -> bytes:
    """The colours as amounts of light, with the gAMA chunk that says so."""
    shown = np.asarray(colours(), float) / 255
    light = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    data = encode(Image.fromarray(np.round(255 * light).astype(np.uint8)), "PNG")
    return data[:33] + png_chunk(b"gAMA", struct.pack(">I", 100_000)) + data[33:]


def white_is_zero(top: int) -> bytes:
    image = Image.fromarray(np.round((1 - grey()) * top).astype(np.uint16))
    data = bytearray(encode(image, "TIFF"))
    order = "<" if data[:2] == b"II" else ">"
    (place,) = struct.unpack_from(order + "I", data, 4)
    for entry in range(struct.unpack_from(order + "H", data, place)[0]):
        at = place + 2 + 12 * entry
        if struct.unpack_from(order + "H", data, at)[0] == 262:
            struct.pack_into(order + "H", data, at + 8, 0)
    return bytes(data)


def missing(value: float, named: bool, share: float = 0.3) -> bytes:
    """Floats in 0-1 whose top rows are missing; black in the twin."""
    values = grey().astype(np.float32)
    values[: int(48 * share)] = value
    options = {"tiffinfo": {42113: f"{value:g}"}} if named else {}
    return encode(Image.fromarray(values), "TIFF", **options)


def without_top(share: float = 0.3) -> Image.Image:
    values = grey()
    values[: int(48 * share)] = 0
    return Image.fromarray(np.round(values * 255).astype(np.uint8))


def exchanged() -> bytes:
    """sRGB with red and blue exchanged: whoever minds it sees the other colour."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", data, 128)[0]
    names = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    for one, other in ((b"rXYZ", b"bXYZ"), (b"rTRC", b"bTRC")):
        a, b = names[one], names[other]
        data[a : a + 4], data[b : b + 4] = data[b : b + 4], data[a : a + 4]
    return bytes(data)


def swapped() -> Image.Image:
    red, green, blue = colours().split()
    return Image.merge("RGB", (blue, green, red))


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def clear(colour: int) -> bytes:
    """A clock drawn in one grey on a transparent ground."""
    image = Image.new("LA", SIZE, (colour, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((14, 6, 50, 42), outline=(colour, 255), width=3)
    draw.line((32, 24, 32, 10), fill=(colour, 255), width=3)
    return encode(image.convert("RGBA"), "PNG")


def drawn(colour: int, ground: int) -> Image.Image:
    image = Image.new("L", SIZE, ground)
    draw = ImageDraw.Draw(image)
    draw.ellipse((14, 6, 50, 42), outline=colour, width=3)
    draw.line((32, 24, 32, 10), fill=colour, width=3)
    return image


def moving(form: str, first: Image.Image, *others: Image.Image) -> bytes:
    options = {"lossless": True} if form == "WEBP" else {}
    return encode(first, form, save_all=True, append_images=list(others), duration=100, **options)


BLANK = Image.new("RGB", SIZE, "white")
G, C = plain_grey, colours

PICTURES: dict[str, tuple[Callable[[], bytes], Callable[[], Image.Image], tuple[str, ...]]] = {
    "16 bits": (lambda: deep(65535), G, ()),
    "10 bits in 16": (lambda: deep(1023), G, ("image_stretched",)),
    "12 bits in 16": (lambda: deep(4095), G, ("image_stretched",)),
    "14 bits in 16": (lambda: deep(16383), G, ("image_stretched",)),
    "8 bits in 16": (lambda: deep(255), G, ()),
    "10 bits in 16, hot pixel": (lambda: deep(1023, odd=65535), G, ("image_stretched",)),
    "12 bits in 16, PNG": (
        lambda: encode(Image.fromarray(np.round(grey() * 4095).astype(np.uint16)), "PNG"),
        G,
        ("image_stretched",),
    ),
    **{
        f"{bits} bits in 16, {form}": (
            lambda bits=bits, form=form: deep_colours(2**bits - 1, form),
            C,
            () if bits in (8, 16) else ("image_stretched",),
        )
        for form in ("PNG", "PNG with alpha", "TIFF, little end first", "TIFF, big end first")
        for bits in (8, 10, 12, 16)
    },
    "12 bits in 16, grey with alpha": (lambda: deep_colours(4095, "PNG, grey with alpha"), G, ("image_stretched",)),
    "gamma 1, PNG": (linear, C, ()),
    "16 bits, white is zero": (lambda: white_is_zero(65535), G, ()),
    "10 bits, white is zero": (lambda: white_is_zero(1023), G, ("image_stretched",)),
    "32 bits": (lambda: deep(255, np.int32), G, ()),
    "32 bits, 16 used": (lambda: deep(65535, np.int32), G, ()),
    "float 0-1": (lambda: deep(1, np.float32), G, ()),
    "float 0-1, one of 1.5": (lambda: deep(1, np.float32, 1.5), G, ()),
    "float 0-1, one of 1e6": (lambda: deep(1, np.float32, 1e6), G, ()),
    "float 0-1, one of -9999": (lambda: deep(1, np.float32, -9999), G, ()),
    "float 0-1, one that is infinite": (lambda: deep(1, np.float32, np.inf), G, ()),
    "float 0-1, one that is no number": (lambda: deep(1, np.float32, np.nan), G, ()),
    "float 0-255": (lambda: deep(255, np.float32), G, ()),
    "float 0-255, one of 300": (lambda: deep(255, np.float32, 300), G, ()),
    "float 0-1, -9999 missing": (lambda: missing(-9999, False), without_top, ()),
    "float 0-1, -9999 missing and named": (lambda: missing(-9999, True), without_top, ()),
    "float 0-1, the largest missing": (lambda: missing(3.4e38, False), without_top, ()),
    "float 0-1, 0 missing and named": (lambda: missing(0, True), without_top, ()),
    "float 0-1, no number missing": (lambda: missing(np.nan, False), without_top, ()),
    "profile, exchanged, PNG": (lambda: encode(C(), "PNG", icc_profile=exchanged()), swapped, ()),
    "profile, exchanged, JPEG": (lambda: encode(C(), "JPEG", icc_profile=exchanged(), quality=98), swapped, ()),
    "profile, exchanged, WebP": (lambda: encode(C(), "WEBP", icc_profile=exchanged(), lossless=True), swapped, ()),
    "profile, exchanged, TIFF": (lambda: encode(C(), "TIFF", icc_profile=exchanged()), swapped, ()),
    "profile, exchanged, AVIF": (lambda: encode(C(), "AVIF", icc_profile=exchanged(), quality=95), swapped, ()),
    "profile, exchanged, alpha": (lambda: encode(C().convert("RGBA"), "PNG", icc_profile=exchanged()), swapped, ()),
    "profile, exchanged, palette": (
        lambda: encode(C().quantize(256), "PNG", icc_profile=exchanged()),
        swapped,
        (),
    ),
    "profile, sRGB": (lambda: encode(C(), "PNG", icc_profile=srgb()), C, ()),
    "profile, damaged": (lambda: encode(C(), "PNG", icc_profile=b"nonsense" * 30), C, ("image_profile",)),
    "profile, of another space": (lambda: encode(G(), "PNG", icc_profile=srgb()), G, ("image_profile",)),
    "profile, cut": (lambda: encode(C(), "JPEG", icc_profile=exchanged()[:200], quality=98), C, ("image_profile",)),
    "cmyk": (lambda: encode(C().convert("CMYK"), "TIFF"), C, ()),
    "white drawing on clear ground": (lambda: clear(255), lambda: drawn(255, 0), ("image_background",)),
    "near white drawing on clear ground": (lambda: clear(240), lambda: drawn(240, 0), ("image_background",)),
    "black drawing on clear ground": (lambda: clear(0), lambda: drawn(0, 255), ()),
    "grey drawing on clear ground": (lambda: clear(120), lambda: drawn(120, 255), ()),
    "GIF, blank first": (lambda: moving("GIF", BLANK, G().convert("RGB")), G, ("image_frame",)),
    "WebP, blank first": (lambda: moving("WEBP", BLANK, C()), C, ("image_frame",)),
    "APNG, two blank first": (lambda: moving("PNG", BLANK, Image.new("RGB", SIZE), C()), C, ("image_frame",)),
    "TIFF, blank first page": (lambda: moving("TIFF", BLANK, C()), C, ("image_frame",)),
    "WebP, moving": (lambda: moving("WEBP", C(), BLANK), C, ("image_frame",)),
    "panorama": (
        lambda: encode(C().resize((640, 48)), "PNG"),
        lambda: C().resize((640, 48)),
        ("image_squeezed",),
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_an_odd_picture_looks_like_its_twin(name: str) -> None:
    build, twin, codes = PICTURES[name]
    image = decode_image(build(), SETTINGS)
    expected = twin().convert("RGB")
    assert image.size == expected.size
    means = np.asarray(image, float).mean((0, 1)) - np.asarray(expected, float).mean((0, 1))
    assert np.abs(means).max() <= 3, means
    assert tuple(notice.code for notice in notices_of(image)) == codes


def test_frames_are_counted() -> None:
    image = decode_image(moving("GIF", BLANK, Image.new("RGB", SIZE), G().convert("RGB")), SETTINGS)
    assert [dict(notice.params) for notice in notices_of(image)] == [{"count": 3, "frame": 3}]


def ink_profile() -> bytes:
    """A small ICC profile of four inks, by hand: little CMS makes none. Its corners are the inks' Lab colours.

    lut8Type (ICC.1:2001-04, 6.5.8): two steps an ink, four inputs, three outputs, all curves straight.
    """
    paper = np.array([100.0, 0.0, 0.0])
    inks = np.array([[55.0, -37, -50], [48, 74, -3], [89, -5, 93], [16, 0, 0]])
    corners = []
    for place in range(16):
        lab = paper.copy()
        for ink in range(4):
            if place >> (3 - ink) & 1:
                lab = np.array([lab[0] * inks[ink][0] / 100, lab[1] + inks[ink][1], lab[2] + inks[ink][2]])
        corners.append((round(lab[0] * 2.55), *(round(float(np.clip(one, -128, 127)) + 128) for one in lab[1:])))
    straight = bytes(range(256))
    table = (
        b"mft1"
        + bytes(4)
        + bytes([4, 3, 2, 0])
        + struct.pack(">9i", *(65536 * one for one in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    )
    table += straight * 4 + bytes(value for corner in corners for value in corner) + straight * 3
    text = b"four inks\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3I", 63190, 65536, 54061),
        b"A2B0": table,
    }
    place, entries, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        entries += name + struct.pack(">II", place + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s12s4s", place + len(body), bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp"
    )
    head += bytes(28) + struct.pack(">3I", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body


@pytest.mark.parametrize("form", ["TIFF", "JPEG"])
def test_a_cmyk_profile_is_minded(form: str) -> None:
    """Without one, cyan of full strength is (0, 255, 255); no ink on paper is."""
    data = encode(Image.new("CMYK", SIZE, (255, 0, 0, 0)), form, icc_profile=ink_profile())
    image = decode_image(data, SETTINGS)
    red, green, blue = image.getpixel((1, 1))
    assert not notices_of(image)
    assert red < 40
    assert 120 < green < 180
    assert 200 < blue < 240
    paper = decode_image(encode(Image.new("CMYK", SIZE), form, icc_profile=ink_profile()), SETTINGS)
    assert min(paper.getpixel((1, 1))) >= 252


def test_pictures_of_a_folder_are_found_by_content(tmp_path: Path) -> None:
    picture = encode(C(), "JPEG")
    for name in ("a.jpg_large", "b.mpo", "c", "d.txt"):
        (tmp_path / name).write_bytes(picture)
    (tmp_path / "e.txt").write_text("not a picture")
    (tmp_path / "f.png").write_bytes(b"")
    assert [path.name for path in list_images([tmp_path])] == ["a.jpg_large", "b.mpo", "c", "d.txt", "f.png"]
