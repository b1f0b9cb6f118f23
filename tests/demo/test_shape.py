"""The shape of the demo's code: tabs lay out, they do not compute."""

from __future__ import annotations

import ast
from pathlib import Path

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
            packages = ("mmcore", "mmcore.checkpoints")
            names |= {f"{home}.{alias.name}" for alias in node.names} if home in packages else {home}
    return names


def test_tabs_know_no_model_and_no_numbers() -> None:
    assert TAB_FILES
    for path in TAB_FILES:
        outside = {name for name in imported(path) if not name.startswith(".")}
        assert not {name for name in outside if name.split(".")[0] in ("torch", "transformers", "numpy", "PIL")}, path
        core = {name for name in outside if name.startswith("mmcore")}
        assert core <= {"mmcore.checkpoints.registry", "mmcore.errors", "mmcore.results"}, path


def test_the_package_never_names_itself() -> None:
    """It is called demo in a checkout and mmcore_demo when installed: its own imports are relative."""
    for path in FILES:
        assert not {name for name in imported(path) if name.split(".")[0] in ("demo", "mmcore_demo")}, path


def test_every_tab_has_a_title_in_every_language() -> None:
    assert len({tab.name for tab in TABS}) == len(TABS)
    for language in i18n.LANGUAGES:
        assert all(f"ui.tab.{tab.name}" in i18n.texts(language) for tab in TABS)


def test_nothing_is_fetched_from_elsewhere() -> None:
    for path in (path for path in (DEMO / "web").rglob("*") if path.is_file()):
        content = path.read_text(encoding="utf-8")
        assert "://" not in content, path
        assert "@import" not in content, path
