"""Models of the transformers library from local folders: safetensors only, complete, and no code but the library's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers.utils import logging

from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import WeightsError


def load_network(kind: Any, checkpoint: Checkpoint, folder: Path, dtype: Any, **arguments: Any) -> Any:
    """A transformers model from local safetensors; every weight must be there and fit, none is made up.

    Raises WeightsError.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        network, report = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=dtype,
            ignore_mismatched_sizes=True,  # reported below, in our words
            output_loading_info=True,
            **arguments,
        )
    except (OSError, SafetensorError) as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    wrong = sorted({*report["missing_keys"], *(str(item[0]) for item in report["mismatched_keys"])})
    if wrong:
        raise incomplete(checkpoint, folder, f"{len(wrong)} weights are missing or of another size ({wrong[0]}, ...)")
    return network


def incomplete(checkpoint: Checkpoint, folder: Path, detail: str) -> WeightsError:
    """The error for a folder that lacks something."""
    return WeightsError("weights_incomplete", name=checkpoint.name, folder=folder, detail=detail.splitlines()[0])


def require_one_of(checkpoint: Checkpoint, folder: Path, *names: str) -> None:
    """Raise WeightsError unless one of the files is there: a tokenizer without files would come up empty instead."""
    if not any((folder / name).is_file() for name in names):
        raise incomplete(checkpoint, folder, f"there is no {names[0]}")
