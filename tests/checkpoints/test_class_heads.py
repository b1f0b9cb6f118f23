"""Files of heads for one's own classes: what is written is read, and what is no such file is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from mmcore.checkpoints import class_heads
from mmcore.checkpoints.class_heads import ClassHead, read
from mmcore.errors import InputError


def made(classes: tuple[str, ...] = ("cup", "书"), width: int = 8) -> ClassHead:
    draw = np.random.default_rng(0)
    rows = draw.standard_normal((len(classes), width)).astype(np.float32)
    return ClassHead(
        kind="picture",
        encoder="compact-retriever",
        fingerprint="0123456789abcdef",
        classes=classes,
        weight=rows,
        bias=rows[:, 0],
        mean=rows[0],
        prototypes=rows,
        least=0.625,
        about={"accuracy": 0.9},
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    head = made()
    (tmp_path / "own.safetensors").write_bytes(head.to_bytes())
    back = read(tmp_path / "own.safetensors")
    assert (back.kind, back.encoder, back.fingerprint) == (head.kind, head.encoder, head.fingerprint)
    assert (back.classes, back.least, back.about) == (head.classes, head.least, head.about)
    for name in class_heads.TENSORS:
        assert np.allclose(getattr(back, name), getattr(head, name), atol=2e-3)
    assert sorted(load(head.to_bytes())) == sorted(class_heads.TENSORS), "any safetensors library reads it"


def refused(source: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read(source)
    return caught.value


def test_other_files_are_refused(tmp_path: Path) -> None:
    good = made().to_bytes()
    odd = np.array(made().weight, copy=True)
    odd[0, 0] = np.nan
    damaged = [
        b"",
        b"no safetensors",
        good[: len(good) // 2],
        b"\xff" * 16,
        save({"weight": np.zeros((2, 8), np.float16)}),
        good.replace(b"mmcore class head 1", b"mmcore class head 9"),
        replace(made(), weight=odd).to_bytes(),
        replace(made(), bias=np.zeros(5, np.float32)).to_bytes(),
        replace(made(), kind="video").to_bytes(),  # type: ignore[arg-type]
        replace(made(), classes=("only",), **dict.fromkeys(("weight", "prototypes"), np.ones((1, 8), np.float32)),
                bias=np.ones(1, np.float32)).to_bytes(),
        replace(made(), classes=("a", "")).to_bytes(),
    ]  # fmt: skip
    for data in damaged:
        error = refused(data)
        assert error.key == "class_head_damaged", data[:40]
        assert "mmcore train fewshot" in str(error)
    assert refused(bytes(class_heads.MOST_BYTES + 1)).key == "class_head_large"
    assert refused(tmp_path / "gone.safetensors").key == "file_missing"
    assert refused(tmp_path).key == "file_is_folder"
