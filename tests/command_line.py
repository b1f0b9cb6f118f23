"""The command line, called in the process of the test."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner, Result

from mmcore import cli


def mmcore(*arguments: object) -> Result:
    """``mmcore ARGUMENTS``."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def lines(result: Result) -> list[dict[str, Any]]:
    """stdout, every line of which must be JSON."""
    return [json.loads(line) for line in result.stdout.splitlines()]
