"""Picture bytes -> header -> upright 8-bit RGB, with Pillow's readers called one by one.

``media`` holds the limits and the errors; nothing here is meant to be called by others.
"""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFile

from mmcore.errors import InputError

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
    """Read the header only; ``name`` is that of a picture Kind.

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


def orientation(picture: Image.Image) -> int:
    """EXIF orientation 1-8; damaged EXIF data means upright. Asked after loading: PNG may keep it at the end."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:
        return 1


def to_rgb(picture: Image.Image) -> Image.Image:
    """8-bit RGB of a loaded picture of any mode."""
    if picture.mode == "I" or picture.mode == "F" or picture.mode.startswith("I;16"):
        return Image.fromarray(_to_bytes(np.asarray(picture))).convert("RGB")
    if picture.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
        assert image is not None  # only with inPlace
        return image
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        image = Image.new("RGB", picture.size, "white")
        image.paste(layer, mask=layer.getchannel("A"))
        return image
    return picture.convert("RGB")


def _to_bytes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Grey values of more than 8 bits -> uint8 (rows, columns)."""
    levels = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(levels.min()), float(levels.max())
    if values.dtype.kind == "u" or (values.dtype.kind == "i" and low >= 0 and 255 < high <= 65535):
        levels /= 257
    elif values.dtype.kind == "f" and low >= 0 and high <= 1:
        levels *= 255
    elif low < 0 or high > 255:
        levels = (levels - low) * (255 / (high - low))
    return np.round(levels).astype(np.uint8)


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Undo the rotation or reflection that the EXIF orientation tells of."""
    return image.transpose(TRANSPOSE[orientation]) if orientation in TRANSPOSE else image
