from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer, Florence2ForConditionalGeneration, Florence2Processor
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from mmcore.checkpoints.registry import find
from mmcore.errors import InputError, WeightsError
from mmcore.families.base import Grounder
from mmcore.families.florence2 import GROUNDING, GROUNDING_TOKENS, LENGTHS, TASKS
from mmcore.results import Caption, CaptionOptions
from tests import tiny
from tests.families import contract, seeing
from tests.families.contract import SOME, assert_same, texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.florence2(tmp_path_factory.mktemp("florence2"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return contract.load("florence-2-base", folder)


@pytest.fixture(scope="module")
def direct(folder: Path) -> Any:
    """Plain transformers on the same folder: (pictures, task, arguments) -> [(text, log-probability)] a picture."""
    network = Florence2ForConditionalGeneration.from_pretrained(folder).eval()
    processor = Florence2Processor(
        CLIPImageProcessorPil.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
        post_processor_config={"pure_text": {}},
    )

    def caption(pictures: Any, task: str, **arguments: Any) -> list[list[tuple[str, float]]]:
        inputs = processor(images=pictures, text=[task] * len(pictures), return_tensors="pt")
        output = network.generate(**inputs, return_dict_in_generate=True, output_logits=True, **arguments)
        found = contract.token_log_probabilities(network, output, processor.tokenizer)
        for sequence, (text, _) in zip(output.sequences, found, strict=True):
            # The model card's way to a caption; padding is what it leaves in a batch.
            raw = processor.decode(sequence, skip_special_tokens=False).replace("<pad>", "")
            assert processor.post_process_generation(raw, task=task)[task] == text
        each = len(found) // len(pictures)
        return [found[first : first + each] for first in range(0, len(found), each)]

    return caption


def test_checkpoint_lists_the_levels() -> None:
    assert find("florence-2-base").details == tuple(TASKS) == tuple(LENGTHS)


def test_checkpoint_says_that_it_grounds(model: Any) -> None:
    assert find("florence-2-base").grounds
    assert isinstance(model, Grounder)
    assert model.ground(SOME[0], Caption("", 0.0, ())) == ()


def test_tiny_captions_differ_and_end_at_different_places(model: Any) -> None:
    captions = [answer[0] for answer in model.caption(tiny.pictures(12), CaptionOptions(decoding="greedy"))]
    assert len({caption.text for caption in captions}) > 6
    assert len({len(caption.words) for caption in captions}) > 3


@pytest.mark.parametrize("detail", [None, *TASKS])
def test_greedy_equals_transformers_at_every_level(model: Any, direct: Any, detail: str | None) -> None:
    level = detail or "short"
    expected = direct(SOME, TASKS[level], num_beams=1, do_sample=False, max_new_tokens=4 * LENGTHS[level])
    answers = model.caption(SOME, CaptionOptions(decoding="greedy", detail=detail, max_words=4))
    assert_same(answers, expected)
    assert all(caption.detail == level for answer in answers for caption in answer)


UNLIKE = [
    picture
    for number, size in enumerate([(40, 90), (128, 128), (300, 50), (17, 17), (200, 260)])
    for picture in tiny.pictures(number + 1, size)[-1:]
]


@pytest.mark.parametrize("pictures", [UNLIKE[:1], UNLIKE], ids=["one", "five of unlike sizes"])
def test_any_batch_equals_transformers(model: Any, direct: Any, pictures: list[Image.Image]) -> None:
    arguments = {"num_beams": 3, "do_sample": False, "max_new_tokens": 12}
    answers = model.caption(pictures, CaptionOptions(max_words=12))
    assert_same(answers, direct(pictures, "<CAPTION>", **arguments))
    assert len({text for answer in texts(answers) for text in answer}) > len(pictures) // 2


@pytest.fixture(scope="module")
def placing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Florence-2 that writes four places behind a word, as the real one does when asked for them."""
    network, processor = tiny.florence2_network()
    processor.tokenizer.add_tokens([f"<loc_{place}>" for place in range(4)])
    network.resize_token_embeddings(len(processor.tokenizer), mean_resizing=False)
    vocabulary = processor.tokenizer.get_vocab()
    places = [vocabulary[f"<loc_{place}>"] for place in range(4)]
    words = [token for text, token in vocabulary.items() if text[0] == "\u0120" and text[1:] in tiny.WORDS]
    rising = [*((word, places[0]) for word in words), *itertools.pairwise(places)]
    network.generation_config.sequence_bias = [[list(pair), 40.0] for pair in rising]
    processor.post_processor_config = {"pure_text": {}, "phrase_grounding": {"banned_grounding_tokens": ["it"]}}
    return tiny.save_florence2(tmp_path_factory.mktemp("placing"), network, processor)


def test_boxes_equal_transformers(placing: Path) -> None:
    """As on the model card: the caption behind the task's token, and the boxes in pixels."""
    model = contract.load("florence-2-base", placing)
    network = Florence2ForConditionalGeneration.from_pretrained(placing).eval()
    processor = Florence2Processor(
        CLIPImageProcessorPil.from_pretrained(placing),
        AutoTokenizer.from_pretrained(placing),
        post_processor_config={"phrase_grounding": {"banned_grounding_tokens": ["it"]}},
    )
    found = 0
    for picture in UNLIKE:
        caption = Caption("a red dog and a green ball", 0.5, ())
        inputs = processor(images=picture, text=GROUNDING + caption.text, return_tensors="pt")
        (ids,) = network.generate(**inputs, do_sample=False, max_new_tokens=GROUNDING_TOKENS)
        written = processor.decode(ids, skip_special_tokens=False)
        expected = processor.post_process_generation(written, task=GROUNDING, image_size=picture.size)[GROUNDING]
        pairs = [
            (phrase.text, tuple(int(share * side) for share, side in zip(box, picture.size * 2, strict=True)))
            for phrase in model.ground(picture, caption)
            for box in phrase.boxes
        ]
        whole = [  # a box turned inside out is none
            (text, tuple(box))
            for text, box in zip(expected["labels"], expected["bboxes"], strict=True)
            if box[0] <= box[2] and box[1] <= box[3] and text
        ]
        assert set(pairs) <= set(whole)
        found += len(pairs)
    assert found >= 3


@pytest.mark.parametrize(
    ("written", "phrases"),
    [
        (
            "</s><s>a dog<loc_100><loc_200><loc_499><loc_999>a ball<loc_0><loc_0><loc_9><loc_9>"
            "<loc_500><loc_500><loc_600><loc_700>a dog<loc_1><loc_2><loc_3><loc_4></s>",
            {
                "a dog": [(0.1005, 0.2005, 0.4995, 0.9995), (0.0015, 0.0025, 0.0035, 0.0045)],
                "a ball": [(0.0005, 0.0005, 0.0095, 0.0095), (0.5005, 0.5005, 0.6005, 0.7005)],
            },
        ),
        ("</s><s>a dog<loc_500><loc_200><loc_100><loc_900></s>", {}),  # its right side is left of its left one
        ("</s><s>a dog and nothing else</s>", {}),
    ],
)
def test_an_answer_becomes_boxes(model: Any, written: str, phrases: dict[str, Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(type(model.tokenizer), "decode", lambda *_, **__: written)
    found = model.ground(SOME[0], Caption("a dog", 0.5, ()))
    assert [one.text for one in found] == list(phrases)
    for one in found:
        assert np.allclose(one.boxes, phrases[one.text])


def test_levels_differ(model: Any) -> None:
    found = [
        texts(model.caption(SOME, CaptionOptions(decoding="greedy", detail=detail, max_words=4))) for detail in TASKS
    ]
    assert found[0] != found[1] != found[2] != found[0]


@pytest.mark.parametrize(("beams", "captions"), [(1, 1), (3, 1), (3, 3), (2, 4)])
def test_beams_equal_transformers(model: Any, direct: Any, beams: int, captions: int) -> None:
    width = max(beams, captions)
    arguments = {"num_beams": width, "num_return_sequences": captions, "do_sample": False, "max_new_tokens": 12}
    options = CaptionOptions(num_beams=beams, num_captions=captions, max_words=12)
    assert_same(model.caption(SOME, options), direct(SOME, "<CAPTION>", **arguments))


def test_nucleus_equals_transformers_with_the_same_seed(model: Any, direct: Any) -> None:
    options = CaptionOptions(decoding="nucleus", top_p=0.8, temperature=0.7, num_captions=3, seed=5, max_words=12)
    arguments = {"top_p": 0.8, "top_k": 0, "temperature": 0.7, "num_return_sequences": 3, "max_new_tokens": 12}
    for picture in SOME:
        with torch.random.fork_rng():
            torch.manual_seed(5)
            (expected,) = direct([picture], "<CAPTION>", do_sample=True, num_beams=1, **arguments)
        (captions,) = model.caption([picture], options)
        assert sorted(caption.text for caption in captions) == sorted(text for text, _ in expected)


def test_batch_equals_single_pictures(model: Any) -> None:
    contract.check_batch(model, max_words=4, detail="detailed")


def test_words_make_the_caption_and_its_score(model: Any) -> None:
    contract.check_words(model, SOME)


def test_seed_decides_and_the_global_random_state_stays(model: Any) -> None:
    contract.check_seed(model)


def test_word_maps_are_distributions_over_the_patches(model: Any) -> None:
    contract.check_maps(model, cells=4)


def test_maps_come_from_each_words_own_step(model: Any, folder: Path) -> None:
    network = Florence2ForConditionalGeneration.from_pretrained(folder, attn_implementation="eager").eval()

    def decode(ids: torch.Tensor, states: torch.Tensor) -> Any:
        memory = BaseModelOutput(last_hidden_state=states)
        return network(encoder_outputs=memory, decoder_input_ids=ids, output_attentions=True)

    contract.check_own_step(model, decode)


def test_word_map_uses_the_question_of_the_caption_level(model: Any) -> None:
    """The same words, but the model was asked something else: the encoder's states and so the maps differ."""
    (caption,) = model.caption(SOME[:1], CaptionOptions(detail="detailed", max_words=4))[0]
    (same,) = model.caption(SOME[:1], CaptionOptions(detail="detailed", max_words=4))[0]
    object.__setattr__(same, "detail", "very detailed")
    assert abs(model.word_maps(SOME[0], caption) - model.word_maps(SOME[0], same)).max() > 1e-3


@pytest.fixture(scope="module")
def seeing_model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return contract.load("florence-2-base", seeing.florence2(tmp_path_factory.mktemp("seeing")))


@pytest.mark.parametrize("corner", seeing.CORNERS)
def test_word_map_finds_the_corner_that_holds_the_evidence(seeing_model: Any, corner: str) -> None:
    contract.check_known_answer(seeing_model, corner)


def test_unknown_level_names_the_known_ones(model: Any) -> None:
    with pytest.raises(InputError, match="offers: short, detailed, very detailed"):
        model.caption(SOME, CaptionOptions(detail="huge"))


def test_folder_as_the_hub_has_it(folder: Path, tmp_path: Path, model: Any) -> None:
    """florence-community's repositories keep the picture processor in a file of its own."""
    network, processor = tiny.florence2_network()
    tiny.save_florence2(tmp_path, network, processor)
    (tmp_path / "processor_config.json").unlink()
    processor.image_processor.save_pretrained(tmp_path)
    other = contract.load("florence-2-base", tmp_path)
    options = CaptionOptions(max_words=8)
    assert texts(other.caption(SOME, options)) == texts(model.caption(SOME, options))


@pytest.mark.parametrize("pattern", ["tokenizer*", "processor_config.json"])
def test_missing_files_are_an_error(tmp_path: Path, pattern: str) -> None:
    for path in tiny.florence2(tmp_path).glob(pattern):
        path.unlink()
    with pytest.raises(WeightsError, match="incomplete"):
        contract.load("florence-2-base", tmp_path)
