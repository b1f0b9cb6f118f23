"""Good pictures come out with the right colours, the right way up; every kind of bad file gets its sentence."""

from __future__ import annotations

import gzip
import logging
import os
import struct
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcore.errors import InputError, Phrase
from mmcore.io import images, pixels
from mmcore.io.filetypes import HEAD, sniff
from mmcore.io.images import clean_text, decode_image, list_images
from mmcore.settings import Settings
from tests import pictures as make
from tests.pictures import BLACK, BLUE, GREEN, RED, WHITE, encode, noise, plain, png, quarters

Colour = tuple[int, int, int]


def assert_colour(image: Image.Image, colour: Colour, at: tuple[int, int] = (3, 3), tolerance: int = 0) -> None:
    assert image.mode == "RGB"
    assert np.abs(np.subtract(image.getpixel(at), colour)).max() <= tolerance, image.getpixel(at)


# Good pictures: (file, colour at (3, 3), tolerance of the lossy formats)

INDEXED = plain("P", 1)
INDEXED.putpalette([*WHITE, *RED, *BLUE])
CLEAR = (0, 0, 255, 0)

GOOD: dict[str, tuple[Callable[[], bytes], Colour, int]] = {
    "jpeg": (lambda: encode(plain(), "JPEG"), RED, 2),
    "jpeg progressive": (lambda: encode(plain(), "JPEG", progressive=True), RED, 2),
    "jpeg grey": (lambda: encode(plain("L", 77), "JPEG"), (77, 77, 77), 1),
    "jpeg cmyk": (lambda: encode(plain("CMYK", (0, 255, 255, 0)), "JPEG", quality=95), RED, 4),
    "mpo": (lambda: encode(plain(), "MPO", save_all=True, append_images=[plain(colour=BLUE)]), RED, 2),
    "png": (lambda: encode(plain(), "PNG"), RED, 0),
    "png interlaced rows": (lambda: png(4, 4, (b"\0" + bytes(RED) * 4) * 4), RED, 0),
    "png 1 bit": (lambda: encode(plain("1", 1), "PNG"), WHITE, 0),
    "png 16 bit grey": (lambda: encode(plain("I;16", 128 * 257), "PNG"), (128, 128, 128), 0),
    "png 16 bit grey, dark": (lambda: encode(plain("I;16", 200), "PNG"), (1, 1, 1), 0),
    "png 16 bit colour": (lambda: png(4, 4, (b"\0" + b"\xff\xff\0\0\0\0" * 4) * 4, depth=16), RED, 0),
    "png palette": (lambda: encode(INDEXED, "PNG"), RED, 0),
    "png palette, transparent": (lambda: encode(INDEXED, "PNG", transparency=1), WHITE, 0),
    "png palette, alphas": (lambda: encode(INDEXED, "PNG", transparency=b"\xff\x80\xff"), (255, 127, 127), 0),
    "png grey, transparent": (lambda: encode(plain("L", 7), "PNG", transparency=7), WHITE, 0),
    "png rgb, transparent": (lambda: encode(plain(), "PNG", transparency=RED), WHITE, 0),
    "png clear": (lambda: encode(plain("RGBA", CLEAR), "PNG"), WHITE, 0),
    "png half clear": (lambda: encode(plain("RGBA", (255, 0, 0, 128)), "PNG"), (255, 127, 127), 0),
    "png grey and alpha": (lambda: encode(plain("LA", (0, 128)), "PNG"), (127, 127, 127), 0),
    "apng": (lambda: encode(plain(), "PNG", save_all=True, append_images=[plain(colour=BLUE)]), RED, 0),
    "gif": (lambda: encode(plain(), "GIF"), RED, 0),
    "gif, transparent": (lambda: encode(INDEXED, "GIF", transparency=1), WHITE, 0),
    "gif animated": (lambda: encode(plain(), "GIF", save_all=True, append_images=[plain(colour=BLUE)]), RED, 0),
    "webp": (lambda: encode(plain(), "WEBP"), RED, 4),
    "webp lossless, clear": (lambda: encode(plain("RGBA", CLEAR), "WEBP", lossless=True), WHITE, 0),
    "webp animated": (
        lambda: encode(plain(), "WEBP", lossless=True, save_all=True, append_images=[plain(colour=BLUE)]),
        RED,
        0,
    ),
    "bmp": (lambda: encode(plain(), "BMP"), RED, 0),
    "bmp palette": (lambda: encode(INDEXED, "BMP"), RED, 0),
    "tiff": (lambda: encode(plain(), "TIFF"), RED, 0),
    "tiff lzw": (lambda: encode(plain(), "TIFF", compression="tiff_lzw"), RED, 0),
    "tiff jpeg": (lambda: encode(plain(), "TIFF", compression="jpeg"), RED, 4),
    "tiff fax": (lambda: encode(plain("1", 0), "TIFF", compression="group4"), BLACK, 0),
    "tiff big": (lambda: encode(plain(), "TIFF", big_tiff=True), RED, 0),
    "tiff pages": (lambda: encode(plain(), "TIFF", save_all=True, append_images=[plain(colour=BLUE)]), RED, 0),
    "tiff 16 bit": (lambda: encode(plain("I;16", 65535), "TIFF"), WHITE, 0),
    "tiff 16 bit, big-endian": (lambda: encode(plain("I;16B", 128 * 257), "TIFF"), (128, 128, 128), 0),
    "tiff 32 bit, few levels": (lambda: encode(plain("I", 200), "TIFF"), (200, 200, 200), 0),
    "tiff 32 bit, 16 used": (lambda: encode(plain("I", 257 * 9), "TIFF"), (9, 9, 9), 0),
    "tiff float 0-1": (lambda: encode(plain("F", 0.5), "TIFF"), (128, 128, 128), 0),
    "tiff float 0-255": (lambda: encode(plain("F", 200.0), "TIFF"), (200, 200, 200), 0),
    "tiff float, not numbers": (lambda: encode(plain("F", float("nan")), "TIFF"), BLACK, 0),
    "tiff cmyk": (lambda: encode(plain("CMYK", (0, 255, 255, 0)), "TIFF"), RED, 0),
    "tiff lab": (lambda: encode(plain("LAB", (138, 209, 198)), "TIFF"), RED, 8),
    "tiff clear": (lambda: encode(plain("RGBA", CLEAR), "TIFF"), WHITE, 0),
    "tiff grey and alpha": (lambda: encode(plain("LA", (0, 0)), "TIFF"), WHITE, 0),
    "avif": (lambda: encode(plain(), "AVIF"), RED, 4),
    "avif clear": (lambda: encode(plain("RGBA", CLEAR), "AVIF"), WHITE, 4),
    "heic": (lambda: encode(plain(), "HEIC"), RED, 4),
    "heic clear": (lambda: encode(plain("RGBA", CLEAR), "HEIC"), WHITE, 4),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_pictures_have_the_right_colour(name: str, settings: Settings, tmp_path: Path):
    build, colour, tolerance = GOOD[name]
    data = build()
    image = decode_image(data, settings)
    assert image.size in ((16, 12), (4, 4))
    assert_colour(image, colour, tolerance=tolerance)
    path = tmp_path / "misleading.txt"  # the content decides, not the name
    path.write_bytes(data)
    assert np.array_equal(decode_image(path, settings), image)
    assert np.array_equal(decode_image(str(path), settings), image)


def test_float_pictures_out_of_range_are_stretched(settings: Settings):
    image = Image.fromarray(np.array([[-100.0, 0.0, 300.0]], dtype=np.float32))
    assert np.asarray(decode_image(encode(image, "TIFF"), settings))[0, :, 0].tolist() == [0, 64, 255]


# What stands where after each EXIF orientation is undone, and how the upright picture was stored for it
STORED = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
@pytest.mark.parametrize("orientation", STORED)
def test_pictures_come_out_upright(orientation: int, format: str, settings: Settings):
    upright = quarters().resize((48, 32), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode_image(encode(STORED[orientation](upright), format, exif=exif.tobytes()), settings)
    assert image.size == (48, 32)
    for at, colour in (((8, 8), RED), ((40, 8), GREEN), ((8, 24), BLUE), ((40, 24), WHITE)):
        assert_colour(image, colour, at, tolerance=8)
    assert not image.info
    assert image.getexif().get(0x0112, 1) == 1, "a later reader would rotate it again"


def test_metadata_does_not_travel_on(settings: Settings):
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}  # where the photo was taken
    image = decode_image(encode(plain(), "JPEG", exif=exif.tobytes(), comment=b"secret"), settings)
    assert not image.info
    assert not image.getexif()


def test_broken_exif_does_not_matter(settings: Settings):
    image = decode_image(encode(plain(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff\xff"), settings)
    assert_colour(image, RED, tolerance=2)


def test_decoding_warns_of_nothing(settings: Settings, capfd: pytest.CaptureFixture[str]):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for build, _, _ in GOOD.values():
            decode_image(build(), settings)
        decode_image(encode(INDEXED, "PNG", transparency=b"\xff\x80\xff"), settings)
        decode_image(encode(plain(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff\xff"), settings)
    assert not seen
    assert capfd.readouterr() == ("", "")


def test_threads_decode_at_once(settings: Settings):
    data = encode(quarters(256), "PNG")
    expected = np.asarray(quarters(256))
    seen: list[bool] = []

    def work() -> None:
        seen.extend(np.array_equal(decode_image(data, settings), expected) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 40


# Bad files: (file, the sentence)

NOT = "This is not a picture but {}. Choose a JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF file."
DAMAGED = "The picture is damaged or cut off ({}: {}). Export or download it again."
ENDS, HEADER, DATA = "the file ends too early", "its header cannot be read", "its data cannot be decoded"
PIXELS = "The picture has {} x {} pixels ({:.2f} megapixels); the limit is 50 megapixels. Shrink it and try again."
NO_SVG = "SVG drawings cannot be read. Export the drawing as PNG and try again."
NO_READER = "{} pictures cannot be read on this machine. Save the picture as JPEG or PNG and try again."
FTYP = b"\0\0\0\x18ftyp%s\0\0\2\0isommp41" + bytes(64)


def half(format: str, **options: object) -> bytes:
    data = encode(noise(), format, **options)
    return data[: len(data) // 2]


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "The file is empty (0 bytes). Choose another picture."),
    "too many bytes": (
        lambda: b"\xff\xd8\xff" + bytes(30_500_000),
        "The picture file has 30.50 MB; the limit is 30 MB. Save it smaller and try again.",
    ),
    # not pictures
    "pdf": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", NOT.format("a PDF document")),
    "html": (lambda: b"\n<!DOCTYPE html><html><body>404</body></html>", NOT.format("a web page (HTML)")),
    "html with a comment first": (lambda: b"<!-- x --><html></html>", NOT.format("a web page (HTML)")),
    "xml": (lambda: b"<?xml version='1.0'?><feed/>", NOT.format("an XML file")),
    "text": (lambda: "Grüße, 你好\n".encode(), NOT.format("a text file")),
    "long text": (lambda: ("你好" * 3000).encode(), NOT.format("a text file")),
    "utf-16 text": (lambda: "hello".encode("utf-16"), NOT.format("a text file")),
    "text that begins with BM": (lambda: b"BMW and other cars", NOT.format("a text file")),
    "json": (lambda: b'{"a": 1}', NOT.format("a text file")),
    "zip": (lambda: make.zipped("photo.jpg"), NOT.format("a ZIP archive")),
    "word": (lambda: make.zipped("[Content_Types].xml"), NOT.format("an Office document")),
    "old word": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), NOT.format("an Office document")),
    "gzip": (lambda: gzip.compress(b"x"), NOT.format("an archive")),
    "tar": (lambda: bytes(257) + b"ustar\x0000" + bytes(248), NOT.format("an archive")),
    "wav": (lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(24), NOT.format("a sound")),
    "mp3": (lambda: b"ID3\4" + bytes(64), NOT.format("a sound")),
    "m4a": (lambda: FTYP % b"M4A ", NOT.format("a sound")),
    "mp4": (lambda: FTYP % b"isom", NOT.format("a video")),
    "quicktime": (lambda: FTYP % b"qt  ", NOT.format("a video")),
    "webm": (lambda: b"\x1aE\xdf\xa3" + bytes(64), NOT.format("a video")),
    "avi": (lambda: b"RIFF\x24\0\0\0AVI LIST", NOT.format("a video")),
    "program": (lambda: b"\x7fELF\2\1\1" + bytes(64), NOT.format("a program")),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", NOT.format("a PostScript drawing")),
    "database": (lambda: b"SQLite format 3\0" + bytes(84), NOT.format("a database")),
    "zeros": (lambda: bytes(1000), NOT.format("a file of an unknown kind")),
    "random bytes": (lambda: b"\x9c\x12\xfe\x00\x81" * 2000, NOT.format("a file of an unknown kind")),
    # pictures that are not read
    "svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', NO_SVG),
    "svg after a prologue": (lambda: b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn -->\n<svg></svg>', NO_SVG),
    "svg in utf-16": (lambda: "<?xml version='1.0'?><svg></svg>".encode("utf-16"), NO_SVG),
    "photoshop": (lambda: b"8BPS\0\1" + bytes(64), NO_READER.format("Photoshop")),
    "jpeg xl": (lambda: b"\xff\x0a" + bytes(64), NO_READER.format("JPEG XL")),
    "jpeg 2000": (lambda: encode(plain(), "JPEG2000"), NO_READER.format("JPEG 2000")),
    "icon": (lambda: encode(plain(size=(16, 16)), "ICO"), NO_READER.format("Windows icon")),
    # more pixels than the limit: nothing of them is decoded
    "png bomb": (lambda: png(60_000, 60_000), PIXELS.format(60000, 60000, 3600)),
    "png just over": (lambda: png(10_000, 5_001), PIXELS.format(10000, 5001, 50.01)),
    "jpeg bomb": (lambda: make.jpeg_of_size(65_000, 65_000), PIXELS.format(65000, 65000, 4225)),
    "gif bomb": (lambda: make.gif_of_size(65_000, 65_000), PIXELS.format(65000, 65000, 4225)),
    "webp bomb": (lambda: make.webp_of_size(16_000, 16_000), PIXELS.format(16000, 16000, 256)),
    "heic bomb": (lambda: make.heic_of_size(60_000, 60_000), PIXELS.format(60000, 60000, 3600)),
    "bmp bomb": (lambda: make.bmp_of_size(60_000, 60_000), PIXELS.format(60000, 60000, 3600)),
    "tiff bomb": (
        lambda: make.tiff((256, make.LONG, 1, 100_000), (257, make.LONG, 1, 100_000), *make.TIFF_GREY),
        PIXELS.format(100000, 100000, 10000),
    ),
    "tiff with a bomb of a tile": (
        lambda: make.tiff(
            *((256, make.LONG, 1, 100), (257, make.LONG, 1, 100), (258, make.SHORT, 1, 8), (259, make.SHORT, 1, 5)),
            *(
                (262, make.SHORT, 1, 1),
                (277, make.SHORT, 1, 1),
                (322, make.LONG, 1, 50_000),
                (323, make.LONG, 1, 9_000),
            ),
            *((324, make.LONG, 1, 8), (325, make.LONG, 1, 100)),
        ),
        PIXELS.format(50000, 9000, 450),
    ),
    "gif with a bomb of a frame": (
        lambda: make.gif_with_frame_of_size(65_000, 65_000),
        DAMAGED.format("GIF", "a part of it claims to be larger than any picture"),
    ),
    # damaged
    "png without pixels": (lambda: png(0, 10), DAMAGED.format("PNG", HEADER)),
    "jpeg without pixels": (lambda: make.jpeg_of_size(0, 0), DAMAGED.format("JPEG", HEADER)),
    "png of damaged pixels": (make.png_of_damaged_pixels, DAMAGED.format("PNG", DATA)),
    "png with a wrong checksum": (
        lambda: png(1, 1, extra=make.png_chunk(b"tEXt", b"Title\0x", checksum=0)),
        DAMAGED.format("PNG", "a checksum does not match"),
    ),
    "png with a wrong header checksum": (
        lambda: b"\x89PNG\r\n\x1a\n" + make.png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0), 0),
        DAMAGED.format("PNG", "a checksum does not match"),
    ),
    "png signature only": (lambda: b"\x89PNG\r\n\x1a\n", DAMAGED.format("PNG", HEADER)),
    "png that lost its line ends": (
        lambda: encode(noise(), "PNG").replace(b"\r\n", b"\n"),
        DAMAGED.format("PNG", HEADER),
    ),
    "png cut off": (lambda: half("PNG"), DAMAGED.format("PNG", ENDS)),
    "png of too few rows": (lambda: png(64, 64, bytes(100)), DAMAGED.format("PNG", ENDS)),
    "jpeg cut off": (lambda: half("JPEG"), DAMAGED.format("JPEG", ENDS)),
    "progressive jpeg cut off": (lambda: half("JPEG", progressive=True), DAMAGED.format("JPEG", ENDS)),
    "jpeg signature only": (lambda: b"\xff\xd8\xff", DAMAGED.format("JPEG", HEADER)),
    "gif cut off": (lambda: half("GIF"), DAMAGED.format("GIF", ENDS)),
    "gif without a frame": (lambda: b"GIF89a\x10\0\x10\0\0\0\0;", DAMAGED.format("GIF", HEADER)),
    "bmp cut off": (lambda: half("BMP"), DAMAGED.format("BMP", ENDS)),
    "webp cut off": (lambda: half("WEBP"), DAMAGED.format("WebP", ENDS)),
    "webp header only": (lambda: b"RIFF\4\0\0\0WEBP", DAMAGED.format("WebP", HEADER)),
    "tiff cut off": (lambda: half("TIFF"), DAMAGED.format("TIFF", ENDS)),
    "tiff lzw cut off": (lambda: half("TIFF", compression="tiff_lzw"), DAMAGED.format("TIFF", ENDS)),
    "tiff without tags": (make.tiff, DAMAGED.format("TIFF", HEADER)),
    "tiff of insane counts": (
        lambda: make.tiff(
            *((256, make.LONG, 1, 100), (257, make.LONG, 1, 100), (258, make.SHORT, 4_000_000_000, 8)),
            *((262, make.SHORT, 1, 1), (273, make.LONG, 1, 8), (277, make.SHORT, 1, 60_000)),
        ),
        DAMAGED.format("TIFF", HEADER),
    ),
    "avif cut off": (lambda: encode(noise(), "AVIF")[:-40], DAMAGED.format("AVIF", ENDS)),
    "heic cut off": (lambda: half("HEIC"), DAMAGED.format("HEIC", ENDS)),
    "heic header only": (lambda: FTYP % b"heic", DAMAGED.format("HEIC", HEADER)),
}


def forbid_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers may be read, pixels not: a limit that fails would else fill the memory of the machine."""
    open_header = pixels.open_header

    def header_only(name: str, data: bytes) -> Image.Image:
        picture = open_header(name, data)
        monkeypatch.setattr(picture, "load", lambda: pytest.fail("pixels were decoded"))
        return picture

    monkeypatch.setattr(pixels, "open_header", header_only)


@pytest.mark.parametrize("name", BAD)
def test_every_bad_file_gets_its_sentence(
    name: str,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
):
    build, sentence = BAD[name]
    data = build()
    if sentence.startswith("The picture has"):
        forbid_pixels(monkeypatch)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.chdir(temporary)
    path = tmp_path / "holiday.jpg"
    path.write_bytes(data)

    with caplog.at_level(logging.INFO), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for source in (data, path):
            with pytest.raises(InputError) as caught:
                decode_image(source, settings)
            assert str(caught.value) == sentence

    assert not seen
    assert not caplog.records
    assert capfd.readouterr() == ("", "")
    assert set(tmp_path.iterdir()) == {path, temporary}
    assert not list(temporary.iterdir()), "a file was left behind"
    assert not settings.home.exists()


def test_there_are_at_least_twenty_kinds_of_bad_file():
    assert len(BAD) >= 20
    assert len({sentence for _, sentence in BAD.values()}) >= 20


def test_limits_are_inclusive_and_come_from_the_settings(settings: Settings):
    data = encode(plain(size=(10, 10)), "PNG")
    exact = replace(settings, image_pixels=100, image_bytes=len(data))
    assert decode_image(data, exact).size == (10, 10)
    with pytest.raises(InputError, match="has 10 x 10 pixels"):
        decode_image(data, replace(exact, image_pixels=99))
    with pytest.raises(InputError, match="The picture file has"):
        decode_image(data, replace(exact, image_bytes=len(data) - 1))


def test_a_large_file_is_not_read_to_its_end(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(10_000_000_000)  # sparse: takes no room
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("the file was opened"))
    with pytest.raises(InputError, match=r"The picture file has 10000\.00 MB; the limit is 30 MB\."):
        decode_image(path, settings)


# Paths


def test_a_missing_file(settings: Settings, tmp_path: Path):
    path = tmp_path / "none.png"
    with pytest.raises(InputError) as caught:
        decode_image(path, settings)
    assert str(caught.value) == f"There is no file {path}."


@pytest.mark.parametrize("name", ["a\0b.png", "file.png/inside.png"])
def test_impossible_names_are_missing_files(name: str, settings: Settings, tmp_path: Path):
    (tmp_path / "file.png").write_bytes(b"x")
    with pytest.raises(InputError, match=r"^There is no file .*\.png\.$"):
        decode_image(f"{tmp_path}/{name}", settings)


def test_a_folder(settings: Settings, tmp_path: Path):
    with pytest.raises(InputError) as caught:
        decode_image(tmp_path, settings)
    assert str(caught.value) == f"{tmp_path} is a folder; a file is needed."


def test_nothing(settings: Settings):
    with pytest.raises(InputError, match=r"^Nothing was given"):
        decode_image("", settings)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")
def test_a_pipe_is_not_waited_for(settings: Settings, tmp_path: Path):
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    with pytest.raises(InputError) as caught:
        decode_image(path, settings)
    assert str(caught.value) == f"The file {path} cannot be read: it is not an ordinary file."


def test_an_unreadable_file(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "private.png"
    path.write_bytes(b"x")

    def refuse(*_: object) -> None:  # the tests may run as root, whom no permission stops
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError) as caught:
        decode_image(path, settings)
    assert str(caught.value) == f"The file {path} cannot be read: Permission denied."


def test_a_link_to_itself(settings: Settings, tmp_path: Path):
    path = tmp_path / "loop.png"
    path.symlink_to(path)
    with pytest.raises(InputError, match=r"cannot be read: Too many levels of symbolic links"):
        decode_image(path, settings)


def test_an_address_is_never_fetched(settings: Settings):
    with pytest.raises(InputError, match=r"^There is no file"):
        decode_image("http://127.0.0.1:9/cat.jpg", settings)


@pytest.mark.parametrize(("format", "module"), [("HEIC", "pillow_heif"), ("AVIF", "PIL._avif")])
def test_a_missing_library_is_named_as_such(
    format: str, module: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    data = encode(plain(), format)
    if format == "HEIC":
        monkeypatch.setitem(sys.modules, module, None)
    else:
        monkeypatch.setattr("PIL.AvifImagePlugin.SUPPORTED", False)
    with pytest.raises(InputError) as caught:
        decode_image(data, settings)
    assert str(caught.value) == NO_READER.format(format)


def test_the_cause_stays_for_developers(settings: Settings):
    with pytest.raises(InputError) as caught:
        decode_image(half("JPEG"), settings)
    assert "truncated" in "".join(traceback.format_exception(caught.value))


def test_details_know_their_key_for_translation(settings: Settings):
    with pytest.raises(InputError) as caught:
        decode_image(b"%PDF-1.7", settings)
    kind = caught.value.values["kind"]
    assert isinstance(kind, Phrase)
    assert kind.key == "kind_pdf"


def test_sniff_needs_the_head_only():
    for build, *_ in (*GOOD.values(), *BAD.values()):
        data = build()
        assert sniff(data) == sniff(data[:HEAD])


# Text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  a cat \n", "a cat"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("a\r\nb\rc\nd\te", "a\nb\nc\nd\te"),
        ("a\0b\x07c\x7fd\x85", "abcd"),
        ("\ufeffa\ud800b", "ab"),
        ("safe\u202egpj.exe\u2066", "safegpj.exe"),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
        ("你好,世界", "你好,世界"),
        ("", ""),
        (" \0\n", ""),
    ],
)
def test_clean_text(text: str, clean: str, settings: Settings):
    assert clean_text(text, settings) == clean
    assert clean_text(clean, settings) == clean


def test_text_limit(settings: Settings):
    assert len(clean_text("x" * 5000 + "\n", settings)) == 5000
    assert len(clean_text("e\u0301" * 5000, settings)) == 5000, "counted as people see it"
    with pytest.raises(InputError) as caught:
        clean_text("x" * 5001, settings)
    assert str(caught.value) == "The text has 5001 characters; the limit is 5000."
    with pytest.raises(InputError, match=r"has 1000000 characters"):
        clean_text("x" * 1_000_000, settings)


def test_far_too_long_text_is_not_normalised(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(images, "unicodedata", None)
    with pytest.raises(InputError):
        clean_text("x" * 100_000, settings)


# Folders


def test_list_images(tmp_path: Path):
    for name in ("b.png", "a.JPG", "notes.txt", "sub/c.heic", ".hidden.png", ".cache/d.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    single, missing = tmp_path / "photos" / "notes.txt", tmp_path / "none.png"
    found = list_images([str(single), tmp_path / "photos", missing])
    photos = tmp_path / "photos"
    assert found == [single, photos / "a.JPG", photos / "b.png", photos / "sub" / "c.heic", missing]


def test_list_images_of_nothing(tmp_path: Path):
    with pytest.raises(InputError, match=r"^There is no picture in the folder"):
        list_images([tmp_path])
    with pytest.raises(InputError, match=r"^Nothing was given"):
        list_images([])


def test_a_hidden_folder_may_be_asked_for(tmp_path: Path):
    folder = tmp_path / ".photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"")
    assert list_images([folder]) == [folder / "a.png"]
