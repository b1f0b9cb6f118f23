"""Import what the tests import, so that Python compiles it once, before every process of pytest does so by itself.

A tenth of transformers and half of torch are used: to compile the whole packages takes three times as long. pytest
collects the tests for it, and so compiles them, too, with the asserts as it rewrites them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ("attacks", "demo", "e2e")
"""Folders whose tests import the page; as much is to be compiled for them as for the others."""
COLLECT = """
import sys, pytest
status = pytest.main(["--collect-only", "--quiet", "--quiet", "-n", "0", "-p", "no:cacheprovider", *sys.argv[1:]])
if not status and "tests/demo" in sys.argv:
    import demo.app
    demo.app.demo  # builds it
sys.exit(status)
"""


def main() -> int:
    """Exit status: 1 where one of the two processes failed."""
    halves: tuple[list[str], list[str]] = [], []
    for path in sorted((ROOT / "tests").iterdir()):
        if path.name.startswith("test_") or (path / "__init__.py").is_file() or any(path.glob("test_*.py")):
            halves[path.name in PAGE].append(f"tests/{path.name}")
    commands = [[sys.executable, "-c", COLLECT, *half] for half in halves]
    running = [subprocess.Popen(one, cwd=ROOT, stdout=subprocess.PIPE, text=True) for one in commands]
    said = [one.communicate()[0] for one in running]
    failed = [text for one, text in zip(running, said, strict=True) if one.returncode]
    print(*failed, sep="\n", end="")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
