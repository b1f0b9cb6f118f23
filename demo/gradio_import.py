"""gradio without what it does for editors: at every import it writes type stubs (``.pyi``) of its components again.

For that it parses its own sources three times over: 1.2 of the 3.1 processor seconds that ``import gradio`` takes, and
so of the start of the page. Its wheel brings the stubs along.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

MODULE, WRITER = "gradio.component_meta", "create_or_modify_pyi"


def write_no_stubs(component: type, name: str, events: Sequence[object]) -> None:
    """Stands for gradio's own function."""


class _Loader(SourceFileLoader):
    """Executes the module, and then puts the function in."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if hasattr(module, WRITER):  # a release may do it in another way
            setattr(module, WRITER, write_no_stubs)


class _Finder:
    """Finds that one module where Python does."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def prepare() -> None:
    """Let the import of gradio that is to come write no stubs. After it this does nothing."""
    if MODULE not in sys.modules and _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
