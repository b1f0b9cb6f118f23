"""``mmcore sentiment``, ``evaluate sentiment`` and ``train sentiment`` from start to end, with a small real model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mmcore.settings import local_variable
from tests import tiny
from tests.command_line import lines, mmcore
from tests.families import sentiment as small
from tests.fusion.test_labelled_posts import make_table

PICTURE = tiny.pictures(1, (40, 40))[0]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.save(tmp_path_factory.mktemp("sentiment"))


@pytest.fixture(autouse=True)
def environment(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(local_variable(small.NAME), str(model))
    monkeypatch.setenv("MMCORE_OFFLINE", "1")
    monkeypatch.setenv("MMCORE_DEVICE", "cpu")


@pytest.fixture
def picture(tmp_path: Path) -> str:
    PICTURE.save(tmp_path / "picture.png")
    return str(tmp_path / "picture.png")


def test_json_is_the_contract(picture: str) -> None:
    result = mmcore("sentiment", "--text", "a red dog", "--image", picture, "--json")
    assert result.exit_code == 0, result.stderr
    (answer,) = lines(result)
    assert {"label", "scores", "modalities", "interaction", "model", "seconds"} <= set(answer)
    assert set(answer["scores"]) == set(answer["modalities"]["text"]) == {"negative", "neutral", "positive"}
    assert answer["label"] == max(answer["scores"], key=answer["scores"].get)
    assert answer["interaction"] in ("dominance", "complement", "conflict")
    assert answer["model"] == small.NAME
    assert isinstance(answer["seconds"], float)


def test_one_modality_and_a_fusion() -> None:
    (answer,) = lines(mmcore("sentiment", "--text", "a red dog", "--fusion", "late", "--json"))
    assert answer["modalities"]["image"] is None
    assert answer["interaction"] is None
    assert answer["fusion"] == "late"


def test_explanations_name_words(picture: str) -> None:
    (answer,) = lines(mmcore("sentiment", "--text", "a red dog", "--image", picture, "--explain", "--json"))
    assert [word["text"] for word in answer["words"]] == ["a", "red", "dog"]
    plain = mmcore("sentiment", "--text", "a red dog", "--explain")
    assert "dog[" in plain.stdout
    assert plain.stdout.startswith("a red dog: ")


def test_errors_are_json_and_status_1(picture: str, tmp_path: Path) -> None:
    for arguments in (["--text", "сегодня хорошо"], ["--image", str(tmp_path / "none.png")], ["--text", "   "]):
        result = mmcore("sentiment", *arguments, "--json")
        assert result.exit_code == 1
        (answer,) = lines(result)
        assert answer["error"]["type"] == "InputError"
        assert ("path" in answer) == (arguments[0] == "--image")
        assert ("query" in answer) == (arguments[0] == "--text")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--text", "a", "--table", "b.tsv"],
        ["--text", "a", "--fusion", "magic"],
        ["--text", "a", "--head", "none"],
        ["--text", "a", "--model", "compact-captioner"],
        ["--text", "a", "--model", "multilingual-sentiment", "--fusion", "concat"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    result = mmcore("sentiment", *arguments, "--json")
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_table_gives_a_line_a_row_in_order(picture: str, tmp_path: Path) -> None:
    table = tmp_path / "posts.tsv"
    table.write_text(
        "text\timage\na dog\tpicture.png\n\tpicture.png\na cat\t\nx\tnone.png\nсегодня\t\n", encoding="utf-8"
    )
    result = mmcore("sentiment", "--table", table, "--json")
    assert result.exit_code == 1
    answers = lines(result)
    assert len(answers) == 5
    assert [answer.get("text") for answer in answers[:3]] == ["a dog", "", "a cat"]
    assert answers[1]["modalities"]["text"] is None
    assert answers[3]["path"] == "none.png"
    assert answers[4]["query"] == "сегодня"
    assert all("label" in answer for answer in answers[:3])
    missing = mmcore("sentiment", "--table", tmp_path / "none.tsv", "--json")
    assert missing.exit_code == 1
    assert "There is no file" in missing.stderr


def test_train_keep_and_use(tmp_path: Path) -> None:
    table = make_table(tmp_path / "data")
    result = mmcore(
        "train", "sentiment", "--data", table, "--fusion", "weighted", "--epochs", 3, "--name", "mine", "--json"
    )
    assert result.exit_code == 0, result.stderr
    (answer,) = lines(result)
    assert answer["fusion"] == "weighted"
    assert 0 <= answer["accuracy"] <= 1
    assert result.stderr.count("epoch ") == 3
    (judged,) = lines(mmcore("sentiment", "--text", "a dog", "--head", "mine", "--json"))
    assert judged["fusion"] == "mine"
    written = mmcore("train", "sentiment", "--data", table, "--epochs", 1, "--output", tmp_path / "head")
    assert written.exit_code == 0
    assert {path.name for path in (tmp_path / "head").iterdir()} == {"config.json", "model.safetensors"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--fusion", "magic"], 2),
        (["--learning-rate", "5"], 2),
        (["--name", "../x"], 2),
        (["--bundle"], 2),
        (["--data", "none"], 1),
    ],
)
def test_training_refuses_nonsense(tmp_path: Path, arguments: list[str], status: int) -> None:
    data = [] if "--data" in arguments else ["--data", str(make_table(tmp_path / "data", 6))]
    result = mmcore("train", "sentiment", *data, *arguments)
    assert result.exit_code == status
    assert result.stderr


def test_evaluate(tmp_path: Path) -> None:
    table = make_table(tmp_path / "data", 12)
    result = mmcore("evaluate", "sentiment", "--data", table, "--json")
    assert result.exit_code == 0, result.stderr
    (figures,) = lines(result)
    assert figures["posts"] == 12
    assert figures["refused"] == 0
    assert sum(sum(row.values()) for row in figures["confusion"]) == 12
    for view in ("both", "text", "image"):
        assert 0 <= figures[f"{view}_accuracy"] <= 1
    (recall,) = figures["recall"]
    truths = [row for row in figures["confusion"] if sum(row.values())]
    assert len(recall) == len(truths)
    assert figures["both_macro_recall"] == pytest.approx(sum(recall.values()) / len(recall), abs=1e-3)
    explained = mmcore("evaluate", "sentiment", "--data", table, "--explanations", "--limit", 4, "--json")
    (figures,) = lines(explained)
    assert figures["posts"] == 4
    assert 1 <= figures["held_back"] <= 4
    assert figures["word_fall"] >= figures["random_word_fall"] - 0.05
    assert 0 <= figures["region_better"] <= 1


def test_tweets_are_measured_and_learnt_from(tmp_path: Path) -> None:
    rows = ["negative\tthe black car", "neutral\ttwo women", "positive\ta red dog"] * 8
    for name in ("train.tsv", "dev.tsv"):
        (tmp_path / name).write_text("\n".join(["label\ttext", *rows]) + "\n", "utf-8")
    (before,) = lines(mmcore("evaluate", "sentiment", "--data", tmp_path, "--json"))
    assert before["posts"] == 24
    assert set(before["recall"][0]) == {"negative", "neutral", "positive"}
    output = small.save(tmp_path / "model")
    result = mmcore("train", "text-alone", "--data", tmp_path, "--work", tmp_path / "w", "--output", output, "--json")
    assert result.exit_code == 0, result.stderr
    (figures,) = lines(result)
    assert figures["tweets"] == 24
    assert (output / "text-alone.safetensors").is_file()
    nothing = mmcore("train", "text-alone", "--data", tmp_path, "--work", tmp_path / "w", "--output", tmp_path / "no")
    assert nothing.exit_code != 0


def test_cross_validate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmcore.evaluation import cross_validation

    small_heads = replace(cross_validation.OPTIONS, epochs=1, width=8)
    short = partial(cross_validation.cross_validate, options=small_heads)
    monkeypatch.setattr(cross_validation, "cross_validate", short)
    table = make_table(tmp_path / "data", 30)
    result = mmcore(
        "evaluate", "sentiment", "--data", table, "--cross-validate", "--seeds", 1, "--fusion", "late", "--json"
    )
    assert result.exit_code == 0, result.stderr
    (figures,) = lines(result)
    assert [row["head"] for row in figures["table"]] == ["late", "text only", "image only"]
    assert figures["folds"] == 5


def test_the_bundle_is_made_by_a_command(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmcore.families import compact_sentiment
    from mmcore.recipes.sentiment import train_heads

    monkeypatch.setattr(train_heads, "WORD_AXES", 8)
    monkeypatch.setattr(train_heads, "REGION_AXES", 8)
    monkeypatch.setattr(train_heads, "OPTIONS", train_heads.replace(train_heads.OPTIONS, epochs=1, width=8))
    monkeypatch.setattr(compact_sentiment, "encoder_folder", lambda folder: model / "encoder")
    table = make_table(tmp_path / "data", 30)
    result = mmcore("train", "sentiment", "--data", table, "--bundle", "--output", tmp_path / "made", "--json")
    assert result.exit_code == 0, result.stderr
    (figures,) = lines(result)
    assert [row["head"] for row in figures["heads"]] == ["concat", "weighted", "cross_attention", "late", "multitask"]
    monkeypatch.setenv(local_variable(small.NAME), str(tmp_path / "made"))
    (answer,) = lines(mmcore("sentiment", "--text", "a dog", "--json"))
    assert answer["model"] == small.NAME
