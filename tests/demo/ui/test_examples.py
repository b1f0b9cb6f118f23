"""The example pictures and sounds: small, credited, free."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import soundfile
from PIL import Image

from demo.sentiment import sample_posts
from demo.ui import examples, i18n

FREE = {
    *("Public domain", "CC0 1.0", "MIT"),
    *("CC BY 1.0", "CC BY 2.0", "CC BY 3.0", "CC BY 4.0"),
    *("CC BY-SA 2.0", "CC BY-SA 3.0", "CC BY-SA 4.0"),
}
OURS = "made for this project"


def test_every_picture_has_a_credit_and_every_credit_a_picture() -> None:
    listed = [item.path.name for item in examples.pictures()]
    found = {path.name for path in (examples.assets() / "examples").iterdir()}
    assert len(listed) == len(set(listed))
    assert set(listed) == found
    assert len(found) >= 12


def test_the_collection_is_large_and_credited() -> None:
    listed = [item.path for item in examples.collection()]
    found = {path for name in ("collection", "examples") for path in (examples.assets() / name).iterdir()}
    assert len(listed) == len(set(listed)) >= 60
    assert set(listed) == found
    assert sum(path.stat().st_size for path in listed if path.parent.name == "collection") < 6_000_000


def test_every_sound_has_a_credit_and_every_credit_a_sound() -> None:
    listed = [item.path.name for item in examples.sounds()]
    found = {path.name for path in (examples.assets() / "sounds").iterdir() if path.suffix != ".txt"}
    assert len(listed) == len(set(listed))
    assert set(listed) == found
    assert len(found) >= 12


def test_sounds_are_short_mono_and_small() -> None:
    total = 0
    for item in examples.sounds():
        total += item.path.stat().st_size
        about = soundfile.info(item.path)
        assert about.channels == 1
        assert about.format in ("OGG", "FLAC")
        assert 1 <= about.duration <= 30
    assert total < 5_000_000


def test_credits_are_complete_and_free() -> None:
    for item in (*examples.collection(), *examples.sounds()):
        assert item.title
        assert item.author
        assert item.source.startswith("https://") or item.source == OURS
        assert item.licence in FREE, item.licence
        assert set(item.alt) == set(i18n.LANGUAGES)
        assert all(item.alt.values())


def test_credits_say_what_was_changed() -> None:
    records = json.loads((examples.assets() / "credits.json").read_text(encoding="utf-8"))
    assert all(record["changes"] for record in records)


def test_pictures_are_small_rgb_jpegs() -> None:
    for item in examples.collection():
        with Image.open(item.path) as picture:
            assert picture.format == "JPEG"
            assert picture.mode == "RGB"
            assert max(picture.size) <= 640
            assert not picture.getexif()
    assert sum(item.path.stat().st_size for item in examples.pictures()) < 3_000_000


SWEEP = """
from pathlib import Path
from demo.app import build_demo
from gradio.route_utils import delete_files_created_by_app
from gradio.utils import get_upload_folder
from demo.ui import sessions
from mmcore.settings import Settings
from tests.fakes.demo import fake_pool

settings = Settings.from_env()
demo = build_demo(fake_pool(settings), settings)
delete_files_created_by_app(demo, None)
sessions.make_room(Path(get_upload_folder()), sessions.shown_by(demo), 0)
names = [block.elem_id for block in demo.blocks.values() if getattr(block, "elem_id", None)]
assert len(names) > 100
assert len(names) == len(set(names)), "an id stands twice in the page"
"""


def test_the_sweep_of_old_uploads_spares_the_examples(isolated: Path) -> None:
    """They are copied into the folder of uploads when the page is built, and would be an hour old some day.

    In a process of its own, because gradio leaves an event loop open.
    """
    from demo.retrieval import matching_tab

    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", SWEEP], cwd=root, check=True, timeout=600)
    left = {path.name for path in (isolated / "gradio").rglob("*.jpg")}
    with_words = {item.path.name for item in sample_posts.pictures()}
    assert with_words == {Path(post.picture).name for post in (*sample_posts.POSTS, *sample_posts.FAILURES)} - {""}
    shown = {item.path.name for item in (*examples.failures(), *examples.captioned())}
    matched = {f"{name}.jpg" for name in (*matching_tab.LABEL_EXAMPLES, *matching_tab.SENTENCE_EXAMPLES)}
    assert left == shown | with_words | matched
