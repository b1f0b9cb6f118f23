"""The files of the bundle."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

from mmcore.nets.audio_tagger import AudioTagger
from mmcore.nets.mobilenet_tagger import fold_norms
from mmcore.nets.storage import save_weights

VERSION = 3
"""1 was another network, with 151 of the 527 labels; 2 and 3 have one structure."""


def export(model: AudioTagger, output: Path) -> None:
    """Write ``model.safetensors`` (half precision, normalisations folded into the convolutions) and ``config.json``.

    The model knows all labels, in AudioSet's order.
    """
    output.mkdir(parents=True, exist_ok=True)
    folded = deepcopy(model).eval()
    fold_norms(folded)
    save_weights(folded.state_dict(), output / "model.safetensors", quantise=False)
    config = {"version": VERSION, "network": model.config.to_dict()}
    (output / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
