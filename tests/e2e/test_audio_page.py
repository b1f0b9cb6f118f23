"""A visitor at the audio tab: a real browser with a real microphone path, and the fake tagger behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from playwright.sync_api import Page, expect

from tests import clips
from tests.demo.serving import Server
from tests.e2e.conftest import NARROW
from tests.e2e.tabs import open_tab

pytestmark = pytest.mark.e2e

RATE = 16_000


def tone(hertz: float, seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Four seconds of dog, four of silence and four of rain, to the ears of the fake tagger."""
    path = tmp_path / "scene.wav"
    soundfile.write(path, np.concatenate([tone(200, 4), np.zeros(4 * RATE), tone(4000, 4)]), RATE)
    return path


SLOWLY = """() => {
  const { play } = HTMLMediaElement.prototype;
  HTMLMediaElement.prototype.play = function () { this.playbackRate = 0.1; return play.call(this); };
}"""
"""Four seconds of sound are played for forty, so that they last until a busy machine has looked."""


def tab(stay: Callable[..., Page], **options: object) -> Page:
    """The tab of sounds, with no sound and no answer."""
    page = stay(**options)
    open_tab(page, "声音" if options.get("language") == "zh" else "Sounds")
    expect(page.locator("#mm-sound-line .mm-line")).to_be_visible()
    remove = page.locator("#mm-sound").get_by_role("button", name="Clear", exact=True)
    if remove.is_visible():
        remove.click()
    expect(page.locator("#mm-sound-answer .mm-empty:not(.mm-waiting)")).to_be_visible()
    return page


def choose_sound(page: Page, path: Path) -> None:
    page.locator("#mm-sound input[type=file]").first.set_input_files(path)


def test_an_upload_is_heard_and_a_clicked_label_shows_its_evidence(stay: Callable[..., Page], scene: Path) -> None:
    page = tab(stay)
    choose_sound(page, scene)
    labels = page.locator(".mm-labels li")
    expect(labels).to_have_count(3)
    expect(labels.first).to_contain_text("90 %")
    expect(page.locator(".mm-silence .mm-event")).to_have_attribute("title", "Silence: 4.0 s to 8.0 s, 100 %")
    expect(page.locator(".mm-heard-why .mm-overlay")).to_be_visible()
    expect(page.locator(".mm-waiting:visible")).to_have_count(0)  # nothing else was asked for

    page.locator(".mm-labels").get_by_role("button", name="Rain").click()
    expect(page.locator("#mm-sound-why .mm-readout")).to_contain_text("“Rain”, 90 % from 8.0 s to 12.0 s")
    expect(page.locator('.mm-labels [aria-pressed="true"]')).to_have_text("Rain")
    rain = page.locator(".mm-heard-why .mm-overlay").get_attribute("src")

    page.evaluate(SLOWLY)
    page.locator('[data-row="Dog"] .mm-event').first.click()
    expect(page.locator("#mm-sound-why .mm-readout")).to_contain_text("“Dog”")
    expect(page.locator('.mm-labels [aria-pressed="true"]')).to_have_text("Dog")
    assert page.locator(".mm-heard-why .mm-overlay").get_attribute("src") != rain
    expect(page.locator(".mm-when .mm-cursor").first).to_be_visible()  # it is played
    place = page.locator(".mm-when .mm-cursor").first.evaluate("cursor => parseFloat(cursor.style.left)")
    page.wait_for_function("was => parseFloat(document.querySelector('.mm-cursor').style.left) > was", arg=place)
    page.locator('[data-row="Dog"] .mm-event').first.click()
    expect(page.locator(".mm-cursor")).to_have_count(0)
    expect(page.locator("#mm-sound-said .mm-waiting")).to_have_count(0)  # nobody asked for its words


def test_every_track_shares_one_time_axis(stay: Callable[..., Page], scene: Path) -> None:
    page = tab(stay)
    choose_sound(page, scene)
    expect(page.locator(".mm-when")).to_be_visible()
    tracks = page.locator(".mm-when .mm-track, .mm-when .mm-plot, .mm-when .mm-seconds")
    boxes = [tracks.nth(index).bounding_box() for index in range(tracks.count())]
    assert len(boxes) >= 5
    assert len({(round(box["x"]), round(box["width"])) for box in boxes if box}) == 1


def test_an_example_is_one_click_away(stay: Callable[..., Page]) -> None:
    page = tab(stay)
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.locator(".mm-heard .mm-caption")).to_have_text("Silence")
    page.get_by_role("button", name="Trumpet", exact=True).click()
    expect(page.locator(".mm-labels li").first).to_be_visible()


def test_the_language_switch_changes_labels_and_loses_nothing(stay: Callable[..., Page], scene: Path) -> None:
    page = tab(stay)
    choose_sound(page, scene)
    expect(page.locator(".mm-labels")).to_contain_text("Rain")
    page.locator("#mm-language").get_by_role("radio", name="中文").check(force=True)
    expect(page.locator(".mm-labels")).to_contain_text("雨")
    expect(page.locator(".mm-when h3")).to_have_text("何时？")
    expect(page.locator("#mm-sound-why summary")).to_have_text("为什么？")
    expect(page.get_by_role("button", name="打字", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Typing", exact=True)).to_have_count(0)
    page.locator("#mm-language").get_by_role("radio", name="English").check(force=True)
    expect(page.locator(".mm-when h3")).to_have_text("When?")


@pytest.mark.parametrize(("language", "sentence"), [("en", "This is not a sound but"), ("zh", "这不是声音，而是")])
def test_a_broken_upload_is_explained(
    stay: Callable[..., Page], tmp_path: Path, server: Server, language: str, sentence: str
) -> None:
    broken = tmp_path / "song.mp3"
    broken.write_text("<html><body>not found</body></html>")
    page = tab(stay, language=language)
    choose_sound(page, broken)
    expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    assert "Traceback" not in server.log()


def test_a_long_sound_shows_progress_and_can_be_stopped(
    stay: Callable[..., Page], tmp_path: Path, server: Server
) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, tone(200, 1500), RATE)
    (server.home / "slow").touch()
    try:
        page = tab(stay)
        choose_sound(page, path)
        expect(page.locator("#mm-sound-answer .mm-progress")).to_contain_text("of 25:00")
        page.locator("#mm-sound-stop").click()
        expect(page.locator("#mm-sound-answer")).to_contain_text("Stopped.")
        expect(page.locator("#mm-sound-stop")).to_be_disabled()
    finally:
        (server.home / "slow").unlink()
    page.get_by_role("button", name="Rain", exact=True).first.click()  # an example: the page goes on
    expect(page.locator(".mm-labels li").first).to_be_visible()


def test_a_batch_becomes_a_table_and_two_files(stay: Callable[..., Page], scene: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("%PDF-1.7")
    page = tab(stay)
    page.get_by_text("Many sounds at once").click()
    shots = [(Image.new("RGB", (16, 16)), 4.0)]
    clip = clips.make(tmp_path / "clip.mp4", shots, tone(4000, 4), fps=2, size=(16, 16))
    page.locator("#mm-sound-batch-files input[type=file]").set_input_files([scene, broken, clip])
    expect(page.locator("#mm-sound-batch-files")).to_contain_text("clip")
    page.locator("#mm-sound-batch-run").click()
    expect(page.locator("#mm-sound-batch-progress")).to_contain_text("Done: 3 sounds, 1 of them could not be read.")
    expect(page.locator("#mm-sound-batch-table")).to_contain_text("not a sound but a PDF document")
    with page.expect_download() as download:
        page.locator("#mm-sound-batch").get_by_text("Download JSONL").click()
    lines = [json.loads(line) for line in download.value.path().read_text(encoding="utf-8").splitlines()]
    assert [line["path"] for line in lines] == ["scene.wav", "broken.wav", "clip.mp4"]
    assert lines[-1]["labels"][0]["label"] == "Rain"  # a video is heard, too
    with page.expect_download() as download:
        page.locator("#mm-sound-batch").get_by_text("Download CSV").click()
    assert download.value.path().read_text(encoding="utf-8-sig").startswith("file,label,score,labels,events,duration")


def test_a_narrow_screen_shows_the_answer_first_and_scrolls_only_down(
    stay: Callable[..., Page], tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.concatenate([tone(200, 30), tone(4000, 30)]), RATE)
    page = tab(stay, size=NARROW)
    choose_sound(page, path)
    expect(page.locator(".mm-labels li").first).to_be_visible()
    expect(page.locator("#mm-sound time").last).to_have_text("1:00")  # the player has drawn the waveform
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1] + 100})
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    answer, model = page.locator("#mm-sound-answer").bounding_box(), page.locator("#mm-sound-model").bounding_box()
    assert answer is not None
    assert model is not None
    assert answer["y"] < model["y"]
    assert not page.locator(".mm-heard-why").evaluate("why => why.open")
    page.locator(".mm-labels").get_by_role("button", name="Rain").click()
    expect(page.locator(".mm-heard-why .mm-overlay")).to_be_visible()
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})


def test_what_the_microphone_hears_is_classified(stay: Callable[..., Page]) -> None:
    page = tab(stay)
    sound = page.locator("#mm-sound")
    sound.get_by_role("button", name="Record audio").click()
    sound.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(2000)  # the length of the recording, not a wait for the page
    sound.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator(".mm-labels li").first).to_contain_text("Dog")
    expect(page.locator(".mm-heard .mm-chips")).to_contain_text("Compact tagger")
    expect(page.locator('[data-row="Dog"] .mm-event').first).to_be_visible()
    sound.get_by_role("button", name="Upload file").click()


def test_a_webm_file_as_browsers_record_it_is_heard(stay: Callable[..., Page], tmp_path: Path) -> None:
    """Recorded by this browser's own MediaRecorder, saved, and uploaded as a visitor would."""
    page = tab(stay)
    data = page.evaluate(
        """async () => {
          const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
          const recorder = new MediaRecorder(stream, { mimeType: "audio/webm;codecs=opus" });
          const parts = [];
          recorder.ondataavailable = (event) => parts.push(event.data);
          const done = new Promise((resolve) => { recorder.onstop = resolve; });
          recorder.start();
          await new Promise((resolve) => { setTimeout(resolve, 2000); });
          recorder.stop();
          await done;
          return Array.from(new Uint8Array(await new Blob(parts).arrayBuffer()));
        }"""
    )
    path = tmp_path / "recorded.webm"
    path.write_bytes(bytes(data))
    choose_sound(page, path)
    expect(page.locator(".mm-labels li").first).to_contain_text("Dog")
    expect(page.locator(".mm-heard .mm-chips")).to_contain_text("WebM")
