"""Qwen3-VL on a small random checkpoint through the real loader, compared with plain transformers calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmcore.errors import InputError
from mmcore.families import qwen_vl
from mmcore.results import Caption, CaptionOptions, Word
from tests import tiny
from tests.families import contract

NAME = "qwen3-vl-2b"
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
SOME = [*tiny.pictures(3), *tiny.pictures(1, (120, 40)), *tiny.pictures(1, (40, 150))]
"""Five of unlike sizes."""


def tokenizer() -> Any:
    """Byte-level, with a token a byte and the special ones of the checkpoint."""
    from tokenizers import pre_tokenizers
    from transformers import Qwen2Tokenizer

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return Qwen2Tokenizer(
        vocab={piece: place for place, piece in enumerate(alphabet)},
        merges=[],
        unk_token=None,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL),
    )


def save(folder: Path, seed: int = 4) -> Path:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    reader = tokenizer()
    place = reader.convert_tokens_to_ids
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(reader),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": 2048,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 4,
            "patch_size": 8,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=place("<|image_pad|>"),
        video_token_id=place("<|endoftext|>"),
        vision_start_token_id=place("<|vision_start|>"),
        vision_end_token_id=place("<|vision_end|>"),
    )
    torch.manual_seed(seed)
    network = Qwen3VLForConditionalGeneration(config).eval()
    tiny.spread(network, seed)
    network.generation_config.update(eos_token_id=[place("<|im_end|>"), place("<|endoftext|>")], do_sample=True)
    network.save_pretrained(folder)
    reader.save_pretrained(folder)
    size = {"shortest_edge": 16 * 16, "longest_edge": 64 * 64}
    Qwen2VLImageProcessorPil(patch_size=8, merge_size=2, size=size).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return contract.load(NAME, folder)


def directly(folder: Path, image: Image.Image, asked: str, **arguments: Any) -> list[str]:
    """A plain call on the same folder."""
    from transformers import Qwen3VLForConditionalGeneration
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    network = Qwen3VLForConditionalGeneration.from_pretrained(folder).eval()
    reader = tokenizer()
    seen = Qwen2VLImageProcessorPil.from_pretrained(folder)(images=[image], return_tensors="pt")
    cells = int(seen["image_grid_thw"].prod()) // 4
    text = (
        f"<|im_start|>user\n<|vision_start|>{'<|image_pad|>' * cells}<|vision_end|>{asked}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    ids = reader(text, return_tensors="pt")["input_ids"]
    types = (ids == network.config.image_token_id).int()
    out = network.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=types,
        do_sample=False,
        **seen,
        **arguments,
    )
    return [text.strip() for text in reader.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)]


@pytest.mark.parametrize("count", [1, 5])
def test_captions_equal_transformers(model: Any, folder: Path, count: int):
    pictures, asked = SOME[:count], qwen_vl.ASKED["short"]
    greedy = model.caption(pictures, CaptionOptions(decoding="greedy", max_words=12))
    assert contract.texts(greedy) == [directly(folder, one, asked, max_new_tokens=12) for one in pictures]
    beam = model.caption(pictures, CaptionOptions(num_captions=2, num_beams=3, max_words=8))
    expected = [directly(folder, one, asked, max_new_tokens=8, num_beams=3, num_return_sequences=2) for one in pictures]
    assert contract.texts(beam) == expected


def test_a_picture_gets_the_same_alone_and_in_a_batch(model: Any):
    contract.check_seed(model)
    options = CaptionOptions(decoding="nucleus", num_captions=2, max_words=8)
    together = contract.texts(model.caption(SOME, options))
    assert together == [contract.texts(model.caption([one], options))[0] for one in SOME]


def test_words_and_scores(model: Any):
    contract.check_words(model, SOME[:2])


def test_levels_ask_in_two_languages(model: Any, folder: Path):
    answers = model.caption(SOME[:1], CaptionOptions(decoding="greedy", max_words=6, detail="short, in Chinese"))
    assert (answers[0][0].detail, answers[0][0].language) == ("short, in Chinese", "zh")
    asked = CaptionOptions(decoding="greedy", max_words=6, language="zh")
    assert model.caption(SOME[:1], asked)[0][0].text == answers[0][0].text
    assert model.caption(SOME[:1], CaptionOptions(decoding="greedy", max_words=6))[0][0].language == "en"
    assert contract.texts(answers)[0] == directly(folder, SOME[0], "用一句简短的话描述这张图片。", max_new_tokens=6)
    with pytest.raises(InputError, match="very detailed"):
        model.caption(SOME[:1], CaptionOptions(detail="very detailed"))


@pytest.mark.parametrize("place", [0, 3, 4])
def test_maps_have_the_shape_of_the_picture(model: Any, place: int):
    picture = SOME[place]
    caption = Caption("a red dog", 0.5, tuple(Word(text, 0.5) for text in ("a", "red", "dog")), detail="short")
    maps = model.word_maps(picture, caption)
    assert len(maps) == 3
    assert (maps >= 0).all()
    assert np.allclose(maps.sum((1, 2)), 1, atol=1e-5)
    assert (maps.shape[2] > maps.shape[1]) == (picture.width > picture.height)
    assert not np.allclose(maps[0], maps[1], atol=1e-4)
    assert model.word_maps(picture, Caption("", 0.0, (), detail="short")).shape == (0, *maps.shape[1:])


def test_a_very_long_picture_is_read(model: Any):
    strip = Image.new("RGB", (900, 2), "red")
    assert model.caption([strip], CaptionOptions(decoding="greedy", max_words=3))


def test_runs_in_half_precision(model: Any, folder: Path):
    half = qwen_vl.load(model.checkpoint, folder, "cpu", torch.bfloat16)
    assert half.caption(SOME[:1], CaptionOptions(max_words=4))[0]
    assert half.memory() < model.memory()
