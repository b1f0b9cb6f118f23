"""Own labelled posts: folders, tables and ZIPs are read, mistakes named, duplicates kept together, features cached."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmcore.errors import Cancelled, InputError
from mmcore.fusion import feature_sets
from mmcore.fusion.feature_sets import features_of
from mmcore.fusion.labelled_posts import plain_words, read_posts
from mmcore.fusion.trainer import Training
from mmcore.pool import ModelPool
from mmcore.results import TrainingOptions
from mmcore.settings import Settings
from tests import tiny
from tests.families import sentiment as small

HEADER = "text\timage\tlabel\n"


def make_table(folder: Path, count: int = 24) -> Path:
    """A table whose texts and pictures are all different."""
    folder.mkdir(exist_ok=True)
    lines = []
    for row, picture in enumerate(tiny.pictures(count, (32, 32))):
        picture.save(folder / f"{row}.png")
        label = ("negative", "neutral", "positive")[row % 3]
        lines.append(f"a {tiny.NOUNS[row % 9]} number {row} \t{row}.png\t{label}\n")
    (folder / "posts.tsv").write_text(HEADER + "".join(lines), encoding="utf-8")
    return folder / "posts.tsv"


def zip_of(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"inside/{path.name}")
        archive.writestr("__MACOSX/inside/._posts.tsv", b"rubbish")
    return target


@pytest.fixture
def pool(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> ModelPool:
    return small.pool(small.save(tmp_path_factory.mktemp("sentiment") / "model"), settings)


def test_a_table_a_zip_and_a_folder_give_the_same_posts(tmp_path: Path, settings: Settings) -> None:
    table = make_table(tmp_path / "data")
    posts = read_posts(table, settings)
    assert len(posts.texts) == 24
    assert posts.ids[:2] == ("2", "3"), "as a spreadsheet numbers them"
    assert posts.labels.tolist()[:3] == [0, 1, 2]
    zipped = read_posts(zip_of(tmp_path / "data", tmp_path / "data.zip"), settings)
    assert zipped.texts == posts.texts
    assert [Path(one).read_bytes() for one in zipped.pictures] == [Path(one).read_bytes() for one in posts.pictures]
    assert read_posts(tmp_path / "data.zip", settings).pictures == zipped.pictures, "unpacked once"
    folder = tmp_path / "mvsa"
    (folder / "images").mkdir(parents=True)
    lines = ["guid\tlabel\timage_dup_of\ttext_dup_of\ttext\n"]
    for row, text in enumerate(posts.texts):
        Image.open(posts.pictures[row]).save(folder / "images" / f"g{row}.png")
        label = ("negative", "neutral", "positive")[row % 3]
        lines.append(f"g{row}\t{label}\t{'g1' if row == 5 else ''}\t\t{text}\n")
    (folder / "labels.tsv").write_text("".join(lines), encoding="utf-8")
    found = read_posts(folder, settings)
    assert found.texts == posts.texts
    assert found.groups[5] == found.groups[1]
    assert len(set(found.groups.tolist())) == 23


def test_duplicates_are_one_group(tmp_path: Path, settings: Settings) -> None:
    one, other = tiny.pictures(2, (16, 16))
    one.save(tmp_path / "a.png")
    one.save(tmp_path / "b.png")
    other.save(tmp_path / "c.png")
    rows = [
        ("What a lovely morning", "a.png"),
        ("something else altogether", "b.png"),
        ("RT @you: what a LOVELY morning! http://t.co/x", ""),
        ("unlike the others", "c.png"),
        ("hi", ""),
        ("hi", ""),
    ]
    labels = ("negative", "positive") * 3
    lines = [f"{text}\t{image}\t{label}\n" for (text, image), label in zip(rows, labels, strict=True)]
    (tmp_path / "posts.tsv").write_text(HEADER + "".join(lines), encoding="utf-8")
    groups = read_posts(tmp_path / "posts.tsv", settings).groups.tolist()
    assert groups[0] == groups[1] == groups[2], "the same picture, the same words"
    assert len({groups[0], *groups[3:]}) == 4, "two letters may be the same by chance"
    assert plain_words("RT @you: So HAPPY!! #day https://x.y") == "so happy #day"


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_what_is_wrong_is_named(tmp_path: Path, settings: Settings) -> None:
    make_table(tmp_path / "data", 3)

    def message(source: Path, limit: int | None = None) -> str:
        with pytest.raises(InputError) as caught:
            read_posts(source, settings, limit)
        return str(caught.value)

    at = tmp_path / "data"
    assert "no column label" in message(write(at / "a.tsv", "text\timage\nx\t\n"))
    assert "Row 3 has the label 'happy'; it must be one of negative, neutral, positive" in message(
        write(at / "b.tsv", HEADER + "x\t\tpositive\ny\t\thappy\n")
    )
    assert (
        message(write(at / "c.tsv", HEADER + "x\tnone.png\tpositive\n")) == "There is no file none.png. This is row 2."
    )
    assert "outside the folder" in message(write(at / "d.tsv", HEADER + "x\t../../etc/passwd\tpositive\n"))
    assert "no rows" in message(write(at / "e.tsv", HEADER))
    assert "3 rows; the limit is 2" in message(at / "posts.tsv", 2)
    assert "no labels.tsv" in message(tmp_path)
    assert "There is no file" in message(tmp_path / "none.zip")
    assert "cannot be read" in message(write(tmp_path / "bad.zip", "no zip"))
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("read.me", b"x")
    (tmp_path / "empty.zip").write_bytes(empty.getvalue())
    assert "holds 0 tables" in message(tmp_path / "empty.zip")
    with zipfile.ZipFile(tmp_path / "climbs.zip", "w") as archive:
        archive.writestr("posts.tsv", HEADER + "x\t\tpositive\n")
        archive.writestr("../../climbed.png", b"x")
    assert read_posts(tmp_path / "climbs.zip", settings).texts == ("x",)
    assert not list(tmp_path.rglob("climbed.png"))
    assert not list(settings.home.rglob("climbed.png"))


def test_a_zip_that_grows_is_stopped(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    make_table(tmp_path / "data", 6)
    archive = zip_of(tmp_path / "data", tmp_path / "data.zip")
    monkeypatch.setattr("mmcore.fusion.labelled_posts.MOST_UNPACKED", 300)
    with pytest.raises(InputError, match="The archive holds"):
        read_posts(archive, settings)


def test_features_are_computed_once(tmp_path: Path, pool: ModelPool, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_table(tmp_path / "data")
    steps: list[tuple[int, int]] = []
    first = features_of(pool, table, lambda done, total: steps.append((done, total)))
    assert steps == [(16, 24), (24, 24)]
    assert first.counts() == (8, 8, 8)
    assert first.encoder == pool.get(small.NAME).fingerprint
    assert first.texts[3] == "a woman number 3 "
    monkeypatch.setattr(feature_sets, "_encoded", lambda *_: pytest.fail("computed again"))
    again = features_of(pool, table)
    for name in feature_sets.ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert again.pictures == first.pictures
    monkeypatch.undo()
    changed = table.read_text("utf-8").replace("number 3 ", "number three ")
    table.write_text(changed, encoding="utf-8")
    assert not np.array_equal(features_of(pool, table).text, first.text)
    kept = b"".join(path.read_bytes() for path in (pool.settings.home / "features").glob("*.npz"))
    assert b"woman" not in kept, "texts are not copied"


def test_a_head_trained_on_own_data_judges(tmp_path: Path, pool: ModelPool) -> None:
    from mmcore.results import Post, SentimentOptions
    from mmcore.tasks.sentiment import classify_sentiment

    training = Training(features_of(pool, make_table(tmp_path / "data")), TrainingOptions(fusion="late", epochs=3))
    assert len(list(training.run())) == 3
    training.keep(pool.settings, "mine")
    result = classify_sentiment(pool, Post("a dog", tiny.pictures(1)[0]), SentimentOptions(head="mine"))
    assert result.fusion == "mine"


def test_it_can_be_cancelled(tmp_path: Path, pool: ModelPool) -> None:
    table = make_table(tmp_path / "data")
    done: list[int] = []
    with pytest.raises(Cancelled, match="16 of 24"):
        features_of(pool, table, lambda number, _: done.append(number), cancelled=lambda: bool(done))


def test_what_was_cut_off_goes_on_where_it_was_even_for_a_copy_of_the_files(
    tmp_path: Path, pool: ModelPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make_table(tmp_path / "data")
    stopped = [False, True]
    with pytest.raises(Cancelled, match="16 of 24"):
        features_of(pool, table, cancelled=lambda: stopped.pop(0))
    encode, seen = feature_sets._encoded, []
    monkeypatch.setattr(feature_sets, "_encoded", lambda *given: seen.append(len(given[2])) or encode(*given))
    other = make_table(tmp_path / "copy")
    going_on = features_of(pool, other)
    assert seen == [8]
    assert not list((pool.settings.home / "features").glob("*.parts"))
    shutil.rmtree(pool.settings.home / "features")
    at_once = features_of(pool, table)
    for name in feature_sets.ARRAYS:
        np.testing.assert_array_equal(getattr(going_on, name), getattr(at_once, name))
    assert seen == [8, 16, 8]
    left = pool.settings.home / "features" / "old.parts"
    left.mkdir()
    os.utime(left, (0, 0))
    features_of(pool, make_table(tmp_path / "less", 4))
    assert not left.exists()


def test_who_encodes_the_same_posts_may_be_done_first(
    tmp_path: Path, pool: ModelPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, encode = make_table(tmp_path / "data"), feature_sets._encoded

    def overtaken(*given: Any) -> Any:
        for folder in (pool.settings.home / "features").glob("*.parts"):
            shutil.rmtree(folder)  # as the other one does at its end
        return encode(*given)

    monkeypatch.setattr(feature_sets, "_encoded", overtaken)
    assert len(features_of(pool, table)) == 24


def test_ready_made_features_are_taken_for_these_posts_and_no_others(
    tmp_path: Path, pool: ModelPool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    table, ready = make_table(tmp_path / "data", 4), tmp_path / "ready.npz"
    first = features_of(pool, table)
    feature_sets.write(first, ready, read_posts(table, pool.settings).key(first.encoder))
    shutil.rmtree(pool.settings.home / "features")
    with monkeypatch.context() as patched:
        patched.setattr(feature_sets, "_encoded", lambda *_: pytest.fail("computed again"))
        again = features_of(pool, table, ready=ready)
    np.testing.assert_array_equal(again.regions, first.regions)
    assert not caplog.messages
    features_of(pool, make_table(tmp_path / "more", 6), ready=ready)
    assert "ready.npz was made by other encoders or of other posts" in caplog.text


def test_a_broken_picture_names_its_row(tmp_path: Path, pool: ModelPool) -> None:
    table = make_table(tmp_path / "data", 4)
    (tmp_path / "data" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    with pytest.raises(InputError, match=r"The picture is damaged.* This is row 4"):
        features_of(pool, table)


def test_a_few_texts_in_another_script_do_no_harm_but_many_are_refused(tmp_path: Path, pool: ModelPool) -> None:
    lines = [f"a {tiny.NOUNS[row % 9]} {row}\t\t{'positive' if row % 2 else 'negative'}\n" for row in range(20)]
    table = write(tmp_path / "few.tsv", HEADER + "".join([*lines, "сегодня\t\tpositive\n"]))
    assert len(features_of(pool, table)) == 21
    many = write(tmp_path / "many.tsv", HEADER + "сегодня\t\tpositive\nхороший день\t\tnegative\n")
    with pytest.raises(InputError, match="multilingual-sentiment"):
        features_of(pool, many)


def test_chinese_posts_are_read_word_by_word(tmp_path: Path, pool: ModelPool) -> None:
    chinese = write(tmp_path / "zh.tsv", HEADER + "今天天气好\t\tpositive\n坏天气\t\tnegative\n")
    english = write(tmp_path / "en.tsv", HEADER + "today weather good\t\tpositive\nbroken weather\t\tnegative\n")
    ours, theirs = features_of(pool, chinese), features_of(pool, english)
    assert ours.text[:, :-21] == pytest.approx(theirs.text[:, :-21], abs=1e-2)
    assert ours.texts == ("今天天气好", "坏天气")
