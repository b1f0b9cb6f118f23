"""The recipe of the compact sentiment model: projections fitted, posts encoded, five heads trained and written.

    mmcore train sentiment --data DIR --bundle --output mmcore/bundled/sentiment

The encoder is the bundled retriever, which is not changed: retrain the retriever, and the heads must be trained anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmcore.checkpoints.registry import find
from mmcore.evaluation.cross_validation import DEV, OPTIONS
from mmcore.families import compact_dual, compact_sentiment
from mmcore.families._resize import pixels_of
from mmcore.families.compact_dual import tokens_of
from mmcore.fusion.feature_sets import MODEL, FeatureSet, features_of, numbers_only, write
from mmcore.fusion.labelled_posts import LabelledPosts, read_posts
from mmcore.fusion.trainer import Training
from mmcore.io.images import decode_image
from mmcore.io.tables import ALL_ROWS
from mmcore.nets.post_features import Looks, PostFeatures, look
from mmcore.pool import ModelPool
from mmcore.results.sentiment import FUSIONS
from mmcore.settings import local_variable
from mmcore.types import Progress

WORD_AXES = 96
REGION_AXES = 64
LAB_POSTS = 800
"""Posts of the feature set that the Lab comes with."""
SAMPLE = 600
"""Posts that the projections are fitted on."""


@torch.inference_mode()
def fitted_projections(encoder: compact_dual.CompactDual, posts: LabelledPosts, pool: ModelPool) -> PostFeatures:
    """Principal axes of words and regions, from SAMPLE posts drawn with a fixed seed. Labels are not looked at."""
    rows = np.random.default_rng(0).permutation(len(posts.texts))[:SAMPLE].tolist()
    states, looks = [], []
    for start in range(0, len(rows), 16):
        batch = rows[start : start + 16]
        texts = [posts.texts[row] for row in batch if posts.texts[row]]
        if texts:
            tokens, mask = tokens_of(encoder.tokenizer, texts)
            states.append(encoder.network.text(tokens, mask)[mask.bool()])
        images = [decode_image(Path(posts.pictures[row]), pool.settings) for row in batch if posts.pictures[row]]
        if images:
            looks.append(look(encoder.network, pixels_of(images)))
    features = PostFeatures(encoder.network.text.config.width, WORD_AXES, REGION_AXES)
    features.fit(torch.cat(states), Looks(*(torch.cat(parts) for parts in zip(*looks, strict=True))))
    return features


def for_the_lab(features: FeatureSet, count: int = LAB_POSTS) -> FeatureSet:
    """Some of the posts as numbers that may be passed on: no text, no picture, no id, no duplicates.

    The words of each post are shuffled, which no fusion notices, so that they cannot be read in their order.
    """
    draw = np.random.default_rng(0)
    firsts = np.unique(features.groups, return_index=True)[1]
    chosen = numbers_only(features, np.sort(draw.permutation(firsts)[:count]))
    words = chosen.words.copy()
    for row, there in enumerate(chosen.word_counts.tolist()):
        words[row, :there] = words[row, draw.permutation(there)]
    return replace(chosen, name="mvsa", words=words, groups=np.arange(len(chosen)))


def _of_bare_texts(folder: Path) -> dict[str, Any]:
    """What config.json says of the network whose opinion the heads read, which ``mmcore train text-alone`` makes."""
    return {name: value for name, value in compact_sentiment.read_config(folder).items() if name == "text_alone"}


def make(
    pool: ModelPool,
    data: Path,
    output: Path,
    progress: Progress | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Write the bundle and the Lab's feature set to ``output``; returns each head's figures on held-back posts.

    Raises what ``features_of`` raises.
    """
    posts = read_posts(data, pool.settings, ALL_ROWS)
    checkpoint = find(MODEL)
    encoder_at = compact_sentiment.encoder_folder(output)
    encoder = compact_dual.load(find(compact_sentiment.ENCODER), encoder_at, "cpu", torch.float32)
    fingerprint = compact_sentiment.fingerprint_of(encoder_at, {})
    if compact_sentiment.read_config(output).get("encoder_file") != fingerprint:  # else a run that was cut off goes on
        projections = fitted_projections(encoder, posts, pool)
        compact_sentiment.save(output, projections, [], {"encoder_file": fingerprint, **_of_bare_texts(output)})
    settings = replace(pool.settings, device="cpu", local={local_variable(checkpoint.name): output})
    own = ModelPool(settings)
    features = features_of(own, data, progress, limit=ALL_ROWS)
    heads, figures = [], {}
    for name in FUSIONS:
        training = Training(features, replace(OPTIONS, fusion=name), features.split(DEV, OPTIONS.seed))
        for _ in training.run():
            pass
        heads.append(training.best())
        figures[name] = training.scores().to_dict()
        say(f"{name}: {figures[name]} after {len(training.reports())} epochs")
    write(for_the_lab(features), output / "lab-mvsa.npz")
    projections = own.get(MODEL).post_features
    config = {
        "encoder_file": fingerprint,
        "encoder": features.encoder,
        "options": asdict(OPTIONS),
        "posts": len(features),
        "dev": figures,
        **_of_bare_texts(output),
    }
    compact_sentiment.save(output, projections, heads, config)
    return {
        "model": str(output),
        "posts": len(features),
        "heads": [{"head": name, **one} for name, one in figures.items()],
    }
