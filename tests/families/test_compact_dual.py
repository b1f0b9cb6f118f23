"""The compact dual encoder's family over a small random network, saved and read as the bundle is."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from mmcore import families
from mmcore.checkpoints import locate
from mmcore.checkpoints.registry import find
from mmcore.errors import InputError, WeightsError
from mmcore.families._languages import foreign_letters
from mmcore.families._resize import pixels_of
from mmcore.families.base import Calibration, Retriever
from mmcore.families.compact_dual import as_phrase
from mmcore.nets.dual_encoder import DualEncoder
from mmcore.nets.storage import load_weights, save_weights
from mmcore.settings import Settings, local_variable
from tests import tiny

NAME = "compact-retriever"
SOME = tiny.pictures(3)
TEXTS = ["a red dog", "the cat sits on a car with two women", "sky"]
CALIBRATION = {"text_mean": 0.02, "text_spread": 0.1, "image_mean": 0.1, "image_spread": 0.2}
NETWORK = {"width": 32, "layers": 2, "heads": 4, "hidden": 48, "max_length": 12}


def tokenizer() -> Tokenizer:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *tiny.WORDS, *tiny.PIECES]
    made = Tokenizer(models.WordPiece({piece: place for place, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def save(folder: Path, **more: Any) -> Path:
    torch.manual_seed(0)
    text = {**NETWORK, "vocabulary": tokenizer().get_vocab_size()}
    config = {"text": text, "heads": 8, "knowing_weight": 0.7, "typical": 30}
    network = DualEncoder(config)
    with torch.no_grad():
        network.hubness.typical.normal_()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):  # as if trained: random pictures must not come out alike
                module.weight.mul_(1.5)
        network.text.embedding.weight.mul_(3)
    folder.mkdir(exist_ok=True)
    save_weights(network.eval().state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"network": config, **more}), "utf-8")
    tokenizer().save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("retriever"), templates=["a {}", "{}"], calibration=CALIBRATION)


def load(folder: Path) -> Any:
    settings = Settings(local={local_variable(NAME): folder}, offline=True)
    model = families.load(find(NAME), locate.locate(find(NAME), settings), "cpu", "float32")
    assert isinstance(model, Retriever)
    return model


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return load(folder)


@pytest.fixture(scope="module")
def network(folder: Path) -> DualEncoder:
    """The network on its own, batch normalisation not folded."""
    made = DualEncoder(json.loads((folder / "config.json").read_text("utf-8"))["network"])
    made.load_state_dict(load_weights(folder / "model.safetensors"))
    return made.eval()


def test_vectors_equal_the_networks(model: Any, network: DualEncoder) -> None:
    with torch.inference_mode():
        expected = network.image_vectors(pixels_of(SOME)).numpy()
        words = [tokenizer().encode(TEXTS[1]).ids]
        alone = network.text_vectors(torch.tensor(words), torch.ones(1, len(words[0]))).numpy()
    np.testing.assert_allclose(model.image_vectors(SOME), expected, atol=1e-4)
    np.testing.assert_allclose(model.text_vectors(TEXTS)[1:2], alone, atol=1e-5)
    assert model.scale == pytest.approx(float(network.log_scale.detach().exp()), rel=1e-3)
    assert model.width == 33


def test_vectors_have_length_one_and_a_batch_changes_nothing(model: Any) -> None:
    for embed, items in ((model.image_vectors, SOME), (model.text_vectors, TEXTS)):
        vectors = embed(items)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(np.concatenate([embed([item]) for item in items]), vectors, atol=1e-5)
    assert (model.text_vectors(TEXTS) @ model.text_vectors(TEXTS).T - np.eye(3)).max() < 0.999


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("dog", "a dog"), (" Dog ", "a Dog"), ("car", "a car"), ("a dog", "a dog"), ("red dog", "red dog"),
        ("women", "women"), ("dogs", "dogs"), ("xylophones", "xylophones"), ("plorp", "plorp"), ("", ""), ("7", "7"),
    ],
)  # fmt: skip
def test_a_bare_noun_is_read_with_its_article(model: Any, text: str, phrase: str) -> None:
    assert as_phrase(text, model.tokenizer) == phrase
    np.testing.assert_array_equal(model.text_vectors([text]), model.text_vectors([phrase]))


def test_the_article_fits_the_word() -> None:
    known = Tokenizer(models.WordPiece({"[UNK]": 0, "apple": 1, "grass": 2}, unk_token="[UNK]"))
    assert [as_phrase(word, known) for word in ("apple", "grass")] == ["an apple", "a grass"]


def test_long_texts_are_cut_off(model: Any) -> None:
    long = "a red dog and a blue cat on the green car "
    np.testing.assert_allclose(model.text_vectors([long * 9]), model.text_vectors([long * 2]), atol=1e-6)


def test_the_map_and_what_has_no_place_sum_to_the_cosine(model: Any, network: DualEncoder) -> None:
    query = model.text_vectors(TEXTS[:1])[0]
    for picture in SOME:
        heat = model.image_map(picture, query)
        assert heat.shape == (7, 7)
        with torch.inference_mode():
            rest = network.cell_scores(pixels_of([picture]), torch.from_numpy(query)[None])[1]
        assert heat.sum() + float(rest) == pytest.approx(float(model.image_vectors([picture])[0] @ query), abs=1e-4)


def test_templates_and_calibration_come_from_the_folder(model: Any, tmp_path: Path) -> None:
    assert model.templates == ("a {}", "{}")
    assert model.calibration == Calibration(**CALIBRATION)
    plain = load(save(tmp_path))
    assert plain.calibration is None
    assert plain.templates


@pytest.mark.parametrize("text", ["一只猫", "собака на траве", "η θάλασσα", "a 猫咪在睡觉"])
def test_another_script_is_refused_with_those_that_read_it(model: Any, text: str) -> None:
    with pytest.raises(
        InputError, match=r"English only.*siglip2-base, siglip2-base-naflex, chinese-clip-base, siglip2-large"
    ) as caught:
        model.text_vectors(["a dog", text])
    assert caught.value.values["letters"] == foreign_letters(text)[:12]


@pytest.mark.parametrize("text", ["café crème", "the letter π on a wall", "5 µm", "🐶", "1234", "!?"])
def test_what_can_be_read_is_read(model: Any, text: str) -> None:
    assert model.text_vectors([text]).shape == (1, 33)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_or_broken_file_is_named(tmp_path: Path, missing: str) -> None:
    save(tmp_path)
    (tmp_path / missing).write_bytes(b"{}")
    with pytest.raises(WeightsError, match="incomplete"):
        load(tmp_path)
    (tmp_path / missing).unlink()
    if missing != "model.safetensors":  # a folder without weights is none: `weights.locate` says so
        with pytest.raises(WeightsError, match=missing):
            load(tmp_path)


def test_memory_counts_every_weight(model: Any, network: DualEncoder) -> None:
    assert model.memory() == pytest.approx(sum(4 * value.numel() for value in network.parameters()), rel=0.02)


def test_models_of_one_folder_look_through_one_network(tmp_path: Path) -> None:
    folder = save(tmp_path / "one")
    first, second = (families.load(find(NAME), folder, "cpu", "float32") for _ in range(2))
    assert first.network is second.network  # type: ignore[attr-defined]
    other = families.load(find(NAME), save(tmp_path / "two"), "cpu", "float32")
    assert other.network is not first.network  # type: ignore[attr-defined]
    left = weakref.ref(first.network)  # type: ignore[attr-defined]
    del first, second
    gc.collect()
    assert left() is None  # nobody keeps what no model uses
