"""How well speech is transcribed: word error rate, for Chinese character error rate, and the time it takes.

Two kinds of speech: sentences of ``spoken_sentences.tsv`` spoken by espeak-ng, whose texts are known; or a folder of
spoken digits (labels.tsv with the columns file and digit, as FSDD's).
espeak-ng as Debian packs it does not know most Chinese signs, so it gets their pinyin.
"""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from mmcore.errors import InputError
from mmcore.io.chinese import HAN, simplified
from mmcore.pool import ModelPool
from mmcore.results.transcribe import TranscribeOptions, TranscribeResult
from mmcore.tasks.transcribe import transcribe
from mmcore.types import Progress

VOICES = {"en": "en-us", "zh": "cmn-latn-pinyin"}
SPEED = 150
"""Words a minute."""
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPELT = {
    **{str(number): word for number, word in enumerate(DIGITS)},
    **dict(zip("零一二三四五六七八九", DIGITS, strict=True)),
    "两": "two",
}
"""A recogniser may write 8 for eight, and 8点 for 八点."""


class Utterance(NamedTuple):
    """Somebody says something that is known."""

    audio: Path
    text: str
    language: str


def run(
    pool: ModelPool,
    data: Path | None = None,
    *,
    model: str | None = None,
    limit: int | None = None,
    tell: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Error rates by language, and seconds of work for a second of sound.

    ``limit`` takes that many clips of ``data``, evenly spread; ``tell`` lets the model tell the language instead of
    being told. Raises InputError where espeak-ng or the table is missing.
    """
    with tempfile.TemporaryDirectory() as work:
        said = list(spoken(Path(work)) if data is None else labelled(data))
        if limit is not None and limit < len(said):
            said = [said[place * len(said) // limit] for place in range(limit)]
        answers: list[TranscribeResult] = []
        for done, one in enumerate(said):
            options = TranscribeOptions(language="auto" if tell else one.language)  # type: ignore[arg-type]
            answers.append(transcribe(pool, one.audio, options, model))
            if progress is not None:
                progress(done + 1, len(said))
    figures: dict[str, Any] = {"model": answers[0].model, "clips": len(said)}
    for language in dict.fromkeys(one.language for one in said):
        pairs = [(one.text, answer.text) for one, answer in zip(said, answers, strict=True) if one.language == language]
        figures[f"{'character' if language == 'zh' else 'word'} error rate, {language}"] = error_rate(pairs)
        figures[f"wholly right, {language}"] = sum(units(a) == units(b) for a, b in pairs) / len(pairs)
    seconds = sum(answer.seconds for answer in answers)
    figures["seconds a second of sound"] = seconds / sum(answer.duration for answer in answers)
    figures["seconds a clip"] = seconds / len(answers)
    return figures


def spoken(folder: Path) -> Iterator[Utterance]:
    """The sentences as sound files in ``folder``. Raises InputError without espeak-ng."""
    if shutil.which("espeak-ng") is None:
        raise InputError("program_missing", program="espeak-ng", package="espeak-ng")
    lines = resources.files("mmcore.evaluation").joinpath("spoken_sentences.tsv").read_text("utf-8").splitlines()
    for place, line in enumerate(lines):
        language, text, *said = line.split("\t")
        audio = folder / f"{place}.wav"
        command = ["espeak-ng", "-v", VOICES[language], "-s", str(SPEED), "-w", str(audio), *(said or [text])]
        subprocess.run(command, check=True, capture_output=True)
        yield Utterance(audio, text, language)


def labelled(data: Path) -> list[Utterance]:
    """Spoken digits in the layout of ``fsdd``: labels.tsv with file and digit, clips in audio/. Raises InputError."""
    table = data / "labels.tsv"
    if not table.is_file():
        raise InputError("folder_without_labels", path=data)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [Utterance(data / "audio" / row["file"], DIGITS[int(row["digit"])], "en") for row in rows]


def units(text: str) -> list[str]:
    """Words without case and punctuation, numbers below ten spelt; a Chinese sign, simplified, is a word of its own."""
    plain = simplified(unicodedata.normalize("NFKC", text)).casefold()
    parts = re.findall(rf"{HAN.pattern.rstrip('+')}|[^\W\d_]+(?:'[^\W\d_]+)*|\d+", plain)
    return [SPELT.get(part, part) for part in parts]


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Levenshtein's: insertions, deletions and substitutions that make one of the other."""
    row = list(range(len(other) + 1))
    for place, unit in enumerate(one, 1):
        before, row[0] = row[0], place
        for column, known in enumerate(other, 1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (unit != known))
    return row[-1]


def error_rate(pairs: Sequence[tuple[str, str]]) -> float:
    """Edits between what was said and what was written, over the number of units said; may exceed 1."""
    told = [(units(said), units(written)) for said, written in pairs]
    return sum(distance(said, written) for said, written in told) / sum(len(said) for said, _ in told)
