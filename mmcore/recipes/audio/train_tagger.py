"""The recipe of the compact audio tagger, from packages of sounds to the bundled files.

1. ``sound_sources``: Debian packages with sounds, a soundfont; ``made_sounds``, ``made_noises``, ``made_hits``:
   instruments, voices, tones, typing, claps; ESC-10, FSDD and the examples from the data folder. In one ``SoundStore``.
2. ``scenes``: what the teacher (EfficientAT mn04_as) hears in every sound, and in many mixes of them.
3. ``tagger_learning``: the student learns that. No ESC-10 clip is in it, no held-out source either.
4. ``tagger_tuning``: cross-validation on ESC-10; the shipped model is tuned on its four folds.
5. ``tagger_outputs``: the last matrix is learnt again, with typing and clapping (``made_hits``) among the sounds; the
   rows of ESC-10's labels stay.
6. Figures on the held-out sources, thresholds, and which labels it may give at all; ``tagger_export``.

Each step keeps what it made in the working folder, so a run that was cut off goes on. Two CPU cores with bf16 need
about an hour. Needs apt-get, fluidsynth and espeak-ng for step 1.
"""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from mmcore.evaluation.sound_scores import ESC10
from mmcore.nets.audio_tagger import AudioTagger
from mmcore.nets.log_mel import SAMPLE_RATE, LogMel
from mmcore.nets.mobilenet_tagger import EfficientAT, width_of
from mmcore.recipes.audio import made_hits, made_noises, made_sounds, scenes, sound_sources
from mmcore.recipes.audio.sound_store import SoundStore, windows
from mmcore.recipes.audio.tagger_export import PRESENT, calibrated, calibrated_again, export
from mmcore.recipes.audio.tagger_learning import LearningRecipe, batches, begin_at_the_mean, learn, top_agreement
from mmcore.recipes.audio.tagger_outputs import (
    OutputRecipe,
    clip_rows,
    collected,
    fit_outputs,
    hit_rows,
    joined,
    mixed_rows,
    plain_rows,
)
from mmcore.recipes.audio.tagger_tuning import TUNING, cross_validated, name_indices, read_clips, tuned
from mmcore.results import SILENCE

Say = Callable[[str], None]
KEYBOARD = "bucklespring-data"
"""The source whose windows are single keys, recorded one by one."""
HAND_LABELS = ("Typing", "Computer keyboard", "Clapping")
HANDS = ("hits", KEYBOARD)
"""Sources that the outputs learn from more often."""


@dataclass(frozen=True)
class AudioRecipe:
    """Every number that shapes the training."""

    seed: int = 0
    scene_seconds: float = 120_000.0
    """Sound of all scenes together."""
    parts: int = 8
    """Files that the scenes are kept in."""
    balance: float = 0.6
    """0 draws every sound as often; 1 draws sounds so that all best labels come as often."""
    learning: LearningRecipe = field(default_factory=lambda: LearningRecipe(steps=6000))
    tuning: LearningRecipe = TUNING
    outputs: OutputRecipe = field(default_factory=OutputRecipe)
    digits: int = 150
    """Clips of FSDD that are used."""


def read_teacher(file: Path) -> scenes.Teacher:
    """mn04_as from its safetensors or .pt file. Raises FileNotFoundError."""
    if not file.is_file():
        raise FileNotFoundError(f"the teacher's weights are not at {file}")
    weights = load_file(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True)
    network = EfficientAT(width_of(weights))
    network.load_state_dict(weights)
    return scenes.Teacher(network)


def read_labels(folder: Path) -> list[str]:
    """Display names by class index from class_labels_indices.csv beside the teacher. Raises FileNotFoundError."""
    with (folder / "class_labels_indices.csv").open(encoding="utf-8", newline="") as file:
        return [row["display_name"] for row in csv.DictReader(file)]


def fill_store(store: SoundStore, data: Path, packages: Path, recipe: AudioRecipe, say: Say) -> None:
    """Step 1; sources that are in the store already are passed over."""
    draw = random.Random(recipe.seed)
    for source in sound_sources.PACKAGES:
        if source.name in store.sources() or not (packages / source.name).is_dir():
            continue
        sound_sources.unpack_archives(packages / source.name)
        files = sound_sources.files_of(packages, source)
        random.Random(recipe.seed).shuffle(files)
        taken = 0
        with store.adding() as add:
            for file in files:
                if taken >= source.most:
                    break
                for window in windows(file, source.windows_a_file, sound_sources.LONGEST):
                    name = str(file.relative_to(packages / source.name))
                    add(source.name, name, window, held_out=source.held_out)
                    taken += 1
        say(f"{source.name}: {taken} windows")
    if "esc10" not in store.sources():
        with (data / "esc10" / "labels.tsv").open(encoding="utf-8", newline="") as table, store.adding() as add:
            for row in csv.DictReader(table, delimiter="\t"):
                for window in windows(data / "esc10" / "audio" / row["file"], 1, sound_sources.LONGEST):
                    add("esc10", row["file"], window, label=row["label"], fold=int(row["fold"]))
    if "fsdd" not in store.sources():
        digits = sorted((data / "fsdd" / "audio").glob("*"))
        with store.adding() as add:
            for file in draw.sample(digits, min(recipe.digits, len(digits))):
                for window in windows(file, 1, sound_sources.LONGEST):
                    add("fsdd", file.name, window)
    if "examples" not in store.sources():
        with store.adding() as add:
            for file in sorted((data / "examples" / "audio").glob("*.ogg")):
                if not file.name.startswith("esc10"):
                    for window in windows(file, 4, sound_sources.LONGEST):
                        add("examples", file.name, window)
    fill_made(store, packages, recipe, say)


def fill_made(store: SoundStore, packages: Path, recipe: AudioRecipe, say: Say) -> None:
    """The sounds that programs make."""
    if "noises" not in store.sources():
        with store.adding() as add:
            for name, sound in made_noises.noises(np.random.default_rng(recipe.seed)):
                add("noises", name, sound)
    if "hits" not in store.sources():
        keyboard = [store.samples(n) for n, entry in enumerate(store.entries) if entry.source == KEYBOARD]
        with store.adding() as add:
            for name, sound in made_hits.hits(np.random.default_rng(recipe.seed), keyboard):
                add("hits", name, sound)
    if "voices" not in store.sources() and shutil.which("espeak-ng"):
        with store.adding() as add:
            for name, sound in made_sounds.voices(random.Random(recipe.seed)):
                add("voices", name, sound[: int(sound_sources.LONGEST * SAMPLE_RATE)])
    fonts = sorted((packages / sound_sources.INSTRUMENTS).rglob("*.sf2"))
    if "instruments" not in store.sources() and fonts and shutil.which("fluidsynth"):
        with store.adding() as add:
            for name, sound in made_sounds.instruments(fonts[0], random.Random(recipe.seed)):
                add("instruments", name, sound, held_out=made_sounds.held_out(name))
    say(f"{len(store.entries)} windows of sound")


def chances(heard: Tensor, balance: float) -> np.ndarray:
    """How often each sound is drawn: rarer best labels more often."""
    best = heard.argmax(1)
    frequency = torch.bincount(best, minlength=heard.shape[1])[best].double()
    return np.asarray(frequency**-balance)


def trained_on(store: SoundStore) -> list[int]:
    """Places of the sounds that the base may learn from."""
    return [n for n, entry in enumerate(store.entries) if not entry.held_out and entry.source != "esc10"]


def measure_held_out(
    model: AudioTagger, store: SoundStore, heard: Tensor, known: list[bool], silence: int
) -> dict[str, Any]:
    """How far the student follows the teacher on sources that it never learnt from, each window as it is."""
    rows = [n for n, entry in enumerate(store.entries) if entry.held_out]
    log_mel = LogMel()
    known = [fine and place != silence for place, fine in enumerate(known)]  # silence is told by the level
    with torch.inference_mode():
        own = torch.cat([model(log_mel(scenes.whole(store, row))) for row in rows])
    teachers = heard[rows].clone()
    teachers[:, silence] = -torch.inf
    each = {}
    for source in sorted({store.entries[row].source for row in rows}):
        places = [place for place, row in enumerate(rows) if store.entries[row].source == source]
        each[source] = {"clips": len(places), "agreement": top_agreement(own[places], teachers[places], 3, known)}
    certain = teachers.sigmoid().amax(1) > 0.3
    return {
        "clips": len(rows),
        "agreement": top_agreement(own, teachers, 3, known),
        "same_best": top_agreement(own, teachers, 1, known),
        "agreement_where_teacher_is_sure": top_agreement(own[certain], teachers[certain], 3, known),
        "teacher_sure": int(certain.sum()),
        "sources": each,
    }


def learn_outputs_again(
    model: AudioTagger, settings: dict[str, Any], store: SoundStore, teacher: scenes.Teacher, labels: list[str],
    recipe: AudioRecipe,
) -> dict[str, Any]:  # fmt: skip
    """Step 5, in place; returns the settings with new thresholds and known labels. ESC-10's labels stay as they are."""
    draw = np.random.default_rng(recipe.seed)
    allowed = trained_on(store)
    often = [number for number in allowed if store.entries[number].source in HANDS]
    keyboard = [store.samples(n) for n, entry in enumerate(store.entries) if entry.source == KEYBOARD]
    sounds = chain(plain_rows(store, allowed, draw), mixed_rows(store, allowed, often, draw))
    clips = collected(model, teacher, clip_rows(store, draw), len(store.entries))
    hits = hit_rows(keyboard, draw, recipe.outputs.more_hits)
    found = joined(collected(model, teacher, chain(islice(sounds, recipe.outputs.rows), hits), 10**9), clips)
    unchanged = {labels.index(name) for names in ESC10.values() for name in names} | {labels.index(SILENCE)}
    of_clips = torch.arange(len(found.kept_back)) >= len(found.kept_back) - len(clips.kept_back)
    hands = (found.logits[:, [labels.index(name) for name in HAND_LABELS]] > torch.logit(torch.tensor(PRESENT))).any(1)
    learnt, kept = ~found.kept_back, found.kept_back
    times = torch.where(hands, recipe.outputs.hands_weight, torch.where(of_clips, recipe.outputs.clips_weight, 1))
    times = torch.where(found.logits[:, labels.index("Rain")].sigmoid() > PRESENT, recipe.outputs.rain_weight, times)
    places = torch.nonzero(learnt)[:, 0].repeat_interleave(times[learnt])
    fit_outputs(model, found.embedded[places], found.logits[places], unchanged, recipe.outputs)
    teachers = found.logits.sigmoid()
    counts = (teachers[learnt] > PRESENT).sum(0)
    with torch.inference_mode():
        own = model.output(found.embedded[kept]).sigmoid()
    return calibrated_again(settings, own, teachers[kept], counts, unchanged)


def main(
    data: Path, work: Path, output: Path, teacher_file: Path, recipe: AudioRecipe | None = None, *,
    cross_validate: bool = True, say: Say = print,
) -> dict[str, Any]:  # fmt: skip
    """The whole recipe; returns the figures of the model card. Raises FileNotFoundError for what is not there."""
    recipe = recipe or AudioRecipe()
    teacher, labels = read_teacher(teacher_file), read_labels(teacher_file.parent)
    missing = sound_sources.fetch(work / "packages")
    if missing:
        say(f"not to be had: {', '.join(missing)}")
    store = SoundStore(work / "sounds")
    fill_store(store, data, work / "packages", recipe, say)
    heard = scenes.hear_store(store, teacher, work / "heard.pt")
    allowed = trained_on(store)
    parts = [work / "scenes" / str(part) for part in range(recipe.parts)]
    for number, part in enumerate(parts):
        if not (part / f"features-{scenes.COLUMNS[-1]}.npy").is_file():
            composer = scenes.Composer(store, allowed, chances(heard[allowed], recipe.balance), recipe.seed + number)
            scenes.make(composer, teacher, recipe.scene_seconds / recipe.parts, part)
            say(f"scenes: {number + 1} of {recipe.parts}")
    plain = work / "scenes" / "plain"
    if not (plain / f"features-{scenes.COLUMNS[-1]}.npy").is_file():
        scenes.make_plain(store, allowed, teacher, plain)
    found, kept_back = scenes.load([*parts[:-1], plain]), scenes.load(parts[-1:])
    base_file = work / "base.pt"
    base = AudioTagger()
    if base_file.is_file():
        base.load_state_dict(torch.load(base_file, weights_only=True))
    else:
        torch.manual_seed(recipe.seed)
        begin_at_the_mean(base, found)
        base = learn(
            base,
            batches(found, recipe.learning),
            recipe.learning,
            report=lambda step, loss, _: say(f"{step}: {loss:.3f}"),
        )
        torch.save(base.state_dict(), base_file)
    clips = read_clips(store, teacher, list(ESC10))
    names = name_indices(ESC10, labels)
    scene_batches = batches(found, replace(recipe.learning, seed=recipe.seed + 100))
    figures: dict[str, Any] = {}
    if cross_validate:
        folds = cross_validated(base, clips, scene_batches, names, recipe.tuning)
        figures["esc10_cross_validation"] = {"top_1": sum(folds.values()) / len(folds), "folds": folds}
    every = list(range(len(clips.classes)))
    model = tuned(base, clips, every, scene_batches, names, recipe.tuning)
    settings = calibrated(model, found, kept_back, labels)
    settings = learn_outputs_again(model, settings, store, teacher, labels, recipe)
    figures["held_out"] = measure_held_out(model, store, heard, settings["known"], labels.index(SILENCE))
    figures["held_out_base"] = measure_held_out(base, store, heard, settings["known"], labels.index(SILENCE))
    export(model, settings, output)
    return {**figures, "known_labels": sum(settings["known"]), "recipe": asdict(recipe)}
