"""Multimodal models that work offline and explain their answers.

>>> from mmcore import CaptionOptions, ModelPool, Settings, caption  # doctest: +SKIP

Names are looked up when they are first used (PEP 562), so that ``import mmcore`` costs nothing: torch, transformers
and gradio are imported where they are needed, not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmcore.checkpoints.registry import CHECKPOINTS, Checkpoint, Quality
    from mmcore.checkpoints.repositories import find_checkpoint
    from mmcore.errors import Cancelled, CapacityError, InputError, MMCoreError, UnknownNameError, WeightsError
    from mmcore.index.collection import Collection
    from mmcore.index.library import Library, SessionLibrary
    from mmcore.index.records import AddReport, Entry, Hit
    from mmcore.io.images import decode_image
    from mmcore.pool import LoadedModel, ModelPool
    from mmcore.results.audio import AudioOptions, AudioResult, SoundEvent, SoundEvidence, SoundLabel
    from mmcore.results.captioning import Caption, CaptionOptions, CaptionResult, Tag, Word
    from mmcore.results.fusion_training import EpochReport, TrainingOptions
    from mmcore.results.matching import (
        LabelScore,
        MatchMap,
        SimilarityMatrix,
        TextRanking,
        ZeroShotOptions,
        ZeroShotResult,
    )
    from mmcore.results.retrieval import Match, Query, QueryPart, SearchOptions, SearchResult, export_rows
    from mmcore.results.sentiment import Post, SentimentOptions, SentimentResult, SentimentScores
    from mmcore.settings import Settings
    from mmcore.tasks.audio import classify_audio, classify_audio_many, explain_audio
    from mmcore.tasks.captioning import caption, caption_many
    from mmcore.tasks.embedding import embed_images, embed_texts
    from mmcore.tasks.matching import explain_match, rank_texts, similarity, zero_shot, zero_shot_many
    from mmcore.tasks.retrieval import search, search_many
    from mmcore.tasks.sentiment import classify_sentiment, classify_sentiment_many, classify_sentiment_table

__version__ = "0.1.0"

__all__ = [
    "CHECKPOINTS",
    "AddReport",
    "AudioOptions",
    "AudioResult",
    "Cancelled",
    "CapacityError",
    "Caption",
    "CaptionOptions",
    "CaptionResult",
    "Checkpoint",
    "Collection",
    "Entry",
    "EpochReport",
    "Hit",
    "InputError",
    "LabelScore",
    "Library",
    "LoadedModel",
    "MMCoreError",
    "Match",
    "MatchMap",
    "ModelPool",
    "Post",
    "Quality",
    "Query",
    "QueryPart",
    "SearchOptions",
    "SearchResult",
    "SentimentOptions",
    "SentimentResult",
    "SentimentScores",
    "SessionLibrary",
    "Settings",
    "SimilarityMatrix",
    "SoundEvent",
    "SoundEvidence",
    "SoundLabel",
    "Tag",
    "TextRanking",
    "TrainingOptions",
    "UnknownNameError",
    "WeightsError",
    "Word",
    "ZeroShotOptions",
    "ZeroShotResult",
    "caption",
    "caption_many",
    "classify_audio",
    "classify_audio_many",
    "classify_sentiment",
    "classify_sentiment_many",
    "classify_sentiment_table",
    "decode_image",
    "embed_images",
    "embed_texts",
    "explain_audio",
    "explain_match",
    "export_rows",
    "find_checkpoint",
    "rank_texts",
    "search",
    "search_many",
    "similarity",
    "zero_shot",
    "zero_shot_many",
]

# tests/test_architecture.py compares this table, __all__ and the imports above.
_HOMES = {
    "mmcore.checkpoints.registry": ("CHECKPOINTS", "Checkpoint", "Quality"),
    "mmcore.checkpoints.repositories": ("find_checkpoint",),
    "mmcore.errors": ("Cancelled", "CapacityError", "InputError", "MMCoreError", "UnknownNameError", "WeightsError"),
    "mmcore.index.collection": ("Collection",),
    "mmcore.index.library": ("Library", "SessionLibrary"),
    "mmcore.index.records": ("AddReport", "Entry", "Hit"),
    "mmcore.io.images": ("decode_image",),
    "mmcore.pool": ("LoadedModel", "ModelPool"),
    "mmcore.results.audio": ("AudioOptions", "AudioResult", "SoundEvent", "SoundEvidence", "SoundLabel"),
    "mmcore.results.captioning": ("Caption", "CaptionOptions", "CaptionResult", "Tag", "Word"),
    "mmcore.results.fusion_training": ("EpochReport", "TrainingOptions"),
    "mmcore.results.matching": (
        "LabelScore",
        "MatchMap",
        "SimilarityMatrix",
        "TextRanking",
        "ZeroShotOptions",
        "ZeroShotResult",
    ),
    "mmcore.results.retrieval": ("Match", "Query", "QueryPart", "SearchOptions", "SearchResult", "export_rows"),
    "mmcore.results.sentiment": ("SentimentScores", "Post", "SentimentOptions", "SentimentResult"),
    "mmcore.settings": ("Settings",),
    "mmcore.tasks.audio": ("classify_audio", "classify_audio_many", "explain_audio"),
    "mmcore.tasks.captioning": ("caption", "caption_many"),
    "mmcore.tasks.embedding": ("embed_images", "embed_texts"),
    "mmcore.tasks.matching": ("rank_texts", "similarity", "explain_match", "zero_shot", "zero_shot_many"),
    "mmcore.tasks.retrieval": ("search", "search_many"),
    "mmcore.tasks.sentiment": ("classify_sentiment", "classify_sentiment_many", "classify_sentiment_table"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(home), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
