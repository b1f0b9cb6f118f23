"""A small random compact sentiment checkpoint, with its encoder inside, saved as the bundle is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mmcore import families
from mmcore.checkpoints import locate
from mmcore.checkpoints.registry import find
from mmcore.families import compact_sentiment
from mmcore.families._lexicon import NAMES
from mmcore.nets.fusion import FusionConfig, build
from mmcore.nets.post_features import PostFeatures
from mmcore.nets.text_alone import TextAlone, TextAloneConfig
from mmcore.pool import ModelPool
from mmcore.results import FUSIONS
from mmcore.settings import Settings, local_variable
from tests.families import test_compact_dual as dual

NAME = "compact-sentiment"
WIDTH = int(dual.NETWORK["width"])
CONFIG = FusionConfig(text=WIDTH + len(NAMES), image=2 * WIDTH, word=12, region=10, width=16, attention=8, heads=2)


ALONE = TextAloneConfig(
    dual.tokenizer().get_vocab_size(),
    len(NAMES),
    WIDTH,
    dual.NETWORK["heads"],
    dual.NETWORK["hidden"],
    layers=1,
    buckets=64,
    hidden=8,
)
READS_ALONE = replace(CONFIG, text=CONFIG.text + ALONE.opinion)
"""Sizes of the heads where a network of bare texts stands beside them, whose opinion they read."""


def save(folder: Path, config: FusionConfig = CONFIG) -> Path:
    """Write the checkpoint. Heads are wide enough apart that other words and other regions give other answers."""
    (folder / "encoder").mkdir(parents=True)
    dual.save(folder / "encoder")
    torch.manual_seed(2)
    features = PostFeatures(WIDTH, CONFIG.word, CONFIG.region)
    for name, value in features.state_dict().items():
        value.copy_(torch.rand_like(value) if "cell" in name else torch.randn_like(value) * 0.2)
    heads = [build(name, config) for name in FUSIONS]
    with torch.no_grad():
        for head in heads:
            for parameter in head.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.2)
    compact_sentiment.save(folder, features, heads, {})
    return folder


def settings_for(folder: Path, settings: Settings) -> Settings:
    """Settings under which the checkpoint is the compact model."""
    return replace(settings, device="cpu", offline=True, local={local_variable(NAME): folder})


def load(folder: Path) -> Any:
    """The model, through the path that the product takes."""
    settings = settings_for(folder, Settings())
    return families.load(find(NAME), locate.locate(find(NAME), settings), "cpu", "float32")


def pool(folder: Path, settings: Settings) -> ModelPool:
    """A real pool that serves it."""
    return ModelPool(settings_for(folder, settings))


def save_with_text_alone(folder: Path) -> Path:
    """As ``save``, with a small random model of bare texts beside the heads; other words give other answers."""
    save(folder, READS_ALONE)
    torch.manual_seed(3)
    model = TextAlone(ALONE)
    for value in model.state_dict().values():
        if value.ndim:
            value.copy_(torch.randn_like(value) * 0.4)
    compact_sentiment.save_text_alone(folder, model)
    return folder
