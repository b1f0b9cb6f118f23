"""The demo starts without torch, in each of the ways in which it can be started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx

from demo.ui import extras
from mmcore.settings import Settings
from tests.demo.serving import started

ROOT = Path(__file__).resolve().parents[2]

WITHOUT_TORCH = """
import os, sys, urllib.request
from demo import app

print("gradio is imported", "gradio" in sys.modules)
print("of the module", type(app.demo).__name__, app.demo is app.page())
import gradio as gr
from gradio import component_meta

launch = gr.Blocks.launch
def launched(self, **options):
    answer = launch(self, **{**options, "prevent_thread_lock": True, "quiet": True})
    status = urllib.request.urlopen(answer[1], timeout=300).status
    print("status", status, "heavy", sorted({"torch", "transformers"} & set(sys.modules)))
    return answer

gr.Blocks.launch = launched
for os.environ["MMCORE_TIER"] in ("compact", "auto"):
    app._made.cache_clear()
    app.main(host="127.0.0.1")
print("stubs by", component_meta.create_or_modify_pyi.__name__)
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "MMCORE_HOME": str(home),
        "GRADIO_TEMP_DIR": str(home / "uploads"),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def test_the_page_is_built_when_asked_for_and_up_before_torch_is_imported_whatever_the_tier(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert "gradio is imported False\n" in done.stdout, done.stdout + done.stderr
    assert "of the module Blocks True\n" in done.stdout
    assert done.stdout.count("status 200 heavy []") == 2, done.stdout + done.stderr
    assert "stubs by write_no_stubs" in done.stdout, "gradio writes stubs in another way: demo/gradio_import.py"


def test_python_m_demo_starts_from_a_checkout(address: str) -> None:
    assert httpx.get(address, timeout=300).status_code == 200


def test_fields_of_extras_are_greyed_where_those_are_missing_and_say_how_to_get_them(address: str) -> None:
    """Of a real page on this machine; the sentences, with their commands, are in test_extras.py."""
    here = {"speech": extras.can_transcribe(Settings.from_env()), "ocr": extras.can_read(Settings.from_env())}
    fields = {
        **{f"mm-{tab}-microphone": ("speech", "label") for tab in ("ask", "search", "sentiment")},
        **{name: ("ocr", "info") for name in ("mm-read-text", "mm-sentiment-read-text")},
        "mm-sound-spoken": ("speech", "info"),
        "mm-sound-transcribe": ("speech", None),
    }
    components = httpx.get(f"{address}/config", timeout=300).json()["components"]
    found = {one["props"]["elem_id"]: one["props"] for one in components if one["props"].get("elem_id") in fields}
    assert found.keys() == fields.keys()
    for name, (extra, where) in fields.items():
        assert (found[name].get("interactive") is not False) is here[extra], name
        missing = "speak_missing" if extra == "speech" else "read_text_missing"
        assert where is None or (f"ui.{missing}" in str(found[name].get(where))) is not here[extra], name


RELOADED = {
    "GRADIO_WATCH_DIRS": str(ROOT / "demo" / "models"),
    "GRADIO_WATCH_MODULE_NAME": "demo.app",
    "GRADIO_WATCH_DEMO_PATH": str(ROOT / "demo" / "app.py"),
}
"""What `gradio demo/app.py` says to the process that it starts, but for fewer folders to watch."""


def test_gradio_starts_it_from_a_checkout(tmp_path: Path) -> None:
    """As a script, which it is of a Space, too: tests/commands/test_space.py starts that."""
    with started(["demo/app.py"], environment(tmp_path, **RELOADED), errors=subprocess.STDOUT) as (url, said):
        assert httpx.get(url, timeout=300).status_code == 200
        assert "not found" not in said  # the page is where gradio's reload mode looks for it
        assert "Watching demo: demo\n" in said
