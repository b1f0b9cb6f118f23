"""Small random dual encoders with the architectures of the real ones, saved as the real ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny import spread

SIDE = 48
PATCH = 8
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": SIDE,
    "patch_size": PATCH,
}
TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
CHINESE = "一只两个红色蓝绿黑白的狗猫男女人球树车房子天空照片幅图中有特写在跑坐着。，"
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.,-'!?"


def clip_tokenizer() -> Any:
    """CLIP's, with a token for each byte and no merges."""
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*alphabet, *(letter + "</w>" for letter in alphabet), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[])


def gemma_like_tokenizer() -> Any:
    """SigLIP 2's, with a token for each letter, and the end token that it was trained with."""
    from tokenizers import processors
    from transformers import Siglip2Tokenizer

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    letters = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *ALPHABET, *ALPHABET[:26].upper()]
    tokenizer = Siglip2Tokenizer(
        vocab={piece: place for place, piece in enumerate(letters)}, merges=[], padding_side="right"
    )
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    return tokenizer


def chinese_tokenizer() -> Any:
    from transformers import BertTokenizer

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(CHINESE)]
    return BertTokenizer(vocab={piece: place for place, piece in enumerate(pieces)})


def clip(folder: Path, seed: int = 0) -> Path:
    """Save a tiny CLIP: 6 x 6 patches of a 48-pixel crop, texts of 40 tokens, vectors of 24 numbers."""
    from transformers import CLIPConfig, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = clip_tokenizer()
    text = {
        **TEXT,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 40,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    network = CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=24))
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return save(folder, network, tokenizer, processor, seed)


def chinese_clip(folder: Path, seed: int = 1) -> Path:
    """Save a tiny Chinese-CLIP."""
    from transformers import ChineseCLIPConfig, ChineseCLIPModel
    from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil

    tokenizer = chinese_tokenizer()
    text = {**TEXT, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "pad_token_id": 0}
    network = ChineseCLIPModel(ChineseCLIPConfig(text_config=text, vision_config=VISION, projection_dim=24))
    processor = ChineseCLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return save(folder, network, tokenizer, processor, seed)


def siglip_text(tokenizer: Any) -> dict[str, Any]:
    tokens = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    return {**TEXT, **tokens, "vocab_size": len(tokenizer), "max_position_embeddings": 24, "projection_size": 32}


def siglip(folder: Path, seed: int = 2) -> Path:
    """Save a tiny SigLIP with the tokenizer of SigLIP 2, as SigLIP 2 at a fixed resolution comes."""
    from transformers import SiglipConfig, SiglipModel
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    tokenizer = gemma_like_tokenizer()
    text = siglip_text(tokenizer)
    network = SiglipModel(SiglipConfig(text_config=text, vision_config=VISION))
    return save(folder, network, tokenizer, SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}), seed)


def siglip2(folder: Path, seed: int = 3) -> Path:
    """Save a tiny SigLIP 2 that keeps the picture's shape (NaFlex), with at most 36 patches."""
    from transformers import Siglip2Config, Siglip2Model
    from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

    tokenizer = gemma_like_tokenizer()
    text = siglip_text(tokenizer)
    vision = {name: value for name, value in VISION.items() if name != "image_size"}
    network = Siglip2Model(Siglip2Config(text_config=text, vision_config={**vision, "num_patches": 36}))
    return save(folder, network, tokenizer, Siglip2ImageProcessorPil(patch_size=PATCH, max_num_patches=36), seed)


def tips_tokenizer() -> Any:
    """TIPSv2's, with a token for each letter."""
    from transformers import Tipsv2Tokenizer

    pieces = ["<pad>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *ALPHABET]
    return Tipsv2Tokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[], model_max_length=24)


def tips(folder: Path, seed: int = 4) -> Path:
    """Save a tiny TIPSv2: 6 x 6 patches of a 48-pixel square, texts of 24 tokens."""
    from transformers import Tipsv2Config, Tipsv2Model

    tokenizer = tips_tokenizer()
    text = {**TEXT, "vocab_size": len(tokenizer), "max_position_embeddings": 24}
    vision = {name: value for name, value in VISION.items() if name != "intermediate_size"}
    network = Tipsv2Model(Tipsv2Config(text_config=text, vision_config={**vision, "mlp_ratio": 2}))
    return save(folder, network, tokenizer, None, seed)


def save(folder: Path, network: Any, tokenizer: Any, image_processor: Any, seed: int) -> Path:
    spread(network, seed)
    network.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if image_processor is not None:
        image_processor.save_pretrained(folder)
    return folder
