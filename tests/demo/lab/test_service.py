"""Training in the Lab, through the real training with made-up features."""

from __future__ import annotations

import copy
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demo.lab import curves, links, service, status, view
from demo.lab.post_words import in_chinese
from demo.lab.service import LabFeatures, LabSession, Run
from demo.ui import examples
from demo.ui.events import Failure, Step
from demo.ui.i18n import text
from mmcore.checkpoints import fusion_heads
from mmcore.errors import Cancelled, CapacityError, InputError, UnknownNameError
from mmcore.fusion import feature_sets
from mmcore.fusion.labelled_posts import original_of
from mmcore.pool import ModelPool
from mmcore.results import FUSIONS, SENTIMENTS, SentimentScores, TrainingOptions
from tests.posts import make_set

FORM = {
    "optimiser": "adamw",
    "learning_rate": 0.01,
    "batch_size": 32,
    "epochs": 4,
    "dropout": 0.1,
    "modality_dropout": 0.1,
    "patience": 0,
    "seed": 0,
}


@pytest.fixture
def shelf(pool: ModelPool, monkeypatch: pytest.MonkeyPatch) -> LabFeatures:
    """A shelf whose sets are made up in no time: "taste" is an exclusive or, "pairs" is not."""

    def made(pool: ModelPool, source: Path, progress: Any, cancelled: Any, limit: int, ready: Path) -> Any:
        progress(120, 240)
        rule = "xor" if source.stem == "taste" else "agree"
        names = tuple(f"/nowhere/{number // 4}-grey.webp" for number in range(240))
        return replace(make_set(240, rule=rule), texts=tuple(f"text {n}" for n in range(240)), pictures=names)

    monkeypatch.setattr(feature_sets, "features_of", made)
    return LabFeatures(pool)


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "EVERY", 0.0)


def trained(
    pool: ModelPool, shelf: LabFeatures, visitor: LabSession, *fusions: str, data: str = "pairs", form: Any = FORM
) -> Any:
    return list(service.train(pool, shelf, visitor, data, None, fusions, form))


@pytest.mark.usefixtures("every_step")
def test_two_fusions_are_trained_one_after_the_other(
    pool: ModelPool, shelf: LabFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor, messages, reported = LabSession(), [], threading.Event()
    read = feature_sets.features_of

    def read_slowly(*arguments: Any, **more: Any) -> Any:
        features = read(*arguments, **more)
        assert reported.wait(300), "what is read is said while it is read"
        return features

    monkeypatch.setattr(feature_sets, "features_of", read_slowly)
    for message in service.train(pool, shelf, visitor, "pairs", None, ("late", "concat"), FORM):
        messages.append(message)
        reported.set()
    assert messages[0] == Step(120, 240)
    finished = [message for message in messages if isinstance(message, Run) and message.over]
    assert [run.options.fusion for run in finished] == ["late", "concat"]
    assert [run.number for run in visitor.runs] == [1, 2]
    for run in visitor.runs:
        assert len(run.reports) == 4
        assert run.scores is not None
        assert run.scores.accuracy > 0.6
        assert set(run.files) == set(fusion_heads.FILES)
        assert not run.stopped
    under_way = [message for message in messages if isinstance(message, Run) and not message.over]
    assert any(len(run.reports) > 0 for run in under_way)


def test_the_same_seed_gives_the_same_curves(pool: ModelPool, shelf: LabFeatures) -> None:
    one, other, third = LabSession(), LabSession(), LabSession()
    trained(pool, shelf, one, "weighted")
    trained(pool, shelf, other, "weighted")
    trained(pool, shelf, third, "weighted", form={**FORM, "seed": 5})
    losses = [[report.train_loss for report in visitor.runs[0].reports] for visitor in (one, other, third)]
    assert losses[0] == losses[1] != losses[2]


def test_two_visitors_do_not_meet(pool: ModelPool, shelf: LabFeatures) -> None:
    first, second = LabSession(), LabSession()
    steps = service.train(pool, shelf, first, "pairs", None, ["late"], FORM)
    shown = [next(steps)]  # the last message already, where the first came late
    trained(pool, shelf, second, "concat")
    assert len(second.runs) == 1
    second.button.press()
    shown += steps
    assert first.runs[-1].options.fusion == "late"
    assert len(first.runs[-1].reports) == 4
    assert shown[-1].over
    assert len(second.runs) == 1


def test_every_session_begins_with_a_visitor_of_its_own() -> None:
    """gradio copies the first value of a state for each session."""
    first = LabSession()
    other = copy.deepcopy(first)
    other.add(Run(1, "pairs", TrainingOptions()))
    other.button.press()
    assert first.runs == ()
    assert other.button is not first.button


@pytest.mark.usefixtures("every_step")
def test_stopping_keeps_what_was_trained_and_begins_no_other(pool: ModelPool, shelf: LabFeatures) -> None:
    visitor = LabSession()
    form = {**FORM, "epochs": 200}
    for message in service.train(pool, shelf, visitor, "pairs", None, ["late", "concat"], form):
        if isinstance(message, Run) and len(message.reports) >= 2:
            visitor.button.press()
    assert [run.options.fusion for run in visitor.runs] == ["late"]
    run = visitor.runs[0]
    assert run.stopped
    assert 2 <= len(run.reports) < 200
    assert run.scores is not None
    assert run.files
    assert "Stopped. What was trained so far is kept." in status.finished(visitor, "en").line


def test_stopping_before_the_first_epoch_leaves_nothing(
    pool: ModelPool, shelf: LabFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmcore.fusion.trainer import Training

    visitor = LabSession()

    def run(self: Training, cancelled: Any) -> Iterator[Any]:
        visitor.button.press()
        assert cancelled()
        yield from ()

    monkeypatch.setattr(Training, "run", run)
    trained(pool, shelf, visitor, "late", "concat")
    assert visitor.runs == ()
    assert "nothing to show" in status.finished(visitor, "en").line


def test_closing_the_page_ends_the_training(
    pool: ModelPool, shelf: LabFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmcore.fusion.trainer import Training

    ended: list[bool] = []
    plain = Training.run

    def run(self: Training, cancelled: Any) -> Iterator[Any]:
        yield from plain(self, cancelled)
        ended.append(cancelled())

    monkeypatch.setattr(Training, "run", run)
    monkeypatch.setattr(service, "EVERY", 0.0)
    steps = service.train(pool, shelf, LabSession(), "pairs", None, ["late"], {**FORM, "epochs": 200})
    for message in steps:
        if isinstance(message, Run):
            break
    steps.close()
    for _ in range(200):
        if ended:
            break
        __import__("time").sleep(0.05)
    assert ended == [True]


def test_a_learning_rate_that_is_too_large_is_named(pool: ModelPool, shelf: LabFeatures) -> None:
    visitor = LabSession()
    report = make_report(float("nan"))
    visitor.add(Run(1, "pairs", TrainingOptions(), (make_report(0.5), report)))
    assert visitor.runs[0].blown_up
    assert "Take a smaller learning rate" in status.finished(visitor, "en").line


def make_report(loss: float) -> Any:
    from mmcore.results import EpochReport, Scores

    scores = Scores(0.5, 0.5, 0.5, (0.5, 0.5, 0.5), 0.1, ((1, 0, 0), (0, 1, 0), (1, 0, 1)))
    return EpochReport(1, 2, loss, loss, 0.5, scores, best=loss == loss, seconds=1.0)


def test_an_exclusive_or_is_learnt_across_modalities_only(pool: ModelPool, shelf: LabFeatures) -> None:
    visitor = LabSession()
    form = {**FORM, "learning_rate": 0.003, "epochs": 30, "modality_dropout": 0.0}
    trained(pool, shelf, visitor, "late", "cross_attention", data="taste", form=form)
    late, cross = (run.scores for run in visitor.runs)
    assert late is not None
    assert cross is not None
    assert late.accuracy < 0.65
    assert cross.accuracy > 0.8


@pytest.mark.parametrize(
    ("fusions", "form", "said"),
    [
        ([], FORM, "No fusion was chosen"),
        (["early"], FORM, "early"),
        (["late"], {**FORM, "optimiser": "lion"}, "lion"),
        (["late"], {**FORM, "learning_rate": 5}, "learning_rate is 5"),
        (["late"], {**FORM, "learning_rate": None}, "learning_rate is None"),
        (["late"], {**FORM, "batch_size": 2.5}, "batch_size is 2.5"),
        (["late"], {**FORM, "epochs": 9999}, "epochs is 9999"),
    ],
)
def test_a_bad_setting_is_named(pool: ModelPool, shelf: LabFeatures, fusions: list[str], form: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        trained(pool, shelf, LabSession(), *fusions, form=form)


def test_a_set_that_is_not_there(pool: ModelPool, shelf: LabFeatures) -> None:
    with pytest.raises(UnknownNameError):
        trained(pool, shelf, LabSession(), "late", data="secret")


def test_a_set_is_read_once_and_its_looks_stay_together(pool: ModelPool, shelf: LabFeatures) -> None:
    steps: list[int] = []
    first = shelf.take("pairs", lambda done, total: steps.append(done), lambda: False)
    assert shelf.take("pairs", lambda done, total: steps.append(done), lambda: False) is first
    assert steps == [120]
    pairs = {(original_of(name), group) for name, group in zip(first.pictures, first.groups.tolist(), strict=True)}
    assert len(pairs) == len({name for name, _ in pairs}) == len({group for _, group in pairs}) == 60


def test_only_the_last_runs_are_kept() -> None:
    visitor = LabSession()
    for number in range(1, service.MAX_RUNS + 4):
        visitor.add(Run(number, "pairs", TrainingOptions()))
    assert [run.number for run in visitor.runs] == list(range(4, service.MAX_RUNS + 4))


# One's own table, through the real reading


def png(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (grey, grey, grey)).save(buffer, "PNG")
    return buffer.getvalue()


def own_table(rows: int = 40) -> str:
    texts = {"negative": "so sad and awful", "neutral": "taken at", "positive": "what a lovely"}
    lines = [
        f"{texts[label]} {number}\t{label}.png\t{label}" for number, label in (product(range(rows // 3 + 1), texts))
    ]
    return "text\timage\tlabel\n" + "\n".join(lines[:rows]) + "\n"


def packed(folder: Path, table: str, pictures: bool = True, name: str = "own.zip") -> list[dict[str, Any]]:
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("own.tsv", table)
        for label, grey in (("negative", 5), ("neutral", 120), ("positive", 250)) if pictures else ():
            archive.writestr(f"{label}.png", png(grey))
    return [{"path": str(folder / name), "orig_name": name}]


def own(pool: ModelPool, visitor: LabSession, payload: Any, *fusions: str) -> list[Any]:
    return list(service.train(pool, LabFeatures(pool), visitor, service.OWN, payload, fusions, FORM))


def test_ones_own_zip_is_trained_on_with_its_texts_and_pictures(pool: ModelPool, uploads: Path) -> None:
    visitor = LabSession()
    # Every second label is wrong, so that there is something to get wrong.
    table = own_table(60).replace("lovely 1", "awful 1")
    own(pool, visitor, packed(uploads, table), "concat")
    run = visitor.runs[0]
    assert run.scores is not None
    assert run.data == service.OWN
    assert visitor.own is not None
    read = visitor.own[2]
    own(pool, visitor, [{"path": str(uploads / "own.zip"), "orig_name": "own.zip"}], "late")
    assert visitor.own[2] is read  # not read again
    assert not list((pool.settings.home / "features").glob("*-files"))


def test_posts_keep_their_order_though_equal_pictures_are_read_together(pool: ModelPool, uploads: Path) -> None:
    visitor = LabSession()
    table = own_table(60)
    own(pool, visitor, packed(uploads, table), "late")
    assert visitor.own is not None
    features = visitor.own[2]
    labels = [line.split("\t")[2] for line in table.splitlines()[1:]]
    assert [SENTIMENTS[label] for label in features.labels] == labels
    light = {"negative": -0.96, "neutral": -0.06, "positive": 0.96}
    assert features.image[:, 0].tolist() == pytest.approx([light[label] for label in labels], abs=0.02)


def test_text_alone_is_enough(pool: ModelPool, uploads: Path) -> None:
    table = re.sub(r"\t\w+\.png\t", "\t\t", own_table(60))
    (uploads / "texts.tsv").write_text(table, encoding="utf-8")
    visitor = LabSession()
    own(pool, visitor, [{"path": str(uploads / "texts.tsv"), "orig_name": "texts.tsv"}], "concat")
    assert visitor.runs[0].scores is not None


@pytest.mark.parametrize(
    ("table", "pictures", "said"),
    [
        (own_table().replace("\tlabel\n", "\tmood\n", 1), True, "label"),
        (own_table().replace("\tpositive\n", "\tgreat\n", 1), True, "great"),
        (own_table(), False, "negative.png"),
        ("text\timage\tlabel\n" + "nice\t\tpositive\n" * 30, True, "negative"),
        ("text\timage\tlabel\n", True, "own.tsv"),
        ("text\timage\tlabel\n" + "nice\t\tpositive\n" * (service.MAX_ROWS + 1), True, "2001"),
        (own_table().replace("so sad and awful", "какой ужасный день"), True, "multilingual-sentiment"),
    ],
)
def test_a_bad_table_says_what_is_wrong(pool: ModelPool, uploads: Path, table: str, pictures: bool, said: str) -> None:
    with pytest.raises(InputError) as caught:
        own(pool, LabSession(), packed(uploads, table, pictures), "late")
    assert said in str(caught.value).replace(",", "").replace("2 001", "2001")
    from demo.ui.i18n import error_text

    assert re.search("[\u4e00-\u9fff]", error_text("zh", caught.value))


def test_no_table_given(pool: ModelPool) -> None:
    with pytest.raises(InputError, match="Choose a table"):
        own(pool, LabSession(), None, "late")


def test_reading_can_be_stopped(pool: ModelPool, uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = LabSession()
    encode = feature_sets._encoded

    def slowly(*arguments: Any) -> Any:
        visitor.button.press()
        return encode(*arguments)

    monkeypatch.setattr(feature_sets, "_encoded", slowly)
    with pytest.raises(Cancelled):
        own(pool, visitor, packed(uploads, own_table(200)), "late")
    assert visitor.own is None


# Keeping


def test_a_kept_head_can_be_used_and_names_never_clash(pool: ModelPool, shelf: LabFeatures) -> None:
    visitor = LabSession()
    trained(pool, shelf, visitor, "cross_attention")
    run = visitor.runs[0]
    title, name = status.keep(pool, visitor, "  My \n head ", "en")
    assert title == "My head"
    assert name in fusion_heads.kept(pool.settings)
    assert service.keep(pool, visitor, run, "My head")[1] != name
    folder = fusion_heads.find(pool.settings, name)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == run.files
    assert status.keep(pool, visitor, "", "zh")[0] == "交叉注意力，第 1 次"


def test_there_must_be_something_to_keep(pool: ModelPool) -> None:
    with pytest.raises(InputError, match="Train a fusion first"):
        status.keep(pool, LabSession(), "x", "en")


def test_a_visitor_pushes_out_nobody_elses_heads(pool: ModelPool, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(service, "HEADS_EACH", 2)
    other = fusion_heads.folder_for(pool.settings, "my-own")
    other.mkdir(parents=True)
    for file in fusion_heads.FILES:
        (other / file).write_text("{}")
    run = Run(1, "pairs", TrainingOptions(fusion="late"), files={file: b"x" for file in fusion_heads.FILES})
    _, first = service.keep(pool, LabSession(), run, "of somebody else")
    visitor = LabSession()
    names = [service.keep(pool, visitor, run, "x")[1] for _ in range(4)]
    assert set(fusion_heads.kept(pool.settings)) == {"my-own", first, *names[2:]}

    os.utime(fusion_heads.folder_for(pool.settings, first), (1, 1))  # of 1970
    os.utime(other, (1, 1))
    service.keep(pool, visitor, run, "x")
    left = fusion_heads.kept(pool.settings)
    assert first not in left
    assert "my-own" in left

    monkeypatch.setattr(service, "HEADS_KEPT", 2)
    with pytest.raises(CapacityError) as caught:
        service.keep(pool, LabSession(), run, "x")
    assert caught.value.key == "heads_full"


# What is shown


@pytest.fixture
def visitor(pool: ModelPool, shelf: LabFeatures) -> LabSession:
    one = LabSession()
    trained(pool, shelf, one, "late", "concat", form={**FORM, "epochs": 2})
    return one


def test_the_table_compares_runs_and_marks_the_best(visitor: LabSession) -> None:
    html = view.runs_table(visitor.runs, 2, "en")
    assert "1 Late fusion" in html
    assert "2 Concatenation" in html
    assert "adamw, rate 0.01, batch 32, dropout 0.1 / 0.1, seed 0" in html
    assert html.count('aria-current="true"') == 1
    assert html.count("class=mm-best") >= 4
    assert "Late fusion" not in view.runs_table(visitor.runs, 2, "zh")
    assert "Press Train" in view.runs_table((), None, "en")


def test_runs_on_other_data_are_not_compared() -> None:
    runs = [
        replace(Run(place, data, TrainingOptions()), reports=(make_report(0.5),))
        for place, data in ((1, "pairs"), (2, "taste"))
    ]
    assert view.runs_table(runs, None, "en").count("class=mm-best") == 8  # each is the best on its set


def test_a_run_is_looked_at_closely(visitor: LabSession) -> None:
    run = visitor.find(None)
    assert run is not None
    assert run.number == 2
    assert run.scores is not None
    html = view.outcome(run, "en")
    cells = re.findall(r'title="\w+ answered as \w+: (\d+)"', html)
    assert len(cells) == 9
    assert sum(map(int, cells)) == sum(sum(row) for row in run.scores.confusion)
    assert html.count("mm-hit") == 3
    assert all(f"<td>{value:.2f}</td>" in html for value in run.scores.class_f1)
    assert view.outcome(None, "en") == ""


def test_mistakes_show_the_post_and_both_labels() -> None:

    wrong = (service.WrongAnswer(4, "negative", SentimentScores(0.1, 0.1, 0.8), "<b>fine</b>", "data:x"),)
    hidden = (service.WrongAnswer(4, "negative", SentimentScores(0.1, 0.1, 0.8)),)
    html = view._mistakes(wrong, "en")
    assert "&lt;b&gt;fine" in html
    assert "Label: Negative. Answer: Positive." in html
    assert "Post 5" in view._mistakes(hidden, "en")
    assert "every held-back post right" in view._mistakes((), "en")


def test_the_download_is_the_head(visitor: LabSession) -> None:
    import base64

    html = view.download_link(visitor.runs[0], "en")
    found = re.search(r'download="late-1.zip" href="data:application/zip;base64,([^"]+)"', html)
    assert found is not None
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(found[1]))) as archive:
        assert sorted(archive.namelist()) == ["late-1/config.json", "late-1/model.safetensors"]
        assert json.loads(archive.read("late-1/config.json"))


def test_curves_of_all_runs_and_training_of_the_last(visitor: LabSession) -> None:
    names = [name for name, _ in curves.curves(visitor.runs, "loss")]
    assert names == ["1", "2 ○", "2"]  # as in the table, so that they hold in every language
    plot = curves.plot(visitor.runs, "accuracy", "zh")
    assert set(plot["value"]["curve"]) < set(curves.colour_map())
    assert "color_map" not in plot  # what changes with the curves comes too late for them
    assert len(plot["value"]) == 6
    assert plot["label"] == "各轮的准确率（越高越好）"
    assert plot["caption"] != curves.plot(visitor.runs, "accuracy", "zh", busy=True)["caption"]
    # Not None: a plot whose value is taken away stumbles in the browser.
    assert list(curves.plot((), "loss", "en")["value"].columns) == ["curve", "epoch", "value"]


def test_a_loss_that_is_no_number_is_not_drawn() -> None:
    run = replace(Run(1, "pairs", TrainingOptions()), reports=(make_report(0.5), make_report(float("nan"))))
    assert all(len(points) == 1 for _, points in curves.curves([run], "loss"))


def test_every_set_says_what_it_is() -> None:
    for data in service.data_names():
        for language in ("en", "zh"):
            assert view.data_title(data, language)
            assert len(view.about(data, service.MAX_ROWS, language)) > 40


def test_a_line_says_how_far_it_is(visitor: LabSession) -> None:
    reading = status.announced(visitor, Step(3, 9), "en")
    assert "Encoders: 3 of 9 posts" in reading.line
    assert reading.busy
    over = status.announced(visitor, replace(visitor.runs[1], over=True), "zh")
    assert "第 2 次，拼接：第 2 轮，共 2 轮" in over.line
    assert "Runs done: 2." in status.finished(visitor, "en").line


def test_every_fusion_has_a_title_and_a_formula() -> None:
    from demo.ui.i18n import texts

    for language in ("en", "zh"):
        for name in FUSIONS:
            assert f"text.sentiment.fusion.{name}" in texts(language)
            assert f"text.sentiment.formula.{name}" in texts(language)
            assert f"ui.sentiment.fusion.{name}" in texts(language)


def test_a_fusion_that_is_chosen_thirty_times_is_trained_once(pool: ModelPool, shelf: LabFeatures) -> None:
    visitor = LabSession()
    list(service.train(pool, shelf, visitor, "taste", None, ["concat"] * 30, FORM))
    assert [run.options.fusion for run in visitor.runs] == ["concat"]
    with pytest.raises(InputError):
        list(service.train(pool, shelf, visitor, "taste", None, [["concat"]], FORM))  # type: ignore[list-item]


def test_every_made_up_post_has_its_chinese() -> None:
    for name in service.MADE:
        rows = (examples.assets() / "lab" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()[1:]
        for post in (row.split("\t")[0] for row in rows):
            assert not re.search("[A-Za-z]", in_chinese(post) or "nothing"), post
    assert in_chinese("Today: Nothing goes right this evening.") == "今天：这个夜晚没有一件事顺利。"
    assert in_chinese("What a lovely trip #photo") == "多么美好的旅行 #照片"
    assert in_chinese("The next one follows at 14:20...") == "下一张在14:20发……"
    assert in_chinese("My own post.") == ""


def test_a_mistake_shows_the_chinese_beside_what_was_read() -> None:
    wrong = service.WrongAnswer(0, "positive", SentimentScores(0.8, 0.1, 0.1), "I feel wonderful!")
    own = replace(wrong, text="Mine & yours")
    shown = view._mistakes([wrong, own], "zh")
    assert '我感觉好极了！ <span class="mm-original" lang="en">I feel wonderful!</span>' in shown
    assert "<div>Mine &amp; yours</div>" in shown
    assert "我感觉" not in view._mistakes([wrong], "en")


def test_what_was_told_is_told_again_in_another_language(pool: ModelPool, visitor: LabSession) -> None:
    assert status.again(visitor, "en").line == ""
    failed = status.finished(visitor, "en", Failure(InputError("no_fusion")))
    again = status.again(visitor, "zh").line
    assert 'role="alert"' in again
    assert again != failed.line
    assert text("zh", "error.no_fusion") in again
    setting, wrong = links.setting_of("?tab=lab&epochs=9999")
    assert setting is not None
    told = status.restored(visitor, setting, wrong, "en")
    assert status.again(visitor, "en").line == told
    assert "9999" in status.again(visitor, "zh").line
    status.announced(visitor, None, "en")
    assert status.again(visitor, "zh").line == ""  # the training tells for itself
