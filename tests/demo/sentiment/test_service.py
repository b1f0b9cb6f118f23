"""From a raw post to what the sentiment tab shows, through the real core with a fake model."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo.sentiment import heat_maps, sample_posts, service
from demo.sentiment.view import Judged, panel, push_text
from demo.ui import batch_rows, examples, i18n
from demo.ui.events import Failure
from mmcore.checkpoints import fusion_heads
from mmcore.errors import InputError, UnknownNameError
from mmcore.pool import ModelPool
from mmcore.results import FUSIONS, SENTIMENTS
from mmcore.settings import Settings

MODEL = "compact-sentiment"


def sent(path: Path) -> dict[str, Any]:
    return {"path": str(path), "orig_name": path.name}


def picture(folder: Path, grey: int, name: str = "picture.png") -> dict[str, Any]:
    Image.new("RGB", (80, 60), (grey, grey, grey)).save(folder / name)
    return sent(folder / name)


def described(pool: ModelPool, *post: Any) -> Judged | Failure | None:
    """What the panel shows in the end."""
    *_, last = service.describe(pool, *post)
    return last


def shown(pool: ModelPool, *post: Any, language: str = "en", fusion: str = "") -> str:
    return panel(described(pool, *post, MODEL, fusion), language)


def test_the_answer_comes_first_and_its_explanation_after(pool: ModelPool, uploads: Path) -> None:
    first, second = service.describe(pool, "What a lovely day", picture(uploads, 10), MODEL, "")
    assert isinstance(first, Judged)
    assert isinstance(second, Judged)
    assert (first.result.explanation is None, second.result.explanation is None) == (True, False)
    assert first.result.to_dict() == second.result.to_dict()
    assert 'class="mm-why"' not in panel(first, "en")


def test_a_post_is_judged_alone_and_together(pool: ModelPool, uploads: Path) -> None:
    content = described(pool, "What a lovely day", picture(uploads, 10), MODEL, "")
    assert isinstance(content, Judged)
    html = panel(content, "en")
    assert content.result.text is not None
    assert content.result.text.label == "positive"
    assert content.result.image is not None
    assert content.result.image.label == "negative"
    assert re.search(r"Conflict</b> <span>Text alone and picture alone say opposite things", html)
    for row in ("Text alone", "Picture alone", "Together"):
        assert f"<th scope=row>{row}</th>" in html
        assert re.search(rf'aria-label="{row}: negative \S+ %, neutral \S+ %, positive \S+ %"', html)
    assert all(service.fusion_title(name, "en") in html for name in FUSIONS)


def test_the_words_that_matter_are_coloured_and_named(pool: ModelPool) -> None:
    html = shown(pool, "a lovely & awful day", None)
    words = re.findall(r'mm-push mm-(\w+)" style="--p:([\d.]+)" title="([^"]+)">([^<]+)<', html)
    said = {word: (side, float(strength), title) for side, strength, title, word in words}
    assert said["lovely"][0] == "positive"
    assert said["awful"][0] == "negative"
    assert said["lovely"][1] > 0.5
    assert said["a"][1] == 0
    assert "no push either way" in said["a"][2]
    assert "&amp;" in html
    assert "mm-overlay" not in html  # no picture, no map


def test_words_and_rest_add_up_to_the_answer(pool: ModelPool, uploads: Path) -> None:
    content = described(pool, "so sad but lovely", picture(uploads, 200), MODEL, "concat")
    assert isinstance(content, Judged)
    explained = content.result.explanation
    assert explained is not None
    assert explained.without_words is not None
    total = sum(word.valence for word in explained.words) + explained.without_words.valence
    assert total == pytest.approx(content.result.scores.valence, abs=1e-4)
    assert f"All words together: {push_text(sum(word.valence for word in explained.words))}" in panel(content, "en")


def test_a_picture_has_maps_of_push_and_of_each_class(pool: ModelPool, uploads: Path) -> None:
    html = shown(pool, "lovely", picture(uploads, 250))
    assert html.count("mm-word mm-map-button") == 1 + len(SENTIMENTS)
    assert html.count("data-first") == 1
    assert "The strongest push is +" in html


def test_only_cross_attention_shows_where_words_look(pool: ModelPool, uploads: Path) -> None:
    looks = "where in the picture this word looks"
    assert looks in shown(pool, "lovely day", picture(uploads, 90), fusion="cross_attention")
    assert looks not in shown(pool, "lovely day", picture(uploads, 90), fusion="concat")


def test_only_the_gate_shows_weights(pool: ModelPool, uploads: Path) -> None:
    assert "Text 75 %, picture 25 %" in shown(pool, "lovely", picture(uploads, 90), fusion="weighted")
    assert "mm-gate" not in shown(pool, "lovely", picture(uploads, 90), fusion="late")


def test_one_modality_is_normal(pool: ModelPool, uploads: Path) -> None:
    assert "no picture was given" in shown(pool, "lovely", None)
    assert "no text was given" in shown(pool, "  ", picture(uploads, 220))
    assert described(pool, " ", None, MODEL, "") is None
    assert "The answer appears here" in panel(None, "en")


def test_another_script_on_compact_says_which_model_reads_it(pool: ModelPool) -> None:
    content = described(pool, "какой ужасный день", None, MODEL, "")
    assert isinstance(content, Failure)
    assert "multilingual-sentiment" in panel(content, "en")
    assert "multilingual-sentiment" in panel(content, "zh")


def test_errors_are_in_the_visitors_language(pool: ModelPool, uploads: Path) -> None:
    (uploads / "x.jpg").write_text("<html>")
    assert "不是图片" in shown(pool, "", sent(uploads / "x.jpg"), language="zh")
    assert "5,001" in shown(pool, "x" * 5001, None).replace("5001", "5,001")


def test_nothing_a_visitor_writes_becomes_html(pool: ModelPool, uploads: Path) -> None:
    html = shown(pool, "<script>alert(1)</script> lovely", picture(uploads, 90))
    assert "<script" not in html


def test_an_answer_is_told_in_both_languages(pool: ModelPool, uploads: Path) -> None:
    content = described(pool, "lovely", picture(uploads, 10), MODEL, "weighted")
    html = panel(content, "zh")
    assert all(word in html for word in ("冲突", "只看文字", "只看图片", "两者一起", "门控加权", "为什么？"))
    assert "Text alone" not in html


def test_examples_show_agreement_conflict_and_missing_parts() -> None:
    credited = {str(item.path) for item in examples.collection()}
    for language in i18n.LANGUAGES:
        given = [post.values(language) for post in (*sample_posts.POSTS, *sample_posts.FAILURES)]
        assert all(path is None or path in credited for _, path in given)
        assert any(said is None for said, _ in given)
        assert any(path is None for _, path in given)


# Heads of the visitor's own


def kept_head(settings: Settings, name: str) -> None:
    folder = fusion_heads.folder_for(settings, name)
    folder.mkdir(parents=True)
    for file in fusion_heads.FILES:
        (folder / file).write_text("{}")


def test_a_head_of_ones_own_is_offered_and_used(pool: ModelPool) -> None:
    kept_head(pool.settings, "lab-late-1")
    mine = [["Mine", "lab-late-1"], ["Gone", "lab-late-2"]]
    assert service.still_there(pool, mine) == [("Mine", "lab-late-1")]
    assert ("Mine (kept in the Lab)", "head:lab-late-1") in service.choices(FUSIONS, mine, "en")
    content = described(pool, "lovely", None, MODEL, "head:lab-late-1", mine)
    assert isinstance(content, Judged)
    assert content.result.fusion == "lab-late-1"
    assert '<span class="mm-sr">Fusion: </span>Mine<' in panel(content, "en")


@pytest.mark.parametrize("name", ["../../etc", "lab-late-9", ""])
def test_a_head_that_is_not_there_is_an_error(pool: ModelPool, name: str) -> None:
    content = described(pool, "lovely", None, MODEL, f"head:{name}")
    assert isinstance(content, Failure)
    assert isinstance(content.error, InputError | UnknownNameError)


@pytest.mark.parametrize("junk", [None, "x", 3, [["a"]], [[1, 2]], [["", "b"]], {"a": 1}])
def test_what_the_browser_remembers_may_be_junk(junk: Any) -> None:
    assert service.titles(junk) == []


# Programs


def test_programs_get_the_json_contract(pool: ModelPool, uploads: Path) -> None:
    answer = service.describe_for_api(pool, "lovely", picture(uploads, 10), MODEL, "late").to_dict()
    assert answer["label"] == "positive"
    assert set(answer["scores"]) == set(SENTIMENTS)
    assert answer["interaction"] == "conflict"
    assert answer["fusion"] == "late"
    assert set(answer["fusions"]) == set(FUSIONS)
    assert service.describe_for_api(pool, "lovely", None, MODEL, "").to_dict()["modalities"]["image"] is None


@pytest.mark.parametrize("fusion", ["early", "head:x", 3])
def test_programs_cannot_name_another_fusion(pool: ModelPool, fusion: Any) -> None:
    with pytest.raises(InputError, match="does not offer fusion"):
        service.describe_for_api(pool, "lovely", None, MODEL, fusion)


def test_programs_that_give_nothing_are_told(pool: ModelPool) -> None:
    with pytest.raises(InputError):
        service.describe_for_api(pool, None, None, MODEL, "")


# Batches


TABLE = "text\timage\nlovely day\tbright.png\nso sad\t\n\tmissing.png\n=cmd()\t\n"


def zipped(folder: Path, files: dict[str, bytes], name: str = "posts.zip") -> list[dict[str, Any]]:
    with zipfile.ZipFile(folder / name, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return [sent(folder / name)]


def bright_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), "white").save(buffer, "PNG")
    return buffer.getvalue()


def judged_rows(pool: ModelPool, payload: Any) -> list[batch_rows.BatchRow[service.TableRow]]:
    return list(service.describe_many(pool, payload, MODEL, {"fusion": ""}))[-1][0]


def test_a_zip_of_a_table_and_its_pictures_is_judged_row_by_row(pool: ModelPool, uploads: Path) -> None:
    rows = judged_rows(pool, zipped(uploads, {"a/posts.tsv": TABLE.encode(), "a/bright.png": bright_png()}))
    assert [row.file for row in rows] == [f"posts.zip, {place}" for place in range(1, 5)]
    first, second, third = (row.outcome for row in rows[:3])
    assert isinstance(first, service.TableRow)
    assert first.result.image is not None
    assert first.result.label == "positive"
    assert isinstance(second, service.TableRow)
    assert second.result.label == "negative"
    assert isinstance(third, Failure)
    assert "missing.png" in third.message("en")
    cells = batch_rows.table(service.POSTS, rows, "zh")
    assert cells[0][1:4] == ["lovely day", "bright.png", "正面"]


def test_a_batch_is_written_as_csv_and_jsonl(pool: ModelPool, uploads: Path) -> None:
    (uploads / "posts.tsv").write_text(TABLE, encoding="utf-8")
    rows = judged_rows(pool, [sent(uploads / "posts.tsv")])
    table = list(csv.DictReader(io.StringIO(batch_rows.as_csv(service.POSTS, rows))))
    assert table[1]["label"] == "negative"
    assert table[3]["text"] == "'=cmd()"  # no spreadsheet runs it
    lines = [json.loads(line) for line in batch_rows.as_jsonl(rows).splitlines()]
    assert lines[1]["text"] == "so sad"
    assert lines[1]["scores"].keys() == set(SENTIMENTS)
    assert lines[0]["error"]["type"] == "InputError"  # its picture is not in the folder of uploads


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"posts.tsv": b"words\timage\nx\ty\n"}, "text"),
        ({"readme.txt": b"x"}, "table"),
        ({"a.tsv": b"text\timage\n", "b.tsv": b"text\timage\n"}, "2"),
        ({"../posts.tsv": TABLE.encode()}, "holds 0 tables"),
    ],
)
def test_a_bad_zip_says_what_is_wrong(pool: ModelPool, uploads: Path, files: dict[str, bytes], said: str) -> None:
    with pytest.raises(InputError) as caught:
        judged_rows(pool, zipped(uploads, files))
    assert said in str(caught.value)
    assert i18n.error_text("zh", caught.value)


def test_what_a_zip_held_is_gone_afterwards(pool: ModelPool, uploads: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rows = judged_rows(pool, zipped(uploads, {"posts.tsv": b"text\timage\nlovely\t\n"}))
    assert len(rows) == 1
    assert not list(tmp_path.glob("mmcore-table-*"))
    assert not (pool.settings.home / "features").exists()


def test_no_table_given(pool: ModelPool) -> None:
    with pytest.raises(InputError):
        judged_rows(pool, None)


# Maps


def test_pushes_are_blue_below_zero_and_orange_above() -> None:
    push = np.array([[-0.2, 0.1], [0.0, 0.0]], np.float32)
    pixels = np.asarray(heat_maps.push_image(push, 64, 64, 0.2))
    assert tuple(pixels[2, 2, :3]) == heat_maps.NEGATIVE
    assert tuple(pixels[2, -3, :3]) == heat_maps.POSITIVE
    assert pixels[2, 2, 3] > 1.2 * pixels[2, -3, 3] > 0
    assert pixels[-3, 2, 3] < 30


def test_a_push_that_is_next_to_nothing_stays_faint() -> None:
    pixels = np.asarray(heat_maps.push_image(np.full((2, 2), 0.01, np.float32), 64, 64, 0.25))
    assert pixels[..., 3].max() < 20


def test_figures_have_a_real_minus() -> None:
    assert (push_text(0.213), push_text(-0.4)) == ("+0.21", "−0.40")
