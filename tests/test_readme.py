"""What the README says is true: its Python runs, its commands exist, its table and its pictures are there."""

import contextlib
import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmcore.checkpoints.registry import CHECKPOINTS
from mmcore.cli import app
from mmcore.settings import Settings
from tests.demo.serving import free_port

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


SERVED = "http://127.0.0.1:7860"
"""In blocks that ask a running page: ``tests/demo/test_programs.py`` runs them."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_python_blocks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = [block for block in blocks("python") if SERVED not in block]
    assert found
    for block in found:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(block, "README.md", "exec"), {})
        assert "cat" in said.getvalue()


COMMANDS = [
    line.split("#")[0].split()
    for block in blocks("bash")
    for line in re.findall(r"^(?:[A-Z_]+=\S+ )*(mmcore .*)", block, re.MULTILINE)
]


def test_every_variable_is_a_setting() -> None:
    named = {name for block in blocks("bash") for name in re.findall(r"^(MMCORE_\w+)=", block, re.MULTILINE)}
    assert named
    assert named <= {f"MMCORE_{field.name.upper()}" for field in dataclasses.fields(Settings)}


def test_the_notebook_runs(tmp_path: Path) -> None:
    """Its cells one after the other, without the one that installs; the page is up at the end."""
    cells = json.loads((ROOT / "notebooks" / "colab.ipynb").read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert code[0].startswith("%pip install")
    lines = ["import sys; sys.ps1 = '>>> '", *code[1:], "print('the page:', demo.is_running); demo.close()"]
    environment = {
        **os.environ,
        **{"PYTHONPATH": str(ROOT), "MMCORE_HOME": str(tmp_path), "GRADIO_TEMP_DIR": str(tmp_path / "uploads")},
        **{"GRADIO_SERVER_PORT": free_port(), "MPLBACKEND": "agg"},
    }
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert "cat" in done.stdout
    assert "the page: True" in done.stdout


def test_cards_say_that_the_data_restricts_use() -> None:
    for checkpoint in CHECKPOINTS:
        if checkpoint.source == "bundled" and "research" in checkpoint.licence:
            card = (ROOT / "mmcore" / "bundled" / checkpoint.location / "README.md").read_text("utf-8")
            assert {"license: other", "license_name: research-and-teaching"} <= set(card.splitlines()[:6]), checkpoint


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_and_option_exists(words: list[str]) -> None:
    names = []
    for word in words[1:]:
        if word.startswith("-") or "." in word or "/" in word or word.isupper() or "-base" in word:
            break
        names.append(word)
    told = CliRunner().invoke(app, [*names, "--help"])
    assert told.exit_code == 0, told.output
    for option in (word for word in words if word.startswith("--")):
        assert option in told.output


def test_the_models_table_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "models_table.py"), "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_files_that_it_names_exist(document: str) -> None:
    said = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", said):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
    for path in re.findall(r"`((?:mmcore|demo|tests|assets)/[\w./-]*)`", said):
        assert (ROOT / path).exists(), path
