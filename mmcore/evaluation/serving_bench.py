"""What our way through pool, batches and families costs, and what it gains, against plain transformers calls.

Full-size networks of BLIP base, CLIP ViT-B/32 and AST from their configurations with random weights (the time does not
depend on them), put behind our own families and a pool of their own; the reference calls the same network as its model
card does. Both take turns in one process. Times are seconds of processor time: other programs on the machine then
change them little, and a batch that needs less work shows it on any number of cores.
"""

from __future__ import annotations

import copy
import statistics
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.hardware import computes_bfloat16
from mmcore.pool import ModelPool
from mmcore.results import AudioOptions, CaptionOptions
from mmcore.settings import Settings
from mmcore.tasks.audio import classify_audio
from mmcore.tasks.captioning import caption, caption_many
from mmcore.tasks.embedding import embed_images

CLIP, BLIP, AST = "clip-vit-b-32-laion", "blip-base", "ast"
CAPTIONING = CaptionOptions(num_beams=3, max_words=12)
"""Random weights never end a caption, so this is its length, that of a usual one."""
SECONDS = 10
"""Of sound."""
RATE = 16_000
USERS = 16
PARTS = ("overhead", "batches", "users")


@dataclass(frozen=True)
class Row:
    """One comparison."""

    name: str
    ratio: float
    """Processor seconds: of ours to the reference's for an overhead, of the reference's to ours for a gain."""
    wanted: str
    own: float
    """Processor seconds, median."""
    reference: float
    wall_ratio: float
    """The same of wall-clock seconds, which other programs on the machine change."""
    rounds: int
    note: str = ""


def some_pictures(count: int) -> list[Image.Image]:
    """RGB pictures of noise, 480 x 360."""
    chance = np.random.default_rng(0)
    return [Image.fromarray(chance.integers(0, 256, (360, 480, 3), dtype=np.uint8)) for _ in range(count)]


def in_turn(own: Callable[[], object], reference: Callable[[], object], rounds: int) -> tuple[list[float], ...]:
    """Processor and wall seconds of each, in turn: (own, reference) of both. Both have been called once before."""
    times: tuple[list[float], ...] = ([], [], [], [])
    for _ in range(rounds):
        for place, call in enumerate((own, reference)):
            wall, processor = perf_counter(), process_time()
            call()
            times[place].append(process_time() - processor)
            times[2 + place].append(perf_counter() - wall)
    return times


def row(
    name: str,
    wanted: str,
    own: Callable[[], object],
    reference: Callable[[], object],
    rounds: int,
    note: str = "",
    gain: bool = False,
) -> Row:
    """Compare two calls; the ratio is that of a gain, or of an overhead."""
    ours, theirs, our_wall, their_wall = map(statistics.median, in_turn(own, reference, rounds))
    ratio, wall = (theirs / ours, their_wall / our_wall) if gain else (ours / theirs, our_wall / their_wall)
    return Row(name, round(ratio, 3), wanted, round(ours, 3), round(theirs, 3), round(wall, 3), rounds, note)


class Networks:
    """The full-size networks, made when they are asked for, and our families around them."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def network(self, name: str) -> Any:
        """Of that checkpoint's architecture, float32, on the processor."""
        import torch
        import transformers as t

        if name not in self._made:
            torch.manual_seed(0)
            made: Any
            if name == CLIP:
                made = t.CLIPModel(t.CLIPConfig())
            elif name == BLIP:
                made = t.BlipForConditionalGeneration(t.BlipConfig())
            else:
                labels = {place: f"label {place}" for place in range(527)}
                made = t.ASTForAudioClassification(t.ASTConfig(id2label=labels))
            self._made[name] = made.eval().requires_grad_(False)
        return self._made[name]

    def load(self, checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> Any:
        """What ``families.load`` would make of a folder with these weights."""
        import torch

        network = self.network(checkpoint.name)
        if dtype != "float32":
            network = copy.deepcopy(network).to(getattr(torch, dtype))
        if checkpoint.name == CLIP:
            from mmcore.families.clip import KINDS, Clip

            kind = KINDS["clip"]
            return Clip(checkpoint, kind, network, kind.image_processor(), lambda texts: {}, device)
        if checkpoint.name == BLIP:
            from mmcore.families.blip import Blip

            return Blip(checkpoint, network, blip_words(), blip_pictures(), device)
        from mmcore.families.ast import Ast

        return Ast(checkpoint, network, ast_spectrograms(), device)

    def pool(self, dtype: str) -> ModelPool:
        """A pool that lends them in that number type ("auto": as the product would)."""
        settings = Settings(device="cpu", offline=True, dtype=dtype)
        return ModelPool(settings, loader=self.load, locate=lambda *_, **__: Path())


def blip_words() -> Any:
    """A tokenizer with the size and the special tokens of BLIP's."""
    from transformers import BertTokenizer

    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
    return BertTokenizer(vocab={special.get(place, f"word{place}"): place for place in range(30522)})


def blip_pictures() -> Any:
    """BLIP's image processor: 384 x 384."""
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    return BlipImageProcessorPil()


def ast_spectrograms() -> Any:
    """AST's feature extractor; its lowest bands are narrower than a frequency of its transform, as in training."""
    from transformers import ASTFeatureExtractor

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="At least one mel filter")
        return ASTFeatureExtractor()


def plain_clip(network: Any) -> Callable[[Image.Image], Any]:
    """One picture -> its unit vector, as on the model card."""
    import torch
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil()

    @torch.inference_mode()
    def call(image: Image.Image) -> Any:
        found = network.get_image_features(**processor(images=[image], return_tensors="pt")).pooler_output
        return torch.nn.functional.normalize(found, dim=-1)[0].numpy()

    return call


def plain_blip(network: Any) -> Callable[[Image.Image], str]:
    """One picture -> its caption, as on the model card."""
    import torch

    processor, words = blip_pictures(), blip_words()

    @torch.inference_mode()
    def call(image: Image.Image) -> str:
        pixels = processor(images=[image], return_tensors="pt")["pixel_values"]
        (ids,) = network.generate(
            pixel_values=pixels, num_beams=CAPTIONING.num_beams, do_sample=False, max_new_tokens=CAPTIONING.max_words
        )
        return str(words.decode(ids, skip_special_tokens=True))

    return call


def plain_ast(network: Any) -> Callable[[Any], Any]:
    """Samples -> a probability for every label, as on the model card."""
    import torch

    extractor = ast_spectrograms()

    @torch.inference_mode()
    def call(samples: Any) -> Any:
        values = extractor(samples, sampling_rate=RATE, return_tensors="pt")["input_values"]
        return network(values).logits.sigmoid()[0].numpy()

    return call


def overhead(networks: Networks, rounds: int) -> Iterator[Row]:
    """One item through the task against the plain call."""
    import soundfile

    pool = networks.pool("float32")
    (image,) = some_pictures(1)
    clip = plain_clip(networks.network(CLIP))
    wanted = "<= 1.05"
    agree = float(embed_images(pool, [image], CLIP)[0] @ clip(image))
    yield row(
        "CLIP B/32, a picture",
        wanted,
        lambda: embed_images(pool, [image], CLIP),
        lambda: clip(image),
        5 * rounds,
        f"cosine of the two vectors {agree:.6f}",
    )
    noise = np.random.default_rng(0).normal(0, 0.1, SECONDS * RATE).astype(np.float32)
    file = BytesIO()
    soundfile.write(file, noise, RATE, format="WAV", subtype="FLOAT")
    sound, options = file.getvalue(), AudioOptions(timeline=False)
    ast = plain_ast(networks.network(AST))
    top = classify_audio(pool, sound, options, AST).labels[0].label
    same = top == f"label {int(ast(noise).argmax())}"
    yield row(
        "AST, 10 s of sound",
        wanted,
        lambda: classify_audio(pool, sound, options, AST),
        lambda: ast(noise),
        rounds,
        f"the same first label: {same}",
    )
    blip = plain_blip(networks.network(BLIP))
    same = caption(pool, image, CAPTIONING, BLIP).captions[0].text == blip(image)
    yield row(
        "BLIP base, a picture",
        wanted,
        lambda: caption(pool, image, CAPTIONING, BLIP),
        lambda: blip(image),
        rounds,
        f"the same caption: {same}",
    )


def batches(networks: Networks, rounds: int, pictures: int, captions: int) -> Iterator[Row]:
    """Many items through the task against a loop of plain calls in float32."""
    images = some_pictures(max(pictures, captions))
    clip = plain_clip(networks.network(CLIP))
    half = computes_bfloat16()
    for dtype, wanted in (("float32", ">= 2"), *((("bfloat16", ">= 3"),) if half else ())):
        pool = networks.pool(dtype)
        some = images[:pictures]
        found, expected = embed_images(pool, some, CLIP), np.stack([clip(image) for image in some])
        agree = float((found * expected).sum(1).min())
        yield row(
            f"CLIP B/32, {pictures} pictures, {dtype}",
            wanted,
            lambda pool=pool, some=some: embed_images(pool, some, CLIP),  # type: ignore[misc]
            lambda some=some: [clip(image) for image in some],  # type: ignore[misc]
            rounds,
            f"least cosine to the loop's vectors {agree:.5f}",
            gain=True,
        )
    blip = plain_blip(networks.network(BLIP))
    few = images[:captions]
    files = [_png(image) for image in few]
    for dtype in ("float32", *(("bfloat16",) if half else ())):
        pool = networks.pool(dtype)
        said = [one.captions[0].text for one in caption_many(pool, files, CAPTIONING, BLIP)]  # type: ignore[union-attr]
        same = sum(own == blip(image) for own, image in zip(said, few, strict=True))
        yield row(
            f"BLIP base, {captions} captions, {dtype}",
            ">= 1.5",
            lambda pool=pool: list(caption_many(pool, files, CAPTIONING, BLIP)),  # type: ignore[misc]
            lambda: [blip(image) for image in few],
            rounds,
            f"{same} of {captions} captions are the loop's",
            gain=True,
        )


def users(pool: ModelPool, rounds: int) -> Iterator[Row]:
    """USERS requests at once, each from a thread of its own, against the same one after the other, on the bundle."""
    pool = ModelPool(replace(pool.settings, tier="compact", device="cpu"))
    images = some_pictures(USERS)

    def captioned(image: Image.Image) -> str:
        return caption(pool, image).captions[0].text

    def seen(image: Image.Image) -> list[float]:
        return [float(number) for number in embed_images(pool, [image])[0]]

    for name, ask in (("captions", captioned), ("vectors of pictures", seen)):

        def alone(ask: Callable[[Image.Image], Any] = ask) -> list[Any]:
            return [ask(image) for image in images]

        def together(ask: Callable[[Image.Image], Any] = ask) -> list[Any]:
            with ThreadPoolExecutor(USERS) as threads:
                return list(threads.map(ask, images))

        yield row(
            f"{USERS} users at once, {name}",
            ">= 2",
            together,
            alone,
            rounds,
            _agreement(together(), alone()),
            gain=True,
        )


def _agreement(found: Sequence[Any], expected: Sequence[Any]) -> str:
    if isinstance(found[0], str):
        return f"{sum(own == other for own, other in zip(found, expected, strict=True))} of {len(found)} are the same"
    return f"largest difference {float(np.abs(np.array(found) - np.array(expected)).max()):.1e}"


def _png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Inside the block, torch computes with so many threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run(
    pool: ModelPool,
    rounds: int = 3,
    parts: Sequence[str] = PARTS,
    pictures: int = 64,
    captions: int = 16,
    cores: int = 1,
    told: Callable[[Row], None] = lambda row: None,
) -> dict[str, Any]:
    """The rows of those PARTS; ``told`` hears each as it is there."""
    networks, found = Networks(), []
    made = {
        "overhead": lambda: overhead(networks, rounds),
        "batches": lambda: batches(networks, rounds, pictures, captions),
        "users": lambda: users(pool, rounds),
    }
    with threads(cores):
        for part in parts:
            for one in made[part]():
                told(one)
                found.append(asdict(one))
    return {"threads": cores, "bfloat16": computes_bfloat16(), "rows": found}
