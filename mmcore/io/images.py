"""Files as people have them -> what the tasks compute with. Limits come before decoding.

    path | bytes -> RGB picture           (decode_image)
    path | bytes -> mono waveform         (load_audio; in pieces: ``mmcore.io.audio_files``)
    text         -> clean text            (clean_text)
    paths        -> paths of pictures     (list_images)

Every failure is an InputError whose sentence says what is wrong with the file. Formats are told by the file's
content, never by its name.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from mmcore.errors import InputError, Phrase
from mmcore.io import decoder_process, header_scans, pixels
from mmcore.io.audio_files import Waveform, load_audio
from mmcore.io.files import size_of, unreadable
from mmcore.io.filetypes import sniff
from mmcore.io.picture_folders import IMAGE_SUFFIXES, pictures_below
from mmcore.results.notices import Notice, noted
from mmcore.settings import Settings

__all__ = [
    "IMAGE_SUFFIXES",
    "Waveform",
    "clean_text",
    "decode_image",
    "list_images",
    "load_audio",
]

SQUEEZED = 6.0
"""Ratio of the sides from which on a picture is noted as squeezed: models see squares."""

REDUCED_SIDE = 1024
"""Pixels that each side of a photograph keeps at least where ``settings.reduced``."""


def decode_image(source: str | Path | bytes, settings: Settings) -> Image.Image:
    """Decode a picture file: RGB, upright, 8 bits a channel, without metadata.

    Takes JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC and AVIF; of several frames or pages the first that is not blank.
    Embedded colour profiles are applied. Transparency is laid on white, or on black what would vanish there. 16-bit
    grey is scaled by 1/257, or by the fewer bits that it uses; float pictures are taken as 0..1 or 0..255, or stretched
    to what most of their pixels have. What was assumed or not looked at is told by ``notices_of`` the picture.

    Raises InputError: no file, a folder, more bytes than ``settings.image_bytes``, more pixels than
    ``settings.image_pixels``, not a picture, damaged.
    """
    if settings.apart:
        return decoder_process.decode_image(source, settings)
    data = source if isinstance(source, bytes) else _read(source, settings.image_bytes)
    if not data:
        raise InputError("image_empty")
    if len(data) > settings.image_bytes:
        raise _too_large(len(data), settings.image_bytes)
    kind = sniff(data)
    if kind.group == "svg":
        raise InputError("image_svg")
    if kind.group == "other picture":
        raise InputError("image_unsupported", format=kind.name)
    if kind.group != "picture":
        name = Phrase(f"kind_{kind.group}") if kind.group in ("sound", "video") else kind.name
        raise InputError("image_not_a_picture", kind=name)
    header_scans.check(kind.name, data)

    with warnings.catch_warnings():
        # Odd metadata makes Pillow warn on stderr; the pixels decide whether a picture is good.
        warnings.filterwarnings("ignore", module=r"PIL\.|pillow_heif|mmcore\.media")
        # Readers of hostile bytes raise what they like: OSError, SyntaxError, struct.error, MemoryError, ...
        try:
            picture = pixels.open_header(kind.name, data)
            sizes = [picture.size, pixels.tile_size(picture)]
        except InputError:
            raise
        except Exception as error:
            raise InputError("image_damaged", format=kind.name, detail=_damage(error, "damage_header")) from error
        for width, height in sizes:
            if width * height > settings.image_pixels:
                raise InputError(
                    "image_too_many_pixels",
                    width=width,
                    height=height,
                    megapixels=width * height / 1e6,
                    limit=settings.image_pixels / 1e6,
                )
        header_scans.check_sides(*picture.size)
        if settings.reduced:
            picture.draft("RGB", (REDUCED_SIDE, REDUCED_SIDE))
        try:
            layout = pixels.deep_layout(picture)
            picture.load()
            turn = pixels.orientation(picture)
            first, stretched = pixels.with_used_bits(kind.name, data, picture, layout) if layout else (None, [])
            shown, notices = pixels.shown_frame(picture, settings.image_pixels, first)
            notices += stretched
            image = pixels.upright(shown, turn)
        except Exception as error:
            raise InputError("image_damaged", format=kind.name, detail=_damage(error, "damage_decode")) from error
    image.info.clear()  # else a later reader would rotate again; and where a photo was taken is nobody's business
    if max(image.size) >= SQUEEZED * min(image.size):
        notices.append(Notice.of("image_squeezed", width=image.width, height=image.height))
    return noted(image, *dict.fromkeys(notices))


def _read(source: str | Path, limit: int) -> bytes:
    """The bytes of a file; at most one more than the limit is read."""
    size = size_of(source)
    if size > limit:
        raise _too_large(size, limit)
    with unreadable(source), Path(source).open("rb") as file:
        return file.read(limit + 1)


def _too_large(size: int, limit: int) -> InputError:
    return InputError("image_too_large", megabytes=size / 1e6, limit=limit / 1e6)


def _damage(error: Exception, otherwise: str) -> Phrase:
    """What is wrong with the file, from what Pillow says (the messages differ by format and version)."""
    if isinstance(error, Image.DecompressionBombError):
        return Phrase("damage_bomb")
    text = str(error).lower()
    if "checksum" in text or "crc" in text:
        return Phrase("damage_checksum")
    if isinstance(error, EOFError) or any(part in text for part in ("truncated", "end of file", "end-of-file", "eof")):
        return Phrase("damage_ends")
    return Phrase(otherwise)


def clean_text(text: str, settings: Settings) -> str:
    """Text in Unicode normal form C, without control characters and outer white space; lines end with a line feed.

    Joiners inside emoji and Persian or Indic words stay; characters that turn the direction of writing go.
    Raises InputError beyond ``settings.text_characters``.
    """
    if len(text) > 4 * settings.text_characters:  # far beyond: not worth normalising
        raise InputError("text_too_long", characters=len(text), limit=settings.text_characters)
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    clean = "".join(letter for letter in lines if letter in "\n\t" or not _is_control(letter)).strip()
    if len(clean) > settings.text_characters:
        raise InputError("text_too_long", characters=len(clean), limit=settings.text_characters)
    return clean


def _is_control(letter: str) -> bool:
    bidirectional = "\u202a" <= letter <= "\u202e" or "\u2066" <= letter <= "\u2069"
    return bidirectional or letter == "\ufeff" or unicodedata.category(letter) in ("Cc", "Cs")


def list_images(sources: Iterable[str | Path]) -> list[Path]:
    """Files as they are given, and in the place of each folder the picture files in it and below, sorted by name.

    A picture is what has the content of one, or a picture's ending: one that is damaged gets its error.
    Hidden files and folders are passed over. Files that do not exist stay in the list, so that each gets its own
    error. Raises InputError where a folder holds no picture, or nothing is given.
    """
    found: list[Path] = []
    for source in map(Path, sources):
        if not source.is_dir():
            found.append(source)
            continue
        inside, _ = pictures_below(source)
        if not inside:
            raise InputError("folder_without_pictures", path=source)
        found.extend(inside)
    if not found:
        raise InputError("nothing_given")
    return found
