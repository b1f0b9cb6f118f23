"""The recipe of the compact captioner, from the published image encoder to the bundled files.

1. ``prepare``: trunk features of every picture in six views; the tagger's word head; cross-fitted tags.
2. ``learn``: cross-entropy on Flickr8k captions and on sentences for labelled pictures; the top of the image encoder is
   fine-tuned with the decoder; the weights are averaged over time.
3. ``reinforce``: self-critical sequence training on CIDEr-D.
4. ``export``: safetensors in half precision, config.json and the figures.
5. ``reranking``, a command of its own: how a caption is chosen among candidates, fitted to the finished model.

Two CPU cores with bf16 need about two hours. Every stage stores its result in the working folder and is skipped when it
is there, so a run that was cut off goes on where it was.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmcore.evaluation.datasets import LabelledPicture, captioning_examples
from mmcore.evaluation.phrases import IMAGENET_WORDS, sentences_for
from mmcore.nets.caption_decoder import DecoderConfig
from mmcore.nets.image_encoder import Top, Trunk, state_dict_from_lukemelas
from mmcore.nets.tagger import top_tags
from mmcore.nets.vocabulary import SPECIAL, Vocabulary, split_words
from mmcore.recipes.captioning.caption_dataset import CaptionDataset, CaptionerRecipe
from mmcore.recipes.captioning.caption_learning import learn
from mmcore.recipes.captioning.caption_reinforcing import reinforce
from mmcore.recipes.captioning.captioner_export import export
from mmcore.recipes.captioning.recognition import (
    LEAST_PROBABILITY,
    head_targets,
    head_vocabulary,
    make_tagger,
    pooled_features,
    train_head,
)
from mmcore.recipes.captioning.trained_decoder import Captioner, report
from mmcore.recipes.pretrained import Ingredients
from mmcore.recipes.trunk_features import VIEWS, store_view

FOLDS = 5
MIN_COUNT = 4
"""A word of the training captions is in the vocabulary if it occurs this often."""


def build_vocabulary(examples: Sequence[LabelledPicture]) -> Vocabulary:
    """Words of the training captions, every word of the written sentences, and every everyday name as one token."""
    counts = Counter(
        word
        for example in examples
        if example.split == "train"
        for caption in example.captions
        for word in split_words(caption)
    )
    names = {label for example in examples for label in example.labels} | set(IMAGENET_WORDS)
    words = {word for word, count in counts.items() if count >= MIN_COUNT}
    words |= {word for name in names for sentence in sentences_for(name) for word in split_words(sentence)}
    words |= {" ".join(split_words(name)) for name in names}
    return Vocabulary([*SPECIAL, *sorted(words)])


def prepare(examples: Sequence[LabelledPicture], work: Path, ingredients: Ingredients) -> dict[str, Any]:
    """Stage 1. Stores the views and ``recognition.pt``; returns the latter."""
    done = work / "recognition.pt"
    trunk_state, top_state, weight, bias = state_dict_from_lukemelas(ingredients.encoder())
    trunk, top = Trunk().eval(), Top().eval()
    trunk.load_state_dict(trunk_state)
    top.load_state_dict(top_state)
    paths = [example.image for example in examples]
    for view in range(VIEWS):
        store_view(trunk, paths, view, work / f"view{view}.npy")
    if done.exists():
        return dict(torch.load(done, weights_only=True))
    pooled = [pooled_features(top, np.load(work / f"view{view}.npy", mmap_mode="r")) for view in range(VIEWS)]
    imagenet = nn.Linear(weight.shape[1], weight.shape[0])
    imagenet.load_state_dict({"weight": weight, "bias": bias})
    vocabulary = build_vocabulary(examples)
    head_words = head_vocabulary(examples, vocabulary)
    tag_words = list(dict.fromkeys([*head_words, *IMAGENET_WORDS]))
    tags, probabilities, head = cross_fit(examples, pooled, imagenet, vocabulary, head_words, tag_words)
    state = {
        "words": vocabulary.words,
        "head_words": head_words,
        "tag_words": tag_words,
        "tags": tags,
        "probabilities": probabilities,
        "tagger": make_tagger(imagenet, head, head_words, tag_words).state_dict(),
        "word_vectors": ingredients.word_vectors(vocabulary.words),
    }
    torch.save(state, done)
    return state


def cross_fit(
    examples: Sequence[LabelledPicture],
    pooled: Sequence[Tensor],
    imagenet: nn.Linear,
    vocabulary: Vocabulary,
    head_words: Sequence[str],
    tag_words: Sequence[str],
    count: int = 10,
) -> tuple[Tensor, Tensor, nn.Linear]:
    """Tags (views, N, count) with probabilities, a training picture's from a head that did not see it; and the head."""
    targets, weights = head_targets(examples, head_words, vocabulary)
    train = torch.tensor([row for row, example in enumerate(examples) if example.split == "train"])
    fold = torch.full((len(examples),), -1)
    fold[train] = torch.randint(FOLDS, (len(train),), generator=torch.Generator().manual_seed(1))
    tokens = torch.tensor([vocabulary.index[word] for word in tag_words])
    tags = torch.zeros(len(pooled), len(examples), count, dtype=torch.long)
    probabilities = torch.zeros(len(pooled), len(examples), count)
    full = train_head(pooled, targets, weights, train)
    for number in range(-1, FOLDS):
        head = full if number < 0 else train_head(pooled, targets, weights, train[fold[train] != number])
        tagger = make_tagger(imagenet, head, head_words, tag_words)
        rows = (fold == number).nonzero()[:, 0]
        with torch.no_grad():
            for view, features in enumerate(pooled):
                seen = tagger(features[rows].float())
                tags[view, rows], probabilities[view, rows] = top_tags(seen, tokens, count, LEAST_PROBABILITY)
    return tags, probabilities, full


def new_captioner(config: DecoderConfig, ingredients: Ingredients, word_vectors: Tensor, seed: int) -> Captioner:
    """A captioner before training: the published top, and word embeddings that begin as the sentence encoder's.

    The embeddings are its vectors of the words on their first D principal axes, so that words of near meaning begin
    near each other and a word that was never seen in training still has a neighbourhood.
    """
    torch.manual_seed(seed)
    captioner = Captioner(config)
    captioner.top.load_state_dict(state_dict_from_lukemelas(ingredients.encoder())[1])
    centred = word_vectors - word_vectors.mean(0)
    axes = torch.linalg.svd(centred, full_matrices=False)[2][: config.width]
    vectors = centred @ axes.T
    with torch.no_grad():
        scaled = vectors / vectors.std() * config.width**-0.5
        captioner.decoder.embedding.weight[len(SPECIAL) :, : scaled.shape[1]] = scaled[len(SPECIAL) :]
    return captioner


def main(
    data: Path,
    work: Path,
    output: Path,
    ingredients: Ingredients,
    recipe: CaptionerRecipe | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, float]:
    """Run the whole recipe; the bundle is written to ``output``, its figures are returned.

    ``data`` holds flickr8k/, objects/ and coco_extra/. Raises FileNotFoundError where one of them is missing.
    """
    recipe = recipe or CaptionerRecipe()
    work.mkdir(parents=True, exist_ok=True)
    examples = captioning_examples(data)
    known = prepare(examples, work, ingredients)
    vocabulary = Vocabulary(known["words"])
    config = DecoderConfig(len(vocabulary), **recipe.decoder)
    views = [np.load(work / f"view{view}.npy") for view in range(VIEWS)]
    tags, probabilities = known["tags"][..., : config.tags], known["probabilities"][..., : config.tags]
    material = CaptionDataset(examples, views, tags, probabilities, vocabulary, recipe)
    captioner = new_captioner(config, ingredients, known["word_vectors"], recipe.seed)
    say(json.dumps({"recipe": asdict(recipe), "pictures": len(material.captions), "words": len(vocabulary)}))
    for stage, name in ((learn, "learnt.pt"), (reinforce, "reinforced.pt")):
        if not (work / name).exists():
            stage(captioner, material, work)
        captioner.load_state_dict(torch.load(work / name, weights_only=True))
    figures = report(captioner, material)
    export(captioner, known, ingredients, recipe, output)
    say(json.dumps({name: round(value, 4) for name, value in figures.items()}))
    return figures
