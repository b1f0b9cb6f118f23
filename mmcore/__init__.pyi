"""The public names of mmcore, each with the module that it is in: written here once.

Type checkers and editors read this file; ``__init__.py`` looks names up in it when they are first used.
"""

from mmcore.checkpoints.registry import CHECKPOINTS as CHECKPOINTS, Checkpoint as Checkpoint, Quality as Quality
from mmcore.checkpoints.repositories import find_checkpoint as find_checkpoint
from mmcore.errors import (
    Cancelled as Cancelled,
    CapacityError as CapacityError,
    InputError as InputError,
    MMCoreError as MMCoreError,
    UnknownNameError as UnknownNameError,
    WeightsError as WeightsError,
)
from mmcore.index.collection import Collection as Collection
from mmcore.index.library import Library as Library, SessionLibrary as SessionLibrary
from mmcore.index.records import AddReport as AddReport, Entry as Entry, Hit as Hit
from mmcore.io.images import decode_image as decode_image
from mmcore.pool import LoadedModel as LoadedModel, ModelPool as ModelPool
from mmcore.results.ask import (
    AnswerPart as AnswerPart,
    AskOptions as AskOptions,
    AskResult as AskResult,
    Turn as Turn,
)
from mmcore.results.audio import (
    AudioOptions as AudioOptions,
    AudioResult as AudioResult,
    SoundEvent as SoundEvent,
    SoundEvidence as SoundEvidence,
    SoundLabel as SoundLabel,
)
from mmcore.results.captioning import (
    Caption as Caption,
    CaptionOptions as CaptionOptions,
    CaptionResult as CaptionResult,
    GroundedPhrase as GroundedPhrase,
    Tag as Tag,
    Word as Word,
)
from mmcore.results.few_shot import ClassAnswer as ClassAnswer, FewShotReport as FewShotReport
from mmcore.results.clips import ClipResult as ClipResult, Moment as Moment
from mmcore.results.fusion_training import EpochReport as EpochReport, TrainingOptions as TrainingOptions
from mmcore.results.matching import (
    LabelScore as LabelScore,
    MatchMap as MatchMap,
    SimilarityMatrix as SimilarityMatrix,
    TextRanking as TextRanking,
    ZeroShotOptions as ZeroShotOptions,
    ZeroShotResult as ZeroShotResult,
)
from mmcore.results.ocr import OcrOptions as OcrOptions, OcrResult as OcrResult, TextLine as TextLine
from mmcore.results.retrieval import (
    Inscription as Inscription,
    Match as Match,
    Query as Query,
    QueryPart as QueryPart,
    SearchOptions as SearchOptions,
    SearchResult as SearchResult,
    export_rows as export_rows,
)
from mmcore.results.sentiment import (
    Post as Post,
    SentimentOptions as SentimentOptions,
    SentimentResult as SentimentResult,
    SentimentScores as SentimentScores,
)
from mmcore.results.spoken import SpokenPart as SpokenPart, Voice as Voice
from mmcore.results.transcribe import (
    Passage as Passage,
    SpokenWord as SpokenWord,
    TranscribeOptions as TranscribeOptions,
    TranscribeResult as TranscribeResult,
)
from mmcore.settings import Settings as Settings
from mmcore.tasks.ask import ask as ask
from mmcore.tasks.audio import (
    classify_audio as classify_audio,
    classify_audio_many as classify_audio_many,
    explain_audio as explain_audio,
)
from mmcore.tasks.captioning import caption as caption, caption_many as caption_many
from mmcore.tasks.clip_captions import caption_clip as caption_clip
from mmcore.tasks.embedding import embed_images as embed_images, embed_texts as embed_texts
from mmcore.tasks.few_shot import classify as classify, read_head as read_head
from mmcore.tasks.matching import (
    explain_match as explain_match,
    rank_texts as rank_texts,
    similarity as similarity,
    zero_shot as zero_shot,
    zero_shot_many as zero_shot_many,
)
from mmcore.tasks.ocr import read_text as read_text, read_text_many as read_text_many
from mmcore.tasks.retrieval import search as search, search_many as search_many
from mmcore.tasks.sentiment import (
    classify_sentiment as classify_sentiment,
    classify_sentiment_many as classify_sentiment_many,
    classify_sentiment_table as classify_sentiment_table,
)
from mmcore.tasks.transcribe import transcribe as transcribe, transcribe_many as transcribe_many

__version__: str
