"""The shape of the demo's code: tabs lay out, they do not compute."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import demo
from demo.tabs import TABS
from demo.ui import i18n

DEMO = Path(demo.__file__).parent
TAB_FILES = sorted(path for path in DEMO.rglob("*.py") if path.stem in ("tab", "api") or path.stem.endswith("_tab"))
FILES = sorted(DEMO.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Full names of what a file imports, relative imports with their dots."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = "." * node.level + (node.module or "")
            # "from mmcore import checkpoints" names a module, "from mmcore.results import DECODINGS" does not
            names |= {f"mmcore.{alias.name}" for alias in node.names} if home == "mmcore" else {home}
    return names


@pytest.mark.parametrize("path", TAB_FILES, ids=lambda path: str(path.relative_to(DEMO)))
def test_tabs_know_no_model_and_no_numbers(path: Path) -> None:
    allowed = {"mmcore.checkpoints", "mmcore.checkpoints.registry", "mmcore.results"}
    outside = {name for name in imported(path) if not name.startswith(".")}
    heavy = {name for name in outside if name.split(".")[0] in ("torch", "transformers", "numpy", "PIL")}
    assert not heavy
    assert {name for name in outside if name.startswith("mmcore")} <= allowed


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEMO)))
def test_the_package_never_names_itself(path: Path) -> None:
    """The wheel ships it as mmcore_demo."""
    assert not {name for name in imported(path) if name.split(".")[0] in ("demo", "mmcore_demo")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEMO)))
def test_torch_is_never_imported_here(path: Path) -> None:
    assert not {name for name in imported(path) if name.split(".")[0] in ("torch", "transformers")}


def test_every_tab_has_a_title_in_every_language() -> None:
    assert len({tab.name for tab in TABS}) == len(TABS)
    for language in i18n.LANGUAGES:
        assert all(f"ui.tab.{tab.name}" in i18n.texts(language) for tab in TABS)


def test_nothing_is_fetched_from_elsewhere() -> None:
    for path in (DEMO / "web").iterdir():
        content = path.read_text(encoding="utf-8")
        assert "://" not in content, path
        assert "@import" not in content, path
