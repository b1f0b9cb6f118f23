"""Forty pictures in odd encodings against their plain twins: the mean colour is the same within 3 of 255."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw

from mmcore.io.images import decode_image, list_images
from mmcore.io.pixel_values import to_bytes
from mmcore.results import notices_of
from mmcore.settings import Settings
from tests.pictures import encode

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


def test_a_cmyk_profile_is_minded(tmp_path: Path) -> None:
    """Without one, cyan of full strength is (0, 255, 255); no ink on paper is."""
    found = [path for path in Path("/usr/share/color/icc").rglob("*.icc") if path.read_bytes()[16:20] == b"CMYK"]
    if not found:
        pytest.skip("no CMYK profile on this machine (Debian: icc-profiles-free)")
    data = encode(Image.new("CMYK", SIZE, (255, 0, 0, 0)), "TIFF", icc_profile=found[0].read_bytes())
    red, green, blue = decode_image(data, SETTINGS).getpixel((1, 1))
    assert green < 240
    assert blue > green > red


def test_pictures_of_a_folder_are_found_by_content(tmp_path: Path) -> None:
    picture = encode(C(), "JPEG")
    for name in ("a.jpg_large", "b.mpo", "c", "d.txt"):
        (tmp_path / name).write_bytes(picture)
    (tmp_path / "e.txt").write_text("not a picture")
    (tmp_path / "f.png").write_bytes(b"")
    assert [path.name for path in list_images([tmp_path])] == ["a.jpg_large", "b.mpo", "c", "d.txt", "f.png"]


@pytest.mark.parametrize("values", [(-3e38, 3e38), (1e30, 1e30), (float("nan"), 1e300), (float("inf"), 0.5)], ids=str)
def test_floats_at_the_ends_of_their_range_are_read_without_a_word(values: tuple[float, float]) -> None:
    made, _ = to_bytes(np.array([values], np.float64), {})  # warnings are errors here
    assert made.shape == (1, 2)
