"""``mmcore index``: its contract on the command line; and ``mmcore bench index``."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from mmcore.errors import CapacityError
from mmcore.evaluation import index_bench
from mmcore.index import Library
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from mmcore.tasks import retrieval
from mmcore.types import Vectors
from tests.command_line import lines, mmcore
from tests.index.world import embed, other_embed, paint

MODEL = "compact-retriever"
OTHER = "siglip2-base"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The models that were asked to embed; none is loaded."""
    names: list[str | None] = []

    def embed_images(pool: ModelPool, images: Sequence[Image.Image], model: str | None = None) -> Vectors:
        names.append(model)
        return embed(images) if model == MODEL else other_embed(images)

    monkeypatch.setattr(retrieval, "embed_images", embed_images)
    return names


def test_add_says_what_became_of_each_path(tmp_path: Path, asked: list[str | None]):
    paint(tmp_path / "one", range(3))
    (extra,) = paint(tmp_path, [9])
    shutil.copy(extra, tmp_path / "one" / "copy.png")
    result = mmcore("index", "add", "mine", tmp_path / "one", extra, "--json")
    assert result.exit_code == 0, result.output
    first, second = lines(result)
    assert [answer["path"] for answer in (first, second)] == [str(tmp_path / "one"), str(extra)]
    assert (first["added"], first["unchanged"], first["broken"]) == (4, 0, [])
    assert second["duplicates"] == [{"path": str(extra), "of": str(tmp_path / "one" / "copy.png")}]
    assert {answer["model"] for answer in (first, second)} == {MODEL}
    assert {answer["collection"] for answer in (first, second)} == {"mine"}
    assert set(asked) == {MODEL}
    assert len(Library(Settings.from_env()).open("mine")) == 5
    asked.clear()
    again = mmcore("index", "add", "mine", tmp_path / "one", extra, "--json")
    assert [(answer["added"], answer["unchanged"]) for answer in lines(again)] == [(0, 4), (0, 1)]
    assert not asked


def test_what_cannot_be_added_is_said_and_the_rest_is_done(tmp_path: Path):
    paint(tmp_path / "one", range(2))
    (tmp_path / "one" / "bad.jpg").write_bytes(b"")
    (tmp_path / "none").mkdir()
    paths = (tmp_path / "nowhere.png", tmp_path / "none", tmp_path / "one")
    result = mmcore("index", "add", "mine", *paths, "--json")
    assert result.exit_code == 1
    missing, empty, folder = lines(result)
    assert missing == {
        "path": str(paths[0]),
        "error": {"type": "InputError", "message": f"There is no file {paths[0]}."},
    }
    assert "There is no picture in the folder" in empty["error"]["message"]
    assert (folder["added"], folder["broken"][0]["path"]) == (2, str(tmp_path / "one" / "bad.jpg"))


def test_add_for_people(tmp_path: Path):
    paint(tmp_path / "one", range(2))
    (tmp_path / "one" / "bad.jpg").write_bytes(b"")
    result = mmcore("index", "add", "mine", tmp_path / "one")
    assert result.exit_code == 1
    assert result.stdout == f"{tmp_path / 'one'}: 2 added, 1 broken\n"
    assert "The file is empty" in result.stderr


def test_a_failing_model_is_an_error_of_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def busy(*_: object) -> Vectors:
        raise CapacityError("model_in_use", name="x")

    monkeypatch.setattr(retrieval, "embed_images", busy)
    result = mmcore("index", "add", "mine", *paint(tmp_path, [1, 2]), "--json")
    assert result.exit_code == 1
    assert [answer["error"]["type"] for answer in lines(result)] == ["CapacityError"] * 2


def test_list_and_remove(tmp_path: Path):
    assert mmcore("index", "list").stdout == ""
    for name in ("b", "a"):
        mmcore("index", "add", name, *paint(tmp_path, [1, 2]))
    result = mmcore("index", "list", "--json")
    assert [(one["name"], one["model"], one["pictures"]) for one in lines(result)] == [("a", MODEL, 2), ("b", MODEL, 2)]
    assert all(one["bytes"] > 0 for one in lines(result))
    assert mmcore("index", "list").stdout.startswith("a: 2 pictures, ")
    assert lines(mmcore("index", "remove", "a", "--json")) == [{"name": "a", "removed": True}]
    assert mmcore("index", "remove", "b").stdout == "b: removed\n"
    assert mmcore("index", "list").stdout == ""
    assert len(list(tmp_path.glob("*.png"))) == 2


def test_another_model_needs_the_collection_to_be_embedded_again(tmp_path: Path, asked: list[str | None]):
    files = paint(tmp_path, [1, 2, 3])
    mmcore("index", "add", "mine", *files)
    refused = mmcore("index", "add", "mine", files[0], "--model", OTHER)
    assert refused.exit_code == 2
    command = f'mmcore index embed "mine" --model {OTHER}'
    assert command in refused.stderr
    done = mmcore("index", "embed", "mine", "--model", OTHER, "--json")
    assert done.exit_code == 0, done.output
    assert [(one["added"], one["model"]) for one in lines(done)] == [(3, OTHER)]
    asked.clear()
    mmcore("index", "add", "mine", *paint(tmp_path, [4]))
    assert asked == [OTHER], "what is added later is embedded with the collection's model"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("add ../up x.png", "cannot be the name of a collection"),
        ("add x", "Missing argument 'PATH'"),
        ("add x y --model nothing", "There is no model called 'nothing'"),
        ("add x y --model blip-base", "blip-base"),
        ("add x y --model a --tier compact", "not both"),
        ("remove nothing", "There is no collection called 'nothing'"),
        ("embed nothing --tier compact", "There is no collection called 'nothing'"),
        ("embed nothing", "give --model or --tier"),
    ],
)
def test_wrong_usage_is_status_2_with_nothing_on_stdout(arguments: str, part: str):
    result = mmcore("index", *arguments.split())
    assert result.exit_code == 2
    assert result.stdout == ""
    assert part in result.stderr


def test_bench_tells_time_and_memory_as_ratios():
    result = mmcore("bench", "index", "--vectors", 2000, "--width", 32, "--repeats", 2, "--json")
    assert result.exit_code == 0, result.output
    (figures,) = lines(result)
    assert (figures["vectors"], figures["width"], figures["top"]) == (2000, 32, 10)
    assert 0.01 < figures["peak_memory_gb"] < 2
    assert "threads" not in figures or figures["threads"] == 1, "faiss has as many as our own search"
    try:
        import faiss
    except ImportError:
        assert "faiss-cpu" in figures["faiss"]
    else:
        assert figures["ratio_1"] > 0
        assert figures["ratio_64"] > 0
        assert figures["recall_at_10"] > 0.99
        assert len(figures["timings"]) == 4
        assert faiss.cvar.distance_compute_blas_threshold != index_bench.FAISS_BLAS_FROM, "it is put back"


def test_refresh_takes_out_what_is_gone_and_duplicates_are_listed(tmp_path: Path):
    first, second = paint(tmp_path / "one", range(2))
    shutil.copy(first, tmp_path / "one" / "copy.png")
    mmcore("index", "add", "mine", tmp_path / "one")
    (group,) = lines(mmcore("index", "duplicates", "mine", "--json"))
    assert group == {"collection": "mine", "exact": True, "paths": [str(first), str(tmp_path / "one" / "copy.png")]}
    assert "the same file: " in mmcore("index", "duplicates", "mine").stdout
    first.rename(tmp_path / "away")
    (group,) = lines(mmcore("index", "duplicates", "mine", "--json"))
    assert group["gone"] == [str(first)]
    assert f"{first} [the file is gone], " in mmcore("index", "duplicates", "mine").stdout
    (tmp_path / "away").rename(first)
    second.unlink()
    (kept,) = lines(mmcore("index", "refresh", "mine", "--keep-gone", "--json"))
    assert (kept["missing"], kept["removed"], kept["unchanged"]) == ([str(second)], 0, 2)
    (answer,) = lines(mmcore("index", "refresh", "mine", "--json"))
    assert (answer["missing"], answer["removed"]) == ([str(second)], 1)
    assert mmcore("index", "refresh", "mine").stdout == "mine: 0 added, 2 unchanged\nmine: 0 removed\n"


def test_add_says_what_it_left_out(tmp_path: Path):
    paint(tmp_path / "one", range(2))
    (tmp_path / "one" / "notes.txt").write_text("no picture")
    result = mmcore("index", "add", "mine", tmp_path / "one", "--exclude", "*1.png")
    assert "1 added" in result.stdout
    assert "left out: 1 no pictures, 1 excluded" in result.stdout
