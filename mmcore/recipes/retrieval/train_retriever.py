"""The recipe of the compact dual encoder, from three published encoders to the bundled files.

1. Trunk features of every picture in six views (shared with the captioner's recipe), pooled ImageNet features; the
   same views summarised by a second network, EfficientNet-Lite1.
2. The sentence encoder all-MiniLM-L6-v2 with a smaller vocabulary; its vectors of all sentences are the teacher's.
3. The picture's side begins where the sentences are: a ridge regression from pooled features to sentence vectors
   (``anchor``), with the ImageNet classifier's own directions as further examples, one for each of its thousand things.
4. Contrastive learning (``contrastive.py``), which also tunes the top of the image encoder and the sentence encoder.
5. The knowing tower on stored summaries, the sentences' linear map, the typical sentences (``knowledge_tower.py``).
6. ``export``: matrices as bytes, config.json, tokenizer.json.

Two CPU cores with bf16 need about 60 minutes, 27 of them for the features. A run that was cut off goes on where it was.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from mmcore.evaluation.datasets import captioning_examples
from mmcore.evaluation.phrases import IMAGENET_WORDS
from mmcore.nets.dual_encoder import DualEncoder
from mmcore.nets.image_encoder import Top, Trunk, fuse_norms, state_dict_from_lukemelas
from mmcore.nets.image_sizes import LITE1
from mmcore.nets.storage import save_weights
from mmcore.nets.text_encoder import TextConfig, TextEncoder, state_dict_from_bert
from mmcore.recipes.captioning.recognition import pooled_features
from mmcore.recipes.pretrained import Ingredients
from mmcore.recipes.retrieval.contrastive import learn, sentence_vectors
from mmcore.recipes.retrieval.contrastive_recipe import ContrastiveRecipe
from mmcore.recipes.retrieval.knowledge_tower import (
    KnowingRecipe,
    learn_knowing,
    looking_vectors,
    store_summaries,
    typical_sentences,
)
from mmcore.recipes.retrieval.pair_dataset import THINGS, PairDataset
from mmcore.recipes.trunk_features import VIEWS, store_view
from mmcore.recipes.wordpiece import kept_pieces, pruned

TEMPLATES = ("a photo of a {}", "a picture of a {}", "a close up of a {}", "a {} in the background", "{}")
"""Sentences for zero-shot classification; the vectors of a label's sentences are averaged."""
RIDGE = 300.0
DIRECTION_SCALE = 4.0
"""A classifier's direction times this is about as long as a pooled feature vector."""
DIRECTION_WEIGHT = 3.0
TRAINING_LENGTH = 48
"""Tokens of a sentence that are read in training; at run time it is TextConfig.max_length."""


def read_posts(data: Path) -> list[str]:
    """Texts of ``mvsa_single/``, if it is there: people write otherwise on the net than about photographs."""
    file = data / "mvsa_single" / "labels.tsv"
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as lines:
        return [row["text"] for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]


@torch.no_grad()
def anchor(network: DualEncoder, pairs: PairDataset) -> None:
    """Stage 3: fill ``network.pooling.anchor`` in closed form; the attention's part begins small."""
    rows = list(pairs.sentences)
    features = pairs.pooled[0][rows].float()
    targets = torch.stack([torch.stack([pairs.taught[text] for text in pairs.sentences[row]]).mean(0) for row in rows])
    directions = F.relu(pairs.classifier[0]) * DIRECTION_SCALE
    things = torch.stack([pairs.taught[thing] for thing in THINGS])
    mean, target_mean = features.mean(0), targets.mean(0)
    inputs = torch.cat([features - mean, (directions - directions.mean(0)) * DIRECTION_WEIGHT])
    outputs = torch.cat([targets - target_mean, things - things.mean(0)])
    weight = torch.linalg.solve(inputs.T @ inputs + RIDGE * torch.eye(inputs.shape[1]), inputs.T @ outputs)
    network.pooling.anchor.weight.copy_(weight.T)
    network.pooling.anchor.bias.copy_(target_mean - mean @ weight)
    network.pooling.mix.weight.mul_(0.3)


def network_config(vocabulary: int, typical: int, recipe: ContrastiveRecipe) -> dict[str, Any]:
    """The ``network`` part of config.json; ``typical``: how many typical sentences there are."""
    return {
        "text": {"vocabulary": vocabulary},
        "heads": recipe.heads,
        "knowing_weight": KnowingRecipe().weight,
        "typical": typical,
    }


def main(
    data: Path,
    work: Path,
    output: Path,
    ingredients: Ingredients,
    recipe: ContrastiveRecipe | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Run the whole recipe and write the bundle to ``output``; ``mmcore evaluate retrieval`` measures it.

    ``data`` holds flickr8k/, objects/ and coco_extra/, and mvsa_single/ for its posts. Raises FileNotFoundError where
    one of the first three is missing.
    """
    recipe = recipe or ContrastiveRecipe()
    work.mkdir(parents=True, exist_ok=True)
    examples = captioning_examples(data)
    trunk_state, top_state, *classifier = state_dict_from_lukemelas(ingredients.encoder())
    trunk, top = Trunk().eval(), Top().eval()
    trunk.load_state_dict(trunk_state)
    top.load_state_dict(top_state)
    for view in range(VIEWS):
        store_view(trunk, [example.image for example in examples], view, work / f"view{view}.npy")
    views = [np.load(work / f"view{view}.npy", mmap_mode="r") for view in range(VIEWS)]
    pooled = _pooled(top, views, work / "pooled.pt")
    labels = sorted({label for example in examples for label in example.labels} | set(IMAGENET_WORDS))
    pairs = PairDataset(examples, views, pooled, (classifier[0], classifier[1]), read_posts(data), labels)

    bert = ingredients.sentence_encoder()
    whole = Tokenizer.from_file(str(ingredients.sentence_file("tokenizer.json")))
    whole.no_padding()
    whole.no_truncation()
    captions = [text for sentences in pairs.sentences.values() for text in sentences]
    kept = kept_pieces(whole, [*captions, *labels], pairs.posts)
    tokenizer = pruned(ingredients.sentence_file("tokenizer.json"), kept, TRAINING_LENGTH)
    teacher_config = TextConfig(whole.get_vocab_size())
    teacher = TextEncoder(teacher_config)
    teacher.load_state_dict(state_dict_from_bert(bert, torch.arange(teacher_config.vocabulary), teacher_config))
    whole.enable_truncation(TRAINING_LENGTH)
    texts = pairs.texts()
    pairs.taught = dict(zip(texts, sentence_vectors(teacher, whole, texts), strict=True))
    del teacher

    torch.manual_seed(recipe.seed)
    knowing = KnowingRecipe()
    config = network_config(len(kept), len(typical_sentences(pairs, knowing)), recipe)
    config["text"]["dropout"] = recipe.dropout
    network = DualEncoder(config)
    network.trunk.load_state_dict(trunk_state)
    network.top.load_state_dict(top_state)
    knowing_trunk, knowing_top, *knowing_classifier = state_dict_from_lukemelas(ingredients.second_encoder(), LITE1)
    network.knowing_trunk.load_state_dict(knowing_trunk)
    network.knowing_top.load_state_dict(knowing_top)
    network.text.load_state_dict(state_dict_from_bert(bert, torch.tensor(kept), network.text.config))
    anchor(network, pairs)
    torch.nn.init.constant_(network.log_scale, math.log(1 / recipe.temperature))
    say(json.dumps({"recipe": asdict(recipe), "pictures": len(pairs.sentences), "pieces": len(kept)}))
    if not (work / "contrasted.pt").exists():
        learn(network, pairs, tokenizer, recipe, work)
    network.load_state_dict(torch.load(work / "contrasted.pt", weights_only=True))
    sentences = list(dict.fromkeys([*(text for own in pairs.sentences.values() for text in own), *THINGS]))
    vectors = dict(zip(sentences, sentence_vectors(network.text, tokenizer, sentences), strict=True))
    network.eval()
    paths = [example.image for example in examples]
    second = (fuse_norms(deepcopy(network.knowing_trunk)), fuse_norms(deepcopy(network.knowing_top)))
    seen = [store_summaries(*second, paths, view, work / f"summary{view}.pt") for view in range(VIEWS)]
    looked = looking_vectors(network, views[0])
    second_classifier = (knowing_classifier[0], knowing_classifier[1])
    learn_knowing(network, seen, second_classifier, looked, vectors, pairs, knowing)
    export(network, tokenizer, recipe, output)


def _pooled(top: Top, views: Sequence[np.ndarray], file: Path) -> list[Tensor]:
    if not file.exists():
        torch.save([pooled_features(top, view) for view in views], file)
    return list(torch.load(file, weights_only=True))


def export(network: DualEncoder, tokenizer: Tokenizer, recipe: ContrastiveRecipe, output: Path) -> None:
    """Write model.safetensors (matrices as bytes), config.json and tokenizer.json."""
    output.mkdir(parents=True, exist_ok=True)
    config = network_config(network.text.config.vocabulary, len(network.hubness.typical), recipe)
    save_weights(network.state_dict(), output / "model.safetensors")
    tokenizer.enable_truncation(network.text.config.max_length)
    tokenizer.save(str(output / "tokenizer.json"), pretty=False)
    (output / "config.json").write_text(
        json.dumps({"network": config, "templates": TEMPLATES, "recipe": asdict(recipe)}, indent=1) + "\n",
        encoding="utf-8",
    )
