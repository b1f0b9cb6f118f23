"""The shape of the code: the rules of pyproject.toml, what `import mmcore` costs, what is public.

Who may import whom is said in pyproject.toml ([tool.importlinter], [tool.ruff.lint.flake8-tidy-imports]) and drawn in
ARCHITECTURE.md.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import mmcore

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(path for folder in ("mmcore", "demo") for path in (ROOT / folder).rglob("*.py"))

LIGHT = (
    *("errors", "settings", "results", "io.images", "io.audio_files", "audio.spectrogram", "checkpoints.registry"),
    *("checkpoints.locate", "families", "pool", "index", "tasks.sliding_window", "tasks.captioning", "tasks.audio"),
    *("tasks.ocr", "tasks.transcribe"),
    *("tasks.retrieval", "cli"),
)
"""What must not import torch, transformers or gradio."""
HEAVY = ("torch", "transformers", "gradio")

SHARED_NAMES = {"__init__", "__main__", "tab", "service", "view", "api"}
TASKS = {"captioning", "retrieval", "sentiment", "audio", "matching", "ask", "transcribe", "few_shot", "ocr"}
"""Files of these names may stand in several folders, one a task; any other name says where it is."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT, check=False)


def test_imports_keep_to_the_contracts_of_pyproject():
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = run("-c", lint)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_banned_is_used():
    done = run("-m", "ruff", "check", "--no-cache", "--select", "TID251,TID253", "mmcore", "demo")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_name_of_a_file_says_which_one():
    times = Counter(path.stem for path in FILES)
    twice = {name for name, count in times.items() if count > 1} - SHARED_NAMES - TASKS
    assert twice == set()


def test_the_core_does_not_enter_by_its_own_door():
    """`from mmcore import ModelPool` inside mmcore would hide which layer a name comes from."""
    wrong = [
        f"{path.relative_to(ROOT)}: {alias.name}"
        for path in FILES
        if path.parent != ROOT / "mmcore" or path.stem not in ("__init__", "__main__")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "mmcore" and not node.level
        for alias in node.names
        if alias.name in mmcore.__all__ and path.is_relative_to(ROOT / "mmcore")
    ]
    assert not wrong


def loaded_after(*statements: str) -> list[set[str]]:
    """Which heavy packages a fresh Python holds after each statement."""
    code = "import sys\n" + "".join(
        f"{statement}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))\n" for statement in statements
    )
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_light_modules_pull_in_nothing_heavy():
    names = "import mmcore; mmcore.Settings, mmcore.CHECKPOINTS, mmcore.CaptionOptions, mmcore.InputError"
    *found, noticed = loaded_after(names, *(f"import mmcore.{module}" for module in LIGHT), "import torch")
    assert dict(zip(("", *LIGHT), found, strict=True)) == {module: set() for module in ("", *LIGHT)}
    assert noticed == {"torch"}, "a heavy import would be seen"


# What is public


def test_every_exported_name_is_there_and_documented():
    assert "caption_many" in mmcore.__all__
    for name in mmcore.__all__:
        value = getattr(mmcore, name)
        assert name in dir(mmcore)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__module__ == mmcore._HOMES[name], name
            assert value.__doc__, name


def test_every_public_class_is_exported():
    for name in ("errors", "checkpoints.registry"):
        found = importlib.import_module(f"mmcore.{name}")
        classes = [value for value in vars(found).values() if inspect.isclass(value)]
        own = {value.__name__ for value in classes if value.__module__ == found.__name__}
        public = {name for name in own if not name.startswith("_")} - {"Phrase"}  # a detail of the message table
        assert public
        assert public <= set(mmcore.__all__)


def test_every_task_is_exported():
    tasks = {checkpoint.task for checkpoint in mmcore.CHECKPOINTS}
    assert not {task for task in tasks if f"mmcore.tasks.{task}" not in mmcore._HOMES.values()}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'mmcore' has no attribute 'nonsense'"):
        mmcore.nonsense  # noqa: B018
