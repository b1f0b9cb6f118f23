"""Write requirements.txt, which a Hugging Face Space installs, from the dependencies in pyproject.toml.

python .ci/requirements.py           writes the file
python .ci/requirements.py --check   exit status 1 where the file is out of date
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "requirements.txt"


def requirements() -> str:
    """The text of requirements.txt. The project itself is not in it: a Space runs the checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    head = "# Written by `python .ci/requirements.py` from pyproject.toml, for the Hugging Face Space.\n"
    return head + "".join(f"{line}\n" for line in project["dependencies"])


def main() -> None:
    """Write or check the file."""
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(requirements(), "utf-8")
    elif not TARGET.is_file() or TARGET.read_text("utf-8") != requirements():
        sys.exit("requirements.txt is out of date: run `python .ci/requirements.py`")


if __name__ == "__main__":
    main()
