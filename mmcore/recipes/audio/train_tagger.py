"""The recipe of the compact audio tagger, from packages of sounds to the bundled files.

1. ``sound_sources``: Debian packages with sounds, a soundfont; ``made_sounds``, ``made_noises``, ``made_hits``:
   instruments, voices, tones, typing, claps; ESC-10 and FSDD from the data folder. In one ``SoundStore``.
2. ``spectrograms``: endless variations of them, as spectrograms. No ESC-10 clip, no held-out source, no example.
3. ``blockwise``: each block of the student learns what the teacher's block does (EfficientAT mn04_as).
4. ``together``: all blocks on the student's own activations.
5. ``tagger_tuning``: cross-validation on ESC-10; the shipped model is tuned on its four folds.
6. ``tagger_figures`` on held-out sounds; ``tagger_export``.

Each step keeps what it made in the working folder, so a run that was cut off goes on. Needs apt-get, fluidsynth and
espeak-ng for step 1.
"""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from mmcore.evaluation.sound_scores import ESC10
from mmcore.nets.audio_tagger import AudioTagger, TaggerConfig
from mmcore.nets.log_mel import SAMPLE_RATE
from mmcore.nets.mobilenet_tagger import EfficientAT, width_of
from mmcore.recipes.audio import made_hits, made_noises, made_sounds, sound_sources
from mmcore.recipes.audio.blockwise import BlockRecipe, taught_by_blocks, write_inputs
from mmcore.recipes.audio.sound_store import SoundStore, windows
from mmcore.recipes.audio.spectrograms import Spectrograms, VariationRecipe, Variations
from mmcore.recipes.audio.tagger_export import export
from mmcore.recipes.audio.tagger_figures import measured
from mmcore.recipes.audio.tagger_tuning import (
    TuningRecipe,
    cross_validated,
    name_indices,
    read_clips,
    right_share,
    seen,
    tuned,
)
from mmcore.recipes.audio.together import TogetherRecipe, taught_together
from mmcore.results import SILENCE

Say = Callable[[str], None]
KEYBOARD = "bucklespring-data"
"""The source whose windows are single keys, recorded one by one."""


@dataclass(frozen=True)
class AudioRecipe:
    """Every number that shapes the training."""

    seed: int = 0
    windows_a_source: int = 120
    """Windows of each package that is learnt from, at most."""
    digits: int = 150
    """Clips of FSDD that are used."""
    network: TaggerConfig = field(default_factory=TaggerConfig)
    variations: VariationRecipe = field(default_factory=VariationRecipe)
    blocks: BlockRecipe = field(default_factory=BlockRecipe)
    together: tuple[TogetherRecipe, ...] = (
        TogetherRecipe(),
        TogetherRecipe(steps=4500, turned=True, seed=1),
        TogetherRecipe(steps=3000, turned=True, rate=5e-4, seed=2),
    )
    """One after the other."""
    tuning: TuningRecipe = field(default_factory=TuningRecipe)
    tied: int = 800
    """Spectrograms beside ESC-10's in the tuning."""
    workers: int = 2
    """Processes of one thread each."""


def read_teacher(file: Path) -> EfficientAT:
    """mn04_as from its safetensors or .pt file. Raises FileNotFoundError."""
    if not file.is_file():
        raise FileNotFoundError(f"the teacher's weights are not at {file}")
    weights = load_file(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True)
    network = EfficientAT(width_of(weights))
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


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
        most = source.most if source.held_out else min(source.most, recipe.windows_a_source)
        taken = 0
        with store.adding() as add:
            for file in files:
                if taken >= most:
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


def trained_on(store: SoundStore) -> list[int]:
    """Places of the sounds that the student may be distilled on."""
    return [n for n, entry in enumerate(store.entries) if not entry.held_out and entry.source != "esc10"]


@dataclass(frozen=True)
class BatchMaker:
    """Draws spectrograms for one process of the training."""

    store: Path
    file: Path
    variations: VariationRecipe
    together: TogetherRecipe

    def __call__(self, seed: int) -> Callable[[], Tensor]:
        """What draws the batches of ``together``."""
        store = SoundStore(self.store)
        recorded = Spectrograms(store, trained_on(store), self.file)
        drawn = Variations(recorded, self.variations, 1000 + 100_000 * self.together.seed + seed)
        return lambda: drawn.batch(self.together.batch, self.together.columns)


def distilled(teacher: EfficientAT, store: SoundStore, work: Path, recipe: AudioRecipe, say: Say) -> AudioTagger:
    """Steps 2 to 4: the student that has heard no clip of ESC-10."""
    torch.manual_seed(recipe.seed)
    student = AudioTagger(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    file, inputs = work / "spectrograms.f16", work / "inputs"
    recorded = Spectrograms(store, trained_on(store), file)
    if not (inputs / "done").is_file():
        drawn = Variations(recorded, recipe.variations, recipe.seed)
        count = recipe.blocks.spectrograms // recipe.blocks.batch
        write_inputs(teacher, [drawn.batch(recipe.blocks.batch, recipe.blocks.columns) for _ in range(count)], inputs)
    say(f"{len(recorded)} sounds, {recipe.blocks.spectrograms} variations of them for the blocks")
    taught_by_blocks(teacher, student, inputs, recipe.blocks, recipe.workers)
    student.eval()
    for number, together in enumerate(recipe.together):
        maker = BatchMaker(work / "sounds", file, recipe.variations, together)
        student = taught_together(teacher, student, maker, together, work / f"together-{number}.pt", recipe.workers)
    return student


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
    base = distilled(teacher, store, work, recipe, say)
    torch.save(base.state_dict(), work / "base.pt")
    names = name_indices(ESC10, labels)
    silence = labels.index(SILENCE)
    clips = read_clips(base, teacher, store, list(ESC10), recipe.tuning)
    drawn = Variations(
        Spectrograms(store, trained_on(store), work / "spectrograms.f16"), recipe.variations, recipe.seed + 1
    )
    others = seen(base, teacher, [drawn.batch(8, 200) for _ in range(recipe.tied // 8)], recipe.tuning.first_trained)
    figures: dict[str, Any] = {"distilled": measured(base, teacher, store, data, silence)}
    every = list(range(len(clips.classes)))
    figures["esc10_before"] = right_share(base, clips, every, names, recipe.tuning)
    if cross_validate:
        folds = cross_validated(base, clips, others, names, recipe.tuning)
        figures["esc10_cross_validation"] = {"top_1": sum(folds.values()) / len(folds), "folds": folds}
    model = tuned(base, clips, every, others, names, recipe.tuning)
    figures["tuned"] = measured(model, teacher, store, data, silence)
    export(model, output)
    return {**figures, "recipe": asdict(recipe)}
