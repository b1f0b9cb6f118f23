"""The lines of our code behind a step, read from its file: nothing is imported, so no network is loaded for it."""

from __future__ import annotations

import ast
from functools import cache

from .plan import Code


@cache
def excerpt(code: Code) -> tuple[int, str]:
    """The first line's number and the source of the function. Raises KeyError where the file has no such function."""
    source = (code.root / code.file).read_text(encoding="utf-8")
    found: ast.AST = ast.parse(source)
    for part in code.name.split("."):
        found = _inside(found, part)
    if not isinstance(found, (ast.FunctionDef, ast.ClassDef)) or found.end_lineno is None:
        raise KeyError(code.name)
    lines = source.splitlines()[found.lineno - 1 : found.end_lineno]
    return found.lineno, "\n".join(line[found.col_offset :] for line in lines)


def _inside(node: ast.AST, name: str) -> ast.AST:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)) and child.name == name:
            return child
    raise KeyError(name)
