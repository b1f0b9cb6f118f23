"""The Lab's data set is what its generator makes, and says what its README says."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcore.fusion.labelled_posts import original_of
from mmcore.recipes.sentiment import lab_pairs
from mmcore.recipes.sentiment.lab_pairs import (
    KINDS,
    LOOKS,
    PAIRS,
    PICTURES,
    TASTES,
    draw,
    render,
    write_table,
)
from mmcore.results import SENTIMENTS

LAB = Path(__file__).resolve().parents[2] / "assets" / "lab"
ORIGINALS = [name for names in PICTURES.values() for name in names]


def rows_of(table: str) -> list[dict[str, str]]:
    with (LAB / table).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize(("table", "counts"), [("pairs.tsv", PAIRS), ("taste.tsv", {"taste": TASTES})])
def test_the_tables_are_the_generators(table: str, counts: dict[str, int], tmp_path: Path) -> None:
    write_table(tmp_path / table, draw(ORIGINALS, counts))
    assert (tmp_path / table).read_bytes() == (LAB / table).read_bytes()


def test_another_seed_draws_other_pairs() -> None:
    assert draw(ORIGINALS, PAIRS, seed=1) != draw(ORIGINALS, PAIRS, seed=2)


def test_every_picture_is_there_small_and_credited() -> None:
    files = {path.name for path in (LAB / "images").iterdir()}
    assert files == {f"{name}-{look}.webp" for name, look in product(ORIGINALS, LOOKS)}
    credits = json.loads((LAB.parent / "credits.json").read_text("utf-8"))
    free = {entry["file"] for entry in credits if entry["licence"].startswith(("CC0", "CC BY ", "Public domain"))}
    for folder, names in PICTURES.items():
        assert {f"{folder}/{name}.jpg" for name in names} <= free
    for path in (LAB / "images").iterdir():
        with Image.open(path) as picture:
            assert picture.size == (lab_pairs.SIDE, lab_pairs.SIDE)
    assert sum(path.stat().st_size for path in LAB.rglob("*") if path.is_file()) < 1_500_000


@pytest.mark.parametrize("table", ["pairs.tsv", "taste.tsv"])
def test_labels_are_known_pictures_exist_and_no_sentence_comes_twice(table: str) -> None:
    rows = rows_of(table)
    assert {row["label"] for row in rows} <= set(SENTIMENTS)
    assert all((LAB / row["image"]).is_file() for row in rows)
    assert len({row["text"] for row in rows}) == len(rows)


def test_every_label_follows_the_rules() -> None:
    every = {tone for rules in KINDS.values() for tone, _, _ in rules}
    tones = {sentence: tone for tone in every for sentence in lab_pairs.sentences(tone)}
    for row in rows_of("pairs.tsv"):
        look = Path(row["image"]).stem.rpartition("-")[2]
        assert (tones[row["text"]], look, row["label"]) in KINDS[row["kind"]]


def test_taste_is_an_exclusive_or() -> None:
    """Of every tone and of every look half the labels are positive: alone, neither says anything."""
    tones = {sentence: tone for tone in ("likes_bright", "likes_grey") for sentence in lab_pairs.sentences(tone)}
    alone: dict[str, Counter[str]] = defaultdict(Counter)
    both: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows_of("taste.tsv"):
        tone, look = tones[row["text"]], Path(row["image"]).stem.rpartition("-")[2]
        alone[tone][row["label"]] += 1
        alone[look][row["label"]] += 1
        both[tone, look].add(row["label"])
    assert len(alone) == 4
    assert all(counts["positive"] == counts["negative"] == TASTES // 4 for counts in alone.values())
    assert len(both) == 4
    assert all(len(labels) == 1 for labels in both.values())


def test_each_original_has_both_labels_equally_often() -> None:
    """Else a model could learn pictures in place of looks."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows_of("taste.tsv"):
        counts[original_of(row["image"])][row["label"]] += 1
    assert set(counts) == set(ORIGINALS)
    assert all(abs(each["positive"] - each["negative"]) <= 4 for each in counts.values())


def test_looks_differ_in_light_and_colour() -> None:
    draws = np.random.default_rng(0)
    original = Image.fromarray(draws.integers(60, 200, (300, 400, 3), dtype=np.uint8))
    light = {}
    for look in LOOKS:
        picture = render(original, look)
        assert picture.size == (lab_pairs.SIDE, lab_pairs.SIDE)
        light[look] = float(np.asarray(picture.convert("L"), float).mean())
    assert light["grey"] + 30 < light["plain"] < light["bright"] - 10
    assert render(original, "grey", 1).tobytes() == render(original, "grey", 1).tobytes()
    assert render(original, "grey", 1).tobytes() != render(original, "grey", 2).tobytes()


def test_build_writes_tables_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_pairs, "PICTURES", {"examples": ("one", "two")})
    (tmp_path / "examples").mkdir()
    for name in ("one", "two"):
        Image.new("RGB", (60, 40), "green").save(tmp_path / "examples" / f"{name}.jpg")
    lab_pairs.build(tmp_path)
    assert len(list((tmp_path / "lab" / "images").iterdir())) == 6
    lines = (tmp_path / "lab" / "taste.tsv").read_text("utf-8").splitlines()
    assert lines[0] == "text\timage\tlabel\tkind"
    assert len(lines) == TASTES + 1


def test_the_readme_states_the_counts() -> None:
    readme = (LAB / "README.md").read_text("utf-8")
    assert f"{sum(PAIRS.values()):,}" in readme
    for kind, count in PAIRS.items():
        assert f"| `{kind}` | {count} |" in readme
    assert f"{len(ORIGINALS)} pictures" in readme
