"""Every hub checkpoint, a repository of every known type, every fault of a hub: what an installed mmcore makes of them.

    python -m venv /tmp/fresh && /tmp/fresh/bin/pip install dist/mmcore_studio-*.whl pytest
    /tmp/fresh/bin/python .ci/hub_table.py

prints two Markdown tables and ends with status 1 where a row is not as it should be. The hub is the imitation of
tests/hub.py, filled with small random checkpoints of the real architectures; mmcore is the one that is installed (the
checkout only brings the tests), and each start is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() not in (ROOT, ROOT / ".ci")]
sys.path.append(str(ROOT))  # behind the installed packages: for tests only

import pytest  # noqa: E402
from huggingface_hub import constants  # noqa: E402

import mmcore  # noqa: E402
from mmcore.checkpoints import commits, locate, registry, repositories  # noqa: E402
from mmcore.errors import MMCoreError  # noqa: E402
from mmcore.settings import Settings  # noqa: E402
from tests.checkpoints import test_hub_end_to_end as rows  # noqa: E402
from tests.checkpoints.test_hub_faults import RECORD, WEIGHTS  # noqa: E402
from tests.hub import Hub, as_this_process_hub, imitation_hub  # noqa: E402

SCHOOL = "school"
"""Owner of the repositories that stand in no table."""


def worker(names: list[str], download: bool) -> None:
    """One start of mmcore: a JSON line for each checkpoint with what it answers, or its error."""
    settings = Settings.from_env()
    for name in names:
        start = time.perf_counter()
        try:
            checkpoint = repositories.find_checkpoint(name, settings)
            if download:
                locate.locate(checkpoint, settings, download=True)
            said = {"name": name, "answer": repr(rows.use(checkpoint, settings)), "bytes": checkpoint.bytes}
        except Exception as error:
            said = {"name": name, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps({**said, "seconds": time.perf_counter() - start}), flush=True)


def start(names: list[str], environment: dict[str, str], download: bool = False) -> subprocess.Popen[str]:
    """A process that starts mmcore anew."""
    command = [sys.executable, __file__, "--worker", *(["--download"] if download else []), *names]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=tempfile.gettempdir())


def answers(process: subprocess.Popen[str]) -> dict[str, dict[str, Any]]:
    """What it said, by checkpoint."""
    output, _ = process.communicate()
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {line["name"]: line for line in lines}


def checkpoints(work: Path) -> bool:
    """The first table."""
    folders: dict[str, Path] = {}
    for kind, make in rows.MAKERS.items():
        (work / "made" / kind).mkdir(parents=True)
        folders[kind] = make(work / "made" / kind)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MMCORE_"))},
        "HF_HOME": str(work / "hf"),
        "MMCORE_HOME": str(work / "home"),
        "MMCORE_DEVICE": "cpu",
    }
    with imitation_hub() as hub:
        kinds: dict[str, str] = {}
        for checkpoint in rows.HUB_RECORDS:
            kinds[checkpoint.name] = rows.TYPES[checkpoint.name]
            folder = folders[kinds[checkpoint.name]]
            if checkpoint.revision is not None:
                hub.publish(checkpoint.location, folder, checkpoint.revision)
            else:
                hub.publish(checkpoint.location, {"config.json": b"{}", "pytorch_model.bin": b"pickle"}, "1" * 40)
                weights = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
                hub.convert(checkpoint.location, weights, "2" * 40, 3, commits.CONVERSION_BOT)
        for kind, folder in folders.items():
            hub.publish(f"{SCHOOL}/{kind}", folder, card={"license": "mit", "language": ["en"]})
            kinds[f"hub:{SCHOOL}/{kind}"] = kind
        online = {**environment, "HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": "0"}
        first = answers(start([*kinds], online, download=True))
        hub.requests.clear()
        second = answers(start([*kinds], online))
        asked = len(hub.requests)
    offline = answers(start([*kinds], {**environment, "HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": "1"}))

    print("| checkpoint | model_type | download and use | second start | offline |\n|---|---|---|---|---|")
    good = True
    for name, kind in kinds.items():
        told = [first.get(name, {}), second.get(name, {}), offline.get(name, {})]
        same = [one.get("answer") == told[0].get("answer") is not None for one in told]
        good &= all(same)
        cells = [
            f"yes, {one['seconds']:.1f} s" if fine else str(one.get("error", "another answer"))
            for one, fine in zip(told, same, strict=True)
        ]
        print(f"| {name} | {kind} | {' | '.join(cells)} |", flush=True)
    print(f"\nRequests to the hub at the second start: {asked}\n", flush=True)
    return good and asked == 0


FAULTS: dict[str, tuple[float, str, Callable[[Hub], None]]] = {
    "slow (100 kB every 0.2 s)": (30, "", lambda hub: vars(hub).update(slow=(100_000, 0.2))),
    "cut half-way, once": (10, "", lambda hub: vars(hub).update(cut=len(WEIGHTS) // 2, cuts_left=1)),
    "cut at once, always": (30, "weights_interrupted", lambda hub: vars(hub).update(cut=0, cuts_left=10**6)),
    "no Range, cut once": (10, "", lambda hub: vars(hub).update(cut=1000, cuts_left=1, ranges=False)),
    "another size": (10, "weights_checksum", lambda hub: vars(hub).update(longer=7)),
    "another sha256": (10, "weights_checksum", lambda hub: vars(hub).update(wrong_sha256=True)),
    "401": (5, "weights_login", lambda hub: vars(hub).update(status=401, status_for="model.safetensors")),
    "401 at once": (5, "weights_login", lambda hub: vars(hub).update(status=401, status_for="/api/")),
    "404": (5, "weights_gone", lambda hub: vars(hub).update(status=404, status_for="model.safetensors")),
    "500, always": (30, "weights_interrupted", lambda hub: vars(hub).update(status=500, status_for="model.safe")),
    "429, Retry-After 1": (
        10,
        "",
        lambda hub: vars(hub).update(status=429, status_for="model.safetensors", status_left=1, retry_after="1"),
    ),
    "429, Retry-After 3600": (
        5,
        "weights_wait",
        lambda hub: vars(hub).update(status=429, status_for="model.safetensors", retry_after="3600"),
    ),
    "silence in the middle": (75, "weights_interrupted", lambda hub: vars(hub).update(pause=11.0)),
    "redirect loop": (10, "weights_interrupted", lambda hub: vars(hub).update(loop="model.safetensors")),
}
"""Fault -> (seconds at most, key of the error or "" for a verified file, how the hub is told)."""


@contextmanager
def no_answer() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of 600 kB there; False where this user may mount none."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=False)


def faults(work: Path) -> bool:
    """The second table."""
    settings = replace(Settings(), home=work / "faults-home", offline=False)
    print("| fault | ends with | seconds (at most) | as it should |\n|---|---|---|---|")
    good = True

    def row(name: str, limit: float, wanted: str, cache: Path, ask: Callable[[], Path]) -> None:
        nonlocal good
        begun = time.perf_counter()
        key, said = "", ""
        try:
            folder = ask()
            whole = (folder / "model.safetensors").read_bytes() == WEIGHTS
            said = "a verified file" if whole else "A DAMAGED FILE"
            key = "" if whole else "damaged"
        except MMCoreError as error:
            key, said = error.key, f"`{error.key}`: {error}"
        except Exception as error:
            key, said = "unexpected", f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - begun
        kept = key == "" or not list(cache.glob("models--*/snapshots/*/model.safetensors"))
        fine = key == wanted and seconds <= limit and kept
        good &= fine
        print(f"| {name} | {said} | {seconds:.1f} ({limit:g}) | {'yes' if fine else 'NO'} |", flush=True)

    def get() -> Path:
        return locate.locate(RECORD, settings, download=True)

    for number, (name, (limit, wanted, tell)) in enumerate(FAULTS.items()):
        with pytest.MonkeyPatch.context() as patch, imitation_hub() as hub:
            hub.publish(RECORD.location, {"config.json": b"{}", "model.safetensors": WEIGHTS}, str(RECORD.revision))
            as_this_process_hub(hub, patch)
            cache = work / f"cache-{number}"
            patch.setattr(constants, "HF_HUB_CACHE", str(cache))
            tell(hub)
            row(name, limit, wanted, cache, get)
    with pytest.MonkeyPatch.context() as patch, no_answer() as address:
        as_this_process_hub(Hub(address=address), patch)
        patch.setattr(constants, "HF_HUB_CACHE", str(work / "cache-silent"))
        row("no answer", 10, "weights_hub_unreachable", work / "cache-silent", get)
    with pytest.MonkeyPatch.context() as patch, imitation_hub() as hub, small_disk(work / "disk") as mounted:
        hub.publish(RECORD.location, {"config.json": b"{}", "model.safetensors": WEIGHTS}, str(RECORD.revision))
        as_this_process_hub(hub, patch)
        patch.setattr(constants, "HF_HUB_CACHE", str(work / "disk"))
        if mounted:
            row("disk full", 10, "weights_no_space", work / "disk", get)
        else:
            print("| disk full | not run: this user may not mount a small disk | | |")
    return two_at_once(work) and good


def two_at_once(work: Path) -> bool:
    """Two processes that ask for the same file at the same time: it is sent once, and both use it."""
    (work / "clip").mkdir()
    folder = rows.MAKERS["clip"](work / "clip")
    size = (folder / "model.safetensors").stat().st_size
    with imitation_hub() as hub:
        hub.publish(f"{SCHOOL}/clip", folder)
        hub.slow = (20_000, 1.0)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MMCORE_"))},
            "HF_HOME": str(work / "two"),
            "MMCORE_HOME": str(work / "two-home"),
            "MMCORE_DEVICE": "cpu",
            "HF_ENDPOINT": hub.address,
        }
        name = f"hub:{SCHOOL}/clip"
        begun = time.perf_counter()
        both = [start([name], environment, download=True) for _ in range(2)]
        told = [answers(process).get(name, {}) for process in both]
        seconds = time.perf_counter() - begun
        sent = len([given for given in hub.asked("model.safetensors") if given is None])
    same = told[0].get("answer") == told[1].get("answer") is not None
    fine = same and sent == 1
    said = "both use the one verified file" if same else str([one.get("error", one) for one in told])
    print(
        f"| two processes at once | {said}; the {size} bytes were asked for {sent} time(s) "
        f"| {seconds:.1f} | {'yes' if fine else 'NO'} |\n",
        flush=True,
    )
    return fine


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("checkpoints", "faults"))
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--download", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        worker(given.names, given.download)
        return
    print(f"mmcore {mmcore.__version__} of {Path(mmcore.__file__).parent}, python {sys.version.split()[0]}\n")
    good = True
    with tempfile.TemporaryDirectory() as work, suppress(KeyboardInterrupt):
        if given.only != "checkpoints":
            good &= faults(Path(work))
        if given.only != "faults":
            good &= checkpoints(Path(work))
    for one in registry.named():
        registry.unregister(one.name)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
