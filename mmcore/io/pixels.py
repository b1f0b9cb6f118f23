"""Picture bytes -> header -> upright 8-bit RGB, with Pillow's readers called one by one.

``media`` holds the limits and the errors; nothing here is meant to be called by others.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageFile

from mmcore.errors import InputError
from mmcore.io.colour_profiles import by_gamma, in_srgb, on_background
from mmcore.io.pixel_values import DEPTHS, LEVELS, ODD, to_bytes
from mmcore.results.notices import Notice

# Pillow's plugin module and its name for the format. Image.open would try every other format as well (among them
# EPS, which starts Ghostscript), and warns of large pictures on stderr before their size can be asked.
PLUGINS = {
    "JPEG": ("PIL.JpegImagePlugin", "JPEG"),
    "PNG": ("PIL.PngImagePlugin", "PNG"),
    "GIF": ("PIL.GifImagePlugin", "GIF"),
    "WebP": ("PIL.WebPImagePlugin", "WEBP"),
    "BMP": ("PIL.BmpImagePlugin", "BMP"),
    "TIFF": ("PIL.TiffImagePlugin", "TIFF"),
    "AVIF": ("PIL.AvifImagePlugin", "AVIF"),
}

FRAMES_TRIED = 20
"""Of an animation that begins blank."""
BLANK = 8
"""Steps between the darkest and the brightest pixel of a frame that shows nothing."""
TILE_WIDTH, TILE_LENGTH = 322, 323
ORIENTATION = 0x0112
TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what turns the stored picture upright."""


def open_header(name: str, data: bytes) -> ImageFile.ImageFile:
    """Read the header only; ``name`` is that of a picture FileType.

    Raises InputError where the library that reads the format is missing, and whatever that library raises for a
    broken file.
    """
    if _needed(name, data) > len(data):  # these two formats' readers cannot tell a short file from a wrong one
        raise EOFError
    file = BytesIO(data)
    if name == "HEIC":
        try:
            from pillow_heif import HeifImageFile
        except ImportError:
            raise InputError("image_unsupported", format=name) from None
        picture: ImageFile.ImageFile = HeifImageFile(file)  # type: ignore[no-untyped-call]
        return picture
    module, plugin = PLUGINS[name]
    import_module(module)
    factory, accept = Image.OPEN[plugin]
    if accept is not None and isinstance(accept(data[:16]), str):  # a sentence: Pillow was built without the codec
        raise InputError("image_unsupported", format=name)
    return factory(file, "")


def _needed(name: str, data: bytes) -> int:
    """Bytes that the file says it has at least, for formats that say so at their start."""
    if name == "WebP":
        return 8 + int.from_bytes(data[4:8], "little")
    if name == "TIFF" and data[2:4] in (b"*\0", b"\0*"):  # where the directory is, often at the end
        return int.from_bytes(data[4:8], "little" if data.startswith(b"II") else "big")
    return 0


def tile_size(picture: ImageFile.ImageFile) -> tuple[int, int]:
    """Width and length of a TIFF's tiles, (0, 0) without: each is decoded whole, and may be larger than the picture."""
    tags = getattr(picture, "tag_v2", {})
    return int(tags.get(TILE_WIDTH, 0)), int(tags.get(TILE_LENGTH, 0))


DEEP = re.compile(r"(RGBA?|RGBX|RGBa|LA);16([BLN])")
"""Pillow's raw modes of 16-bit colours, of which it keeps the upper byte only."""


ENOUGH = 1 << 20
"""Pixels that tell how bright a picture is."""


def deep_layout(picture: ImageFile.ImageFile) -> str | None:
    """Raw mode of a picture of 16-bit colours; None for any other. Asked before loading."""
    modes = {tile.args if isinstance(tile.args, str) else tile.args[0] for tile in picture.tile if tile.args}
    mode = next(iter(modes), None) if len(modes) == 1 else None
    return mode if isinstance(mode, str) and DEEP.fullmatch(mode) else None


def with_used_bits(
    name: str, data: bytes, picture: ImageFile.ImageFile, layout: str
) -> tuple[Image.Image, list[Notice]]:
    """A loaded picture of 16-bit colours, scaled to the 10, 12 or 14 bits where it uses no more; and a word about it.

    Its lower bytes are had by reading the file once more with the order of bytes turned round.
    """
    upper = np.asarray(picture)
    every = max(1, upper.shape[0] * upper.shape[1] // ENOUGH)  # rows that tell of the others
    if np.percentile(upper[::every, :, :3].max(axis=2), 100 - ODD) >= (max(DEPTHS) + 1) >> 8:
        return picture, []
    again = open_header(name, data)
    if layout.startswith("LA"):  # which Pillow reads in one order only; four bytes a pixel are another layout's
        turned = "RGBA"
    else:
        native = "L" if sys.byteorder == "little" else "B"
        order = layout[-1] if layout[-1] != "N" else native
        turned = layout[:-1] + ("L" if order == "B" else "B")
    again.tile = [
        tile._replace(args=turned if isinstance(tile.args, str) else (turned, *(tile.args or ())[1:]))
        for tile in again.tile
    ]
    lower = np.asarray(again)
    if layout.startswith("LA"):
        lower = lower[..., [1, 1, 1, 3]]
    values = upper.astype(np.uint16) << 8 | lower
    seen = values[::every, :, :3].max(axis=2)
    low, high = (np.percentile(seen, share, method="nearest") for share in (ODD, 100 - ODD))
    depth = next((depth for depth in DEPTHS if high <= depth), None)
    if depth is None or high - low < LEVELS:
        return picture, []
    scaled = np.clip(np.round(np.arange(1 << 16) * (255 / depth)), 0, 255).astype(np.uint8)
    made = scaled[values]
    if values.shape[2] == 4 and values[..., 3].max() > depth:
        made[..., 3] = values[..., 3] >> 8
    deep = Image.fromarray(made)
    deep.info = dict(picture.info)
    return deep, [Notice.of("image_stretched")] if depth > 255 else []


def orientation(picture: Image.Image) -> int:
    """EXIF orientation 1-8; damaged EXIF data means upright. Asked after loading: PNG may keep it at the end."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:
        return 1


def to_rgb(picture: Image.Image) -> tuple[Image.Image, list[Notice]]:
    """8-bit RGB of a loaded picture of any mode, in sRGB, and what had to be assumed for it."""
    profile = picture.info.get("icc_profile")
    gamma = None if profile or "srgb" in picture.info else picture.info.get("gamma")
    if gamma:
        image, notices = _to_rgb(picture, None)
        return by_gamma(image, float(gamma)), notices
    return _to_rgb(picture, profile)


def _to_rgb(picture: Image.Image, profile: bytes | None) -> tuple[Image.Image, list[Notice]]:
    if picture.mode == "I" or picture.mode == "F" or picture.mode.startswith("I;16"):
        values, stretched = to_bytes(np.asarray(picture), getattr(picture, "tag_v2", {}))
        image, notices = in_srgb(Image.fromarray(values), profile)
        return image, [*notices, *([Notice.of("image_stretched")] if stretched else [])]
    if picture.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
        assert converted is not None  # only with inPlace
        return converted, []
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        grey = picture.mode in ("L", "LA", "La")
        image, notices = in_srgb(layer.convert("RGB").convert("L") if grey else layer.convert("RGB"), profile)
        laid, more = on_background(image, layer.getchannel("A"))
        return laid, [*notices, *more]
    plain = picture if picture.mode in ("L", "CMYK") else picture.convert("RGB")
    return in_srgb(plain, profile)


def shown_frame(
    picture: ImageFile.ImageFile, pixels: int, first_frame: Image.Image | None = None
) -> tuple[Image.Image, list[Notice]]:
    """The first frame or page of a loaded picture, or the first one that is not blank; and what was not looked at.

    ``first_frame`` is the first with better values than the file's reader gives. Frames of more than ``pixels`` are
    passed over. A damaged frame behind the first ends the search.
    """
    first, notices = to_rgb(first_frame or picture)
    try:
        count = int(getattr(picture, "n_frames", 1))
    except Exception:  # what is behind the first frame is damaged
        count = 1
    if count < 2:
        return first, notices
    if _blank(first):
        for place in range(1, min(count, FRAMES_TRIED)):
            try:
                picture.seek(place)
                if picture.width * picture.height > pixels:
                    continue
                picture.load()
                frame, more = to_rgb(picture)
            except Exception:
                break
            if not _blank(frame):
                return frame, [*more, Notice.of("image_frame", count=count, frame=place + 1)]
    return first, [*notices, Notice.of("image_frame", count=count, frame=1)]


def _blank(image: Image.Image) -> bool:
    """Whether a picture is one colour all over."""
    bands: Any = image.getextrema()
    return all(high - low <= BLANK for low, high in bands)


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Undo the rotation or reflection that the EXIF orientation tells of."""
    return image.transpose(TRANSPOSE[orientation]) if orientation in TRANSPOSE else image
