"""Settings come from MMCORE_* and nowhere else, and say so when one cannot be read."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mmcore.errors import InputError, UnknownNameError
from mmcore.settings import Settings, local_variable, parse_size


def test_defaults():
    settings = Settings.from_env({})
    assert settings == Settings()
    assert (settings.tier, settings.device, settings.memory_budget, settings.offline) == (
        "compact",
        "auto",
        None,
        False,
    )
    assert (settings.image_pixels, settings.image_bytes) == (50_000_000, 30_000_000)
    assert (settings.audio_seconds, settings.audio_bytes) == (1800.0, 100_000_000)
    assert (settings.text_characters, settings.labels, settings.files) == (5_000, 200, 500)
    assert settings.home.name == "mmcore"
    assert not settings.local


def test_every_setting_has_its_variable(tmp_path: Path):
    env = {
        "MMCORE_HOME": str(tmp_path),
        "MMCORE_TIER": "auto",
        "MMCORE_DEVICE": "cpu",
        "MMCORE_DTYPE": "bfloat16",
        "MMCORE_MEMORY_BUDGET": "4G",
        "MMCORE_OFFLINE": "1",
        "MMCORE_IMAGE_PIXELS": "1000",
        "MMCORE_IMAGE_BYTES": "2M",
        "MMCORE_AUDIO_SECONDS": "2.5",
        "MMCORE_AUDIO_BYTES": "3000",
        "MMCORE_VIDEO_SECONDS": "4.5",
        "MMCORE_VIDEO_BYTES": "5000",
        "MMCORE_TEXT_CHARACTERS": "10",
        "MMCORE_LABELS": "11",
        "MMCORE_FILES": "12",
        "MMCORE_INDEX": "http://localhost:6333",
        "MMCORE_INDEX_KEY": "key",
        "MMCORE_INDEX_EXACT": "2K",
        "MMCORE_SERVE": "ray",
        "SYSTEM": "spaces",
        "SPACES_ZERO_GPU": "true",
        "OAUTH_CLIENT_ID": "id",
        "SPACE_AUTHOR_NAME": "anna",
        "SPACE_CREATOR_USER_ID": "17",
        "MMCORE_PUBLIC": "0",
        "MMCORE_HOSTS": "a.example, B.example",
        "MMCORE_LOGIN": "name:password",
        "MMCORE_FETCH": "1",
        "MMCORE_LOCAL_BLIP_BASE": str(tmp_path / "blip"),
    }
    settings = Settings.from_env(env, apart=True, reduced=True, labels=5)
    values = (
        tmp_path,
        "auto",
        "cpu",
        "bfloat16",
        4 << 30,
        True,
        1000,
        2 << 20,
        2.5,
        3000,
        4.5,
        5000,
        10,
        11,
        12,
        "http://localhost:6333",
        "key",
        2048,
        "ray",
        True,
        True,
        False,
        ("anna", "17"),
        ("a.example", "b.example"),
        "name:password",
        True,
        True,  # these two have no variable: the page sets them
        True,
    )
    found = dataclasses.astuple(dataclasses.replace(settings, local={}))[:-1]
    names = [field.name for field in dataclasses.fields(Settings)][:-1]
    assert dict(zip(names, found, strict=True)) == dict(
        zip(
            (
                *("home", "tier", "device", "dtype", "memory_budget", "offline", "image_pixels", "image_bytes"),
                *("audio_seconds", "audio_bytes", "video_seconds", "video_bytes", "text_characters", "labels", "files"),
                *(
                    "index",
                    "index_key",
                    "index_exact",
                    "serve",
                    "space",
                    "zero_gpu",
                    "public",
                    "owners",
                    "hosts",
                    "login",
                ),
                *("fetch", "apart", "reduced"),
            ),
            values,
            strict=True,
        )
    )
    assert dict(settings.local) == {"MMCORE_LOCAL_BLIP_BASE": tmp_path / "blip"}


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("MMCORE_HOME", str(tmp_path / "mine"))
    assert Settings.from_env().home == tmp_path / "mine"
    assert Settings.from_env().offline, "the tests run offline"


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    settings = Settings.from_env({"MMCORE_HOME": "~/cache", "MMCORE_LOCAL_X": "~/x"})
    assert settings.home == tmp_path / "cache"
    assert settings.local["MMCORE_LOCAL_X"] == tmp_path / "x"


@pytest.mark.parametrize(
    ("value", "offline"), [("1", True), ("true", True), ("YES", True), ("on", True), ("0", False), ("false", False)]
)
@pytest.mark.parametrize("name", ["MMCORE_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline(name: str, value: str, offline: bool):
    assert Settings.from_env({name: value}).offline is offline


def test_empty_variables_are_unset():
    env = dict.fromkeys(["MMCORE_HOME", "MMCORE_TIER", "MMCORE_MEMORY_BUDGET", "MMCORE_OFFLINE", "MMCORE_LOCAL_X"], "")
    assert Settings.from_env(env) == Settings()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("0", 0), ("123", 123), ("1k", 1024), ("500M", 500 << 20), ("1.5GB", 3 << 29), ("4GiB", 4 << 30)),
        *((" 2 g ", 2 << 30), ("1T", 1 << 40), ("512B", 512)),
    ],
)
def test_parse_size(text: str, size: int):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1", "1e3", "inf", "nan", "4 apples", "G", "1GG"])
def test_parse_size_refuses(text: str):
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "MMCORE_MEMORY_BUDGET",
            "lots",
            'MMCORE_MEMORY_BUDGET is \'lots\'; it must be a size such as "500M" or "4G".',
        ),
        ("MMCORE_AUDIO_SECONDS", "-3", "MMCORE_AUDIO_SECONDS is '-3'; it must be a number above 0."),
        ("MMCORE_AUDIO_SECONDS", "nan", "MMCORE_AUDIO_SECONDS is 'nan'; it must be a number above 0."),
    ],
)
def test_a_setting_that_cannot_be_read(name: str, value: str, sentence: str):
    with pytest.raises(InputError) as caught:
        Settings.from_env({name: value})
    assert str(caught.value) == sentence


def test_unknown_tiers_and_devices_list_the_known_ones():
    with pytest.raises(UnknownNameError) as caught:
        Settings.from_env({"MMCORE_TIER": "huge"})
    assert str(caught.value) == "There is no tier called 'huge'. Known: auto, compact, large, standard."
    with pytest.raises(UnknownNameError) as caught:
        Settings(device="tpu")
    assert str(caught.value) == "There is no device called 'tpu'. Known: auto, cpu, cuda, mps, xpu."
    with pytest.raises(UnknownNameError) as caught:
        Settings.from_env({"MMCORE_DTYPE": "int8"})
    assert str(caught.value) == "There is no dtype called 'int8'. Known: auto, bfloat16, float16, float32."


def test_settings_are_frozen():
    settings = Settings.from_env({"MMCORE_LOCAL_X": "/x"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.tier = "large"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.local["MMCORE_LOCAL_Y"] = Path("/y")  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("blip-base", "MMCORE_LOCAL_BLIP_BASE"),
        ("florence-2-base", "MMCORE_LOCAL_FLORENCE_2_BASE"),
        ("a.b", "MMCORE_LOCAL_A_B"),
    ],
)
def test_local_variable(name: str, variable: str):
    assert local_variable(name) == variable


@pytest.mark.parametrize("index", ["exact", "auto", "approximate"])
def test_an_index_is_a_way_to_search(index: str):
    assert Settings.from_env({"MMCORE_INDEX": index}).index == index


@pytest.mark.parametrize("index", ["fast", "ftp://localhost:6333", "http://"])
def test_another_index_is_refused(index: str):
    with pytest.raises(
        InputError, match=r"MMCORE_INDEX is .* it must be auto, exact, approximate, or the address of a Qdrant server"
    ):
        Settings.from_env({"MMCORE_INDEX": index})


def test_another_way_to_serve_is_refused():
    with pytest.raises(InputError, match=r"MMCORE_SERVE is 'docker'; it must be \"ray\", or nothing"):
        Settings(serve="docker")


def test_only_a_space_with_oauth_has_owners():
    named = {"SYSTEM": "spaces", "SPACE_AUTHOR_NAME": "anna"}
    assert Settings.from_env(named).owners == ()
    assert Settings.from_env({**named, "OAUTH_CLIENT_ID": "id"}).owners == ("anna", "")
    assert Settings.from_env({**named, "OAUTH_CLIENT_ID": "id", "SYSTEM": ""}).owners == ()
