"""One's own classes with the bundled encoders: learned from a few files, named, explained, exported and used again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from demo.ui import examples
from mmcore.checkpoints import class_heads
from mmcore.checkpoints.class_heads import ClassHead
from mmcore.errors import InputError, MMCoreError
from mmcore.families._resize import pixels_of
from mmcore.fusion.class_training import train
from mmcore.fusion.labelled_files import kind_of, read_files
from mmcore.nets.log_mel import LogMel
from mmcore.pool import ModelPool
from mmcore.results import FewShotReport
from mmcore.settings import Settings
from mmcore.tasks import few_shot
from tests.command_line import mmcore
from tests.pictures import encode
from tests.sounds import encoded, noise, silence, tone

CLASSES = {
    "bird": ("perched-osprey", "owl", "canyon-wren", "parrot"),
    "drawing": ("drawn-hedgehog", "drawn-cow", "drawn-frog", "drawn-giraffe"),
}
OTHERS = {"nuthatch": "bird", "drawn-horse": "drawing"}


def path_of(name: str) -> Path:
    return next(item.path for item in examples.collection() if item.path.stem == name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("classes")
    for label, names in CLASSES.items():
        (home / label).mkdir()
        for name in names:
            shutil.copy(path_of(name), home / label)
    (home / ".cache").mkdir()
    (home / "bird" / ".DS_Store").write_bytes(b"x")
    return home


@pytest.fixture(scope="module")
def pool() -> ModelPool:
    return ModelPool(Settings(offline=True, device="cpu"))


@pytest.fixture(scope="module")
def learned(pool: ModelPool) -> tuple[ClassHead, FewShotReport]:
    features = [few_shot.look(pool, "picture", path_of(name)).mean for names in CLASSES.values() for name in names]
    labels = np.repeat([0, 1], 4)
    return train("picture", np.stack(features), labels, tuple(CLASSES), few_shot.fingerprint(pool, "picture"))


def refused(work: Any, *given: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        work(*given)
    return caught.value


def test_features_are_the_mean_of_the_untouched_grid(pool: ModelPool) -> None:
    with Image.open(path_of("owl")) as image:
        picture = image.convert("RGB")
    seen = few_shot.look(pool, "picture", picture)
    network = pool.get("compact-retriever").network
    with torch.inference_mode():
        pooled = network.known_grid(pixels_of([picture])).mean((2, 3))[0].numpy()
    assert seen.cells.shape == (7, 7, 1280)
    assert np.allclose(seen.mean, pooled / np.linalg.norm(pooled), atol=1e-5)


def test_cells_of_a_sound_are_those_of_the_tagger_without_its_padding(pool: ModelPool) -> None:
    tagger = pool.get("compact-tagger")
    samples = noise(3.2)
    cells = tagger.cells(samples)
    with torch.inference_mode():
        grid = tagger.network.grid(LogMel()(torch.from_numpy(samples[None])))[0].permute(1, 2, 0).numpy()
    assert cells.shape == (4, 10, tagger.features)
    assert np.allclose(cells, grid[:, :10], atol=1e-5)
    assert tagger.cells(noise(0.3)).shape == (4, 1, tagger.features)


def test_places_add_up_to_the_logit(pool: ModelPool, learned: tuple[ClassHead, FewShotReport]) -> None:
    head, _ = learned
    seen = few_shot.look(pool, "picture", path_of("nuthatch"))
    answer = few_shot.answer(pool, head, seen)
    order = [head.classes.index(one.label) for one in answer.labels]
    logits = head.weight @ seen.mean + head.bias
    average = head.weight @ head.mean + head.bias
    assert np.allclose(answer.cells.sum((1, 2)), (logits - average)[order], atol=1e-3)
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert [one.score for one in answer.labels] == pytest.approx(shares[order].tolist(), abs=1e-5)
    # what is taken away from a place is what the place had added: one cell as the mean example
    length = np.linalg.norm(seen.cells.mean((0, 1)))
    altered = seen.cells.copy()
    altered[2, 3] = head.mean * length
    without = head.weight @ (altered.mean((0, 1)) / length) + head.bias
    assert np.allclose((logits - without)[order], answer.cells[:, 2, 3], atol=1e-3)


def test_others_are_named_and_strangers_are_not(pool: ModelPool, learned: tuple[ClassHead, FewShotReport]) -> None:
    head, report = learned
    assert report.leave_one_out
    assert report.accuracy == 1.0
    for name, label in OTHERS.items():
        answer = few_shot.classify(pool, head, path_of(name))
        assert (answer.label, answer.to_dict()["label"]) == (label, label)
    stranger = few_shot.classify(
        pool, head, Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8))
    )
    assert stranger.doubt == "unlike"
    assert not stranger.sure
    assert stranger.likeness < head.least
    sure = replace(head, least=-1.0, weight=head.weight * 0, bias=head.bias * 0)
    assert few_shot.classify(pool, sure, path_of("owl")).doubt == "between"


def test_a_head_of_another_encoder_is_refused(pool: ModelPool, learned: tuple[ClassHead, FewShotReport]) -> None:
    other = replace(learned[0], fingerprint="f" * 16)
    error = refused(few_shot.read_head, pool, other.to_bytes())
    assert error.key == "class_head_encoder"
    assert "f" * 16 in str(error)
    assert few_shot.fingerprint(pool, "picture") in str(error)
    assert few_shot.read_head(pool, learned[0].to_bytes()).classes == ("bird", "drawing")


def test_sounds_are_learned_too_and_silent_or_long_ones_refused(pool: ModelPool) -> None:
    made = {
        "tone": [encoded(tone(1.5, 300 + 100 * n)) for n in range(4)],
        "noise": [encoded(noise(1.5, seed=n)) for n in range(4)],
    }
    means = [few_shot.look(pool, "sound", data).mean for some in made.values() for data in some]
    head, report = train(
        "sound", np.stack(means), np.repeat([0, 1], 4), tuple(made), few_shot.fingerprint(pool, "sound")
    )
    assert report.accuracy == 1.0
    answer = few_shot.classify(pool, head, encoded(noise(2.0, seed=9)))
    assert answer.label == "noise"
    assert answer.duration == pytest.approx(2.0)
    assert answer.cells.shape == (2, 4, 6)
    assert refused(few_shot.look, pool, "sound", encoded(silence(1.0))).key == "class_sound_silent"
    assert refused(few_shot.look, pool, "sound", encoded(tone(31.0))).key == "class_sound_long"
    with pytest.raises(MMCoreError, match="picture"):
        few_shot.look(pool, "sound", encode(Image.new("RGB", (9, 9)), "PNG"))


def test_commands_train_and_classify(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMCORE_OFFLINE", "1")
    head = tmp_path / "new" / "own.safetensors"
    trained = mmcore("train", "fewshot", folder, "--out", head, "--json")
    assert trained.exit_code == 0, trained.output
    report = json.loads(trained.stdout)
    assert report["classes"] == [{"name": "bird", "examples": 4}, {"name": "drawing", "examples": 4}]
    assert (report["accuracy"], report["protocol"], report["head"]) == (1.0, "leave-one-out", str(head))
    assert sorted(path.name for path in head.parent.iterdir()) == ["own.safetensors"]

    gone = tmp_path / "gone.jpg"
    files = [path_of("nuthatch"), gone, path_of("drawn-horse")]
    answered = mmcore("classify", *files, "--head", head, "--json")
    assert answered.exit_code == 1
    bird, missing, drawing = (json.loads(line) for line in answered.stdout.splitlines())
    assert (bird["path"], bird["label"], drawing["label"]) == (str(files[0]), "bird", "drawing")
    assert [one["label"] for one in bird["labels"]] == ["bird", "drawing"]
    assert sum(one["score"] for one in bird["labels"]) == pytest.approx(1, abs=1e-3)
    assert missing["error"]["type"] == "InputError"
    assert {"path", "label", "sure", "labels", "model", "seconds"} <= bird.keys()

    other = class_heads.read(head)
    head.write_bytes(replace(other, fingerprint="0" * 16).to_bytes())
    refusal = mmcore("classify", files[0], "--head", head, "--json")
    assert (refusal.exit_code, refusal.stdout) == (1, "")
    assert "another encoder" in refusal.stderr


def test_a_table_names_files_and_odd_material_is_told_of(folder: Path, tmp_path: Path, settings: Settings) -> None:
    table = folder / "own.tsv"
    rows = [f"{label}/{name}.jpg\t{label} one" for label, names in CLASSES.items() for name in names]
    table.write_text("\n".join(["file\tlabel", *rows]), encoding="utf-8")
    files = read_files(table, settings)
    assert (files.classes, files.kind, len(files.paths)) == (("bird one", "drawing one"), "picture", 8)
    assert read_files(folder, settings).classes == ("bird", "drawing")

    table.write_text("\n".join(["file\tlabel", *rows, "bird/gone.jpg\tbird one"]), encoding="utf-8")
    assert "row 10" in str(refused(read_files, table, settings))
    table.write_text("\n".join(["file\tlabel", *rows, "../../etc/passwd\tbird one"]), encoding="utf-8")
    assert refused(read_files, table, settings).key == "table_path"
    table.unlink()
    assert refused(read_files, tmp_path / "none", settings).key == "file_missing"
    assert refused(read_files, path_of("owl"), settings).key == "classes_source"
    assert refused(read_files, tmp_path, settings).key == "classes_folder"
    mixed = tmp_path / "mixed"
    for place, label in enumerate("ab"):
        (mixed / label).mkdir(parents=True)
        for n in range(3):
            content = encode(Image.new("RGB", (9, 9), (n, place, 0)), "PNG") if place else encoded(tone(0.2, 200 + n))
            (mixed / label / f"{n}").write_bytes(content)
    assert refused(read_files, mixed, settings).key == "class_mixed"
    (mixed / "b" / "2").write_text("hello")
    error = refused(kind_of, mixed / "b" / "2")
    assert error.key == "class_neither"
    assert "text" in str(error)
    assert mmcore("train", "fewshot", tmp_path / "none", "--out", tmp_path / "x").exit_code == 2


def test_a_picture_in_memory_needs_no_file(pool: ModelPool) -> None:
    with Image.open(BytesIO(path_of("owl").read_bytes())) as image:
        direct = few_shot.look(pool, "picture", image.convert("RGB"))
    assert np.allclose(direct.mean, few_shot.look(pool, "picture", path_of("owl")).mean, atol=1e-4)


def test_the_evaluation_counts_others_and_strangers(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    names = {**CLASSES, "flower": ("sunflower", "dahlia")}
    rows = [(f"{name}.jpg", label) for label, some in names.items() for name in some] + [("owl.jpg", "bird|tree")]
    for file, _ in rows:
        shutil.copy(path_of(Path(file).stem), tmp_path / "images")
    table = "".join(f"{file}\t{label}\n" for file, label in rows)
    (tmp_path / "labels.tsv").write_text(f"image\tlabel\n{table}", encoding="utf-8")
    asked = ["evaluate", "fewshot", "--data", tmp_path, "--examples", 3, "--draws", 2, "--json"]
    told = mmcore(*asked, "--classes", "bird,drawing")
    assert told.exit_code == 0, told.output
    figures = json.loads(told.stdout)
    assert (figures["others_shown"], figures["unlike_shown"], figures["draws"]) == (2, 2, 2)
    assert figures["others"] == 1.0
    assert figures["left_out"] == 1.0
    assert figures["unlike_unsure"] in (0, 0.25, 0.5, 0.75, 1.0)
    few = mmcore(*asked, "--classes", "bird,flower")
    assert few.exit_code == 1
    assert "flower has 2 examples" in few.stderr
    assert "'fish'" in mmcore(*asked, "--classes", "bird,fish").stderr
