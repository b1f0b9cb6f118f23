"""What a file is, told by its first bytes; names and endings are not believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmcore.errors import Phrase

Group = Literal["picture", "other picture", "svg", "sound", "video", "other"]

HEAD = 16384
"""How many bytes at the start decide."""
FRAMES = 3
"""Headers of MPEG frames, each where the one before says, that chance does not make."""


@dataclass(frozen=True)
class FileType:
    """What a file is."""

    group: Group
    """"picture" can be decoded here, "other picture" is one in a format that is not read."""
    name: str
    """Name of the format ("JPEG", "MP3"), or a Phrase that says what the file is ("a PDF document")."""


def _other(key: str) -> FileType:
    return FileType("other", Phrase(key))


# (offset, bytes there, kind), the first that fits wins.
SIGNATURES: tuple[tuple[int, bytes, FileType], ...] = (
    (0, b"\xff\xd8\xff", FileType("picture", "JPEG")),
    (0, b"\x89PNG", FileType("picture", "PNG")),
    (0, b"GIF87a", FileType("picture", "GIF")),
    (0, b"GIF89a", FileType("picture", "GIF")),
    (8, b"WEBP", FileType("picture", "WebP")),
    (0, b"II*\0", FileType("picture", "TIFF")),
    (0, b"MM\0*", FileType("picture", "TIFF")),
    (0, b"II+\0", FileType("picture", "TIFF")),
    (0, b"MM\0+", FileType("picture", "TIFF")),
    (0, b"8BPS", FileType("other picture", "Photoshop")),
    (0, b"\0\0\1\0", FileType("other picture", "Windows icon")),
    (0, b"\0\0\0\x0cjP  ", FileType("other picture", "JPEG 2000")),
    (0, b"\xff\x4f\xff\x51", FileType("other picture", "JPEG 2000")),
    (0, b"\0\0\0\x0cJXL ", FileType("other picture", "JPEG XL")),
    (0, b"\xff\x0a", FileType("other picture", "JPEG XL")),
    (128, b"DICM", FileType("other picture", "DICOM")),
    (8, b"WAVE", FileType("sound", "WAV")),
    (0, b"ID3", FileType("sound", "MP3")),
    (0, b"\xff\xfb", FileType("sound", "MP3")),
    (0, b"\xff\xf3", FileType("sound", "MP3")),
    (0, b"\xff\xf2", FileType("sound", "MP3")),
    (0, b"\xff\xfa", FileType("sound", "MP3")),
    (0, b"\xff\xe3", FileType("sound", "MP3")),
    (0, b"\xff\xf1", FileType("sound", "AAC")),
    (0, b"\xff\xf9", FileType("sound", "AAC")),
    (0, b"#!AMR", FileType("sound", "AMR")),
    (0, b"caff", FileType("sound", "CAF")),
    (0, b".snd", FileType("sound", "AU")),
    (0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", FileType("sound", "W64")),
    (0, b"wvpk", FileType("sound", "WavPack")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", FileType("sound", "Windows Media")),
    (0, b"fLaC", FileType("sound", "FLAC")),
    (0, b"OggS", FileType("sound", "Ogg")),
    (8, b"AIFF", FileType("sound", "AIFF")),
    (8, b"AIFC", FileType("sound", "AIFF")),
    (0, b"MThd", FileType("sound", "MIDI")),
    (8, b"AVI ", FileType("video", "AVI")),
    (0, b"\x1aE\xdf\xa3", FileType("video", "Matroska")),
    (0, b"\0\0\1\xba", FileType("video", "MPEG")),
    (0, b"FLV\1", FileType("video", "Flash")),
    (0, b"%PDF-", _other("kind_pdf")),
    (0, b"%!PS", _other("kind_postscript")),
    (0, b"\x1f\x8b", _other("kind_archive")),
    (0, b"BZh", _other("kind_archive")),
    (0, b"\xfd7zXZ\0", _other("kind_archive")),
    (0, b"\x28\xb5\x2f\xfd", _other("kind_archive")),
    (0, b"7z\xbc\xaf\x27\x1c", _other("kind_archive")),
    (0, b"Rar!", _other("kind_archive")),
    (257, b"ustar", _other("kind_archive")),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _other("kind_office")),
    (0, b"SQLite format 3\0", _other("kind_database")),
    (0, b"\x7fELF", _other("kind_program")),
    (0, b"MZ", _other("kind_program")),
    (0, b"\xcf\xfa\xed\xfe", _other("kind_program")),
)

HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
AVIF_BRANDS = frozenset((b"avif", b"avis"))
OFFICE_PARTS = (b"[Content_Types].xml", b"_rels/.rels", b"mimetypeapplication/vnd.oasis")


def sniff(data: bytes) -> FileType:
    """The kind of a file whose first bytes (HEAD are enough) are ``data``."""
    head = data[:HEAD]
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0":  # the reserved field: a text may begin with "BM", too
        return FileType("picture", "BMP")
    if head.startswith(b"\x1aE\xdf\xa3") and b"webm" in head[:64]:  # its header names it, after a few numbers
        return FileType("video", "WebM")
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head.startswith(b"PK\3\4"):
        return _other("kind_office" if any(part in head for part in OFFICE_PARTS) else "kind_zip")
    for offset, magic, kind in SIGNATURES:
        if head[offset : offset + len(magic)] == magic:
            return kind
    cut = _mpeg_frames(head)
    if cut is not None:
        return FileType("sound", cut)
    text = _as_text(head)
    return _other("kind_unknown") if text is None else _kind_of_text(text)


def _iso_media(head: bytes) -> FileType:
    """HEIC, AVIF, MP4 and QuickTime share a container; its brands tell which. The first is the major one."""
    length = min(int.from_bytes(head[:4], "big"), 256)
    brands = [head[8:12], *(head[start : start + 4] for start in range(16, length, 4))]
    if AVIF_BRANDS & set(brands):
        return FileType("picture", "AVIF")
    if HEIC_BRANDS & set(brands):
        return FileType("picture", "HEIC")
    return FileType("sound", "M4A") if brands[0] == b"M4A " else FileType("video", "MP4")


def _mpeg_frames(head: bytes) -> str | None:
    """MP3 or AAC that begins anywhere, as recordings of radio streams and cut files do, or after empty bytes."""
    place = head.find(b"\xff")
    while 0 <= place < len(head) - 8:
        for name, length_of in (("MP3", _mp3_length), ("AAC", _adts_length)):
            at, kind, found = place, head[place + 1], 0
            while found < FRAMES and at + 6 <= len(head) and head[at] == 0xFF and head[at + 1] == kind:
                length = length_of(head[at : at + 6])
                if not length:
                    break
                found, at = found + 1, at + length
            if found == FRAMES:
                return name
        place = head.find(b"\xff", place + 1)
    return None


_RATES = (44100, 48000, 32000)
_KILOBITS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""(version, layer) -> bit rates by their number from 1 on (ISO/IEC 11172-3, 13818-3)."""


def _mp3_length(header: bytes) -> int:
    """Bytes of the MPEG audio frame with this header; 0 for none."""
    version, layer = (header[1] >> 3) & 3, 4 - ((header[1] >> 1) & 3)
    rate, bits = (header[2] >> 2) & 3, header[2] >> 4
    if header[1] >> 5 != 7 or version == 1 or layer == 4 or rate == 3 or not 0 < bits < 15:
        return 0
    hertz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    kilobits = _KILOBITS[1 if version == 3 else 2, layer][bits - 1]
    padding = (header[2] >> 1) & 1
    if layer == 1:
        return 4 * (12_000 * kilobits // hertz + padding)
    return (72_000 if layer == 3 and version != 3 else 144_000) * kilobits // hertz + padding


def _adts_length(header: bytes) -> int:
    """Bytes of the AAC frame with this ADTS header; 0 for none."""
    if header[1] & 0xF6 != 0xF0 or (header[2] >> 2) & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def _as_text(head: bytes) -> str | None:
    """The text that the bytes spell in UTF-8 or UTF-16, or None where they are not text."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    # The last character may have been cut in two at the end of the head.
    text = head.decode(encoding, errors="ignore" if len(head) == HEAD else "replace")
    if len(head) == HEAD and len(text.encode(encoding)) < len(head) - 8:
        return None
    control = any(ord(letter) < 32 and letter not in "\t\n\f\r\x1b" for letter in text)
    return None if control or "\ufffd" in text else text


def _kind_of_text(text: str) -> FileType:
    start = text.lstrip().lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return _other("kind_web_page")
    if start.startswith("<"):
        if "<svg" in start:
            return FileType("svg", "SVG")
        return _other("kind_web_page" if "<html" in start else "kind_xml")
    return _other("kind_text")
