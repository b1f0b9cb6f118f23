from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertTokenizer, BlipForConditionalGeneration
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from mmcore.errors import InputError, WeightsError
from mmcore.results import Caption, CaptionOptions, Word
from tests import tiny
from tests.families import contract, seeing
from tests.families.contract import SOME, assert_same


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.blip(tmp_path_factory.mktemp("blip"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return contract.load("blip-base", folder)


@pytest.fixture(scope="module")
def direct(folder: Path) -> Any:
    """Plain transformers on the same folder: (pictures, arguments) -> [(text, log-probability)] a picture."""
    network = BlipForConditionalGeneration.from_pretrained(folder).eval()
    processor, tokenizer = BlipImageProcessorPil.from_pretrained(folder), BertTokenizer.from_pretrained(folder)

    def caption(pictures: Any, **arguments: Any) -> list[list[tuple[str, float]]]:
        pixels = processor(images=pictures, return_tensors="pt")["pixel_values"]
        output = network.generate(pixels, return_dict_in_generate=True, output_logits=True, **arguments)
        found = contract.token_log_probabilities(network.text_decoder, output, tokenizer)
        each = len(found) // len(pictures)
        return [found[first : first + each] for first in range(0, len(found), each)]

    caption.network = network  # type: ignore[attr-defined]
    return caption


def test_tiny_captions_differ_and_end_at_different_places(model: Any) -> None:
    captions = [answer[0] for answer in model.caption(tiny.pictures(12), CaptionOptions(decoding="greedy"))]
    assert len({caption.text for caption in captions}) > 6
    assert len({len(caption.words) for caption in captions}) > 3


@pytest.mark.parametrize("max_words", [3, 12])
def test_greedy_equals_transformers(model: Any, direct: Any, max_words: int) -> None:
    expected = direct(SOME, num_beams=1, do_sample=False, max_new_tokens=max_words)
    assert_same(model.caption(SOME, CaptionOptions(decoding="greedy", max_words=max_words)), expected)


@pytest.mark.parametrize(("beams", "captions"), [(1, 1), (3, 1), (3, 3), (5, 2), (2, 4)])
def test_beams_equal_transformers(model: Any, direct: Any, beams: int, captions: int) -> None:
    width = max(beams, captions)
    expected = direct(SOME, num_beams=width, num_return_sequences=captions, do_sample=False, max_new_tokens=12)
    options = CaptionOptions(num_beams=beams, num_captions=captions, max_words=12)
    assert_same(model.caption(SOME, options), expected)


@pytest.mark.parametrize(("top_p", "temperature"), [(0.9, 1.0), (0.5, 2.0), (1.0, 0.7)])
def test_nucleus_equals_transformers_with_the_same_seed(
    model: Any, direct: Any, top_p: float, temperature: float
) -> None:
    options = CaptionOptions(
        decoding="nucleus", top_p=top_p, temperature=temperature, num_captions=3, seed=5, max_words=12
    )
    for picture in SOME:
        with torch.random.fork_rng():
            torch.manual_seed(5)
            (expected,) = direct(
                [picture],
                do_sample=True,
                top_p=top_p,
                top_k=0,
                temperature=temperature,
                num_return_sequences=3,
                max_new_tokens=12,
            )
        (captions,) = model.caption([picture], options)
        assert sorted(caption.text for caption in captions) == sorted(text for text, _ in expected)


def test_batch_equals_single_pictures(model: Any) -> None:
    contract.check_batch(model)


def test_words_make_the_caption_and_its_score(model: Any) -> None:
    contract.check_words(model, SOME)


def test_seed_decides_and_the_global_random_state_stays(model: Any) -> None:
    contract.check_seed(model)


def test_word_maps_are_distributions_over_the_patches(model: Any) -> None:
    contract.check_maps(model, cells=6)


def test_maps_come_from_each_words_own_step(model: Any, direct: Any) -> None:
    def decode(ids: torch.Tensor, states: torch.Tensor) -> Any:
        return direct.network.text_decoder(ids, encoder_hidden_states=states, output_attentions=True)

    contract.check_own_step(model, decode)


@pytest.fixture(scope="module")
def seeing_model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return contract.load("blip-base", seeing.blip(tmp_path_factory.mktemp("seeing")))


@pytest.mark.parametrize("corner", seeing.CORNERS)
def test_word_map_finds_the_corner_that_holds_the_evidence(seeing_model: Any, corner: str) -> None:
    contract.check_known_answer(seeing_model, corner)


def test_map_of_a_word_of_several_pieces_is_one_map(model: Any) -> None:
    caption = Caption("dogs runing", 0.5, (Word("dogs", 0.5), Word("runing", 0.5)))
    assert len(model.tokenizer.tokenize(caption.text)) > 2
    assert model.word_maps(SOME[0], caption).shape == (2, 6, 6)


def test_no_picture_no_caption(model: Any) -> None:
    assert model.caption([], CaptionOptions()) == []


def test_level_of_detail_is_not_offered(model: Any) -> None:
    with pytest.raises(InputError, match=r"BLIP base does not offer detail 'short'"):
        model.caption(SOME, CaptionOptions(detail="short"))


def test_memory_is_the_size_of_the_weights(model: Any, folder: Path) -> None:
    assert model.memory() == pytest.approx((folder / "model.safetensors").stat().st_size, rel=0.1)


def test_runs_in_half_precision(folder: Path) -> None:
    from mmcore.checkpoints.registry import find
    from mmcore.families import blip

    half = blip.load(find("blip-base"), folder, "cpu", torch.bfloat16)
    (caption,) = half.caption(SOME[:1], CaptionOptions(max_words=8))[0]
    assert half.word_maps(SOME[0], caption).sum() == pytest.approx(len(caption.words), abs=1e-3)


def test_missing_weights_are_an_error_and_never_made_up(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    network = tiny.blip_network()
    tiny.blip(tmp_path, network=network)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    del tensors["vision_model.post_layernorm.weight"]
    save_file(tensors, path, {"format": "pt"})
    with pytest.raises(WeightsError, match=r"1 weights are missing .*vision_model\.post_layernorm\.weight"):
        contract.load("blip-base", tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="incomplete"):
        contract.load("blip-base", tmp_path)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("tokenizer*", "there is no tokenizer.json"), ("preprocessor_config.json", "preprocessor_config.json")],
)
def test_missing_files_are_an_error(tmp_path: Path, pattern: str, message: str) -> None:
    for path in tiny.blip(tmp_path).glob(pattern):
        path.unlink()
    with pytest.raises(WeightsError, match=f"incomplete: .*{message}"):
        contract.load("blip-base", tmp_path)
