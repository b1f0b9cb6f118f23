"""The recipe of the compact captioner's Chinese decoder, over the bundled image encoder and tagger.

1. ``store_views``: what the encoder sees of every picture; ``cross_fitted``: its tags.
2. ``learn``: cross-entropy on the captions that Chinese speakers wrote, from the English decoder's layers on.
3. How much longer captions are helped in the beam search, on the dev pictures.
4. ``export``: ``chinese.safetensors`` and ``chinese.json`` beside the captioner's own files.

One thread of a processor. What is done is skipped, so a run that was cut off goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmcore.evaluation.datasets import LabelledPicture, captioning_examples
from mmcore.nets.caption_language import CaptionLanguage
from mmcore.nets.captioner import CompactCaptioner
from mmcore.nets.storage import load_weights, save_weights
from mmcore.nets.tagger import Tagger
from mmcore.recipes.captioning.chinese_dataset import ChineseDataset, ChineseRecipe, gloss_words, read_captions
from mmcore.recipes.captioning.chinese_learning import Pictures, choose_length_power, learn, new_decoder
from mmcore.recipes.captioning.chinese_views import eyes_of, store_views
from mmcore.recipes.captioning.recognition import head_targets, train_head

FOLDS = 3
HEAD_EPOCHS = 10


def captioner_in(folder: Path) -> CompactCaptioner:
    """The captioner in a folder of the bundle, ready to see."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = CompactCaptioner(config["network"])
    network.load_state_dict(load_weights(folder / "model.safetensors"))
    network.eval().fuse()
    return network


def language_config(
    network: CompactCaptioner, material: ChineseDataset, names: dict[str, str], recipe: ChineseRecipe
) -> dict[str, Any]:
    """The ``network`` part of chinese.json."""
    decoder = {**network.decoder_config.__dict__, **recipe.decoder}
    del decoder["vocabulary"]
    return {
        "decoder": decoder,
        "least_tag_probability": network.least_tag_probability,
        "tag_names": [names.get(word, "") for word in network.tag_words],
        "vocabulary": material.vocabulary.words,
    }


def witnesses(network: CompactCaptioner, material: ChineseDataset, names: dict[str, str]) -> dict[str, list[int]]:
    """Chinese word -> the places of the tagger's words that stand for it: its name, or in its gloss."""
    places: dict[str, list[int]] = {}
    for place, tag in enumerate(network.tag_words):
        places.setdefault(tag, []).append(place)
        if tag in names:
            places.setdefault(names[tag], []).append(place)
    found = {}
    for word in material.vocabulary.words:
        own = {place for known in (word, *gloss_words(word)) for place in places.get(known, ())}
        if own:
            found[word] = sorted(own)
    return found


@torch.inference_mode()
def tag_probabilities(tagger: Tagger, pooled: Tensor) -> Tensor:
    """(N, T) of pooled features (N, 1280)."""
    return torch.cat([tagger(part.float()) for part in pooled.split(256)])


def cross_fitted(network: CompactCaptioner, examples: Sequence[LabelledPicture], pooled: Tensor) -> Tensor:
    """(N, T): the bundled tagger's probabilities; of a training picture those of a word head that did not see it.

    The bundled head was trained on these pictures and knows them too well: the decoder would trust it too much.
    """
    found = tag_probabilities(network.tagger, pooled).clone()
    words = [network.tag_words[place] for place in network.tagger.head_words.tolist()]
    targets, weights = head_targets(examples, words, network.vocabulary)
    train = torch.tensor([row for row, example in enumerate(examples) if example.split == "train"])
    fold = torch.randint(FOLDS, (len(train),), generator=torch.Generator().manual_seed(1))
    for number in range(FOLDS):
        tagger = deepcopy(network.tagger)
        head = train_head([pooled], targets, weights, train[fold != number], HEAD_EPOCHS)
        tagger.word_head.load_state_dict(head.state_dict())
        rows = train[fold == number]
        found[rows] = tag_probabilities(tagger, pooled[rows])
    return found


def main(
    data: Path,
    bundle: Path,
    names_file: Path,
    work: Path,
    output: Path,
    recipe: ChineseRecipe | None = None,
    openvino: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Run the whole recipe; the files are written to ``output``, the figures are returned.

    ``data`` holds flickr8k/, flickr8k_cn/, objects/ and coco_extra/; ``bundle`` is the captioner's folder,
    ``names_file`` the Chinese names of the tagger's words. Raises FileNotFoundError where something is missing.
    """
    recipe = recipe or ChineseRecipe()
    work.mkdir(parents=True, exist_ok=True)
    network = captioner_in(bundle)
    examples = captioning_examples(data)
    names: dict[str, str] = json.loads(names_file.read_text(encoding="utf-8"))
    names = {word: names[word] for word in network.tag_words if word in names}
    material = ChineseDataset(examples, read_captions(data), names, recipe)
    if not (work / "pooled.npy").exists():
        store_views(eyes_of(network, openvino=openvino), [example.image for example in examples], work)
    config = language_config(network, material, names, recipe)
    language = CaptionLanguage(config)
    if not (work / "tags.pt").exists():
        torch.save(cross_fitted(network, examples, torch.from_numpy(np.load(work / "pooled.npy"))), work / "tags.pt")
    likely = torch.load(work / "tags.pt", weights_only=True)
    pictures = Pictures(np.load(work / "grid.npy", mmap_mode="r"), *language.tags(likely))
    decoder = new_decoder(network, material.vocabulary, recipe.seed)
    say(json.dumps({"recipe": asdict(recipe), "pictures": len(material.captions), "words": len(material.vocabulary)}))
    if not (work / "learnt.pt").exists():
        learn(decoder, pictures, material, work)
    decoder.load_state_dict(torch.load(work / "learnt.pt", weights_only=True))
    found = choose_length_power(decoder, pictures, material)
    power = max(found, key=lambda power: found[power])
    language.decoder.load_state_dict(decoder.state_dict())
    output.mkdir(parents=True, exist_ok=True)
    save_weights(language.state_dict(), output / "chinese.safetensors")
    settings = {
        "confidence_threshold": recipe.confidence_threshold,
        "length_power": power,
        "encoder": hashlib.sha256((bundle / "model.safetensors").read_bytes()).hexdigest(),
        "witnesses": witnesses(network, material, names),
        "network": config,
    }
    (output / "chinese.json").write_text(json.dumps(settings, indent=1, ensure_ascii=False), encoding="utf-8")
    return {"cider_d": found[power], "length_powers": {str(key): value for key, value in found.items()}}
