"""Start an exported Space nearly as the hub does, and ask every endpoint: `python .ci/try_space.py [--zerogpu] WORK`.

Needs root on Linux and Python 3.12 (--python). In WORK, kept for the next time: the exported folder (root's, which the
Space cannot write), an environment from its requirements.txt and what the hub's builder adds, a HOME. The page runs
as user 1000 with 40 MB of /tmp and the Space's variables. With --zerogpu an imitation of the service that lends GPUs
answers its start-up report. Prints a line an endpoint, and leaves two pictures of the page in WORK (page.png,
models.png); exit status 1 where an endpoint does not answer. What is not the hub here: builder, network, GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
USER = 1000
with socket.socket() as found:
    found.bind(("127.0.0.1", 0))
    PORT = found.getsockname()[1]
BUILDER = ("gradio[oauth,mcp]=={gradio}", "uvicorn", "websockets", "spaces")
"""What the hub's builder installs besides requirements.txt."""
OPEN_ROOT = (
    "keep=$(mktemp -d /var/tmp/python.XXXX) && mount --bind {base} $keep && mount -t tmpfs -o mode=755 tmpfs /root && "
    "mkdir -p {base} && mount --bind $keep {base} && "
)
"""For a Python below /root, which user 1000 may not enter: this process alone sees a /root with that Python only."""
SMALL_TMP = "mount -t tmpfs -o size=40m,mode=1777 tmpfs /tmp && exec {as_user} {command}"
AS_USER = f"setpriv --reuid {USER} --regid {USER} --clear-groups"


def main() -> None:
    """Export, install, start, ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--zerogpu", action="store_true")
    parser.add_argument("--python", default="python3.12")
    asked = parser.parse_args()
    work: Path = asked.work.resolve()
    if os.geteuid() or work.is_relative_to("/tmp"):
        sys.exit("run it as root, with WORK outside /tmp, which the Space gets a small one of its own of")
    work.mkdir(parents=True, exist_ok=True)
    space, home, python = work / "space", work / "home", work / "environment" / "bin" / "python"
    shutil.rmtree(space, ignore_errors=True)
    export = [sys.executable, "-m", "mmcore", "space", "export", str(space), *(["--zerogpu"] if asked.zerogpu else [])]
    subprocess.run(export, cwd=ROOT, check=True)
    if not python.exists():
        subprocess.run([asked.python, "-m", "venv", str(work / "environment")], check=True)
    import gradio

    needed = [one.format(gradio=gradio.__version__) for one in BUILDER]
    pip = [str(python), "-m", "pip", "install", "--quiet", *needed, "-r", str(space / "requirements.txt")]
    subprocess.run(pip, check=True)
    home.mkdir(exist_ok=True)
    shutil.chown(home, USER, USER)
    with lender() as device:
        environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG", "OMP_NUM_THREADS") if name in os.environ},
            **{"HOME": str(home), "SYSTEM": "spaces", "SPACE_ID": "anna/studio", "SPACE_AUTHOR_NAME": "anna"},
            **{"SPACE_HOST": "anna-studio.hf.space", "SPACE_CREATOR_USER_ID": "17"},
            **{"OAUTH_CLIENT_ID": "id", "OAUTH_CLIENT_SECRET": "secret", "OAUTH_SCOPES": "openid profile"},
            **{"OPENID_PROVIDER_URL": "https://huggingface.co", "HF_HUB_OFFLINE": "1", "GRADIO_SERVER_NAME": "0.0.0.0"},
            **{"GRADIO_SERVER_PORT": str(PORT), "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONUNBUFFERED": "1"},
            **({"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": device.url} if asked.zerogpu else {}),
        }
        command = SMALL_TMP.format(as_user=AS_USER, command=f"{python} demo/app.py")
        base = subprocess.run(
            [str(python), "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True, check=True
        ).stdout.strip()
        if base.startswith("/root/"):
            command = OPEN_ROOT.format(base=base) + command
        with (work / "log").open("w") as log:
            process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", command],
                **{"cwd": space, "env": environment, "stdout": log, "stderr": subprocess.STDOUT},
            )
        try:
            began = time.monotonic()
            while not answers():
                if process.poll() is not None or time.monotonic() - began > 600:
                    sys.exit(f"it did not start:\n{(work / 'log').read_text()}")
                time.sleep(5)
            print(f"up after {time.monotonic() - began:.0f} s; user {USER}, {space} written by root, /tmp of 40 MB")
            done = ask_everything(f"http://127.0.0.1:{PORT}/", work)
            if asked.zerogpu:
                print(f"{'ok ' if '/startup-report' in device.asked else 'NO '} startup-report")
                done = done and "/startup-report" in device.asked
            picture(f"http://127.0.0.1:{PORT}/", work / "page.png")
            used = subprocess.run(
                ["nsenter", "-t", str(process.pid), "-m", "df", "--output=used", "-k", "/tmp"],
                **{"capture_output": True, "text": True, "check": True},
            )
            print(f"/tmp holds {used.stdout.split()[-1]} kB")
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
    sys.exit(0 if done else 1)


def answers() -> bool:
    """Whether the page is up."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=15) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ask_everything(url: str, work: Path) -> bool:
    """Ask each endpoint that the page names; whether all answered as they should."""
    from gradio_client import Client, handle_file

    cat, dog = (handle_file(str(ROOT / "assets" / path)) for path in ("examples/cat.jpg", "sounds/dog.ogg"))
    head = work / "own.safetensors"
    train(work, head)
    given: dict[str, dict[str, Any]] = {
        "/caption": {"image": cat},
        "/search": {"text": "a cat"},
        "/zero_shot": {"image": cat, "labels": "a cat, a dog"},
        "/sentiment": {"text": "what a lovely day", "image": cat},
        "/classify_audio": {"audio": dog},
        "/classify_own": {"file": cat, "head": handle_file(str(head))},
        "/ask": {"image": cat, "question": "Is there a cat?"},
        "/transcribe": {"audio": dog},
    }
    # An extra that a Space does not install: visitors are told that it cannot be done, the log says the package.
    refused = {"/transcribe": "This cannot be done on this page at the moment"}
    client = Client(url, verbose=False)
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    fine = True
    for name in named:
        missing = [one["parameter_name"] for one in named[name]["parameters"] if not one["parameter_has_default"]]
        inputs = given.get(name, dict.fromkeys(missing, "a cat"))
        try:
            said = json.dumps(client.predict(**inputs, api_name=name), ensure_ascii=False)
            good = name not in refused
        except Exception as error:
            said, good = str(error), refused.get(name, "\0") in str(error)
        fine = fine and good
        print(f"{'ok ' if good else 'NO '} {name}: {said[:110]}")
    return fine and set(given) <= set(named)


def train(work: Path, head: Path) -> None:
    """A head for two classes of one's own, out of the example pictures."""
    folder = work / "classes"
    pictures = sorted((ROOT / "assets" / "examples").glob("*.jpg"))[:8]
    for number, path in enumerate(pictures):
        to = folder / ("one", "two")[number % 2]
        to.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
    command = [sys.executable, "-m", "mmcore", "train", "fewshot", str(folder), "--out", str(head)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def picture(url: str, to: Path) -> None:
    """The page in Chromium, with the example cat captioned."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url, timeout=120_000)
        page.locator('#mm-examples img[src$="/cat.jpg"]').click(timeout=120_000)
        page.locator(".mm-overlay").first.wait_for(timeout=120_000)
        page.screenshot(path=to)
        page.get_by_role("tab", name="Models").click()
        page.locator("#mm-models-table table").first.wait_for(timeout=120_000)
        page.screenshot(path=to.with_stem("models"))
        browser.close()


class Lender(ThreadingHTTPServer):
    """An imitation of ZeroGPU's service: it lends a GPU that is not there, and keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    """Of the lender."""

    server: Lender

    def do_POST(self) -> None:
        """Yes to everything."""
        self.server.asked.append(self.path.partition("?")[0])
        content = json.dumps({"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "t"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@contextmanager
def lender() -> Iterator[Lender]:
    """A lender that answers until the block ends."""
    found = Lender()
    threading.Thread(target=found.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        found.shutdown()
        found.server_close()


if __name__ == "__main__":
    main()
