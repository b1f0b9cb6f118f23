"""Small random checkpoints with the architectures of the real ones, saved as the real ones are.

Real configuration classes with tiny sizes, real tokenizers over a small vocabulary, real processors. The weights are
larger than usual at the start of a training, so that different pictures get different captions, and the end token is
biased, so that captions end at different places.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw

NOUNS = ("dog", "cat", "man", "woman", "ball", "tree", "car", "house", "sky")
OTHERS = (
    "a",
    "an",
    "the",
    "two",
    "red",
    "blue",
    "green",
    "black",
    "white",
    "sits",
    "runs",
    "on",
    "in",
    "with",
    "and",
    "of",
)
WORDS = (*NOUNS, *OTHERS)
PIECES = ("##s", "##ing", "##ed", "##er", ",", ".", "'", "-")


def pictures(count: int, size: tuple[int, int] = (64, 48)) -> list[Image.Image]:
    """Pictures that differ: a coloured disc on a coloured ground."""
    made = []
    for index in range(count):
        picture = Image.new("RGB", size, ((37 * index) % 256, (91 * index + 40) % 256, (151 * index + 90) % 256))
        left, top = (13 * index) % (size[0] // 2), (7 * index) % (size[1] // 2)
        colour = ((211 * index + 250) % 256, (53 * index + 20) % 256, (17 * index) % 256)
        ImageDraw.Draw(picture).ellipse((left, top, left + size[0] // 2, top + size[1] // 2), fill=colour)
        made.append(picture)
    return made


def spread(network: torch.nn.Module, seed: int, words: float = 0.5, scale: float = 2.0) -> None:
    """Draw every matrix anew, ``scale`` / sqrt(inputs) wide: large enough that picture and place change the words.

    Word embeddings, which are the output layer too, stay small: else each word would call for itself again.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                width = scale / math.sqrt(parameter[0].numel())
                if "word_embeddings" in name or "shared" in name:
                    width = words
                elif "position" in name:
                    width = 2.0
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * width)


def bert_tokenizer() -> Any:
    from transformers import BertTokenizer

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return BertTokenizer(vocab={piece: index for index, piece in enumerate([*special, *WORDS, *PIECES])})


def blip_network(seed: int = 0, image_size: int = 48) -> Any:
    """A BlipForConditionalGeneration with 6 x 6 patches, width 32 and two layers on each side."""
    from transformers import BlipConfig, BlipForConditionalGeneration

    tokenizer = bert_tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = BlipConfig(
        # As in the real one: two tokens beyond the tokenizer's, of which the first begins a caption.
        text_config={
            **sizes,
            "vocab_size": len(tokenizer) + 2,
            "bos_token_id": len(tokenizer),
            "eos_token_id": tokenizer.unk_token_id,
            "sep_token_id": tokenizer.sep_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "max_position_embeddings": 80,
        },
        vision_config={**sizes, "image_size": image_size, "patch_size": 8},
    )
    network = BlipForConditionalGeneration(config).eval()
    spread(network, seed)
    with torch.no_grad():
        bias = network.text_decoder.cls.predictions.decoder.bias
        bias[tokenizer.sep_token_id] += 2.5
        for token in (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.cls_token_id, tokenizer.mask_token_id):
            bias[token] -= 8
        bias[len(tokenizer) :] -= 8
    return network


def blip(folder: Path, seed: int = 0, network: Any = None) -> Path:
    """Save a tiny BLIP (``blip_network`` unless given) with its tokenizer and processor."""
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    network = network or blip_network(seed)
    side = network.config.vision_config.image_size
    network.save_pretrained(folder)
    bert_tokenizer().save_pretrained(folder)
    BlipImageProcessorPil(size={"height": side, "width": side}).save_pretrained(folder)
    return folder


def bart_tokenizer() -> Any:
    """Byte-level BPE as BART's, learned from a few sentences; plus the image token and a few places."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BartTokenizer

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    sentences = [
        "What does the image describe?",
        "Describe in detail what is shown in the image.",
        "Describe with a paragraph what is shown in the image.",
        "A red dog sits on the green ball, and a man runs.",
        *(f"{first} {second}" for first in WORDS for second in WORDS),
    ]
    learner.train_from_iterator(sentences, trainer)
    model = json.loads(learner.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    return BartTokenizer(
        vocab=model["vocab"],
        merges=merges,
        extra_special_tokens={"image_token": "<image>"},
        additional_special_tokens=[f"<loc_{place}>" for place in range(4)],
    )


def florence2_network(seed: int = 2) -> tuple[Any, Any]:
    """A Florence-2 with 4 x 4 patches of a 128-pixel picture, width 32, two layers on each side; and its processor."""
    from transformers import BartConfig, Florence2Config, Florence2ForConditionalGeneration, Florence2Processor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.florence2.configuration_florence2 import Florence2VisionConfig

    tokenizer = bart_tokenizer()
    text = BartConfig(
        vocab_size=len(tokenizer),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=300,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
    )
    vision = Florence2VisionConfig(
        depths=(1, 1, 1, 1),
        embed_dim=(8, 8, 16, 32),
        num_heads=(2, 2, 2, 4),
        num_groups=(2, 2, 2, 4),
        window_size=4,
        projection_dim=32,
        drop_path_rate=0.0,
    )
    config = Florence2Config(text_config=text, vision_config=vision, image_token_id=tokenizer.image_token_id)
    network = Florence2ForConditionalGeneration(config).eval()
    spread(network, seed)
    with torch.no_grad():
        words = network.model.language_model.shared.weight
        # The output layer has no bias: an embedding of zeros makes a token's logit 0, far below the best word's.
        for text, token in tokenizer.get_vocab().items():
            known = text == "</s>" or text in ",.s" or (text[0] == "\u0120" and text[1:] in WORDS)
            words[token] *= 2.0 if text == "</s>" else float(known)
    # What florence-community/Florence-2-base says in generation_config.json.
    network.generation_config.update(
        bos_token_id=0,
        decoder_start_token_id=2,
        early_stopping=True,
        eos_token_id=2,
        forced_bos_token_id=0,
        forced_eos_token_id=2,
        no_repeat_ngram_size=3,
        num_beams=3,
        pad_token_id=1,
    )
    image_processor = CLIPImageProcessorPil(
        size={"height": 128, "width": 128}, crop_size={"height": 128, "width": 128}, do_center_crop=False
    )
    image_processor.image_seq_length = 17
    return network, Florence2Processor(image_processor, tokenizer, post_processor_config={"pure_text": {}})


def florence2(folder: Path, seed: int = 2) -> Path:
    """Save a tiny Florence-2 with its processor."""
    return save_florence2(folder, *florence2_network(seed))


def save_florence2(folder: Path, network: Any, processor: Any) -> Path:
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
