"""``mmcore models pin``: look up the commit of every hub repository that has none yet, and write it into the table."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmcore.checkpoints import registry
from mmcore.checkpoints.hub import hub_errors, wanted
from mmcore.checkpoints.locate import hub_problem
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import MMCoreError, WeightsError
from mmcore.settings import Settings, local_variable

CONVERSION_BOT = "SFconvertbot"
"""The hub's own account that offers a safetensors copy of old weights as a pull request."""


@dataclass(frozen=True)
class Pin:
    """What was found for one checkpoint."""

    name: str
    revision: str | None = None
    origin: str = "main"
    """Branch or pull request that the commit is the head of."""
    problem: MMCoreError | None = None


def unpinned(table: Iterable[Checkpoint] | None = None) -> list[Checkpoint]:
    """Hub checkpoints without a revision."""
    entries = registry.CHECKPOINTS if table is None else table
    return [checkpoint for checkpoint in entries if checkpoint.source == "hub" and checkpoint.revision is None]


def pin(settings: Settings, names: Iterable[str] = (), table: Path | None = None) -> Iterator[Pin]:
    """Look up the revisions of ``names`` (by default of every unpinned checkpoint) and write them into ``table``.

    ``table`` is checkpoints.py unless said otherwise. Yields one Pin a checkpoint; the file is written after each.
    Raises UnknownNameError for a name that is not there and WeightsError where the file cannot be written.
    """
    chosen = [registry.find(name) for name in names] or unpinned()
    path = table or Path(registry.__file__)
    for checkpoint in chosen:
        try:
            found = look_up(checkpoint, settings)
        except WeightsError as error:
            yield Pin(checkpoint.name, problem=error)
            continue
        write_revision(path, checkpoint.name, str(found.revision))
        yield found


def look_up(checkpoint: Checkpoint, settings: Settings) -> Pin:
    """The newest commit that holds safetensors: of main, or else of the hub's own conversion of it.

    Raises WeightsError where the hub is out of reach or there are no safetensors at all.
    """
    from huggingface_hub import HfApi, constants

    problem = hub_problem(settings)
    if problem is not None:
        raise WeightsError(
            "weights_hub_unreachable", name=checkpoint.name, detail=problem, variable=local_variable(checkpoint.name)
        )
    api = HfApi(endpoint=constants.ENDPOINT)
    repository = checkpoint.location
    with hub_errors(checkpoint):
        references = ["main"]
        for reference in references:
            info = api.model_info(repository, revision=reference, timeout=10)
            names = wanted([file.rfilename for file in info.siblings or ()])
            if info.sha and any(name.endswith(".safetensors") for name in names):
                return Pin(checkpoint.name, info.sha, reference)
            if reference == "main":
                requests = api.get_repo_discussions(repository, author=CONVERSION_BOT, discussion_type="pull_request")
                # The author is checked again here: anybody may open a pull request with any weights.
                references += [f"refs/pr/{request.num}" for request in requests if request.author == CONVERSION_BOT]
    raise WeightsError("weights_unsafe", name=checkpoint.name, folder=f"{repository} on the hub")


def write_revision(path: Path, name: str, revision: str) -> None:
    """Set ``revision`` of the Checkpoint called ``name`` in the Python file ``path``; nothing else in it changes.

    Raises WeightsError where the file cannot be written, and ValueError where it has no such entry.
    """
    source = path.read_bytes()
    keywords = _keywords(source, name)
    lines = source.splitlines(keepends=True)  # of bytes, since ast counts columns in them
    value = f'revision="{revision}"'.encode()
    if "revision" in keywords:
        old = keywords["revision"]
        first, last = old.lineno - 1, (old.end_lineno or old.lineno) - 1
        lines[first : last + 1] = [lines[first][: old.col_offset] + value + lines[last][old.end_col_offset :]]
    else:
        after = keywords["location"]
        lines.insert(after.end_lineno or after.lineno, b" " * after.col_offset + value + b",\n")
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.write_bytes(b"".join(lines))
        os.replace(temporary, path)
    except OSError as error:
        raise WeightsError("weights_disk", name=name, folder=path.parent, detail=error) from error


def _keywords(source: bytes, name: str) -> dict[str, ast.keyword]:
    """The arguments of ``Checkpoint(name="<name>", ...)`` in ``source``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Checkpoint":
            keywords = {keyword.arg: keyword for keyword in node.keywords if keyword.arg is not None}
            given = keywords.get("name")
            if given is not None and isinstance(given.value, ast.Constant) and given.value.value == name:
                return keywords
    raise ValueError(f"there is no Checkpoint called {name!r} in the table")
