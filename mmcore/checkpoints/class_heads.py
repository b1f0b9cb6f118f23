"""Heads for one's own classes as a single file: safetensors with the names of the classes and the encoder they need.

The file holds numbers about classes (weights, means), no example and nothing else of whoever taught it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.errors import InputError
from mmcore.results.few_shot import KINDS, LEAST_CLASSES, LONGEST_NAME, MOST_CLASSES, Kind
from mmcore.types import Floats, Source

FORMAT = "mmcore class head 1"
MOST_BYTES = 5_000_000
TENSORS = ("weight", "bias", "mean", "prototypes")


@dataclass(frozen=True, eq=False)
class ClassHead:
    """A linear layer over an encoder's features, D numbers of length 1, for C classes."""

    kind: Kind
    encoder: str
    """Name of the checkpoint whose features it reads."""
    fingerprint: str
    """Of that checkpoint's weights."""
    classes: tuple[str, ...]
    weight: Floats
    """(C, D); its columns sum to 0, so that a weight says what speaks for a class rather than for the others."""
    bias: Floats
    """(C,)"""
    mean: Floats
    """(D,): the mean of all examples."""
    prototypes: Floats
    """(C, D), each of length 1: the mean of each class."""
    least: float
    """Cosine with the nearest prototype below which something is unlike all classes."""
    about: dict[str, Any]
    """The report of its training (``FewShotReport.to_dict``)."""

    def to_bytes(self) -> bytes:
        """The file: fp16, some kilobytes a class."""
        from safetensors.numpy import save

        said = {
            "format": FORMAT,
            "kind": self.kind,
            "encoder": self.encoder,
            "fingerprint": self.fingerprint,
            "classes": json.dumps(self.classes, ensure_ascii=False),
            "least": repr(float(self.least)),
            "about": json.dumps(self.about, ensure_ascii=False),
        }
        return save({name: getattr(self, name).astype(np.float16) for name in TENSORS}, said)


def read(source: Source) -> ClassHead:
    """A head from a file, or from its bytes. Raises InputError where it is missing, too large, or no such head."""
    name = "head" if isinstance(source, bytes) else Path(source).name
    data = source if isinstance(source, bytes) else _content(Path(source))
    if len(data) > MOST_BYTES:
        raise InputError("class_head_large", name=name, megabytes=len(data) / 1e6, limit=MOST_BYTES / 1e6)
    try:
        return _parsed(data)
    except Exception as error:  # whatever a file of a stranger can do wrong
        detail = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError("class_head_damaged", name=name, detail=detail) from error


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError("file_is_folder", path=path)
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError("file_missing", path=path) from None
    except OSError as error:
        raise InputError("file_unreadable", path=path, detail=error.strerror or str(error)) from None


def _parsed(data: bytes) -> ClassHead:
    from safetensors.numpy import load

    length = int.from_bytes(data[:8], "little")
    said = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    if said.get("format") != FORMAT:
        raise ValueError(f"it is not called {FORMAT!r}")
    tensors = {name: value.astype(np.float32) for name, value in load(data).items()}
    classes = tuple(str(one) for one in json.loads(said["classes"]))
    head = ClassHead(
        kind=said["kind"],
        encoder=said["encoder"],
        fingerprint=said["fingerprint"],
        classes=classes,
        **{name: tensors[name] for name in TENSORS},
        least=float(said["least"]),
        about=json.loads(said["about"]),
    )
    count, width = len(classes), head.mean.shape[0] if head.mean.ndim == 1 else 0
    shapes = {"weight": (count, width), "bias": (count,), "mean": (width,), "prototypes": (count, width)}
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise ValueError(f"{name} is {tensors[name].shape}, not {shape}")
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} holds values that are no numbers")
    if head.kind not in KINDS:
        raise ValueError(f"kind is {head.kind!r}")
    if not LEAST_CLASSES <= count <= MOST_CLASSES or any(not 0 < len(one) <= LONGEST_NAME for one in classes):
        raise ValueError("the names of the classes")
    return head
