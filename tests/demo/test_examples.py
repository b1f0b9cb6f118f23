"""The example pictures: small, credited, free."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from demo import examples, i18n

FREE = {"CC0 1.0", "CC BY 2.0", "CC BY 4.0", "Public domain"}


def test_every_picture_has_a_credit_and_every_credit_a_picture() -> None:
    listed = [item.path.name for item in examples.pictures()]
    found = {path.name for path in (examples.assets() / "examples").iterdir()}
    assert len(listed) == len(set(listed))
    assert set(listed) == found
    assert len(found) >= 12


def test_credits_are_complete_and_free() -> None:
    for item in examples.pictures():
        assert item.title
        assert item.author
        assert item.source.startswith("https://")
        assert item.licence in FREE, item.licence
        assert set(item.alt) == set(i18n.LANGUAGES)
        assert all(item.alt.values())


def test_credits_say_what_was_changed() -> None:
    records = json.loads((examples.assets() / "credits.json").read_text(encoding="utf-8"))
    assert all(record["changes"] for record in records)


def test_pictures_are_small_rgb_jpegs() -> None:
    total = 0
    for item in examples.pictures():
        total += item.path.stat().st_size
        with Image.open(item.path) as picture:
            assert picture.format == "JPEG"
            assert picture.mode == "RGB"
            assert max(picture.size) <= 640
            assert not picture.getexif()
    assert total < 3_000_000


SWEEP = """
from gradio.route_utils import delete_files_created_by_app
from demo.app import build_demo
from mmcore.settings import Settings
from tests.demo.fakes import fake_pool

settings = Settings.from_env()
delete_files_created_by_app(build_demo(fake_pool(settings), settings), None)
"""


def test_the_sweep_of_old_uploads_spares_the_examples(isolated: Path) -> None:
    """They are copied into the folder of uploads when the page is built, and would be an hour old some day.

    In a process of its own, because gradio leaves an event loop open.
    """
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", SWEEP], cwd=root, check=True, timeout=120)
    left = {path.name for path in (isolated / "gradio").rglob("*.jpg")}
    assert left == {item.path.name for item in examples.pictures()}
