"""Which commit of a hub repository is meant: the table's pin, or else the one looked up once and remembered here.

A commit never changes, a branch does: what was downloaded once is what every later start uses. Commits that were looked
up lie in ``<MMCORE_HOME>/commits.json``; the package itself is never written to.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from mmcore.checkpoints.hub import hub_errors, wanted
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import WeightsError
from mmcore.settings import Settings

CONVERSION_BOT = "SFconvertbot"
"""The hub's own account that offers a safetensors copy of old weights as a pull request."""
COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)


@dataclass(frozen=True)
class Commit:
    """A commit of a repository."""

    revision: str
    """40 hexadecimal digits."""
    origin: str = "main"
    """Branch or pull request that it was the head of."""


def pinned(checkpoint: Checkpoint, settings: Settings) -> Checkpoint:
    """The checkpoint with its commit: the table's, or the one remembered; None where it was never looked up."""
    if checkpoint.source != "hub" or checkpoint.revision is not None:
        return checkpoint
    found = remembered(settings).get(checkpoint.location)
    return checkpoint if found is None else replace(checkpoint, revision=found.revision)


def look_up(checkpoint: Checkpoint, reference: str = "main") -> Commit:
    """The commit that ``reference`` means, if it holds safetensors; for main else the hub's own conversion of it.

    Raises WeightsError, also where there are no safetensors at all.
    """
    from huggingface_hub import HfApi, constants

    api = HfApi(endpoint=constants.ENDPOINT)
    repository = checkpoint.location
    with hub_errors(checkpoint):
        references = [reference]
        for asked in references:
            info = api.model_info(repository, revision=asked, timeout=10)
            names = wanted([file.rfilename for file in info.siblings or ()])
            if info.sha and any(name.endswith(".safetensors") for name in names):
                return Commit(info.sha, asked)
            if asked == "main":
                requests = api.get_repo_discussions(repository, author=CONVERSION_BOT, discussion_type="pull_request")
                # The author is checked again here: anybody may open a pull request with any weights.
                references += [f"refs/pr/{request.num}" for request in requests if request.author == CONVERSION_BOT]
    raise WeightsError("hub_no_safetensors", name=checkpoint.name, repository=repository)


def remembered(settings: Settings) -> dict[str, Commit]:
    """Repository -> commit of all that were looked up on this machine. A file that cannot be read counts as empty."""
    try:
        kept = json.loads(_file(settings).read_text(encoding="utf-8"))
        return {name: Commit(**item) for name, item in kept.items() if COMMIT.fullmatch(item["revision"])}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def remember(checkpoint: Checkpoint, commit: Commit | None, settings: Settings) -> None:
    """Keep the commit for later starts; None forgets it. Raises WeightsError where MMCORE_HOME cannot be written."""
    from filelock import FileLock

    path = _file(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(path.name + ".lock")):
            kept = remembered(settings)
            kept.pop(checkpoint.location, None)
            if commit is not None:
                kept[checkpoint.location] = commit
            temporary = path.with_name(path.name + ".new")
            temporary.write_text(json.dumps({name: vars(item) for name, item in kept.items()}, indent=1), "utf-8")
            os.replace(temporary, path)
    except OSError as error:
        raise WeightsError("weights_disk", name=checkpoint.name, folder=path.parent, detail=error) from error


def _file(settings: Settings) -> Path:
    return settings.home / "commits.json"
