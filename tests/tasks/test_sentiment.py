"""The sentiment task over a small random checkpoint: answers, interactions, explanations without a rest, tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmcore import families
from mmcore.checkpoints import fusion_heads
from mmcore.errors import Cancelled, InputError, MMCoreError, UnknownNameError
from mmcore.nets import fusion as fusions
from mmcore.pool import ModelPool
from mmcore.results import FUSIONS, Post, SentimentOptions, SentimentResult, SentimentScores
from mmcore.settings import Settings
from mmcore.tasks.contributions import parts_of, shapley_values, text_with
from mmcore.tasks.sentiment import (
    NOT_SURE,
    classify_sentiment,
    classify_sentiment_many,
    classify_sentiment_table,
    interaction_of,
)
from mmcore.tasks.transcribe import spoken_part
from tests import tiny
from tests.fakes import engines
from tests.families import sentiment as small
from tests.sounds import encoded, noise

PICTURE = tiny.pictures(1, (64, 64))[0]
TEXT = "a red dog runs with two black cat"
NEGATIVE, NEUTRAL, POSITIVE = (
    SentimentScores(0.7, 0.2, 0.1),
    SentimentScores(0.2, 0.6, 0.2),
    SentimentScores(0.1, 0.2, 0.7),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.save(tmp_path_factory.mktemp("sentiment"))


@pytest.fixture
def pool(folder: Path, settings: Settings) -> ModelPool:
    return small.pool(folder, settings)


def values(scores: SentimentScores) -> np.ndarray:
    return np.array([scores.negative, scores.neutral, scores.positive])


# The answer


def test_the_answer_is_the_contract(pool: ModelPool) -> None:
    found = classify_sentiment(pool, Post(TEXT, PICTURE)).to_dict()
    assert found["label"] in ("negative", "neutral", "positive")
    assert set(found["scores"]) == {"negative", "neutral", "positive"}
    assert sum(found["scores"].values()) == pytest.approx(1, abs=1e-6)
    assert max(found["scores"], key=found["scores"].get) == found["label"]
    assert found["modalities"]["text"] is not None
    assert found["interaction"] in ("dominance", "complement", "conflict")
    assert found["model"] == "compact-sentiment"
    assert set(found["fusions"]) == set(FUSIONS)
    assert found["fusions"][found["fusion"]] == found["scores"]


@pytest.mark.parametrize("missing", ["text", "image"])
def test_a_missing_modality_is_normal(pool: ModelPool, missing: str) -> None:
    post = Post(TEXT, None) if missing == "image" else Post(None, PICTURE)
    result = classify_sentiment(pool, post)
    assert getattr(result, missing) is None
    assert result.interaction is None
    assert result.dominant is None
    alone = result.image if missing == "text" else result.text
    assert alone is not None
    np.testing.assert_allclose(values(result.scores), values(alone), atol=1e-5)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_fusion_that_is_asked_for_answers(pool: ModelPool, fusion: str) -> None:
    result = classify_sentiment(pool, Post(TEXT, PICTURE), SentimentOptions(fusion=fusion))  # type: ignore[arg-type]
    assert result.fusion == fusion
    assert result.scores == dict(result.fusions)[fusion]
    assert (result.gate is not None) == (fusion in ("weighted", "late"))
    if result.gate is not None:
        assert [name for name, _ in result.gate] == ["text", "image"]
        assert sum(weight for _, weight in result.gate) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("text", [None, "", "  \n\t", "\u200b"[:0] + "\x07"])
def test_nothing_at_all_is_said_so(pool: ModelPool, text: str | None) -> None:
    with pytest.raises(InputError, match="Write a text, choose a picture, or both"):
        classify_sentiment(pool, Post(text, None))


def test_too_long_a_text_names_the_limit(pool: ModelPool) -> None:
    with pytest.raises(InputError, match="5001 characters; the limit is 5000"):
        classify_sentiment(pool, Post("a" * 5001))


def test_another_script_names_the_model_that_reads_it(pool: ModelPool) -> None:
    with pytest.raises(InputError, match="multilingual-sentiment"):
        classify_sentiment(pool, Post("какой хороший день"))


def test_chinese_is_judged_by_its_english_which_is_shown(pool: ModelPool) -> None:
    explained = SentimentOptions(explain=True)
    chinese = classify_sentiment(pool, Post("我不喜欢这部电影", PICTURE), explained)
    english = classify_sentiment(pool, Post("I do not like this movie", PICTURE), explained)
    assert chinese.scores == english.scores
    assert chinese.explanation is not None
    assert chinese.explanation.text == "I do not like this movie"
    assert [notice.code for notice in chinese.notices] == ["read_word_by_word"]
    assert english.notices == ()


def test_a_model_of_another_task_is_refused(pool: ModelPool) -> None:
    with pytest.raises(UnknownNameError, match="compact-sentiment"):
        classify_sentiment(pool, Post(TEXT), model="compact-captioner")


def test_the_multilingual_model_has_late_fusion_only(pool: ModelPool) -> None:
    with pytest.raises(InputError, match=r"does not offer fusion 'concat'. It offers: late"):
        classify_sentiment(pool, Post(TEXT), SentimentOptions(fusion="concat"), "multilingual-sentiment")


def test_a_head_of_ones_own_answers(pool: ModelPool) -> None:
    torch.manual_seed(3)
    fingerprint = pool.get(small.NAME).fingerprint
    own = fusions.build("late", small.CONFIG)
    fusions.save(own, fusion_heads.folder_for(pool.settings, "mine"), {"features": fingerprint})
    result = classify_sentiment(pool, Post(TEXT, PICTURE), SentimentOptions(head="mine"))
    assert result.fusion == "mine"
    assert result.scores == dict(result.fusions)["mine"]
    assert result.gate is not None
    with pytest.raises(UnknownNameError, match="Known: mine"):
        classify_sentiment(pool, Post(TEXT, PICTURE), SentimentOptions(head="yours"))


# Interactions


@pytest.mark.parametrize(
    ("text", "image", "together", "expected"),
    [
        (POSITIVE, NEGATIVE, POSITIVE, ("conflict", "text")),
        (POSITIVE, NEGATIVE, NEGATIVE, ("conflict", "image")),
        (NEGATIVE, POSITIVE, NEUTRAL, ("conflict", None)),
        (POSITIVE, NEUTRAL, POSITIVE, ("dominance", "text")),
        (POSITIVE, NEUTRAL, NEUTRAL, ("dominance", "image")),
        (NEUTRAL, NEGATIVE, POSITIVE, ("complement", None)),
        (POSITIVE, POSITIVE, POSITIVE, ("complement", None)),
        (NEUTRAL, NEUTRAL, NEGATIVE, ("complement", None)),
    ],
)
def test_interactions_are_as_defined(
    text: SentimentScores, image: SentimentScores, together: SentimentScores, expected: tuple[str, str | None]
) -> None:
    assert interaction_of(text, image, together) == expected


# Explanations


@pytest.mark.parametrize("fusion", FUSIONS)
def test_contributions_share_out_the_whole_answer(pool: ModelPool, fusion: str) -> None:
    """Completeness: the answer without words (regions), plus what each word (region) adds, is the answer."""
    options = SentimentOptions(fusion=fusion, explain=True)  # type: ignore[arg-type]
    result = classify_sentiment(pool, Post(TEXT, PICTURE), options)
    why = result.explanation
    assert why is not None
    assert why.without_words is not None
    assert why.without_regions is not None
    assert why.regions is not None
    assert [word.text for word in why.words] == TEXT.split()
    assert all(why.text[word.start : word.end] == word.text for word in why.words)
    words = np.array([[word.negative, word.neutral, word.positive] for word in why.words])
    np.testing.assert_allclose(values(why.without_words) + words.sum(0), values(result.scores), atol=2e-3)
    np.testing.assert_allclose(words.sum(1), 0, atol=1e-4)
    assert why.regions.shape == (7, 7, 3)
    np.testing.assert_allclose(values(why.without_regions) + why.regions.sum((0, 1)), values(result.scores), atol=2e-3)
    assert (why.attention is not None) == (fusion == "cross_attention")
    if why.attention is not None:
        assert why.attention.shape == (len(why.words), 4, 4)


def test_without_a_picture_only_words_are_explained(pool: ModelPool) -> None:
    result = classify_sentiment(pool, Post(TEXT), SentimentOptions(explain=True))
    why = result.explanation
    assert why is not None
    assert why.regions is None
    assert why.attention is None
    assert why.without_words is not None
    words = np.array([[word.negative, word.neutral, word.positive] for word in why.words])
    np.testing.assert_allclose(values(why.without_words) + words.sum(0), values(result.scores), atol=2e-3)
    assert classify_sentiment(pool, Post(TEXT)).explanation is None


def test_a_long_text_is_explained_in_runs_of_words(pool: ModelPool) -> None:
    result = classify_sentiment(pool, Post("dog cat " * 300), SentimentOptions(explain=True))
    assert result.explanation is not None
    assert len(result.explanation.words) == 40


def test_shapley_values_of_a_known_game() -> None:
    """Two gloves, left and right, are worth 1 together; a third player adds 0.5 whatever the others do."""

    def worth(kept: np.ndarray) -> np.ndarray:
        return (kept[:, 0] & kept[:, 1]).astype(np.float32)[:, None] + 0.5 * kept[:, 2:3] + 0.25

    shares, nobody = shapley_values(worth, 3, budget=400)
    np.testing.assert_allclose(shares[:, 0], [0.5, 0.5, 0.5], atol=0.05)
    assert nobody[0] == pytest.approx(0.25)
    few, _ = shapley_values(worth, 3, budget=1)
    assert few.sum() == pytest.approx(1.5), "a single pair of orders shares without a rest too"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("so  happy!", ["so", "happy!"]),
        ("今天 so 好", ["今", "天", "so", "好"]),
        ("", []),
        ("one", ["one"]),
    ],
)
def test_words_of_scripts_with_and_without_blanks(text: str, parts: list[str]) -> None:
    spans = parts_of(text)
    assert [text[start:end] for start, end in spans] == parts
    assert text_with(text, spans, [True] * len(spans)).split() == text.split()
    assert text_with(text, spans, [False] * len(spans)) == ""
    if len(spans) > 1:
        assert parts[0] not in text_with(text, spans, [False] + [True] * (len(spans) - 1))


# Many


def test_many_answer_for_themselves(pool: ModelPool) -> None:
    broken = InputError("image_empty")
    posts = [Post(TEXT), broken, Post("сегодня"), Post(None, PICTURE), Post()]
    steps: list[tuple[int, int]] = []
    outcomes = list(classify_sentiment_many(pool, posts, progress=lambda done, total: steps.append((done, total))))
    kinds = [type(outcome).__name__ for outcome in outcomes]
    assert kinds == ["SentimentResult", "InputError", "InputError", "SentimentResult", "InputError"]
    assert outcomes[1] is broken
    assert steps == [(place, 5) for place in range(1, 6)]
    alone = classify_sentiment(pool, Post(TEXT))
    assert isinstance(outcomes[0], SentimentResult)
    np.testing.assert_allclose(values(outcomes[0].scores), values(alone.scores), atol=1e-3)


def test_many_can_be_stopped(pool: ModelPool) -> None:
    done = 0

    def progress(number: int, total: int) -> None:
        nonlocal done
        done = number

    outcomes = classify_sentiment_many(pool, [Post(TEXT)] * 40, progress=progress, cancelled=lambda: done >= 16)
    found = [next(outcomes) for _ in range(16)]
    assert all(isinstance(outcome, SentimentResult) for outcome in found)
    with pytest.raises(Cancelled, match="16 of 40"):
        next(outcomes)


def write_table(folder: Path, content: str, name: str = "posts.tsv") -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def test_a_table_is_judged_row_by_row(pool: ModelPool, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    PICTURE.save(tmp_path / "in" / "one.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.png")
    table = write_table(
        tmp_path / "in",
        'text\timage\tid\na red "dog\tone.png\t1\n\tone.png\t2\na cat\t\t3\nx\tmissing.png\t4\n'
        f"y\t../outside.png\t5\nz\t{tmp_path / 'outside.png'}\t6\n\t\t7\n",
    )
    outcomes = list(classify_sentiment_table(pool, table))
    assert [row["id"] for row, _ in outcomes] == list("1234567")
    found = [outcome if isinstance(outcome, MMCoreError) else None for _, outcome in outcomes]
    assert found[:3] == [None, None, None]
    assert "There is no file" in str(found[3])
    assert "outside the folder" in str(found[4])
    assert "outside the folder" in str(found[5])
    assert "Nothing was given" in str(found[6])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("posts.txt", "text\timage\na\t\n", "must end with one of .tsv, .csv"),
        ("posts.tsv", "text,image\na,\n", "no column text"),
        ("posts.csv", "text\n", "no rows"),
        ("posts.csv", "image\na.png\n", "no column text"),
        ("posts.csv", "text,image\n", "no rows"),
        ("posts.csv", "", "no column"),
        ("posts.csv", "text,image\n" + "a,\n" * 501, "has 501 rows; the limit is 500"),
    ],
)
def test_bad_tables_say_what_is_wrong(pool: ModelPool, tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        classify_sentiment_table(pool, write_table(tmp_path, content, name))


def test_tables_of_spreadsheets_are_read(pool: ModelPool, tmp_path: Path) -> None:
    (tmp_path / "bom.csv").write_bytes('\ufeffText,Image,note\r\n"a, ""red"" dog",,"x"\r\ncat\r\n'.encode())
    rows = [row for row, _ in classify_sentiment_table(pool, tmp_path / "bom.csv")]
    assert [row["text"] for row in rows] == ['a, "red" dog', "cat"]
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00text")
    with pytest.raises(InputError, match="UTF-8"):
        classify_sentiment_table(pool, tmp_path / "binary.csv")
    with pytest.raises(InputError, match="There is no file"):
        classify_sentiment_table(pool, tmp_path / "none.csv")


def test_options_refuse_an_unknown_fusion() -> None:
    with pytest.raises(InputError, match="Choose one of: concat, weighted, cross_attention, late, multitask"):
        SentimentOptions(fusion="magic")  # type: ignore[arg-type]


def test_results_are_frozen(pool: ModelPool) -> None:
    result = classify_sentiment(pool, Post(TEXT))
    assert replace(result, device="x").device == "x"
    with pytest.raises(AttributeError):
        result.model = "y"  # type: ignore[misc]


@pytest.mark.parametrize("text", ["&nbsp;", "table", "Te odio, eres una persona mala"])
def test_without_evidence_nothing_is_sure(pool: ModelPool, text: str) -> None:
    result = classify_sentiment(pool, Post(text))
    assert result.scores == NOT_SURE
    assert result.notices[-1].code == "not_sure"


def test_a_table_reads_the_english_half_of_a_post_and_says_so(pool: ModelPool, tmp_path: Path) -> None:
    table = tmp_path / "posts.tsv"
    table.write_text("text\nGreat food. Aber der Kellner war nicht nett\nGreat food.\n", "utf-8")
    (_, half), (_, whole) = classify_sentiment_table(pool, table)
    assert isinstance(half, SentimentResult)
    assert isinstance(whole, SentimentResult)
    assert half.scores.to_dict() == pytest.approx(whole.scores.to_dict(), abs=1e-4)
    assert [notice.code for notice in half.notices] == ["text_part_unread"]


def test_a_picture_is_judged_though_its_text_is_in_another_script(pool: ModelPool) -> None:
    picture = Image.new("RGB", (40, 40), "red")
    result = classify_sentiment(pool, Post("ужасный фильм", picture))
    assert result.scores == classify_sentiment(pool, Post(None, picture)).scores
    assert [notice.code for notice in result.notices] == ["text_letters_unread", "no_words_read"]
    with pytest.raises(InputError, match="cannot read"):
        classify_sentiment(pool, Post("ужасный фильм"))


@pytest.mark.parametrize("more", [" https://example.com/hate-kill", " @hate_kill_die", " hate@kill.com"])
def test_a_text_says_the_same_with_a_link_or_a_name(pool: ModelPool, more: str) -> None:
    plain, linked = classify_sentiment(pool, Post("red cat dog")), classify_sentiment(pool, Post("red cat dog" + more))
    assert linked.scores == plain.scores
    assert linked.notices == plain.notices


# Text in the picture, and speech


@pytest.fixture
def equipped(folder: Path, settings: Settings) -> ModelPool:
    """A reader reads "64 by 64" in PICTURE, and a sound of two seconds says "word0. word1."."""
    extras = engines.loader()
    return ModelPool(
        small.settings_for(folder, settings),
        loader=lambda one, *rest: (families.load if one.task == "sentiment" else extras)(one, *rest),
        locate=lambda *_, **__: folder,
    )


def test_text_in_the_picture_is_part_of_the_post(equipped: ModelPool) -> None:
    read = classify_sentiment(equipped, Post("a dog", PICTURE), SentimentOptions(read_text=True))
    assert read.reads is not None
    assert read.scores == classify_sentiment(equipped, Post("a dog\n64 by 64", PICTURE)).scores
    assert read.to_dict()["reads"][0]["text"] == "64 by 64"
    assert "ocr_unsure" in [notice.code for notice in read.notices]
    alone = classify_sentiment(equipped, Post(None, PICTURE), SentimentOptions(read_text=True))
    assert alone.text is not None
    assert "reads" not in classify_sentiment(equipped, Post("a dog", PICTURE)).to_dict()
    assert classify_sentiment(equipped, Post("a dog"), SentimentOptions(read_text=True)).reads is None


def test_what_is_said_is_judged_and_how_is_not(equipped: ModelPool) -> None:
    quiet, loud = (
        spoken_part(equipped, encoded((level * noise(2.0, 16_000)).astype(np.float32), 16_000)) for level in (0.1, 1.0)
    )
    results = [classify_sentiment(equipped, Post("a dog", PICTURE, one)) for one in (quiet, loud)]
    assert (
        results[0].scores
        == results[1].scores
        == classify_sentiment(equipped, Post("a dog\nword0. word1.", PICTURE)).scores
    )
    told = results[1].to_dict()["spoken"]
    assert (told["text"], told["words_a_minute"]) == ("word0. word1.", 80)
    assert told["voice"]["level_db"] - results[0].to_dict()["spoken"]["voice"]["level_db"] == pytest.approx(20, abs=0.5)
    assert classify_sentiment(equipped, Post(spoken=quiet)).text is not None
