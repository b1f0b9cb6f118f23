"""Write the models table of README.md, and the models that its front matter names, from mmcore/checkpoints/registry.py.

python .ci/models_table.py           writes them
python .ci/models_table.py --check   exit status 1 where it is out of date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import CHECKPOINTS, Checkpoint

TARGET = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- models: begin (python .ci/models_table.py) -->", "<!-- models: end -->"


def table() -> str:
    """The Markdown table, a row a checkpoint."""
    rows = ["| name | task | tier | size | licence | quality (protocol; source) |", "|---|---|---|---|---|---|"]
    for c in CHECKPOINTS:
        where = place(c)
        size = f"{readable_size(c.bytes)}, {c.parameters / 1e6:.0f} M parameters"
        quality = "; ".join(f"{q.metric} {q.value:g} ({q.protocol}; {q.source})" for q in c.quality) or "not published"
        rows.append(f"| `{c.name}`, {where} | {c.task} | {c.tier} | {size} | {c.licence} | {quality} |")
    return "\n".join(rows)


def place(checkpoint: Checkpoint) -> str:
    """Where the weights are, with a link."""
    if checkpoint.source == "bundled":
        return "in the package"
    if checkpoint.source == "package":
        packages = " and ".join(dict.fromkeys(f"`{file.split('/')[0].replace('_', '-')}`" for file in checkpoint.files))
        return f"in {packages}, extra `{checkpoint.extra}`"
    if checkpoint.source == "hub":
        return f"[{checkpoint.location}](https://huggingface.co/{checkpoint.location})"
    return f"[{checkpoint.location.rsplit('/', 1)[-1]}]({checkpoint.location})"


def main() -> None:
    """Write or check the table and the front matter, which tells the hub what a Space uses."""
    text = TARGET.read_text("utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    hub = "".join(f"  - {c.location}\n" for c in CHECKPOINTS if c.source == "hub")
    wanted = re.sub(r"(?m)^models:\n(?:  - .*\n)+", f"models:\n{hub}", wanted, count=1)
    if "--check" in sys.argv[1:]:
        sys.exit(0 if text == wanted else "the models table in README.md is out of date: python .ci/models_table.py")
    TARGET.write_text(wanted, "utf-8")


if __name__ == "__main__":
    main()
