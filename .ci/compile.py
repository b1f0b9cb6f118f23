"""Import what the tests import, so that Python compiles it once, before every process of pytest does so by itself.

A tenth of transformers and half of torch are used: to compile the whole packages takes three times as long.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = (
    "import torch, transformers, sys; [getattr(transformers, name, None) for name in sys.argv[1:]]",
    "import demo.app; demo.app.demo; import gradio_client, hypothesis, playwright.sync_api, scipy.signal",
)
"""As many processes; the second builds the page."""


def asked_of_transformers() -> set[str]:
    """Every name that our code imports from transformers, whose modules are imported when they are asked for."""
    found: set[str] = set()
    for folder in ("mmcore", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module == "transformers":
                    found.update(alias.name for alias in node.names)
    return found


def main() -> int:
    """Exit status: 1 where one of the processes failed."""
    names = sorted(asked_of_transformers())
    running = [subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, *names], cwd=ROOT) for code in PARTS]
    return int(any([one.wait() for one in running]))


if __name__ == "__main__":
    sys.exit(main())
