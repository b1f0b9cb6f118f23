"""Sounds that programs make: instruments from a soundfont, voices from a speech synthesiser, tones and noises.

Each generator yields (name, samples) at 32 kHz. ``instruments`` needs fluidsynth, ``voices`` espeak-ng; the rest is
arithmetic. What the teacher hears in them is what counts, not what they are called.
"""

from __future__ import annotations

import io
import random
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mmcore.nets.log_mel import SAMPLE_RATE
from mmcore.types import Floats

Samples = Floats
Made = Iterator[tuple[str, Samples]]

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 6, 7, 10))
DRUMS = 9
"""MIDI's channel of percussion, from 0."""
TICKS = 480
"""A beat; a MIDI file that says nothing else has 120 beats a minute."""
TICKS_A_SECOND = 2 * TICKS
PIECE, SLOT = 7.0, 9.0
"""Seconds of a piece, and from one to the next: room for the last notes to fade."""
HELD_OUT_PROGRAMS = frozenset({13, 22, 46, 68, 104, 105, 109, 114})
"""General MIDI from 0: xylophone, harmonica, harp, oboe, sitar, banjo, bagpipe, steel drums. Never trained on alone."""
LANGUAGES = (
    "en-us",
    "en-gb",
    "de",
    "fr-fr",
    "es",
    "it",
    "pt-br",
    "ru",
    "pl",
    "tr",
    "hi",
    "cmn",
    "ja",
    "ar",
    "sw",
    "fi",
)
VOICES = ("", "+m3", "+m7", "+f2", "+f4", "+croak", "+whisper", "+klatt4")
SENTENCES = {
    "en": ("Good morning, the train to the city leaves at seven.", "Could you open the window? It is hot in here."),
    "de": ("Guten Morgen, der Zug in die Stadt fährt um sieben.", "Mach bitte das Fenster auf, es ist heiß hier."),
    "fr": ("Bonjour, le train pour la ville part à sept heures.", "Ouvre la fenêtre, s'il te plaît, il fait chaud."),
    "es": ("Buenos días, el tren a la ciudad sale a las siete.", "Abre la ventana, por favor, hace calor aquí."),
    "it": ("Buongiorno, il treno per la città parte alle sette.", "Apri la finestra, per favore, fa caldo qui."),
    "pt": ("Bom dia, o trem para a cidade sai às sete.", "Abra a janela, por favor, está quente aqui."),
    "ru": ("Доброе утро, поезд в город уходит в семь.", "Открой, пожалуйста, окно, здесь жарко."),
    "pl": ("Dzień dobry, pociąg do miasta odjeżdża o siódmej.", "Otwórz okno, proszę, tu jest gorąco."),
    "tr": ("Günaydın, şehre giden tren yedide kalkıyor.", "Lütfen pencereyi aç, burası sıcak."),
    "hi": ("सुप्रभात, शहर की ट्रेन सात बजे जाती है।", "कृपया खिड़की खोलो, यहाँ गर्मी है।"),
    "cmn": ("早上好，去城里的火车七点开。", "请打开窗户，这里很热。"),
    "ja": ("おはようございます、まちいきのでんしゃはしちじにでます。", "まどをあけてください。"),
    "ar": ("صباح الخير، القطار إلى المدينة يغادر في السابعة.", "افتح النافذة من فضلك."),
    "sw": ("Habari za asubuhi, treni ya mjini inaondoka saa moja.", "Fungua dirisha tafadhali, kuna joto hapa."),
    "fi": ("Hyvää huomenta, juna kaupunkiin lähtee seitsemältä.", "Avaa ikkuna, ole hyvä, täällä on kuuma."),
}


def _quantity(value: int) -> bytes:
    """MIDI's number of variable length."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


Note = tuple[int, int, int, int, int]
"""Start and length in ticks, channel, key, loudness."""


@dataclass(frozen=True)
class Piece:
    """A few seconds of music: notes, and the program of each channel."""

    name: str
    notes: list[Note]
    programs: dict[int, int]
    bpm: int = 120


def midi(pieces: Sequence[Piece]) -> bytes:
    """Pieces as one MIDI file, one each ``SLOT`` seconds; what goes on for longer is cut."""
    events: list[tuple[int, bytes]] = []
    slot = int(SLOT * TICKS_A_SECOND)
    for number, piece in enumerate(pieces):
        begin, end = number * slot, number * slot + int(PIECE * TICKS_A_SECOND)
        events += [(begin, bytes([0xC0 | channel, program])) for channel, program in piece.programs.items()]
        for start, length, channel, key, loudness in piece.notes:
            on = begin + start * 120 // piece.bpm
            if on < end:
                events.append((on, bytes([0x90 | channel, key, loudness])))
                events.append((min(on + length * 120 // piece.bpm, end), bytes([0x80 | channel, key, 0])))
    events.sort(key=lambda event: (event[0], event[1][0] & 0xF0 == 0x90))  # notes end, programs change, notes begin
    track, now = b"", 0
    for tick, message in events:
        track += _quantity(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS)
    return header + b"MTrk" + struct.pack(">I", len(track)) + track


def melody(draw: random.Random, channel: int, low: int, high: int, beats: int) -> list[Note]:
    """A random walk on a scale, with rests, chords and held notes."""
    scale, root = draw.choice(SCALES), draw.randrange(12)
    keys = [key for key in range(low, high) if (key - root) % 12 in scale]
    place, now, notes = len(keys) // 2, 0, []
    step = draw.choice((TICKS // 2, TICKS, TICKS * 2))
    while now < beats * TICKS:
        length = int(step * draw.choice((0.5, 0.5, 1, 1, 2)))
        if draw.random() > 0.15:
            place = min(max(place + draw.randint(-3, 3), 0), len(keys) - 1)
            chord = [keys[place]] + ([keys[min(place + 2, len(keys) - 1)]] if draw.random() < 0.25 else [])
            notes += [(now, int(length * 0.95), channel, key, draw.randint(60, 120)) for key in set(chord)]
        now += length
    return notes


def beat(draw: random.Random, beats: int) -> list[Note]:
    """A drum pattern, repeated."""
    pattern = [
        (place, draw.choice((36, 38, 42, 46, 49, 51, 39, 45, 50, 56, 60, 63, 70, 75)), draw.randint(70, 120))
        for place in range(8)
        for _ in range(draw.choice((0, 1, 1, 2)))
    ]
    return [
        (bar * 4 * TICKS + place * TICKS // 2, TICKS // 4, DRUMS, key, loud)
        for bar in range(beats // 4)
        for place, key, loud in pattern
    ]


def rendered(soundfont: Path, pieces: Sequence[Piece]) -> Made:
    """Pieces through fluidsynth. Raises CalledProcessError where that fails."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "song.mid"), Path(folder, "song.wav")
        source.write_bytes(midi(pieces))
        command = ["fluidsynth", "-ni", "-q", "-r", str(SAMPLE_RATE), "-F", str(target), str(soundfont), str(source)]
        subprocess.run(command, check=True, capture_output=True)
        samples, _ = soundfile.read(target, dtype="float32", always_2d=True)
    mono = samples.mean(1)
    for number, piece in enumerate(pieces):
        start = int(number * SLOT * SAMPLE_RATE)
        part = mono[start : start + int((PIECE + 0.5) * SAMPLE_RATE)]
        yield piece.name, np.asarray(part / max(float(np.abs(part).max(initial=0.0)), 1e-3) * 0.7, np.float32)


def instruments(soundfont: Path, draw: random.Random, takes: int = 2, ensembles: int = 160) -> Made:
    """Every program of General MIDI alone, every drum, and small bands, a few seconds each."""
    pieces = []
    for program in range(128):
        for take in range(takes):
            low = draw.choice((36, 48, 60))
            notes = melody(draw, 0, low, low + 26, 20)
            pieces.append(Piece(f"program-{program:03d}-{take}", notes, {0: program}, draw.randint(70, 150)))
    for key in range(27, 88):
        step = draw.choice((TICKS, TICKS, TICKS // 2))
        hits = [(number * step, TICKS // 4, DRUMS, key, draw.randint(60, 127)) for number in range(6)]
        pieces.append(Piece(f"drum-{key}", hits, {}))
    for number in range(ensembles):
        programs = {channel: draw.randrange(112) for channel in range(draw.randint(1, 4))}
        notes = [note for channel in programs for note in melody(draw, channel, 36 + 6 * channel, 64 + 6 * channel, 24)]
        if draw.random() < 0.7:
            notes += beat(draw, 24)
        pieces.append(Piece(f"band-{number}", notes, programs, draw.randint(70, 170)))
    for start in range(0, len(pieces), 60):
        yield from rendered(soundfont, pieces[start : start + 60])


def held_out(name: str) -> bool:
    """Whether a sound of ``instruments`` is kept back for measuring."""
    kind, number = name.split("-")[:2]
    return kind == "program" and int(number) in HELD_OUT_PROGRAMS


def voices(draw: random.Random) -> Made:
    """Sentences in sixteen languages, by voices of several kinds, speeds and pitches."""
    for language in LANGUAGES:
        for voice in VOICES:
            text = draw.choice(SENTENCES[language.split("-")[0]])
            speed, pitch = str(draw.randint(110, 230)), str(draw.randint(20, 80))
            command = ["espeak-ng", "--stdout", "-v", language + voice, "-s", speed, "-p", pitch, text]
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode == 0 and len(done.stdout) > 100:
                samples, rate = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
                yield f"{language}{voice}", np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float32)
