"""Try the wheel as people get it: built, installed into a new environment with nothing for development, weighed, asked.

python .ci/wheel.py [PYTHON]     the Python of the new environment; this one unless given. Exit status 1 where one fails

It needs an index of packages, not the hub. Each command of the README answers offline from the bundle, in an empty
folder, and then the page does, asked by gradio's own client.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 600
"""Seconds that one answer may take, on a machine that has much else to do."""
SHOWN = 12
"""Largest packages that are named."""
COMMANDS = (
    ("caption {picture} --json", "captions"),
    ("index add mine {folder}", ""),
    ("search mine --text dogs --top 2 --json", "matches"),
    ("zero-shot {picture} --labels dog,cat --json", "labels"),
    ("sentiment --text {text} --image {picture} --json", "scores"),
    ("audio {sound} --json", "labels"),
)
"""What is asked, and the key of its answer's first line."""
PAGE = """
import json, sys
from gradio_client import Client, handle_file
url, picture, sound = sys.argv[1:]
client = Client(url, verbose=False)
print(json.dumps([
    client.predict(handle_file(picture), api_name="/caption")["captions"],
    client.predict("What a lovely day", api_name="/sentiment")["scores"],
    client.predict(handle_file(sound), api_name="/classify_audio")["labels"],
]))
"""


def size(path: Path) -> int:
    """Bytes of a file, or of the files below a folder, without what Python compiles."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if "__pycache__" not in one.parts]
    return sum(one.lstat().st_size for one in files if not one.is_dir())


def weigh(site: Path) -> None:
    """Print what the environment weighs, and its largest packages."""
    parts = sorted(((size(one), one.name) for one in site.iterdir()), reverse=True)
    print(f"installed: {sum(weight for weight, _ in parts) / 1e6:,.0f} MB, without compiled files")
    print("  " + ", ".join(f"{name} {weight / 1e6:,.0f}" for weight, name in parts[:SHOWN]))


def healthy(port: int) -> bool:
    """Whether the page answers through its queue; an open port alone is not yet a started page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ask_page(mmcore: Path, python: Path, given: dict[str, str], environment: dict[str, str], folder: Path) -> None:
    """Start ``mmcore demo`` and ask it three times; raises CalledProcessError or RuntimeError where it fails."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = subprocess.Popen([mmcore, "demo", "--port", str(port)], cwd=folder, env=environment)
    try:
        end = time.monotonic() + PATIENCE
        while not healthy(port):
            if page.poll() is not None or time.monotonic() > end:
                raise RuntimeError("mmcore demo did not start")
            time.sleep(0.5)
        command = [python, "-c", PAGE, f"http://127.0.0.1:{port}", given["picture"], given["sound"]]
        done = subprocess.run(
            command, cwd=folder, env=environment, timeout=PATIENCE, check=True, text=True, stdout=subprocess.PIPE
        )
        answers = json.loads(done.stdout.splitlines()[-1])
        print("the page:", answers[0][0]["text"], "|", answers[1], "|", answers[2][0])
    finally:
        page.terminate()
        page.wait(60)


def main(base: str) -> int:
    """Build, install, weigh, ask; the number of answers that failed decides the exit status."""
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        quiet = ["--quiet", "--disable-pip-version-check"]
        build = [sys.executable, "-m", "pip", "wheel", *quiet, "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
        subprocess.run(build, check=True)
        (wheel,) = folder.glob("*.whl")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.0f} MB")
        subprocess.run([base, "-m", "venv", folder / "venv"], check=True)
        python, mmcore = folder / "venv/bin/python", folder / "venv/bin/mmcore"
        subprocess.run([python, "-m", "pip", "install", *quiet, "--no-compile", wheel], check=True)
        (site,) = (folder / "venv/lib").glob("python*/site-packages")
        weigh(site)
        assets = site / "mmcore_demo" / "assets"
        given = {
            "picture": str(assets / "examples/two-dogs.jpg"),
            "sound": str(next((assets / "sounds").glob("*.ogg"))),
            "folder": str(assets / "examples"),
            "text": "What a lovely day",
        }
        ours = ("MMCORE_", "HF_", "GRADIO_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment = {**kept, "MMCORE_HOME": str(folder / "home"), "MMCORE_OFFLINE": "1", "MMCORE_DEVICE": "cpu"}
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        for command, key in COMMANDS:
            words = [word.format(**given) for word in command.split()]
            done = subprocess.run(
                [mmcore, *words], cwd=elsewhere, env=environment, timeout=PATIENCE, capture_output=True, text=True
            )
            good = done.returncode == 0 and (not key or bool(json.loads(done.stdout.splitlines()[0])[key]))
            failed += not good
            shown = done.stdout.strip()[:200] if good else done.stderr
            print(f"{'ok' if good else 'FAILED'}  mmcore {command}  {shown}")
        ask_page(mmcore, python, given, environment, elsewhere)
        shutil.rmtree(folder / "venv")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or [sys.executable])))
