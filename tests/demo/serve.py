"""``python -m tests.demo.serve``: the real page with the fake captioner. Prints its address; serves until killed."""

from __future__ import annotations

import threading
from dataclasses import replace

from demo.app import build_demo, launch
from mmcore.settings import Settings
from mmcore.tasks import ocr, transcribe
from tests.fakes.demo import fake_pool


def main() -> None:
    for engine in (ocr, transcribe):  # the fakes stand for the extras, whether those are installed or not
        engine.unavailable = lambda settings: None  # type: ignore[attr-defined]
    settings = replace(Settings.from_env(), apart=True)
    demo = build_demo(fake_pool(settings), settings)
    _, url, _ = launch(demo, settings, prevent_thread_lock=True, quiet=True)
    print(f"serving {url}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
