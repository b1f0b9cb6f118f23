"""Every test runs offline, with its own empty MMCORE_HOME and HF_HOME, and leaves the environment as it was."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.demo.serving import Server

# Libraries read these once, when they are imported, which may be before the first fixture runs.
_SESSION_HOME = Path(tempfile.mkdtemp(prefix="mmcore-tests-"))
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SSR_MODE": "False",
    "TOKENIZERS_PARALLELISM": "false",
}
os.environ.setdefault("OMP_NUM_THREADS", "1")  # as many processes as cores run at once, and models here are small
for _name in [name for name in os.environ if name.startswith(("MMCORE_", "HF_", "GRADIO_"))]:
    del os.environ[_name]
os.environ.update(OFFLINE, HF_HOME=str(_SESSION_HOME / "hf"), MMCORE_HOME=str(_SESSION_HOME / "mmcore"))

import demo  # noqa: E402, F401  (so that gradio writes no stubs; the environment comes first)
from mmcore.settings import Settings  # noqa: E402

FIRST = ("e2e", "demo", "bundle", "commands", "recipes")
"""Folders whose files take long: the others fill what is left."""

SERVER, LAB = "server", "lab"
TOGETHER = {
    "tests/e2e/test_page.py": SERVER,
    "tests/e2e/test_ask_page.py": SERVER,
    "tests/e2e/test_audio_page.py": SERVER,
    "tests/e2e/test_retrieval_page.py": SERVER,
    "tests/e2e/test_sentiment_page.py": SERVER,
    "tests/demo/ask/test_api.py": SERVER,
    "tests/demo/audio/test_api.py": SERVER,
    "tests/demo/captioning/test_api.py": SERVER,
    "tests/demo/retrieval/test_api.py": SERVER,
    "tests/attacks/test_requests.py": SERVER,
    "tests/demo/test_programs.py": LAB,
    "tests/e2e/test_lab_page.py": LAB,
    "tests/e2e/test_lessons_page.py": LAB,
    "tests/e2e/test_classes_page.py": LAB,
    "tests/demo/test_start.py::test_python_m_demo_starts_from_a_checkout": LAB,
}
"""Files, and a test, that ask the same running demo, and so belong into one process."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For the whole suite one a core and one more, since the browser tests wait for each other's browser and server;
    one for a part of it. More would cost more than they bring: each imports torch, transformers and gradio.
    """
    whole = config.args_source is not config.ArgsSource.ARGS
    return (os.cpu_count() or 1) + 1 if whole else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return FIRST.index(folder) if folder in FIRST else len(FIRST)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Keep a file's tests in one process, and with them those that ask the same demo.

    pytest-xdist's own ``--dist loadgroup`` writes the group into the name of a test, which pytest 9.2 no longer reads.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByServer(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return TOGETHER.get(nodeid) or TOGETHER.get(file) or file

    return ByServer(config, log)


def pytest_unconfigure() -> None:
    """Remove what the session wrote."""
    shutil.rmtree(_SESSION_HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for the test: MMCORE_HOME, HF_HOME and gradio's uploads lie in the folder returned."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MMCORE_HOME", str(home / "mmcore"))
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(home / "gradio"))
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None:  # it read HF_HOME when it was imported
        monkeypatch.setattr(constants, "HF_HOME", str(home / "hf"))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hf" / "hub"))
    return home


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections leave this machine in no test: they fail at once, as on a machine without a network."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(str(address[0])):
            raise OSError(101, f"Network is unreachable (tests run offline): {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")


@pytest.fixture
def settings(isolated: Path) -> Settings:
    """Settings as a new user has them, offline, in the test's own home."""
    return Settings(home=isolated / "mmcore", offline=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[str]:
    """Path of the system's Chromium. Without one the test is skipped, but fails where CI is set."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        path = shutil.which(name)
        if path:
            yield path
            return
    reason = "there is no Chromium on this machine (Debian: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo with fake models in a process of its own, one for all tests of the group "server"."""
    from tests.demo.serving import serving

    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Of the demo with the bundled models in a process of its own, one for all tests of the group "lab"."""
    from tests.demo.serving import real_demo

    with real_demo() as url:
        yield url
