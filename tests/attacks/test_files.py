"""Small files that cost minutes or gigabytes, each with the sentence that it gets instead."""

from __future__ import annotations

import io
import os
import signal
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcore import cancelling
from mmcore.errors import Cancelled, InputError
from mmcore.io import decoder_process
from mmcore.io.audio_files import open_sound
from mmcore.io.images import decode_image
from mmcore.io.tables import read_table
from mmcore.results.notices import notices_of
from mmcore.settings import Settings
from tests import sounds


def saved(kind: str, size: tuple[int, int] = (8, 8), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 120, 40)).save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def gif_comments() -> bytes:
    good = saved("GIF")
    start = 13 + (3 << (good[10] & 7) + 1 if good[10] & 0x80 else 0)
    return good[:start] + b"\x21\xfe\x01x\x00" * 200_000 + good[start:]


def gif_one_long_comment() -> bytes:
    good = saved("GIF")
    start = 13 + (3 << (good[10] & 7) + 1 if good[10] & 0x80 else 0)
    return good[:start] + b"\x21\xfe" + b"\x01x" * 1_000_000 + b"\x00" + good[start:]


def jpeg_scans() -> bytes:
    good = saved("JPEG", (512, 512), progressive=True)
    scan = b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x00\x01"
    return good[:-2] + scan * 3000 + b"\xff\xd9"


def jpeg_segments() -> bytes:
    good = saved("JPEG")
    return good[:2] + b"\xff\xe1\x00\x02" * 1_000_000 + good[2:]


def png_chunks() -> bytes:
    good = saved("PNG")
    return good[:33] + chunk(b"teXt") * 400_000 + good[33:]


def png_line() -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 40_000_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0\0" * 1000)) + chunk(b"IEND")


def tiff_entries() -> bytes:
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000) + b"\0" * 12 * 60_000


BAD: list[tuple[Callable[[], bytes], str]] = [
    (gif_comments, "image_too_elaborate"),
    (gif_one_long_comment, "image_too_elaborate"),
    (jpeg_scans, "image_too_elaborate"),
    (jpeg_segments, "image_too_elaborate"),
    (png_chunks, "image_too_elaborate"),
    (png_line, "image_too_elongated"),
    (tiff_entries, "image_too_elaborate"),
]


@pytest.mark.parametrize(("make", "key"), BAD, ids=lambda item: getattr(item, "__name__", item))
def test_small_files_do_not_take_minutes(make: Callable[[], bytes], key: str, settings: Settings) -> None:
    data = make()
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        decode_image(data, settings)
    assert caught.value.key == key
    assert time.process_time() - began < 10.0  # seconds of the processor: it was 53, and some are ten times slower


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"])
@pytest.mark.parametrize("apart", [False, True], ids=["here", "apart"])
def test_ordinary_pictures_pass(kind: str, apart: bool, settings: Settings) -> None:
    image = decode_image(saved(kind, (64, 48)), replace(settings, apart=apart))
    assert (image.size, image.mode) == ((64, 48), "RGB")


def test_progressive_photographs_pass(settings: Settings) -> None:
    assert decode_image(saved("JPEG", (640, 480), progressive=True), settings).size == (640, 480)


def test_the_same_pixels_come_back(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    Image.effect_noise((101, 67), 80).convert("RGB").save(path)
    here, apart = decode_image(path, settings), decode_image(path, replace(settings, apart=True))
    assert here.tobytes() == apart.tobytes()
    apart.putpixel((0, 0), (1, 2, 3))  # it is the caller's own


def test_errors_come_back_as_they_are(settings: Settings, tmp_path: Path) -> None:
    for source in (b"", b"%PDF-1.4", saved("JPEG", (64, 64))[:300], tmp_path / "none.png", tmp_path):
        sentences = []
        for apart in (False, True):
            with pytest.raises(InputError) as caught:
                decode_image(source, replace(settings, apart=apart))
            sentences.append((caught.value.key, str(caught.value)))
        assert sentences[0] == sentences[1]


def test_large_photographs_are_read_smaller(settings: Settings) -> None:
    data = saved("JPEG", (4000, 3000))
    assert decode_image(data, settings).size == (4000, 3000)
    assert decode_image(data, replace(settings, reduced=True)).size == (2000, 1500)


def test_a_killed_process_is_started_again(settings: Settings) -> None:
    decoder = decoder_process.Decoder()
    try:
        decoder.decode(saved("PNG"), settings)
        first = decoder.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        os.waitpid(first, 0)
        assert decoder.decode(saved("PNG"), settings).size == (8, 8)
        assert decoder.pid != first
    finally:
        decoder.stop()


def test_what_takes_too_long_is_given_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = decoder_process.Decoder()
    try:
        decoder.decode(saved("PNG"), settings)
        slow = decoder.pid
        assert slow is not None
        os.kill(slow, signal.SIGSTOP)  # stands for any library that does not come back
        monkeypatch.setattr(decoder_process, "SECONDS", 0.3)
        with pytest.raises(InputError) as caught:
            decoder.decode(saved("PNG"), settings)
        assert caught.value.key == "decoding_too_long"
        assert not Path(f"/proc/{slow}").exists()
    finally:
        decoder.stop()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory limit needs Linux")
def test_what_takes_too_much_memory_is_given_up(settings: Settings) -> None:
    out = io.BytesIO()
    Image.new("L", (6_500, 6_500)).save(out, "PNG")  # 45 kB that become 170 MB
    decoder = decoder_process.Decoder(memory=100_000_000)
    try:
        with pytest.raises(InputError) as caught:
            decoder.decode(out.getvalue(), settings)
        assert caught.value.key in ("decoding_too_large", "image_damaged")
        assert decoder.decode(saved("PNG"), settings).size == (8, 8)
    finally:
        decoder.stop()


def test_the_process_holds_no_secret(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    decoder = decoder_process.Decoder()
    try:
        decoder.decode(saved("PNG"), settings)
        assert b"hf_secret" not in Path(f"/proc/{decoder.pid}/environ").read_bytes()
    finally:
        decoder.stop()


def heard(source: bytes | Path, settings: Settings, rate: int | None = None) -> tuple[object, ...]:
    with open_sound(source, settings) as sound:
        samples = np.concatenate(list(sound.blocks(rate)))
        return sound.format, sound.sample_rate, sound.channels, sound.seconds, samples.tobytes(), sound.notices


@pytest.mark.parametrize("rate", [None, 16_000])
def test_the_same_samples_come_back(settings: Settings, rate: int | None, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(sounds.encoded(sounds.noise(25)))  # several pieces
    turned = np.stack([sounds.tone(1), -sounds.tone(1)], 1)  # has a notice
    for source in (path, sounds.contained(sounds.tone(1, rate=48_000)), sounds.encoded(turned, format="FLAC")):
        here, apart = heard(source, settings, rate), heard(source, replace(settings, apart=True), rate)
        assert here == apart
    assert here[-1]


def test_errors_of_sounds_and_tables_come_back_as_they_are(settings: Settings, tmp_path: Path) -> None:
    long = sounds.encoded(sounds.silence(3))
    short = replace(settings, audio_seconds=1.0)
    for source in (b"", b"nonsense", saved("PNG"), long, long[:44], tmp_path / "none.wav", tmp_path):
        sentences = []
        for apart in (False, True):
            with pytest.raises(InputError) as caught:
                heard(source, replace(short, apart=apart))
            sentences.append((caught.value.key, str(caught.value)))
        assert sentences[0] == sentences[1]
    table = tmp_path / "posts.csv"
    table.write_text('text,image\n"a, b",\nc,d\n')
    rows = [read_table(table, ("text",), 9, optional=("image",), apart=apart) for apart in (False, True)]
    assert rows[0] == rows[1] == [{"text": "a, b", "image": ""}, {"text": "c", "image": "d"}]
    table.write_text('text\n"open\n')
    for apart in (False, True):
        with pytest.raises(InputError) as caught:
            read_table(table, ("text",), 9, apart=apart)
        assert caught.value.key == "table_quotes"


def test_a_sound_that_is_left_early_holds_up_no_other(settings: Settings) -> None:
    apart = replace(settings, apart=True)
    data = sounds.encoded(sounds.noise(25))
    with open_sound(data, apart) as sound:
        next(sound.blocks())
    assert heard(data, apart) == heard(data, settings)


def test_a_sound_that_takes_too_long_is_given_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = decoder_process.Decoder()
    data = sounds.encoded(sounds.noise(25))
    try:
        with decoder.sound(data, settings) as distant:
            pieces = distant.blocks(32_000)
            assert len(next(pieces))
            slow = decoder.pid
            assert slow is not None
            os.kill(slow, signal.SIGSTOP)
            monkeypatch.setattr(decoder_process, "SECONDS", 0.3)
            with pytest.raises(InputError) as caught:
                next(pieces)
        assert caught.value.key == "decoding_too_long"
        assert not Path(f"/proc/{slow}").exists()
        monkeypatch.setattr(decoder_process, "SECONDS", 120.0)
        with decoder.sound(data, settings) as distant:
            assert sum(map(len, distant.blocks(32_000))) == 25 * 32_000
    finally:
        decoder.stop()


def test_decoding_ends_when_nobody_waits_any_more(settings: Settings) -> None:
    decoder = decoder_process.Decoder()
    try:
        decoder.decode(saved("PNG"), settings)
        slow = decoder.pid
        assert slow is not None
        os.kill(slow, signal.SIGSTOP)
        began = time.monotonic()
        with cancelling.asking(lambda: time.monotonic() - began > 0.3), pytest.raises(Cancelled):
            decoder.decode(saved("PNG"), settings)
        assert not Path(f"/proc/{slow}").exists()
    finally:
        decoder.stop()


def test_what_is_noted_of_a_picture_comes_back(settings: Settings) -> None:
    wide = saved("PNG", (700, 20))
    here, apart = (notices_of(decode_image(wide, replace(settings, apart=apart))) for apart in (False, True))
    assert here == apart
    assert [notice.code for notice in here] == ["image_squeezed"]


def test_what_was_not_read_comes_back_with_the_picture(settings: Settings) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    decoder = decoder_process.Decoder()
    try:
        found = notices_of(decoder.decode(out.getvalue(), settings))
        assert found == notices_of(decode_image(out.getvalue(), settings))
        assert [notice.code for notice in found] == ["image_frame"]
    finally:
        decoder.stop()
