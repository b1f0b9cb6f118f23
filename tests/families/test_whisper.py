"""Whisper of transformers behind our protocol says what a direct call says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmcore import families
from mmcore.checkpoints import locate
from mmcore.checkpoints.registry import find
from mmcore.errors import WeightsError
from mmcore.families.base import Transcriber
from mmcore.results.transcribe import joined
from mmcore.settings import Settings, local_variable
from tests import sounds, tiny_whisper

NAME = "whisper-small"
SOUND = sounds.noise(3.0, 16_000, 0.3, seed=1) + sounds.tone(3.0, 500, 16_000)


def load(folder: Path) -> Any:
    settings = Settings(local={local_variable(NAME): folder}, offline=True)
    model = families.load(find(NAME), locate.locate(find(NAME), settings), "cpu", "float32")
    assert isinstance(model, Transcriber)
    return model


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model repeats itself without end, which is a matter of one test only."""
    monkeypatch.setattr("mmcore.families.whisper.REPEATING", 1e9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.whisper(tmp_path_factory.mktemp("whisper"), seed=4)


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return load(folder)


def direct(folder: Path, language: str | None, beams: int) -> tuple[str, Any, Any]:
    """Text, tokens and times of a plain transformers call."""
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    network = WhisperForConditionalGeneration.from_pretrained(folder, attn_implementation="eager").eval()
    processor = WhisperProcessor.from_pretrained(folder)
    given = processor(SOUND, sampling_rate=16_000, return_tensors="pt", return_attention_mask=True)
    known = {"language": language, "task": "transcribe"} if hasattr(network.generation_config, "lang_to_id") else {}
    output = network.generate(
        given.input_features,
        attention_mask=given.attention_mask,
        num_beams=beams,
        return_token_timestamps=True,
        return_dict_in_generate=True,
        max_length=4 + 20 + 45,
        **known,
    )
    (text,) = processor.batch_decode(output["sequences"], skip_special_tokens=True)
    return text, output["sequences"][0], output["token_timestamps"][0]


@pytest.mark.parametrize(("language", "beams"), [("en", 1), ("en", 3), (None, 2)])
def test_the_words_are_those_of_a_direct_call(folder: Path, model: Any, language: str | None, beams: int):
    heard = model.hear(SOUND, language, beams)
    text, sequence, times = direct(folder, language, beams)
    assert len(heard.words) > 10
    assert joined(heard.words).split() == text.split()
    # Every word begins where the one before it ended, inside the sound, at the times of the direct call.
    ends = [word.end for word in heard.words]
    assert ends == sorted(ends)
    assert {round(end, 3) for end in ends} <= {round(float(time), 3) for time in times}
    assert all(0 <= word.start <= word.end <= 3.0 for word in heard.words)
    assert heard.language_score == (1.0 if language else pytest.approx(heard.language_score, abs=0.999))
    # A word's score is the mean probability of its tokens, taken from a plain pass over the finished text.
    network = model.network
    features = model.extractor(SOUND, sampling_rate=16_000, return_tensors="pt")["input_features"]
    with torch.inference_mode():
        logits = network(input_features=features, decoder_input_ids=sequence[None, :-1]).logits[0]
    chances = logits.softmax(-1).gather(1, sequence[1:, None])[:, 0]
    assert heard.words[0].score == pytest.approx(float(chances[3]), rel=1e-3)


def test_the_language_is_the_one_that_transformers_detects(model: Any):
    features = model.extractor(SOUND, sampling_rate=16_000, return_tensors="pt")["input_features"]
    token = int(model.network.detect_language(features)[0])
    heard = model.hear(SOUND, None, 1)
    assert model.tokenizer.convert_ids_to_tokens(token) == f"<|{heard.language}|>"
    assert 1 / len(tiny_whisper.LANGUAGES) <= heard.language_score < 1


def test_languages_without_spaces_are_written_sign_by_sign(model: Any):
    ids = model.tokenizer("一只狗，红色的车", add_special_tokens=False)["input_ids"]
    places = list(range(4, 4 + len(ids)))
    sequence = [0, 0, 0, 0, *ids]
    times = [0.1 * place for place in range(len(sequence))]
    words = model._words(sequence, places, times, [0.0] * len(sequence), "zh", 30.0)
    assert [word.text for word in words] == ["一", "只", "狗，", "红", "色", "的", "车"]
    assert joined(words) == "一只狗，红色的车"
    english = model.tokenizer(" a dog, two cats.", add_special_tokens=False)["input_ids"]
    sequence = [0, 0, 0, 0, *english]
    words = model._words(sequence, list(range(4, len(sequence))), [0.0] * len(sequence), [0.0] * 60, "en", 30.0)
    assert [word.text for word in words] == ["a", "dog,", "two", "cats."]


def test_a_checkpoint_for_english_only_is_not_asked_for_a_language(tmp_path: Path):
    folder = tiny_whisper.whisper(tmp_path, seed=4, multilingual=False)
    heard = load(folder).hear(SOUND, None, 1)
    assert (heard.language, heard.language_score) == ("en", 1.0)
    assert joined(heard.words).split() == direct(folder, None, 1)[0].split()


def test_what_repeats_itself_or_is_no_speech_gives_no_words(folder: Path, monkeypatch: pytest.MonkeyPatch):
    model = load(folder)
    monkeypatch.setattr("mmcore.families.whisper.REPEATING", 0.5)
    heard = model.hear(SOUND, "en", 1)
    assert heard.repeating
    assert not heard.words
    monkeypatch.setattr("mmcore.families.whisper.NO_SPEECH", 0.0)
    monkeypatch.setattr("mmcore.families.whisper.UNLIKELY", 0.0)
    heard = model.hear(SOUND, "en", 1)
    assert not heard.words
    assert heard.speech_seconds == 0.0


def test_a_folder_without_what_the_times_need_is_refused(folder: Path, tmp_path: Path):
    import json
    import shutil

    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    file = broken / "generation_config.json"
    said = json.loads(file.read_text("utf-8"))
    del said["alignment_heads"]
    file.write_text(json.dumps(said), "utf-8")
    with pytest.raises(WeightsError, match="does not say alignment_heads"):
        load(broken)
