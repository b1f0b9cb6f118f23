"""How long 10 s of sound take, as a ratio to AST's architecture on the same machine in the same run.

AST is built from its configuration with random weights (the time does not depend on them) and called as transformers'
users do: feature extractor, then the model, without gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from io import BytesIO
from typing import Any

import numpy as np

from mmcore.evaluation.bench import measure
from mmcore.pool import ModelPool
from mmcore.results import AudioOptions
from mmcore.tasks.audio import classify_audio
from mmcore.types import Floats

SECONDS = 10
AST_RATE = 16_000


def ast_architecture() -> Callable[[Floats], object]:
    """AST as published (12 layers, width 768, patches of 16 x 16 every 10), on 16 kHz samples."""
    import torch
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    torch.manual_seed(0)
    model = ASTForAudioClassification(ASTConfig(id2label={place: str(place) for place in range(527)})).eval()
    extractor = ASTFeatureExtractor()

    @torch.inference_mode()
    def call(samples: Floats) -> object:
        values = extractor(samples, sampling_rate=AST_RATE, return_tensors="pt")["input_values"]
        return model(values).logits

    return call


def run(pool: ModelPool, model: str | None = None, repeats: int = 10) -> dict[str, Any]:
    """The tagger against AST's architecture: seconds for 10 s of noise, and their ratio.

    Ours is measured whole: a WAV file is decoded, drawn and classified. Both use all processors that torch uses.
    """
    import soundfile

    noise = np.random.default_rng(0).normal(0, 0.1, SECONDS * AST_RATE).astype(np.float32)
    file = BytesIO()
    soundfile.write(file, noise, AST_RATE, format="WAV")
    data, options = file.getvalue(), AudioOptions(timeline=False)
    result = classify_audio(pool, data, options, model)
    own = measure(result.model, lambda: classify_audio(pool, data, options, model), repeats)
    timeline = measure(f"{result.model} with timeline", lambda: classify_audio(pool, data, model=model), repeats)
    reference = ast_architecture()
    other = measure("AST architecture", lambda: reference(noise), max(3, repeats // 3), warm_up=1)
    return {
        "sound_seconds": SECONDS,
        "timings": [asdict(own), asdict(timeline), asdict(other)],
        "ratio": own.median / other.median,
        "ratio_with_timeline": timeline.median / other.median,
    }
