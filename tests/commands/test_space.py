"""A Space: what its folder holds, that it starts, and what is uploaded. Nothing leaves this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import huggingface_hub
import pytest
import yaml
from packaging.requirements import Requirement

from mmcore.checkpoints.registry import find
from tests.command_line import mmcore
from tests.demo.serving import started
from tests.hub import Hub, as_this_process_hub, imitation_hub

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "export"
    result = mmcore("space", "export", folder)
    assert result.exit_code == 0, result.stderr
    return folder


def front_matter(folder: Path) -> dict[str, Any]:
    _, head, _ = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(head)
    return found


def test_it_holds_what_the_page_needs_and_nothing_else(space: Path):
    assert {path.name for path in space.iterdir()} == {"README.md", "requirements.txt", "assets", "demo", "mmcore"}
    names = {path.relative_to(space).as_posix() for path in space.rglob("*")}
    assert {"demo/app.py", "mmcore/bundled/captioner/model.safetensors", "assets/credits.json"} <= names
    assert not [name for name in names if "__pycache__" in name or "recipes" in name or "screenshots" in name]
    largest = max((path.stat().st_size, path) for path in space.rglob("*") if path.is_file())
    assert largest[0] < 50_000_000, largest


def test_its_front_matter_is_what_the_hub_reads(space: Path):
    head = front_matter(space)
    assert (space / head["app_file"]).is_file()
    assert head["sdk"] == "gradio"
    assert head["python_version"] == "3.12"
    assert "mcp-server" in head["tags"]
    assert find("blip-base").location in head["models"]
    assert len(head["short_description"]) <= 60
    assert "preload_from_hub" not in head


def test_its_torch_is_the_one_without_cuda(space: Path):
    first, *lines = (space / "requirements.txt").read_text("utf-8").splitlines()
    assert first == "--extra-index-url https://download.pytorch.org/whl/cpu"
    names = {Requirement(line).name for line in lines}
    assert {"gradio", "torch", "transformers", "faster-whisper", "rapidocr-onnxruntime"} <= names
    assert "pytest" not in "".join(lines)


def test_the_flavour_for_zerogpu_has_its_torch_and_its_hardware(tmp_path: Path):
    assert mmcore("space", "export", tmp_path / "zero", "--zerogpu").exit_code == 0
    lines = (tmp_path / "zero" / "requirements.txt").read_text("utf-8").splitlines()
    needed = {one.name: one.specifier for one in map(Requirement, lines)}
    assert "spaces" in needed
    assert [version in needed["torch"] for version in ("2.7.1", "2.8.0", "2.11.0", "2.12.0")] == [
        False,
        True,
        True,
        False,
    ]
    head = front_matter(tmp_path / "zero")
    assert head["suggested_hardware"] == "zero-a10g"
    assert head["hf_oauth"] is True, "the owner logs in"


def test_it_starts_as_a_space_does(space: Path, tmp_path: Path):
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "SYSTEM": "spaces",
        "MMCORE_HOME": str(tmp_path),
        "GRADIO_TEMP_DIR": str(tmp_path / "uploads"),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with started(["demo/app.py"], environment, cwd=space, errors=subprocess.STDOUT) as (url, _):
        assert httpx.get(url, timeout=300).status_code == 200
        assert "frame-ancestors" in httpx.get(url, timeout=300).headers["content-security-policy"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path):
    (tmp_path / "mine").write_text("mine")
    assert mmcore("space", "export", tmp_path).exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with imitation_hub() as hub:
        as_this_process_hub(hub, monkeypatch)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        yield hub


def test_a_model_to_preload_is_named_with_its_files_and_commit(hub: Hub, tmp_path: Path):
    blip = find("blip-base")
    files = {"config.json": b"{}", "model.safetensors": b"w", "pytorch_model.bin": b"p"}
    hub.publish(blip.location, files, str(blip.revision))
    result = mmcore("space", "export", tmp_path / "space", "--preload", "blip-base")
    assert result.exit_code == 0, result.stderr
    line = f"{blip.location} config.json,model.safetensors {blip.revision}"
    assert front_matter(tmp_path / "space")["preload_from_hub"] == [line]


def test_push_uploads_the_same_folder(monkeypatch: pytest.MonkeyPatch):
    called: list[tuple[str, dict[str, Any]]] = []

    class Recorder:
        """In the place of the hub's client."""

        def __init__(self, **options: object) -> None:
            pass

        def create_repo(self, name: str, **options: Any) -> None:
            called.append((name, options))

        def upload_folder(self, **options: Any) -> Any:
            files = {path.name for path in Path(options["folder_path"]).iterdir()}
            called.append((options["repo_id"], {**options, "files": files}))
            return type("Done", (), {"commit_url": "https://hub/commit/1"})

    monkeypatch.setattr(huggingface_hub, "HfApi", Recorder)
    result = mmcore("space", "push", "someone/studio", "--private")
    assert result.exit_code == 0, result.stderr
    assert "https://hub/commit/1" in result.stderr
    (created, how), (uploaded, what) = called
    assert created == uploaded == "someone/studio"
    assert (how["repo_type"], how["space_sdk"], how["private"]) == ("space", "gradio", True)
    assert (what["repo_type"], what["delete_patterns"]) == ("space", "*")
    assert {"README.md", "requirements.txt", "demo"} <= what["files"]
