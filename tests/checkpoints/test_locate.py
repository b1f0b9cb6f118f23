"""Where weights come from: override, bundle, cache, hub, url; and every way in which they do not come."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants, try_to_load_from_cache

from mmcore.checkpoints import download, locate
from mmcore.checkpoints.commits import Commit, look_up, pinned, remember, remembered
from mmcore.checkpoints.download import Reachability
from mmcore.checkpoints.hub import wanted
from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.errors import Cancelled, WeightsError
from mmcore.settings import Settings
from tests.hub import Hub, as_this_process_hub, imitation_hub
from tests.servers import black_hole, refused

REVISION = "0123456789abcdef0123456789abcdef01234567"
HUB = replace(find("blip-base"), name="tiny", location="someone/tiny", revision=REVISION, bytes=70_000)
VARIABLE = "MMCORE_LOCAL_TINY"
WEIGHTS = bytes(range(256)) * 4096
REPOSITORY = {
    "config.json": b"{}",
    "vocab.txt": b"a\nb\n",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"pickle",
    "tf_model.h5": b"h5",
    "modeling.py": b"import os",
    "onnx/config.json": b"{}",
    "README.md": b"# tiny",
}


@pytest.fixture(autouse=True)
def fresh_memory() -> None:
    download.reachability.forget()


@pytest.fixture
def online(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return replace(settings, offline=False)


@pytest.fixture
def hub(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one repository, as this process's hub."""
    with imitation_hub() as hub:
        hub.publish("someone/tiny", REPOSITORY, REVISION)
        as_this_process_hub(hub, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(isolated / "hub"))
        yield hub


@pytest.fixture
def server() -> Iterator[tuple[str, Hub]]:
    with imitation_hub() as hub:
        hub.plain["/files/tagger.pt"] = WEIGHTS
        yield hub.address, hub


def url_checkpoint(address: str) -> Checkpoint:
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    return replace(HUB, source="url", location=f"{address}/files/tagger.pt", revision=None, sha256=digest)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "RETRY_SECONDS", 0.0)


def model_folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, content in (files or {"config.json": "{}", "model.safetensors": ""}).items():
        (path / name).write_text(content)
    return path


def with_local(settings: Settings, folder: Path) -> Settings:
    return replace(settings, local={VARIABLE: folder})


# a folder of the user's own, the bundle


def test_the_users_folder_comes_first(settings: Settings, tmp_path: Path):
    folder = model_folder(tmp_path / "mine")
    mine = with_local(settings, folder)
    assert locate.locate(HUB, mine) == folder
    assert locate.is_cached(HUB, mine)
    assert locate.availability(HUB, mine).state == "local"


TWO_PARTS = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})


@pytest.mark.parametrize(
    ("files", "key", "part"),
    [
        ({"model.safetensors": ""}, "weights_incomplete", "config.json"),
        ({"config.json": "{}"}, "weights_incomplete", "model.safetensors"),
        ({"config.json": "{}", "open_clip_model.safetensors": ""}, "weights_incomplete", "model.safetensors"),
        ({"config.json": "{}", "pytorch_model.bin": ""}, "weights_unsafe", "no safetensors"),
        (
            {
                "config.json": "{}",
                "model.safetensors.index.json": TWO_PARTS,
                "model-1.safetensors": "",
            },
            "weights_incomplete",
            "model-2.safetensors",
        ),
        ({"config.json": "{}", "model.safetensors.index.json": "{"}, "weights_incomplete", "index.json"),
    ],
)
def test_a_wrong_folder_is_an_error_and_hides_nothing(
    settings: Settings, tmp_path: Path, files: dict[str, str], key: str, part: str
):
    mine = with_local(settings, model_folder(tmp_path / "mine", **files))
    with pytest.raises(WeightsError, match="tiny") as caught:
        locate.locate(HUB, mine)
    assert caught.value.key == key
    assert part in str(caught.value)
    assert not locate.is_cached(HUB, mine)
    assert locate.availability(HUB, mine).state == "broken"


def test_a_folder_that_is_not_there_names_the_variable(settings: Settings, tmp_path: Path):
    with pytest.raises(WeightsError, match=VARIABLE):
        locate.locate(HUB, with_local(settings, tmp_path / "nowhere"))


def test_the_bundle_is_inside_the_package(settings: Settings):
    checkpoint = find("compact-captioner")
    assert locate.bundled_folder(checkpoint) == Path(locate.__file__).parents[1] / "bundled" / "captioner"
    with pytest.raises(WeightsError, match="Install mmcore-studio again"):
        locate.locate(replace(checkpoint, location="nothing"), settings)


# the hub


def test_download_takes_safetensors_and_text_of_the_pinned_revision_only(hub: Hub, online: Settings):
    with pytest.raises(WeightsError, match="mmcore download tiny") as caught:
        locate.locate(HUB, online)
    assert caught.value.key == "weights_not_cached"
    assert locate.availability(HUB, online).state == "download"

    steps: list[tuple[int, int]] = []
    folder = locate.locate(HUB, online, download=True, progress=lambda done, total: steps.append((done, total)))

    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "vocab.txt"]
    assert folder.name == REVISION
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    total = 2 + 4 + len(WEIGHTS)
    assert steps[-1] == (total, total)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert not any(hub.asked(name) for name in ("pytorch_model.bin", "tf_model.h5", "modeling.py", "onnx"))
    assert hub.asked("model.safetensors") == [None]  # fetched once, from the start


def test_what_is_cached_needs_no_network_and_is_found_by_the_hubs_own_library(hub: Hub, online: Settings):
    folder = locate.locate(HUB, online, download=True)
    hub.requests.clear()
    assert locate.locate(HUB, replace(online, offline=True), download=True) == folder
    assert locate.availability(HUB, online).state == "cached"
    assert hub.requests == []
    found = try_to_load_from_cache("someone/tiny", "model.safetensors", constants.HF_HUB_CACHE, REVISION)
    assert Path(str(found)).read_bytes() == WEIGHTS


def test_another_revision_is_not_taken_for_the_pinned_one(hub: Hub, online: Settings):
    locate.locate(HUB, online, download=True)
    assert not locate.is_cached(replace(HUB, revision="f" * 40), online)


def test_a_broken_connection_goes_on_where_it_broke(hub: Hub, online: Settings):
    hub.cut, hub.cuts_left = 20_000, 2
    hub.repositories["someone/tiny"][REVISION] = {"config.json": b"", "model.safetensors": WEIGHTS}
    folder = locate.locate(HUB, online, download=True)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    asked = hub.asked("model.safetensors")
    assert len(asked) == 3
    assert asked[0] is None
    assert all(given is not None for given in asked[1:])
    assert hub.served == len(WEIGHTS)  # not a byte twice


def test_after_a_stop_the_next_download_goes_on(hub: Hub, online: Settings):
    seen: list[int] = []
    with pytest.raises(Cancelled, match=r"kB of 1 MB are here"):
        locate.locate(
            HUB,
            online,
            download=True,
            progress=lambda done, _: seen.append(done),
            cancelled=lambda: bool(seen) and seen[-1] > 1000,
        )
    assert not locate.is_cached(HUB, online)
    part = next(Path(constants.HF_HUB_CACHE).rglob("*.part"))
    have = part.stat().st_size
    assert 0 < have < len(WEIGHTS)
    folder = locate.locate(HUB, online, download=True)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.asked("model.safetensors")[-1] == f"bytes={have}-"
    assert not part.exists()


def test_a_folder_without_weights_yet_is_not_cached(hub: Hub, online: Settings):
    with pytest.raises(Cancelled):
        locate.locate(HUB, online, download=True, cancelled=lambda: bool(hub.asked("vocab.txt")))
    assert not locate.is_cached(HUB, online)


def test_a_download_with_the_wrong_sha256_is_thrown_away(hub: Hub, online: Settings):
    hub.wrong_sha256 = True
    with pytest.raises(WeightsError, match=hashlib.sha256(WEIGHTS).hexdigest()) as caught:
        locate.locate(HUB, online, download=True)
    assert caught.value.key == "weights_checksum"
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.part"))
    assert not locate.is_cached(HUB, online)


def test_a_repository_without_safetensors_is_refused(hub: Hub, online: Settings):
    del hub.repositories["someone/tiny"][REVISION]["model.safetensors"]
    with pytest.raises(WeightsError, match="someone/tiny on the hub holds no weights as safetensors") as caught:
        locate.locate(HUB, online, download=True)
    assert caught.value.key == "hub_no_safetensors"
    assert not hub.asked("pytorch_model.bin")


def test_a_revision_that_is_gone_says_so(hub: Hub, online: Settings):
    with pytest.raises(WeightsError, match=r"HTTP 404") as caught:
        locate.locate(replace(HUB, revision="a" * 40), online, download=True)
    assert caught.value.key == "weights_gone"


def test_split_weights_come_whole(hub: Hub, online: Settings):
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    hub.repositories["someone/tiny"][REVISION] = {
        "config.json": b"{}",
        "model.safetensors.index.json": json.dumps(index).encode(),
        "model-00001-of-00002.safetensors": b"one",
        "model-00002-of-00002.safetensors": b"two",
        "consolidated.safetensors": b"both",
    }
    folder = locate.locate(HUB, online, download=True)
    assert not (folder / "consolidated.safetensors").exists()
    assert (folder / "model-00002-of-00002.safetensors").read_bytes() == b"two"


def test_variants_of_the_weights_are_left_out():
    names = ["model.fp16.safetensors", "model.safetensors", "config.json", "a/model.safetensors", "x.py"]
    assert wanted(names) == ["config.json", "model.safetensors"]
    assert wanted(["open_clip_model.safetensors", "chat_template.jinja"]) == ["chat_template.jinja"]
    parts = ["model.safetensors-00001-of-00001.safetensors", "model.safetensors.index.json"]
    assert wanted(parts) == parts[::-1]


# without a pinned revision

UNPINNED = replace(HUB, revision=None)


def test_without_a_pin_main_is_looked_up_once_and_remembered(hub: Hub, online: Settings):
    assert locate.availability(UNPINNED, online).state == "download"
    folder = locate.locate(UNPINNED, online, download=True)
    assert folder.name == REVISION
    assert remembered(online) == {"someone/tiny": Commit(REVISION, "main")}

    hub.publish("someone/tiny", {"config.json": b"{}", "model.safetensors": b"newer"}, "e" * 40)
    hub.requests.clear()
    offline = replace(online, offline=True)
    assert locate.locate(UNPINNED, offline) == folder
    assert pinned(UNPINNED, offline).revision == REVISION
    assert hub.requests == []


def test_a_stopped_download_without_a_pin_goes_on_with_its_commit(hub: Hub, online: Settings):
    with pytest.raises(Cancelled):
        locate.locate(UNPINNED, online, download=True, cancelled=lambda: bool(hub.asked("vocab.txt")))
    hub.publish("someone/tiny", {"config.json": b"{}", "model.safetensors": b"newer"}, "e" * 40)
    assert locate.locate(UNPINNED, online, download=True).name == REVISION


def test_a_remembered_commit_that_is_gone_is_looked_up_again(hub: Hub, online: Settings):
    remember(UNPINNED, Commit("f" * 40), online)
    with pytest.raises(WeightsError, match="HTTP 404"):
        locate.locate(UNPINNED, online, download=True)
    assert locate.locate(UNPINNED, online, download=True).name == REVISION


def test_nothing_is_written_into_the_package(hub: Hub, online: Settings):
    package = Path(locate.__file__).parent
    before = {path: path.stat().st_mtime_ns for path in package.glob("*.*")}
    locate.locate(UNPINNED, online, download=True)
    assert {path: path.stat().st_mtime_ns for path in package.glob("*.*")} == before


@pytest.mark.parametrize("content", ["", "[]", '{"someone/tiny": {"revision": "../x"}}', '{"someone/tiny": 1}'])
def test_a_damaged_list_of_commits_counts_as_empty(settings: Settings, content: str):
    settings.home.mkdir(parents=True)
    (settings.home / "commits.json").write_text(content)
    assert remembered(settings) == {}
    remember(UNPINNED, Commit(REVISION), settings)
    assert remembered(settings) == {"someone/tiny": Commit(REVISION)}


PICKLE = {"config.json": b"{}", "pytorch_model.bin": b"pickle"}


def test_old_weights_are_taken_from_the_hubs_own_conversion(hub: Hub, online: Settings):
    hub.publish("someone/old", PICKLE, "1" * 40)
    hub.convert("someone/old", {"config.json": b"{}", "model.safetensors": b"a stranger's"}, "3" * 40, 4, "stranger")
    hub.convert("someone/old", {"config.json": b"{}", "model.safetensors": b"w"}, "2" * 40, 7, "SFconvertbot")
    old = replace(UNPINNED, location="someone/old")
    assert look_up(old) == Commit("2" * 40, "refs/pr/7")
    assert (locate.locate(old, online, download=True) / "model.safetensors").read_bytes() == b"w"


def test_a_strangers_conversion_is_not_taken(hub: Hub, online: Settings):
    hub.publish("someone/old", PICKLE, "1" * 40)
    hub.convert("someone/old", {"config.json": b"{}", "model.safetensors": b"a stranger's"}, "3" * 40, 4, "stranger")
    with pytest.raises(WeightsError) as caught:
        locate.locate(replace(UNPINNED, location="someone/old"), online, download=True)
    assert caught.value.key == "hub_no_safetensors"
    assert remembered(online) == {}


def test_without_a_revision_main_is_preferred(hub: Hub, isolated: Path, settings: Settings):
    repository = isolated / "hub" / "models--someone--tiny"
    main = model_folder(repository / "snapshots" / "main-commit")
    model_folder(repository / "snapshots" / "other-commit")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("main-commit")
    assert locate.locate(replace(HUB, revision=None), settings) == main


# out of reach


def test_offline_never_asks(hub: Hub, settings: Settings):
    with pytest.raises(WeightsError, match="offline mode is on") as caught:
        locate.locate(HUB, settings, download=True)
    assert caught.value.key == "weights_hub_unreachable"
    assert VARIABLE in str(caught.value)
    assert "mmcore download tiny" in str(caught.value)
    assert not locate.hub_reachable(settings)
    assert hub.requests == []


def test_a_refused_connection_is_out_of_reach(hub: Hub, online: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(constants, "ENDPOINT", refused())
    with pytest.raises(WeightsError, match="cannot be reached") as caught:
        locate.locate(HUB, online, download=True)
    assert caught.value.key == "weights_hub_unreachable"
    assert locate.availability(HUB, online).state == "unreachable"


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_firewall_is_out_of_reach(hub: Hub, online: Settings, status: int):
    hub.status = status
    assert locate.hub_problem(online) == f"HTTP {status}"


def test_a_mirror_without_a_front_page_is_reachable(hub: Hub, online: Settings):
    hub.status = 404
    assert locate.hub_reachable(online)


def test_a_host_that_never_answers_does_not_hang(online: Settings):
    with black_hole() as address:
        assert Reachability(limit=0.2).problem(address) == "it does not answer"


def test_a_name_that_hangs_does_not_hang_us(monkeypatch: pytest.MonkeyPatch):
    release = threading.Event()
    reachability = Reachability(limit=0.1)
    monkeypatch.setattr(reachability, "_knock", lambda address: release.wait(30) and None)
    assert reachability.problem("http://slow.example") == "it does not answer"
    release.set()


def test_the_limit_is_two_seconds_and_the_memory_a_minute():
    now = 1000.0
    asked: list[str] = []
    reachability = Reachability(clock=lambda: now)
    assert reachability._limit == 2.0
    reachability._knock = lambda address: asked.append(address)  # type: ignore[method-assign,assignment]
    assert reachability.problem("http://a") is None
    now += 59.9
    reachability.problem("http://a")
    assert asked == ["http://a"]
    reachability.problem("http://b")
    assert asked == ["http://a", "http://b"]
    now += 0.2
    reachability.problem("http://a")
    assert asked == ["http://a", "http://b", "http://a"]
    reachability.forget()
    reachability.problem("http://a")
    assert len(asked) == 4


# one file from a url


def test_url_download(server: tuple[str, Hub], online: Settings):
    address, files = server
    checkpoint = url_checkpoint(address)
    assert locate.availability(checkpoint, online).state == "download"
    folder = locate.locate(checkpoint, online, download=True)
    assert folder == online.home / "downloads" / "tiny"
    assert (folder / "tagger.pt").read_bytes() == WEIGHTS
    files.requests.clear()
    assert locate.locate(checkpoint, replace(online, offline=True)) == folder
    assert files.requests == []


def test_url_download_continues_after_a_cut(server: tuple[str, Hub], online: Settings):
    address, files = server
    files.cut, files.cuts_left = 10_000, 3
    folder = locate.locate(url_checkpoint(address), online, download=True)
    assert (folder / "tagger.pt").read_bytes() == WEIGHTS
    assert files.asked("tagger.pt") == [None, "bytes=10000-", "bytes=20000-", "bytes=30000-"]


def test_a_server_without_ranges_starts_again(server: tuple[str, Hub], online: Settings):
    address, files = server
    files.cut, files.cuts_left, files.ranges = 10_000, 1, False
    folder = locate.locate(url_checkpoint(address), online, download=True)
    assert (folder / "tagger.pt").read_bytes() == WEIGHTS


def test_a_part_of_another_file_is_thrown_away(server: tuple[str, Hub], online: Settings):
    address, _ = server
    checkpoint = url_checkpoint(address)
    part = locate.download_folder(checkpoint, online) / "tagger.pt.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * (len(WEIGHTS) + 5))
    folder = locate.locate(checkpoint, online, download=True)
    assert (folder / "tagger.pt").read_bytes() == WEIGHTS


def test_a_whole_part_is_only_checked(server: tuple[str, Hub], online: Settings):
    address, files = server
    checkpoint = url_checkpoint(address)
    part = locate.download_folder(checkpoint, online) / "tagger.pt.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(WEIGHTS)
    folder = locate.locate(checkpoint, online, download=True)
    assert (folder / "tagger.pt").read_bytes() == WEIGHTS
    assert files.served == 0


def test_wrong_sha256_of_a_url(server: tuple[str, Hub], online: Settings):
    address, _ = server
    checkpoint = replace(url_checkpoint(address), sha256="0" * 64)
    with pytest.raises(WeightsError, match="0" * 64) as caught:
        locate.locate(checkpoint, online, download=True)
    assert caught.value.key == "weights_checksum"
    folder = locate.download_folder(checkpoint, online)
    assert not (folder / "tagger.pt").exists()
    assert not (folder / "tagger.pt.part").exists()


def test_a_server_that_keeps_breaking_off_is_given_up_with_the_part_kept(server: tuple[str, Hub], online: Settings):
    address, files = server
    files.cut, files.cuts_left = 0, 100
    checkpoint = url_checkpoint(address)
    with pytest.raises(WeightsError, match="mmcore download tiny") as caught:
        locate.locate(checkpoint, online, download=True)
    assert caught.value.key == "weights_interrupted"
    assert len(files.asked("tagger.pt")) == download.ATTEMPTS


def test_a_missing_file_is_refused_at_once(server: tuple[str, Hub], online: Settings):
    address, files = server
    files.plain.clear()
    with pytest.raises(WeightsError, match="HTTP 404"):
        locate.locate(url_checkpoint(address), online, download=True)
    assert len(files.asked("tagger.pt")) == 1


def test_url_out_of_reach_names_the_host(online: Settings):
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 cannot be reached") as caught:
        locate.locate(url_checkpoint(refused()), online, download=True)
    assert caught.value.key == "weights_host_unreachable"


def test_a_full_disk_is_noticed_before_writing(
    server: tuple[str, Hub], online: Settings, monkeypatch: pytest.MonkeyPatch
):
    address, _ = server
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage(10, 9, 1000))
    with pytest.raises(WeightsError, match="1 MB more on the disk") as caught:
        locate.locate(url_checkpoint(address), online, download=True)
    assert caught.value.key == "weights_no_space"


def test_a_home_that_cannot_be_written_says_so(server: tuple[str, Hub], online: Settings, tmp_path: Path):
    address, _ = server
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match="cannot be written") as caught:
        locate.locate(url_checkpoint(address), replace(online, home=tmp_path / "file"), download=True)
    assert caught.value.key == "weights_disk"


# two processes at once

DOWNLOAD = """
import sys
from dataclasses import replace
from pathlib import Path
from mmcore.checkpoints import locate
from mmcore.checkpoints.registry import find
from mmcore.settings import Settings
source, location, revision, sha256, home = sys.argv[1:]
checkpoint = replace(find("blip-base"), name="tiny", source=source, location=location, revision=revision or None,
                     sha256=sha256 or None)
print(locate.locate(checkpoint, Settings(home=Path(home)), download=True))
"""


def two_at_once(arguments: list[str], environment: dict[str, str]) -> list[str]:
    """What two processes say that download the same at the same time."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", DOWNLOAD, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=600) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    return [out.strip() for out, _ in said]


@pytest.fixture
def environment(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "0", "HF_HOME": str(isolated / "hf"), "PYTHONPATH": str(Path.cwd())}


def test_two_processes_fetch_a_url_once(server: tuple[str, Hub], isolated: Path, environment: dict[str, str]):
    address, files = server
    files.pause = 0.5  # long enough for both to be at it
    checkpoint = url_checkpoint(address)
    arguments = ["url", checkpoint.location, "", str(checkpoint.sha256), str(isolated / "shared")]
    folders = two_at_once(arguments, environment)
    assert len(set(folders)) == 1
    assert (Path(folders[0]) / "tagger.pt").read_bytes() == WEIGHTS
    assert files.served == len(WEIGHTS)


def test_two_processes_fetch_a_repository_once(hub: Hub, isolated: Path, environment: dict[str, str]):
    environment["HF_ENDPOINT"] = constants.ENDPOINT
    hub.pause = 0.5
    folders = two_at_once(["hub", "someone/tiny", REVISION, "", str(isolated / "shared")], environment)
    assert len(set(folders)) == 1
    assert (Path(folders[0]) / "model.safetensors").read_bytes() == WEIGHTS
    assert len(hub.asked("model.safetensors")) == 1
