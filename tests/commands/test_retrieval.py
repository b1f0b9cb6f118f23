"""`mmcore search` and `mmcore zero-shot`: JSON lines, exit status, what goes to which stream."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from mmcore.commands import console
from mmcore.results import DEFAULT_CUTOFF
from mmcore.settings import Settings
from tests.command_line import lines, mmcore
from tests.fakes.retrieval import COLOURS, NAME, colour, colour_collection, retrieval_pool


@pytest.fixture(autouse=True)
def pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands get pools of fakes."""
    monkeypatch.setattr(console, "make_pool", retrieval_pool)
    monkeypatch.setenv("MMCORE_OFFLINE", "1")


@pytest.fixture
def collection(tmp_path: Path) -> str:
    colour_collection(retrieval_pool(Settings.from_env()), tmp_path / "pictures")
    return "colours"


@pytest.fixture
def picture(tmp_path: Path) -> str:
    colour("blue").save(tmp_path / "some blue.png")
    return str(tmp_path / "some blue.png")


# search


def test_search_json_is_the_contract(collection: str):
    result = mmcore("search", collection, "--text", "red", "--top", 2, "--json")
    assert result.exit_code == 0
    (answer,) = lines(result)
    assert answer["query"] == "red"
    assert answer["model"] == NAME
    assert isinstance(answer["seconds"], float)
    assert len(answer["matches"]) == 2
    assert Path(answer["matches"][0]["path"]).name == "red.png"
    assert answer["matches"][0]["score"] > answer["matches"][1]["score"]


def test_search_by_picture_and_without(collection: str, picture: str):
    (answer,) = lines(mmcore("search", collection, "--image", picture, "--json"))
    assert answer["query"] == picture
    assert answer["matches"][0]["path"].endswith("blue.png")
    result = mmcore("search", collection, "--text", "red", "--image", picture, "--without", "green", "--json")
    (answer,) = lines(result)
    assert answer["matches"][0]["path"].endswith("purple.png")


def test_every_query_of_a_file_has_its_line_and_errors_make_status_1(collection: str, tmp_path: Path):
    file = tmp_path / "queries.txt"
    file.write_text("red\n\nblue\n" + "green " * 2000 + "\nwibble\n\n", "utf-8")
    result = mmcore("search", collection, "--queries", file, "--top", 1, "--json")
    assert result.exit_code == 1
    answers = lines(result)
    assert [answer["query"] for answer in answers] == ["red", "", "blue", "green " * 2000, "wibble"]
    assert ["error" in answer for answer in answers] == [False, True, False, True, False]
    assert answers[1]["error"]["type"] == answers[3]["error"]["type"] == "InputError"
    assert "nothing to look for" in answers[1]["error"]["message"]
    assert answers[4]["good_matches"] == 0
    assert len(answers[4]["matches"]) == 1, "what is not good is given too, with its score"


def test_search_for_people(collection: str):
    result = mmcore("search", collection, "--text", "red")
    assert result.exit_code == 0
    first = result.stdout.splitlines()[0]
    assert first.startswith("red: 0.9")
    assert first.endswith("red.png")
    assert "blue.png" not in result.stdout
    refused = mmcore("search", collection, "--text", "wibble")
    assert refused.exit_code == 0
    assert refused.stdout.startswith("wibble: no good match, the best has 0.")


def test_the_cut_off_and_the_name_can_be_chosen(collection: str):
    assert len(mmcore("search", collection, "--text", "red", "--cut-off", 0).stdout.splitlines()) == len(COLOURS)
    (answer,) = lines(mmcore("search", collection, "--text", "red", "--name", "lue", "--json"))
    assert [Path(match["path"]).name for match in answer["matches"]] == ["blue.png"]
    assert answer["cutoff"] == DEFAULT_CUTOFF


def test_a_broken_picture_is_the_querys_error(collection: str, tmp_path: Path):
    (tmp_path / "broken.jpg").write_text("<html></html>")
    result = mmcore("search", collection, "--image", tmp_path / "broken.jpg", "--json")
    assert result.exit_code == 1
    (answer,) = lines(result)
    assert "web page" in answer["error"]["message"]
    assert answer["query"].endswith("broken.jpg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --text, --image, --reading or --queries"),
        (["--without", "red"], "give --text, --image, --reading or --queries"),
        (["--text", "red", "--queries", "some.txt"], "give --queries, or --text"),
        (["--text", "red", "--top", "0"], "top is 0; it must be between 1 and 1000"),
        (["--text", "red", "--cut-off", "2"], "cutoff is 2.0"),
        (["--queries", "missing.txt"], "missing.txt cannot be read"),
    ],
)
def test_wrong_usage_is_status_2(collection: str, arguments: list[str], message: str):
    result = mmcore("search", collection, *arguments, "--json")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_an_unknown_collection_lists_those_that_are_there(collection: str):
    result = mmcore("search", "holidays", "--text", "red")
    assert result.exit_code == 2
    assert "colours" in result.stderr


# zero-shot


def test_zero_shot_json_is_the_contract(picture: str, tmp_path: Path):
    result = mmcore("zero-shot", picture, tmp_path / "missing.png", picture, "--labels", "red,blue", "--json")
    assert result.exit_code == 1
    first, missing, last = lines(result)
    assert first["path"] == last["path"] == picture
    assert [one["label"] for one in first["labels"]] == ["blue", "red"]
    assert sum(one["score"] for one in first["labels"]) == pytest.approx(1, abs=1e-3)
    assert first["model"] == NAME
    assert isinstance(first["seconds"], float)
    assert missing["error"]["type"] == "InputError"


def test_zero_shot_for_people(picture: str):
    result = mmcore("zero-shot", picture, "--labels", "red, blue", "--template", "a {} wall")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{picture}: blue 1.00, red 0.00")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", " , "], "There is no label"),
        (["--labels", "red", "--template", "a wall"], "no {} for the label"),
        (["--labels", "red", "--model", "blip-base"], "no retriever called 'blip-base'"),
        (["--labels", "red", "--model", "nonsense"], "no model called 'nonsense'"),
    ],
)
def test_zero_shot_wrong_usage_is_status_2(picture: str, arguments: list[str], message: str):
    result = mmcore("zero-shot", picture, *arguments, "--json")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


# evaluate


def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    rows = []
    for name in COLOURS:
        colour(name).save(folder / "images" / f"{name}.png")
        rows.append({"image": f"{name}.png", "captions": [name, f"a {name} picture"]})
    (folder / "captions.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return folder


def test_evaluate_measures_recall_both_ways_and_refusals(tmp_path: Path):
    (figures,) = lines(mmcore("evaluate", "retrieval", "--data", data_folder(tmp_path), "--json"))
    assert (figures["model"], figures["pictures"], figures["texts"]) == (NAME, len(COLOURS), 2 * len(COLOURS))
    assert figures["text_to_image_r1"] == figures["image_to_text_r1"] == figures["text_to_image_r10"] == 1
    assert figures["nonsense_queries"] == 40
    assert figures["nonsense_refused"] == 1
    assert figures["real_queries"] == len(COLOURS), "a caption of each; no stored query speaks of these pictures"
    assert figures["real_refused"] == 0


def test_evaluate_on_chinese_captions_beside_the_pictures(tmp_path: Path):
    folder, names = data_folder(tmp_path), dict(zip(("red", "green", "blue"), ("红色", "绿色", "蓝色"), strict=True))
    missing = mmcore("evaluate", "retrieval", "--data", folder, "--language", "zh", "--json")
    assert missing.exit_code == 1
    assert "data_cn" in missing.stderr
    rows = [{"image": f"{name}.png", "split": "dev", "human": [word]} for name, word in names.items()]
    rows.append({"image": "red.png", "split": "train", "human": ["蓝色"]})
    (tmp_path / "data_cn").mkdir()
    lines_ = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "data_cn" / "captions.jsonl").write_text(lines_, "utf-8")
    (figures,) = lines(mmcore("evaluate", "retrieval", "--data", folder, "--language", "zh", "--json"))
    assert (figures["language"], figures["pictures"], figures["texts"]) == ("zh", 3, 3)
    assert figures["text_to_image_r1"] == 1
    assert mmcore("evaluate", "retrieval", "--data", folder, "--language", "fr").exit_code == 2


def test_a_chinese_query_says_what_was_read(collection: str):
    (answer,) = lines(mmcore("search", collection, "--text", "红色", "--json"))
    (english,) = lines(mmcore("search", collection, "--text", "red", "--json"))
    assert answer["query"] == "红色"
    assert answer["matches"] == english["matches"]
    assert answer["notices"][0]["values"] == {"pairs": "红色 → red"}
    assert "红色 → red" in mmcore("search", collection, "--text", "红色").output


def test_evaluate_zero_shot_on_labelled_pictures(tmp_path: Path):
    folder = tmp_path / "objects"
    (folder / "images").mkdir(parents=True)
    rows = ["image\tsource\tlabel"]
    for number in range(20):
        Image.new("RGB", (5, 5)).save(folder / "images" / f"{number}.png")
        rows.append(f"{number}.png\tgrocery\t{'pear' if number % 2 else 'mango'}")
    (folder / "labels.tsv").write_text("\n".join(rows), "utf-8")
    (figures,) = lines(mmcore("evaluate", "retrieval", "--data", folder, "--json"))
    assert figures["pictures"] == 4, "the fifth that is held back"
    assert 0 <= figures["outside_flickr8k_top1"] <= 1
    assert sum(row["pictures"] for row in figures["table"]) == 4
    assert mmcore("evaluate", "retrieval", "--data", tmp_path / "missing").exit_code == 1
