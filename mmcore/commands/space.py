"""``mmcore space``: a folder with what a Hugging Face Space needs and nothing else, and its upload."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

import mmcore
from mmcore.checkpoints import commits, hub, registry
from mmcore.checkpoints.registry import Checkpoint
from mmcore.commands.console import FAILED, complain, failures_reported, find_model, read_settings, wrong_usage
from mmcore.errors import WeightsError
from mmcore.settings import Settings

space_app = typer.Typer(help="Make a Hugging Face Space of the page.", no_args_is_help=True)

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""Where torch is without CUDA, which would fill gigabytes of a Space that has no GPU."""
EXTRAS = ("speech", "ocr")
"""A Space has them, too: its visitors can install nothing, and their weights come with the packages."""
ZERO_TORCH = "torch>=2.8,<2.12"
"""What ZeroGPU has drivers for (2.8 to 2.11)."""
LEFT_OUT = ("__pycache__", "recipes", "screenshots", "*.pyc")
"""What the page does not need."""

Preload = Annotated[
    list[str] | None,
    typer.Option(help="A model that the Space's builder fetches (again for another). Asks the hub.", metavar="NAME"),
]


ZeroGpu = Annotated[
    bool, typer.Option("--zerogpu", help="For ZeroGPU hardware: preloaded standard models run on its GPU.")
]


@space_app.command("export")
def export_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is not there yet, or empty.")],
    preload: Preload = None,
    zerogpu: ZeroGpu = False,
) -> None:
    """Write the Space's files into a folder: for CPU hardware, or for ZeroGPU."""
    if folder.is_dir() and any(folder.iterdir()):
        wrong_usage(f"{folder} is not empty")
    settings = read_settings()
    with failures_reported():
        export(folder, [find_model(name, settings) for name in preload or ()], settings, zerogpu=zerogpu)
    complain(f"{folder}: python {folder / 'demo' / 'app.py'} starts it, as the Space does")


@space_app.command("push")
def push_command(
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME")],
    preload: Preload = None,
    zerogpu: ZeroGpu = False,
    private: Annotated[bool, typer.Option("--private", help="Only you see it.")] = False,
) -> None:
    """Make or update a Space. Log in before with `hf auth login`; a plain git push refuses binary files."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    settings = read_settings()
    api = HfApi(endpoint=constants.ENDPOINT)
    with tempfile.TemporaryDirectory() as work, failures_reported():
        folder = Path(work) / "space"
        export(folder, [find_model(one, settings) for one in preload or ()], settings, zerogpu=zerogpu)
        try:
            api.create_repo(name, repo_type="space", space_sdk="gradio", private=private, exist_ok=True)
            # What an earlier version left is taken away: the Space is this folder.
            done = api.upload_folder(
                repo_id=name,
                repo_type="space",
                folder_path=folder,
                delete_patterns="*",
                commit_message=f"mmcore studio {mmcore.__version__}",
            )
        except (HfHubHTTPError, ValueError) as error:
            complain(f"mmcore: {name} cannot be written: {str(error).splitlines()[0]}. Is `hf auth login` done?")
            raise typer.Exit(FAILED) from None
    complain(f"{name}: {done.commit_url}")


def export(folder: Path, preload: Iterable[Checkpoint], settings: Settings, *, zerogpu: bool = False) -> None:
    """Write the Space into ``folder``. Raises WeightsError where a model to preload cannot be looked up."""
    lines = [preload_line(checkpoint, settings) for checkpoint in preload]
    core = Path(mmcore.__file__).parent
    page, assets = _page()
    skip = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(core, folder / "mmcore", ignore=skip)
    shutil.copytree(page, folder / "demo", ignore=lambda path, names: {*skip(path, names), *_inside(path, page)})
    shutil.copytree(assets, folder / "assets", ignore=skip)
    (folder / "README.md").write_text(f"---\n{front_matter(lines, zerogpu=zerogpu)}---\n\n{ABOUT}", encoding="utf-8")
    (folder / "requirements.txt").write_text(requirements(zerogpu=zerogpu), encoding="utf-8")


def preload_line(checkpoint: Checkpoint, settings: Settings) -> str:
    """``REPOSITORY FILES COMMIT``, as a Space's ``preload_from_hub`` wants it. Asks the hub; raises WeightsError."""
    known = commits.pinned(checkpoint, settings)
    if known.revision is None:
        known = replace(known, revision=commits.look_up(checkpoint).revision)
    files = hub.wanted([file.rfilename for file in hub.information(known, str(known.revision)).siblings or ()])
    if not any(name.endswith(".safetensors") for name in files):
        raise WeightsError("hub_no_safetensors", name=checkpoint.name, repository=checkpoint.location)
    return f"{checkpoint.location} {','.join(files)} {known.revision}"


def front_matter(preload: Iterable[str] = (), *, zerogpu: bool = False) -> str:
    """What the hub reads at the top of a Space's README.md."""
    lines = [
        "title: mmcore studio",
        "emoji: 🔎",
        "colorFrom: blue",
        "colorTo: gray",
        "sdk: gradio",
        f"sdk_version: {metadata.version('gradio')}",
        'python_version: "3.12"',
        "app_file: demo/app.py",
        "short_description: Multimodal models that work offline and explain themselves",
        "license: other",
        "license_name: apache-2.0-code-research-weights",
        f"suggested_hardware: {'zero-a10g' if zerogpu else 'cpu-basic'}",
        "hf_oauth: true",  # by which the owner logs in and may download
        *_listed("tags", TAGS),
        *_listed("models", [one.location for one in registry.CHECKPOINTS if one.source == "hub"]),
        *_listed("preload_from_hub", preload),
    ]
    return "".join(f"{line}\n" for line in lines)


TAGS = (
    "mcp-server",
    "image-captioning",
    "image-retrieval",
    "sentiment-analysis",
    "audio-classification",
    "explainability",
    "education",
)
ABOUT = """# mmcore studio

Multimodal models that work offline and explain their answers, in English and Chinese. Written by `mmcore space`.

The code is Apache-2.0. Most of the bundled weights were trained on research data and are for research and teaching use;
the model cards in `mmcore/bundled` say which.
"""


def requirements(*, zerogpu: bool = False) -> str:
    """The Space's requirements.txt: our own dependencies, the extras, torch without CUDA or as ZeroGPU has it."""
    lines = metadata.requires("mmcore-studio") or ()
    needed = [line for line in lines if "extra ==" not in line]
    brought = re.compile(f"extra == ['\"]({'|'.join(EXTRAS)})['\"]")
    needed += [line.partition(";")[0].strip() for line in lines if brought.search(line)]
    if zerogpu:
        others = [line for line in needed if not re.match(r"torch\b(?!-)", line)]
        return "".join(f"{line}\n" for line in sorted([*others, "spaces", ZERO_TORCH]))
    return f"--extra-index-url {CPU_INDEX}\n" + "".join(f"{line}\n" for line in sorted(needed))


def _listed(name: str, items: Iterable[str]) -> list[str]:
    found = [f"  - {item}" for item in items]
    return [f"{name}:", *found] if found else []


def _page() -> tuple[Path, Path]:
    """Folders of the page and of its assets: in a wheel the second is inside the first, in a checkout beside it."""
    spec = find_spec("mmcore_demo") or find_spec("demo")
    assert spec is not None
    assert spec.origin is not None
    page = Path(spec.origin).parent
    inside = page / "assets"
    return page, inside if inside.is_dir() else page.parent / "assets"


def _inside(path: str, page: Path) -> set[str]:
    """A wheel's page holds the assets, which go beside it."""
    return {"assets"} if Path(path) == page else set()
