"""What is installed, and where: the wheel, the dependencies, the two commands."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mmcore

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RECIPES_FOLDER = "mmcore/recipes/"
DEPENDENCIES = [Requirement(line) for line in PROJECT["project"]["dependencies"]]


def python(*arguments: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(path)} if path else dict(os.environ)
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=env, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
    done = python("-W", "ignore", "-c", build, str(folder), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Every file in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def sources(folder: str) -> list[str]:
    """Files of a folder as they stand in the checkout."""
    return [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]


def test_the_wheel_holds_the_whole_core_but_no_recipes(names: set[str]):
    assert {name for name in sources("mmcore") if not name.startswith(RECIPES_FOLDER)} <= names
    assert not [name for name in names if name.startswith(RECIPES_FOLDER)]
    assert "mmcore/py.typed" in names


def test_the_wheel_holds_the_bundled_weights(names: set[str]):
    shipped = [name for name in sources("mmcore/bundled") if name.endswith(".safetensors")]
    assert shipped, "there are no bundled weights: the product could not answer offline"
    assert set(shipped) <= names


def test_the_demo_is_shipped_as_mmcore_demo(names: set[str]):
    shipped = {name.replace("demo/", "mmcore_demo/", 1) for name in sources("demo")}
    shipped |= {f"mmcore_demo/{name}" for name in sources("assets") if not name.startswith("assets/screenshots")}
    assert shipped <= names


def test_the_wheel_installs_nothing_else(names: set[str]):
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"mmcore", "mmcore_demo", f"mmcore_studio-{mmcore.__version__}.dist-info"}
    assert not [name for name in names if "screenshots" in name or "__pycache__" in name]


def test_the_wheels_metadata(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        folder = f"mmcore_studio-{mmcore.__version__}.dist-info"
        metadata = archive.read(f"{folder}/METADATA").decode()
        commands = archive.read(f"{folder}/entry_points.txt").decode()
        licence = archive.read(f"{folder}/licenses/LICENSE").decode()
    assert "Name: mmcore-studio\n" in metadata
    assert f"Version: {mmcore.__version__}\n" in metadata
    assert "License-Expression: Apache-2.0\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
    assert "mmcore = mmcore.cli:app" in commands
    assert licence == (ROOT / "LICENSE").read_text("utf-8")


def test_an_installed_wheel_builds_its_demo(wheel: Path, tmp_path: Path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import mmcore, mmcore_demo.app, mmcore_demo.ui.examples as examples;"
        "print(mmcore.__file__, mmcore_demo.__file__, examples.assets(), sep='\\n');"
        "assert callable(mmcore_demo.app.build_demo) and callable(mmcore_demo.app.main);"
        "assert (examples.assets() / 'credits.json').is_file()"
    )
    (tmp_path / "elsewhere").mkdir()
    done = python("-c", code, cwd=tmp_path / "elsewhere", path=tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(str(tmp_path / "site")) for line in done.stdout.split()), done.stdout


def test_recipes_need_a_checkout(wheel: Path, tmp_path: Path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "elsewhere").mkdir()
    tasks = (
        "captioning",
        "retrieval",
        "audio --teacher x",
        "sentiment --bundle --output x",
        "reranking --output x",
    )
    code = (
        "import json, sys; from typer.testing import CliRunner; import mmcore, mmcore.cli;"
        "said = [CliRunner().invoke(mmcore.cli.app, ['train', *task.split(), '--data', '.']) for task in sys.argv[1:]];"
        "print(json.dumps([mmcore.__file__, *([one.exit_code, one.stdout, one.stderr] for one in said)]))"
    )
    done = python("-c", code, *tasks, cwd=tmp_path / "elsewhere", path=tmp_path / "site")
    assert done.returncode == 0, done.stderr
    home, *answers = json.loads(done.stdout)
    assert home.startswith(str(tmp_path / "site"))
    for task, (status, output, complaint) in zip(tasks, answers, strict=True):
        assert status == 1, task + complaint
        assert "Get the source code" in complaint
        assert output == ""


def test_the_command_line_starts():
    done = python("-m", "mmcore", "caption", "--help", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "Usage: mmcore" in done.stdout


def test_the_console_script_is_the_same_app():
    from mmcore.__main__ import app
    from mmcore.cli import app as other

    assert app is other
    assert PROJECT["project"]["scripts"] == {"mmcore": "mmcore.cli:app"}


# Dependencies


def third_party(files: Iterable[str]) -> set[str]:
    """Distributions of the packages that these files import and that are not ours or Python's."""
    found: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
    found -= set(sys.stdlib_module_names) | {"mmcore", "mmcore_demo", "demo"}
    homes = packages_distributions()
    return {canonicalize_name(name) for package in found for name in homes.get(package, [package])}


PYTHON = [path for folder in ("mmcore", "demo") for path in sources(folder) if path.endswith(".py")]
RECIPES = [path for path in PYTHON if path.startswith(RECIPES_FOLDER)]
SHIPPED = [path for path in PYTHON if path not in RECIPES]
ON_DEMAND = {
    "openpyxl": "tables in .xlsx need it, and say how to install it",
    "faiss-cpu": "mmcore bench index compares with it, and says how to install it",
    "faster-whisper": "the extra speech brings it, and without it a sentence says so",
    "ctranslate2": "faster-whisper is built on it and chooses its version",
    "rapidocr-onnxruntime": "the extra ocr brings it, and without it a sentence says so",
    "sentencepiece": "the extra tips brings it, and without it a sentence says so",
    "ray": "the extra serve brings it, and without it a sentence says so",
    "qdrant-client": "the extra qdrant brings it, and without it a sentence says so",
    "spaces": "only a ZeroGPU Space has it",
    "httpx": "gradio is built on it and chooses its version",
    "safehttpx": "gradio is built on it and chooses its version",
    "starlette": "gradio is built on it and chooses its version",
    "openvino": "mmcore train captioner-zh --openvino needs it, and says how to install it",
}


def names_of(requirements: Iterable[Requirement | str]) -> set[str]:
    return {canonicalize_name(Requirement(str(requirement)).name) for requirement in requirements}


def test_every_import_is_a_declared_dependency():
    assert third_party(SHIPPED) - set(ON_DEMAND) <= names_of(DEPENDENCIES)
    extra = PROJECT["project"]["optional-dependencies"]["recipes"]
    assert third_party(RECIPES) - set(ON_DEMAND) <= names_of([*DEPENDENCIES, *extra])


def test_every_declared_dependency_is_imported():
    assert names_of(DEPENDENCIES) <= third_party(SHIPPED)
    extra = PROJECT["project"]["optional-dependencies"]["recipes"]
    assert names_of(extra) <= third_party(RECIPES)


def test_what_a_space_needs_is_allowed():
    ranges = {canonicalize_name(requirement.name): requirement for requirement in DEPENDENCIES}
    assert "mcp" in ranges["gradio"].extras
    assert "6.30.0" not in ranges["gradio"].specifier, "security fixes came with 6.31"
    for version in ("2.8.0", "2.11.0", "2.13.0"):
        assert version in ranges["torch"].specifier, "ZeroGPU offers 2.8 to 2.11"
    assert not {"torchvision", "torchaudio"} & (set(ranges) | third_party(PYTHON))


def test_requirements_txt_is_up_to_date():
    done = python(".ci/requirements.py", "--check", cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_requirements_txt_is_the_dependencies():
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    assert [Requirement(line) for line in lines if not line.startswith("#")] == DEPENDENCIES


# The checkout


def test_ci_runs_what_the_readme_says():
    ci, readme = (ROOT / ".ci" / "run").read_text("utf-8"), (ROOT / "README.md").read_text("utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    for command in ('pip install -e ".[dev]"', "pytest"):
        assert command in readme
        assert command in ci.replace('--quiet "${constraints[@]}" -e', "-e")
    assert "set -euo pipefail" in ci


def test_the_version_is_in_the_changelog_and_the_citation():
    assert f"## [{mmcore.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"\nversion: {mmcore.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
