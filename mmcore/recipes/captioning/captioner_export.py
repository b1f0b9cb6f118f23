"""From trained weights to the files of the bundle."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmcore.evaluation.phrases import IMAGENET_WORDS
from mmcore.nets.captioner import CompactCaptioner
from mmcore.nets.image_encoder import state_dict_from_lukemelas
from mmcore.nets.storage import save_weights
from mmcore.recipes.captioning.caption_dataset import CaptionerRecipe
from mmcore.recipes.captioning.recognition import LEAST_PROBABILITY
from mmcore.recipes.captioning.trained_decoder import Captioner
from mmcore.recipes.pretrained import Ingredients


def network_config(captioner: Captioner, known: dict[str, Any]) -> dict[str, Any]:
    """The ``network`` part of config.json: sizes and words."""
    place = {word: position for position, word in enumerate(known["tag_words"])}
    decoder = asdict(captioner.decoder.config)
    del decoder["vocabulary"]
    return {
        "decoder": decoder,
        "least_tag_probability": LEAST_PROBABILITY,
        "class_words": [place[word] for word in IMAGENET_WORDS],
        "head_words": [place[word] for word in known["head_words"]],
        "tag_words": known["tag_words"],
        "vocabulary": known["words"],
    }


def export(
    captioner: Captioner, known: dict[str, Any], ingredients: Ingredients, recipe: CaptionerRecipe, output: Path
) -> CompactCaptioner:
    """Write ``model.safetensors`` (matrices as bytes) and ``config.json``; returns the network."""
    config = network_config(captioner, known)
    network = CompactCaptioner(config)
    trunk, top, _, _ = state_dict_from_lukemelas(ingredients.encoder())
    network.trunk.load_state_dict(trunk)
    network.recognition_top.load_state_dict(top)
    network.tagger.load_state_dict(known["tagger"])
    network.top.load_state_dict(captioner.top.state_dict())
    network.decoder.load_state_dict(captioner.decoder.state_dict())
    output.mkdir(parents=True, exist_ok=True)
    save_weights(network.state_dict(), output / "model.safetensors")
    settings = {
        "confidence_threshold": recipe.confidence_threshold,
        "map_layers": recipe.map_layers,
        "reranking": asdict(recipe.reranking),
        "network": config,
    }
    (output / "config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    return network.eval()
