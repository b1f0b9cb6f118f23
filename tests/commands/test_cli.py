"""The command line: its contract (JSON lines, exit status, what goes to which stream) and its words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from mmcore import __version__, cli
from mmcore.checkpoints import locate as weights
from mmcore.checkpoints.registry import CHECKPOINTS, Checkpoint, find
from mmcore.commands import console
from mmcore.errors import WeightsError
from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions
from mmcore.settings import Settings, local_variable
from tests import tiny
from tests.command_line import lines, mmcore
from tests.fakes.families import FakeCaptioner, fake_pool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def pools(monkeypatch: pytest.MonkeyPatch) -> list[ModelPool]:
    """The commands get pools of fakes; the list shows which."""
    made: list[ModelPool] = []

    def make_pool(settings: Settings) -> ModelPool:
        made.append(fake_pool(settings))
        return made[-1]

    monkeypatch.setattr(console, "make_pool", make_pool)
    monkeypatch.setenv("MMCORE_OFFLINE", "1")
    return made


@pytest.fixture
def picture(tmp_path: Path) -> str:
    Image.new("RGB", (6, 4)).save(tmp_path / "picture.png")
    return str(tmp_path / "picture.png")


@pytest.fixture
def broken(tmp_path: Path) -> str:
    (tmp_path / "broken.jpg").write_text("<html></html>")
    return str(tmp_path / "broken.jpg")


# caption


def test_caption_json_is_the_contract(picture: str):
    result = mmcore("caption", picture, "--json", "--num", 2)
    assert result.exit_code == 0
    (answer,) = lines(result)
    assert answer["path"] == picture
    assert answer["captions"] == [
        {"text": "a picture 6 by 4", "score": 0.9},
        {"text": "a picture 6 by 4 again", "score": 0.45},
    ]
    assert answer["model"] == "compact-captioner"
    assert isinstance(answer["seconds"], float)


def test_every_input_has_its_line_in_order_and_errors_make_status_1(picture: str, broken: str):
    result = mmcore("caption", "missing.png", picture, broken, picture, "--json")
    assert result.exit_code == 1
    answers = lines(result)
    assert [answer["path"] for answer in answers] == ["missing.png", picture, broken, picture]
    assert ["error" in answer for answer in answers] == [True, False, True, False]
    assert answers[0] == {
        "path": "missing.png",
        "error": {"type": "InputError", "message": "There is no file missing.png."},
    }
    assert "web page" in answers[2]["error"]["message"]


def test_the_path_is_given_back_as_it_was_given(picture: str, monkeypatch: pytest.MonkeyPatch):
    folder = Path(picture).parent
    monkeypatch.chdir(folder)
    (folder / "猫 cat.png").write_bytes(Path(picture).read_bytes())
    given = ["./picture.png", f"../{folder.name}//picture.png", "猫 cat.png"]
    result = mmcore("caption", *given, "--json")
    assert [answer["path"] for answer in lines(result)] == given
    assert result.stdout.isascii()


def test_more_files_than_an_upload_may_have(picture: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MMCORE_FILES", "2")
    assert len(lines(mmcore("caption", picture, picture, picture, "--json"))) == 3


def test_caption_in_chinese_or_a_word_why_not(picture: str):
    answer = lines(mmcore("caption", picture, "--language", "zh", "--json"))[0]
    assert [tag["text"] for tag in answer["tags"]] == ["图片"]
    refused = mmcore("caption", picture, "--language", "zh", "--model", "blip-base")
    assert refused.exit_code == 2
    assert "BLIP base does not write captions in Chinese. Models that do: Compact captioner," in refused.stderr
    assert mmcore("caption", picture, "--language", "fr").exit_code == 2


def test_caption_for_people(picture: str, broken: str):
    result = mmcore("caption", picture, broken)
    assert result.exit_code == 1
    assert result.stdout == f"{picture}: a picture 6 by 4  (0.90)\n"
    assert "web page" in result.stderr


def test_doubt_is_shown_with_what_was_recognised(picture: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(FakeCaptioner, "confidence_threshold", 0.95)
    assert "not sure; recognised: picture" in mmcore("caption", picture).stdout


def test_options_arrive(picture: str, monkeypatch: pytest.MonkeyPatch):
    seen: list[CaptionOptions] = []
    spoken = FakeCaptioner.caption

    def listen(self: FakeCaptioner, images: Any, options: CaptionOptions) -> Any:
        seen.append(options)
        return spoken(self, images, options)

    monkeypatch.setattr(FakeCaptioner, "caption", listen)
    arguments = "--num 3 --decoding nucleus --beams 5 --max-words 12 --seed 7 --detail detailed --model florence-2-base"
    result = mmcore("caption", picture, *arguments.split(), "--json")
    assert lines(result)[0]["model"] == "florence-2-base"
    assert seen == [
        CaptionOptions(decoding="nucleus", num_captions=3, num_beams=5, max_words=12, seed=7, detail="detailed")
    ]


def test_tier_and_device_arrive(picture: str, pools: list[ModelPool], monkeypatch: pytest.MonkeyPatch):
    asked: list[Settings] = []
    monkeypatch.setattr(console, "make_pool", lambda settings: asked.append(settings) or fake_pool(settings))
    result = mmcore("caption", picture, "--tier", "standard", "--device", "cpu", "--json")
    assert lines(result)[0]["model"] == "florence-2-base"
    assert (asked[0].tier, asked[0].device) == ("standard", "cpu")


def test_local_says_whose_folder_it_is(picture: str, tmp_path: Path, pools: list[ModelPool]):
    assert mmcore("caption", picture, "--model", "blip-base", "--local", tmp_path, "--json").exit_code == 0
    assert pools[0].settings.local[local_variable("blip-base")] == tmp_path
    assert mmcore("caption", picture, "--local", tmp_path).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("", "FILE"),
        ("x.png --tier standard --model blip-base", "not both"),
        ("x.png --tier huge", "Known: auto, compact, large, standard"),
        ("x.png --model nonsense", "blip-base"),
        ("x.png --device toaster", "Known: auto, cpu"),
        ("x.png --decoding magic", "beam, nucleus, greedy"),
        ("x.png --num 11", "between 1 and 10"),
        ("x.png --num many", "--num"),
        ("x.png --max-words 0", "between 1 and 60"),
        ("x.png --detail short", "does not offer detail"),
        ("x.png --nonsense", "nonsense"),
    ],
)
def test_wrong_usage_is_status_2_with_nothing_on_stdout(arguments: str, part: str):
    result = mmcore("caption", *arguments.split(), "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert part in result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [("MMCORE_TIER", "huge", "compact"), ("MMCORE_MEMORY_BUDGET", "much", "MMCORE_MEMORY_BUDGET is 'much'")],
)
def test_a_wrong_environment_is_wrong_usage(
    picture: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, part: str
):
    monkeypatch.setenv(variable, value)
    result = mmcore("caption", picture)
    assert result.exit_code == 2
    assert part in result.stderr


def test_weights_that_are_not_here_are_an_error_of_each_file(picture: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(console, "make_pool", lambda settings: fake_pool(settings, locate=weights.locate))
    result = mmcore("caption", picture, picture, "--model", "blip-base", "--json")
    assert result.exit_code == 1
    for answer in lines(result):
        assert answer["error"]["type"] == "WeightsError"
        assert "mmcore download blip-base" in answer["error"]["message"]


# streams, in a process of its own

CHATTY = """
import os, sys
sys.path.insert(0, {root!r})
from mmcore import cli
from mmcore.commands import console
from tests.fakes.families import FakeCaptioner, fake_pool

def chatty(checkpoint, folder, device, dtype):
    print("loading, from Python")
    os.write(1, b"loading, from C\\n")
    os.system("echo loading, from a child")
    return FakeCaptioner(checkpoint, device)

console.make_pool = lambda settings: fake_pool(settings, loader=chatty)
cli.app(sys.argv[1:], prog_name="mmcore")
"""


def process(*arguments: str, code: str = CHATTY.format(root=str(ROOT))) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, encoding="utf-8", timeout=600
    )


def test_what_libraries_print_does_not_reach_stdout(picture: str, broken: str):
    done = process("caption", picture, broken, "--json")
    assert done.returncode == 1
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == [picture, broken]
    for origin in ("Python", "C", "a child"):
        assert f"loading, from {origin}" in done.stderr


def test_a_reader_that_goes_away_is_no_traceback(picture: str):
    code = CHATTY.format(root=str(ROOT))
    command = [sys.executable, "-c", code, "caption", *[picture] * 300, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        assert "captions" in started.stdout.readline()
        started.stdout.close()
        complaint = started.stderr.read()
        started.wait(600)
    assert "Traceback" not in complaint


def test_python_m_mmcore_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "mmcore", "--version"], capture_output=True, text=True, cwd=ROOT, timeout=600
    )
    assert (done.returncode, done.stdout) == (0, f"mmcore {__version__}\n")


BUNDLE = weights.bundled_folder(find("compact-captioner"))


@pytest.mark.skipif(
    not BUNDLE.is_dir(), reason="there is no bundle yet; tests/checkpoints/test_registry.py fails over that"
)
def test_the_real_command_with_the_real_bundle(picture: str, broken: str):
    done = subprocess.run(
        [sys.executable, "-m", "mmcore", "caption", picture, broken, "--num", "2", "--device", "cpu", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1, done.stderr
    answer, error = (json.loads(line) for line in done.stdout.splitlines())
    assert {"path", "captions", "model", "seconds"} <= set(answer)
    assert len(answer["captions"]) == 2
    for caption in answer["captions"]:
        assert len(caption["text"].split()) > 2
        assert 0 < caption["score"] <= 1
    assert (answer["path"], answer["model"]) == (picture, "compact-captioner")
    assert error["error"]["type"] == "InputError"
    assert "Traceback" not in done.stderr


def test_the_command_with_a_real_small_model(picture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Everything is real but the size: weights, families, pool, task, command."""
    monkeypatch.setattr(console, "make_pool", ModelPool)
    folder = tiny.blip(tmp_path / "blip")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    command = ["caption", picture, picture, "--model", "blip-base", "--local", folder, "--device", "cpu"]
    done = mmcore(*command, "--num", 2, "--max-words", 5, "--json")
    assert done.exit_code == 0, done.stderr
    first, second = lines(done)
    assert (first["model"], first["device"], len(first["captions"])) == ("blip-base", "cpu", 2)
    assert first["captions"] == second["captions"]
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


# models, download


def test_models_lists_every_checkpoint():
    result = mmcore("models", "--json")
    assert result.exit_code == 0
    answers = lines(result)
    assert [answer["name"] for answer in answers] == [checkpoint.name for checkpoint in CHECKPOINTS]
    blip = next(answer for answer in answers if answer["name"] == "blip-base")
    assert (blip["licence"], blip["bytes"], blip["state"]) == ("BSD-3-Clause", 990_000_000, "unreachable")
    assert blip["problem"]["type"] == "WeightsError"
    assert blip["quality"][0]["metric"] == "CIDEr"
    text = mmcore("models").stdout
    assert "blip-base  [captioning, standard, unreachable]" in text
    assert "990 MB" in text


def test_models_knows_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).touch()
    monkeypatch.setenv("MMCORE_LOCAL_BLIP_BASE", str(tmp_path))
    states = {answer["name"]: answer["state"] for answer in lines(mmcore("models", "--json"))}
    assert states["blip-base"] == "local"


def test_download_says_where_things_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def locate(checkpoint: Checkpoint, settings: Settings, **options: Any) -> Path:
        assert options["download"]
        options["progress"](1, 2)
        if checkpoint.name == "florence-2-base":
            raise WeightsError("weights_interrupted", name=checkpoint.name, detail="cable")
        return tmp_path / checkpoint.name

    monkeypatch.setattr(weights, "locate", locate)
    result = mmcore("download", "florence-2-base", "blip-base")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f", in {tmp_path / 'blip-base'}" in result.stderr
    assert "run `mmcore download florence-2-base` again" in result.stderr
    assert mmcore("download", "blip-base").exit_code == 0


def test_download_refuses_unknown_names_before_it_begins(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weights, "locate", lambda *arguments, **options: pytest.fail("began"))
    assert mmcore("download", "blip-base", "nonsense").exit_code == 2
    assert mmcore("download").exit_code == 2


def test_download_offline_fails_with_the_next_step():
    result = mmcore("download", "blip-base")
    assert result.exit_code == 1
    assert "offline mode is on" in result.stderr


# demo, evaluate, train


def test_demo_hands_over(monkeypatch: pytest.MonkeyPatch):
    called: list[dict[str, Any]] = []
    module = types.ModuleType("demo.app")
    module.main = lambda **options: called.append(options)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "demo.app", module)
    assert mmcore("demo", "--port", 7999, "--host", "0.0.0.0", "--share").exit_code == 0
    assert mmcore("demo").exit_code == 0
    assert called == [
        {"host": "0.0.0.0", "port": 7999, "share": True},
        {"host": None, "port": None, "share": None},
    ]


def test_evaluate_measures_a_folder(tmp_path: Path):
    (tmp_path / "images").mkdir()
    rows = []
    for width in range(4, 8):
        Image.new("RGB", (width, 4)).save(tmp_path / "images" / f"{width}.png")
        rows.append(
            {"image": f"{width}.png", "captions": [f"a picture {width} by 4", "something else"], "split": "dev"}
        )
    (tmp_path / "captions.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    result = mmcore("evaluate", "captioning", "--data", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    (figures,) = lines(result)
    assert (figures["pictures"], figures["model"]) == (4, "compact-captioner")
    assert figures["bleu_4"] == pytest.approx(1)
    assert figures["cider_d"] > 1
    text = mmcore("evaluate", "captioning", "--data", tmp_path, "--limit", 2).stdout
    assert "pictures: 2\n" in text
    assert "bleu_4: 1.0000\n" in text


def test_evaluate_without_data_says_so(tmp_path: Path):
    result = mmcore("evaluate", "captioning", "--data", tmp_path, "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "captions.jsonl" in result.stderr


def test_train_says_what_is_missing(tmp_path: Path):
    result = mmcore("train", "captioning", "--data", tmp_path, "--work", tmp_path / "work", "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert str(tmp_path / "flickr8k") in result.stderr


@pytest.mark.parametrize("command", [[], ["evaluate"], ["train"], ["bench"]])
def test_a_command_alone_shows_its_help(command: list[str]):
    result = mmcore(*command)
    assert result.exit_code == 2
    assert "Usage" in result.stdout + result.stderr


def test_help_names_every_command():
    text = CliRunner().invoke(cli.app, ["--help"], prog_name="mmcore").stdout
    assert "Usage: mmcore" in text
    for command in ("caption", "models", "download", "demo", "evaluate", "bench", "train"):
        assert command in text
