"""Show that two commits answer alike: the command line's JSON on the example files, its help, the HTTP API's schema.

python .ci/compare_outputs.py BEFORE [AFTER]     exit status 1 where they differ; AFTER is the working tree unless given
python .ci/compare_outputs.py BEFORE --keep FILE.json     write down what BEFORE answers, to be given in its place later

Byte for byte, but for the times that an answer took. Both run with this Python, so with the same libraries, on one
thread, offline. Takes some minutes for each commit.
"""

from __future__ import annotations

import argparse
import difflib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN = 40
"""Lines of a difference that are printed."""
PATIENCE = 1200
"""Seconds in which the page starts, on a machine that has much else to do."""
SHORT = 90
"""Characters of a command that are printed."""
TIMES = re.compile(r'"seconds": [0-9.e-]+')

HELP = """
import typer
from mmcore.cli import app

def walk(command, context, name):
    print("==", name)
    print(command.get_help(context))
    for part in command.params:
        print(part.name, part.opts, part.nargs, part.required, part.default)
    for child, below in getattr(command, "commands", {}).items():
        walk(below, typer.Context(below, parent=context, info_name=child), f"{name} {child}")

root = typer.main.get_command(app)
walk(root, typer.Context(root, info_name="mmcore"), "mmcore")
"""


ANSWERS = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from mmcore.cli import app

answers = []
for arguments in json.load(sys.stdin):
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as complaints:
        try:
            app(arguments)
        except SystemExit as end:
            status = end.code
    answers.append(f"{out.getvalue()}{complaints.getvalue() if status else ''}exit status {status}\\n")
print(json.dumps(answers))
"""
"""All commands in one process, which loads its libraries once."""


def main() -> int:
    """Compare, print the differences, say whether there are some."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before")
    parser.add_argument("after", nargs="?")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    before = outputs_of(given.before)
    if given.keep:
        given.keep.write_text(json.dumps(before))
        return 0
    after = outputs_of(given.after)
    differing = [name for name in before if before[name] != after[name]]
    for name in before:
        lines = before[name].count("\n")
        print(f"{'DIFFERS' if name in differing else 'the same'}  {name}: {lines} lines, {len(before[name])} bytes")
    for name in differing:
        old, new = before[name].splitlines(), after[name].splitlines()
        print(f"\n{name}")
        print("\n".join(list(difflib.unified_diff(old, new, "before", "after", lineterm="", n=0))[:SHOWN]))
    return 1 if differing else 0


def outputs_of(what: str | None) -> dict[str, str]:
    """Of a commit, of the working tree (None), or of a run that was kept."""
    if what is not None and what.endswith(".json"):
        kept: dict[str, str] = json.loads(Path(what).read_text())
        return kept
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"  # also for the working tree: paths are as long, and nothing is written into it
        copied(tree) if what is None else unpacked(what, tree)
        return dict(collected(tree, Path(folder) / "home"))


def copied(folder: Path) -> None:
    """Copy the files of the working tree."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def unpacked(commit: str, folder: Path) -> None:
    """Write the files of a commit into a folder."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")


def collected(tree: Path, home: Path) -> Iterator[tuple[str, str]]:
    """(what was asked, what was answered), all from the code in ``tree``."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MMCORE_", "GRADIO_", "HF_"))},
        **{"MMCORE_HOME": str(home), "MMCORE_OFFLINE": "1", "MMCORE_DEVICE": "cpu", "OMP_NUM_THREADS": "1"},
        **{"HF_HUB_OFFLINE": "1", "HF_HOME": str(home / "hf"), "GRADIO_TEMP_DIR": str(home / "uploads")},
        **{"COLUMNS": "120", "TERM": "dumb", "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONPATH": str(tree)},
    }

    def run(code: str, given: str = "") -> str:
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=tree, env=environment, input=given, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.replace(str(home), "HOME").replace(str(tree), "TREE")

    asked: list[list[str]] = []

    def command(*arguments: str) -> None:
        asked.append([*arguments, "--json"])

    pictures = sorted(str(path.relative_to(tree)) for path in tree.glob("assets/examples/*.*"))
    collection = sorted(str(path.relative_to(tree)) for path in tree.glob("assets/collection/*.*"))
    sounds = sorted(str(path.relative_to(tree)) for path in tree.glob("assets/sounds/*.*"))
    table = home / "posts.tsv"
    for path in (*pictures, *collection[:6]):
        (home / Path(path).name).write_bytes((tree / path).read_bytes())
    rows = [f"{said}\t{Path(path).name}" for said, path in zip(SENTENCES, pictures, strict=False)]
    rows += ["alone\t", f"\t{Path(pictures[0]).name}", "gone\tnone.jpg", "\t"]
    table.write_text("\n".join(["text\timage", *rows]))
    yield "help and parameters of every command", run(HELP)
    command("models")
    command("caption", *pictures, "README.md")
    command("caption", *pictures[:3], "--num", "3", "--decoding", "nucleus", "--seed", "7", "--max-words", "9")
    command("caption", *pictures[:2], "--decoding", "greedy", "--beams", "5")
    command("caption", pictures[0], "--detail", "short")
    command("caption", pictures[0], "--num", "99")
    command("caption", pictures[0], "--model", "compact-tagger")
    command("zero-shot", *pictures, *collection[:9], "README.md", "--labels", "a cat,a dog,a cup of coffee,flowers")
    command("zero-shot", pictures[0], "--labels", "cat", "--template", "a drawing of {}", "--model", "blip-base")
    command("index", "add", "examples", "assets/collection", "assets/examples")
    command("index", "list")
    command("index", "duplicates", "examples")
    command("search", "examples", "--text", "a dog", "--without", "grass", "--top", "50", "--cut-off", "0.3")
    command("search", "examples", "--image", pictures[0], "--text", "snow", "--name", "*e*")
    command("search", "examples", "--queries", "assets/credits.json")
    command("search", "examples", "--text", "x", "--top", "0")
    command("index", "refresh", "examples")
    command("index", "remove", "examples")
    for said in SENTENCES[:3]:
        command("sentiment", "--text", said, "--explain")
    command("sentiment", "--text", SENTENCES[0], "--image", pictures[0], "--fusion", "weighted")
    command("sentiment", "--image", pictures[1])
    command("sentiment", "--table", str(table))
    command("sentiment", "--text", "x", "--fusion", "nothing")
    command("audio", *sounds, "README.md")
    command("audio", *sounds[:4], "--top", "3", "--threshold", "0.2", "--pooling", "mean", "--hop", "0.5")
    command("audio", sounds[0], "--labels", "Dog,Speech", "--no-timeline")
    command("audio", sounds[0], "--labels", "no such label")
    answers: list[str] = json.loads(run(ANSWERS, json.dumps(asked)))
    for number, (arguments, said) in enumerate(zip(asked, answers, strict=True), 1):
        shown = " ".join(arguments)
        name = f"{number}. mmcore {shown if len(shown) < SHORT else shown[:SHORT] + '...'}"
        yield name.replace(str(home), "HOME"), TIMES.sub('"seconds": 0', said)
    yield from schema(tree, environment)


SENTENCES = (
    "What a lovely morning, could not be happier!",
    "Worst day ever, I want to cry. " * 40,
    "今天真是太糟糕了",
    "Taken at 9:40 from the same place as yesterday.",
    "So proud and so happy today!",
    "...",
)


def schema(tree: Path, environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What the page says of its HTTP API and its MCP tools."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    served = subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=tree,
        env={**environment, "GRADIO_SERVER_PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for path in ("/gradio_api/info", "/gradio_api/mcp/schema"):
            said = answer(address + path, served).replace(address, "ADDRESS")
            yield f"GET {path}", said.replace(environment["MMCORE_HOME"], "HOME").replace(str(tree), "TREE")
    finally:
        served.terminate()
        served.wait(60)


def answer(url: str, served: subprocess.Popen[bytes]) -> str:
    """What the page answers, as soon as it does. Raises RuntimeError where it does not start."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and served.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return str(response.read().decode())
        except ConnectionError:
            time.sleep(0.5)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
            time.sleep(0.5)
    raise RuntimeError(f"{url} does not answer")


if __name__ == "__main__":
    sys.exit(main())
