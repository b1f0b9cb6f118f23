"""From lines of CC-CEDICT to rows of the bundled dictionary."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from mmcore.recipes.chinese import dictionary
from mmcore.recipes.chinese.dictionary import build, candidates, short_glosses, traditional_of, write

LINES = """\
# CC-CEDICT
貓 猫 [mao1] /cat (CL:隻|只[zhi1])/(dialect) to hide oneself/
馬 马 [ma3] /horse/CL:匹[pi3]/horse or cavalry piece in Chinese chess/
馬 马 [Ma3] /surname Ma/abbr. for Malaysia/
罕 罕 [han3] /rare/
狗 狗 [gou3] /dog/
"""


@pytest.fixture
def cedict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "glosses.tsv").write_text("# by hand\n狗\tpuppy\n的\t\n", encoding="utf-8")
    monkeypatch.setattr(dictionary, "FOLDER", tmp_path)
    file = tmp_path / "cedict.txt.gz"
    file.write_bytes(gzip.compress(LINES.encode()))
    return file


@pytest.mark.parametrize(
    ("definition", "glosses"),
    [
        ("/to run (of people)/run; flee/CL:個[ge4]/", ["run", "flee"]),
        ("/surname Ma/abbr. for Malaysia/", []),
        ("/variant of 貓[mao1]/a cat/the cat/", ["cat"]),
        ("/100% sure/", []),
    ],
)
def test_notes_and_grammar_are_no_glosses(definition: str, glosses: list[str]) -> None:
    assert short_glosses(definition) == glosses


def test_common_words_come_before_names(cedict: Path) -> None:
    assert candidates(cedict)["马"] == ("馬", ["horse", "horse or cavalry piece in Chinese chess"])


def test_a_word_that_the_dictionary_lacks_is_put_together_in_traditional_characters(cedict: Path) -> None:
    known = candidates(cedict)
    assert traditional_of("马", known) == "馬"
    assert traditional_of("骑马猫", known) == "骑馬貓"


def test_frequent_words_and_those_by_hand_are_kept(cedict: Path, tmp_path: Path) -> None:
    rows = build(cedict, {"猫": 500, "马": 900, "罕": 1, "的": 90_000}, size=4)
    assert rows == [
        ("狗", "", "puppy", 2000),
        ("猫", "貓", "cat", 500),
        ("的", "", "", 90_000),
        ("马", "馬", "horse", 900),
    ]
    write(rows, tmp_path / "one.gz")
    write(rows, tmp_path / "two.gz")
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
