"""Look up the commit of every hub repository in the table and write it into mmcore/checkpoints/pins.json.

python .ci/pin.py            those that have no pin yet
python .ci/pin.py NAME...    these anew
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mmcore.checkpoints import registry
from mmcore.checkpoints.commits import look_up
from mmcore.errors import WeightsError

TARGET = Path(registry.__file__).with_name("pins.json")


def main(names: list[str]) -> int:
    """Exit status: 1 where a repository could not be looked up; its pin stays as it was."""
    chosen = [registry.find(name) for name in names]
    if not names:
        chosen = [one for one in registry.CHECKPOINTS if one.source == "hub" and one.revision is None]
    pins, failed = json.loads(TARGET.read_text("utf-8")), 0
    for checkpoint in chosen:
        try:
            found = look_up(checkpoint)
        except WeightsError as error:
            failed = 1
            print(f"{checkpoint.name}: {error}", file=sys.stderr)
            continue
        pins[checkpoint.location] = found.revision
        print(f"{checkpoint.name}: {found.revision} ({found.origin})")
        TARGET.write_text(json.dumps(pins, indent=2) + "\n", "utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
