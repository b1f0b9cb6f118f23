"""Every hub checkpoint, and a repository of every type that is known: download, use, second start, offline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import constants

from mmcore.checkpoints import commits, locate, registry, repositories
from mmcore.checkpoints.registry import CHECKPOINTS, Checkpoint
from mmcore.errors import InputError, UnknownNameError, WeightsError
from mmcore.pool import ModelPool
from mmcore.results import AskOptions, AudioOptions, CaptionOptions, Post
from mmcore.settings import Settings
from mmcore.tasks.ask import ask
from mmcore.tasks.audio import classify_audio
from mmcore.tasks.captioning import caption
from mmcore.tasks.embedding import embed_images, embed_texts
from mmcore.tasks.sentiment import classify_sentiment
from mmcore.tasks.transcribe import transcribe
from tests import tiny, tiny_dual, tiny_whisper
from tests.families import test_ast, test_ced, test_clap, test_sequence_classifier, test_vlm
from tests.hub import Hub, as_this_process_hub, imitation_hub

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")

ASSETS = Path(__file__).resolve().parents[2] / "assets"
CAT = ASSETS / "examples" / "cat.jpg"
SOUND = min((ASSETS / "sounds").glob("*.ogg"), key=lambda path: path.stat().st_size)

MAKERS: dict[str, Callable[[Path], Path]] = {
    "blip": tiny.blip,
    "florence2": tiny.florence2,
    **{kind: partial(test_vlm.save, name=kind) for kind in test_vlm.KINDS},
    "clip": tiny_dual.clip,
    "siglip": tiny_dual.siglip,
    "siglip2": tiny_dual.siglip2,
    "chinese_clip": tiny_dual.chinese_clip,
    "tipsv2": tiny_dual.tips,
    "audio-spectrogram-transformer": test_ast.save,
    "ced": test_ced.save,
    "clap": test_clap.save,
    "whisper": tiny_whisper.whisper,
    "distilbert": test_sequence_classifier.save,
}
"""model_type -> what writes a small random checkpoint of it, as the library saves it."""

TYPES = {
    "blip-base": "blip",
    "florence-2-base": "florence2",
    "qwen3-vl-2b": "qwen3_vl",
    "qwen3-vl-2b-ask": "qwen3_vl",
    "smolvlm2-256m": "smolvlm",
    "whisper-small": "whisper",
    "whisper-large-v3-turbo": "whisper",
    "siglip2-base": "siglip",
    "siglip2-base-naflex": "siglip2",
    "siglip2-large": "siglip",
    "clip-vit-b-32-laion": "clip",
    "chinese-clip-base": "chinese_clip",
    "tipsv2-b14": "tipsv2",
    "ast": "audio-spectrogram-transformer",
    "ced-tiny": "ced",
    "ced-mini": "ced",
    "ced-base": "ced",
    "clap": "clap",
    "clap-large": "clap",
    "multilingual-sentiment": "distilbert",
}
"""Checkpoint of the table -> its model_type."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder of each type, made once."""
    folders: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in folders:
            folders[kind] = MAKERS[kind](tmp_path_factory.mktemp("made"))
        return folders[kind]

    return get


@pytest.fixture
def hub(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with imitation_hub() as hub:
        as_this_process_hub(hub, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(isolated / "hub"))
        yield hub


@pytest.fixture(autouse=True)
def nothing_named() -> Iterator[None]:
    yield
    for one in registry.named():
        registry.unregister(one.name)


@pytest.fixture
def online(settings: Settings) -> Settings:
    return replace(settings, offline=False, device="cpu")


def use(checkpoint: Checkpoint, settings: Settings) -> Any:
    """What the checkpoint's task says of a small input, with a pool of its own: as a process that starts."""
    pool = ModelPool(settings)
    if checkpoint.task == "captioning":
        return caption(pool, tiny.pictures(1)[0], CaptionOptions(max_words=5), checkpoint.name).captions[0].text
    if checkpoint.task == "retrieval":
        words = ["红色"] if checkpoint.languages == ("zh",) else ["a red dog"]
        vectors = embed_images(pool, tiny.pictures(2), checkpoint.name)
        return np.concatenate([vectors, embed_texts(pool, words, checkpoint.name)]).tolist()
    if checkpoint.task == "sentiment":
        return classify_sentiment(pool, Post("a dog runs"), None, checkpoint.name).scores
    if checkpoint.task == "ask":
        return ask(pool, tiny.pictures(1), "a dog?", AskOptions(max_tokens=5), model=checkpoint.name).answer
    if checkpoint.task == "transcribe":
        return transcribe(pool, SOUND, None, checkpoint.name).text
    labels = ("rain", "a dog") if checkpoint.family == "clap" else ()
    return classify_audio(pool, SOUND, AudioOptions(labels=labels, timeline=False), checkpoint.name).labels


def downloaded_used_and_offline(checkpoint: Checkpoint, hub: Hub, settings: Settings) -> None:
    assert locate.availability(checkpoint, settings).state == "download"
    with pytest.raises(WeightsError, match="mmcore download"):
        use(checkpoint, settings)
    folder = locate.locate(checkpoint, settings, download=True)
    assert not [path for path in folder.iterdir() if path.suffix in (".bin", ".py", ".pt", ".h5")]
    first = use(checkpoint, settings)
    hub.requests.clear()
    offline = replace(settings, offline=True)
    assert locate.availability(checkpoint, offline).state == "cached"
    assert use(checkpoint, offline) == first
    assert hub.requests == []


HUB_RECORDS = [one for one in CHECKPOINTS if one.source == "hub"]


@pytest.mark.parametrize("checkpoint", HUB_RECORDS, ids=lambda one: one.name)
def test_every_row_can_be_had(checkpoint: Checkpoint, hub: Hub, online: Settings, made: Callable[[str], Path]):
    folder = made(TYPES[checkpoint.name])
    weights = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    if checkpoint.revision is not None:
        hub.publish(checkpoint.location, weights, checkpoint.revision)
    else:  # pickle on main, safetensors in the bot's pull request
        hub.publish(checkpoint.location, {"config.json": b"{}", "pytorch_model.bin": b"pickle"}, "1" * 40)
        hub.convert(checkpoint.location, weights, "2" * 40, 3, commits.CONVERSION_BOT)
    downloaded_used_and_offline(checkpoint, hub, online)


@pytest.mark.parametrize("kind", MAKERS)
def test_any_repository_of_a_known_type(kind: str, hub: Hub, online: Settings, made: Callable[[str], Path]):
    hub.publish("school/their-own", made(kind), card={"license": "mit", "language": ["en", "zh"]})
    checkpoint = repositories.find_checkpoint("hub:school/their-own", online)
    assert checkpoint.task == repositories.KINDS[kind].task
    assert (checkpoint.licence, checkpoint.languages) == ("mit", ("en", "zh"))
    assert checkpoint.bytes == sum(
        path.stat().st_size
        for path in made(kind).iterdir()
        if path.suffix in (".json", ".txt", ".model", ".jinja", ".safetensors")
    )
    assert not hub.asked("model.safetensors")  # told before anything large is downloaded
    downloaded_used_and_offline(checkpoint, hub, online)

    registry.unregister(checkpoint.name)  # a process that starts
    hub.requests.clear()
    assert repositories.find_checkpoint("hub:school/their-own", replace(online, offline=True)) == checkpoint
    assert hub.requests == []


@pytest.mark.parametrize("kind", ["clip", "blip", "clap", "distilbert"])
def test_a_folder_works_the_same_way(kind: str, settings: Settings, made: Callable[[str], Path]):
    checkpoint = repositories.find_checkpoint(str(made(kind)), settings)
    assert checkpoint.source == "folder"
    assert locate.availability(checkpoint, settings).state == "local"
    assert use(checkpoint, replace(settings, device="cpu")) is not None


def test_a_commit_is_kept_to(hub: Hub, online: Settings, made: Callable[[str], Path]):
    hub.publish("school/their-own", made("clip"), "a" * 40)
    hub.publish("school/their-own", made("blip"), "b" * 40)
    hub.commits["school/their-own", "a" * 8] = "a" * 40
    old = repositories.find_checkpoint(f"hub:school/their-own@{'a' * 8}", online)
    assert (old.task, old.revision) == ("retrieval", "a" * 40)
    assert repositories.find_checkpoint("hub:school/their-own", online).task == "captioning"
    assert locate.locate(old, online, download=True).name == "a" * 40


def test_a_copy_that_others_put_into_the_cache_needs_no_network(
    hub: Hub, online: Settings, made: Callable[[str], Path]
):
    hub.publish("school/their-own", made("clip"))
    checkpoint = repositories.find_checkpoint("hub:school/their-own", online)
    locate.locate(checkpoint, online, download=True)
    shutil.rmtree(online.home)
    again = repositories.find_checkpoint("hub:school/their-own", replace(online, offline=True))
    assert (again.task, again.family, again.bytes) == (checkpoint.task, checkpoint.family, checkpoint.bytes)
    assert again.licence == "not stated"


def config(**entries: object) -> dict[str, bytes]:
    return {"config.json": json.dumps(entries).encode(), "model.safetensors": b"w", "code.py": b"import os"}


@pytest.mark.parametrize(
    ("files", "key", "part"),
    [
        (config(model_type="llama"), "hub_unknown_type", "audio-spectrogram-transformer, bert, blip"),
        (config(auto_map={"AutoModel": "code.Evil"}), "hub_unknown_type", "None"),
        (config(model_type="blip", architectures=["BlipForQuestionAnswering"]), "hub_other_head", "BlipForQuestion"),
        (config(model_type="bert", id2label={"0": "spam"}), "hub_other_classes", "spam"),
        ({"config.json": b'{"model_type": "clip"}', "pytorch_model.bin": b"p"}, "hub_no_safetensors", "safetensors"),
        ({"config.json": b"{", "model.safetensors": b"w"}, "weights_interrupted", "Expecting"),
    ],
)
def test_what_cannot_be_used_is_said(hub: Hub, online: Settings, files: dict[str, bytes], key: str, part: str):
    hub.publish("someone/odd", files)
    with pytest.raises((InputError, WeightsError), match="someone/odd") as caught:
        repositories.find_checkpoint("hub:someone/odd", online)
    assert caught.value.key == key
    assert part in str(caught.value)
    assert not hub.asked("code.py")
    assert not hub.asked("model.safetensors")


@pytest.mark.parametrize("name", ["hub:", "hub:one", "hub:a/b/c", "hub:a/b@main", "hub:../etc/passwd", "hub:a/b c"])
def test_a_name_that_is_none(name: str, settings: Settings):
    with pytest.raises(InputError) as caught:
        repositories.find_checkpoint(name, settings)
    assert caught.value.key == "hub_name"


def test_a_folder_that_is_none(settings: Settings, tmp_path: Path):
    with pytest.raises(UnknownNameError):
        repositories.find_checkpoint(str(tmp_path / "nothing"), settings)
    gone = replace(CHECKPOINTS[0], name="folder:/x", source="folder", location="/x")
    assert "not there any more" in str(locate.availability(gone, settings).problem)


def test_out_of_reach_says_so(settings: Settings):
    with pytest.raises(WeightsError) as caught:
        repositories.find_checkpoint("hub:school/their-own", settings)
    assert caught.value.key == "weights_hub_unreachable"


def test_a_list_that_cannot_be_read_counts_as_empty(settings: Settings):
    settings.home.mkdir(parents=True)
    for content in ("", "[]", '{"hub:a/b": {"name": "hub:a/b", "other": 1}}', '{"hub:a/b": {"name": "hub:a/b"}}'):
        (settings.home / "repositories.json").write_text(content)
        assert repositories.restore(settings) == ()


def test_every_kind_is_one_of_a_family():
    from mmcore.families import FAMILIES, clip

    assert {kind.family for kind in repositories.KINDS.values()} <= set(FAMILIES)
    assert set(clip.KINDS) == {name for name, kind in repositories.KINDS.items() if kind.family == "clip"}
    classifiers = {name for name, kind in repositories.KINDS.items() if kind is repositories.CLASSIFIER}
    assert set(repositories.KINDS) == set(MAKERS) | classifiers


def test_the_commands_of_the_readme(hub: Hub, made: Callable[[str], Path]):
    """Processes of their own: HF_ENDPOINT is all that differs from a person's."""
    blip = registry.find("blip-base")
    hub.publish(blip.location, made("blip"), str(blip.revision))
    hub.publish("school/their-own", made("blip"), card={"license": "mit", "language": "en"})
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": "0", "MMCORE_DEVICE": "cpu"}

    def mmcore(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mmcore", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr
        return done

    said = mmcore("download", "blip-base", "hub:school/their-own").stderr
    assert f"at {str(blip.revision)[:8]}" in said
    assert "licence mit, languages en" in said
    environment["HF_HUB_OFFLINE"] = "1"
    answer = json.loads(mmcore("caption", str(CAT), "--model", "blip-base", "--json").stdout)
    assert answer["model"] == "blip-base"
    assert answer["captions"]
