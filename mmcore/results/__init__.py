"""What goes into a task and what comes out: frozen dataclasses, nothing else passes between layers.

One module a task; the imports below are what this package offers. ``to_dict()`` of a result is the JSON contract of
the command line and the HTTP API.
"""

from mmcore.results.ask import (
    ASK_DECODINGS,
    MAX_PICTURES,
    MAX_TURNS,
    AnswerPart,
    AskDecoding,
    AskOptions,
    AskResult,
    Turn,
    said_together,
)
from mmcore.results.audio import (
    MAX_LABELS_SHOWN,
    POOLINGS,
    SILENCE,
    AudioOptions,
    AudioResult,
    Envelope,
    Pooling,
    SoundEvent,
    SoundEvidence,
    SoundLabel,
    Spectrogram,
    Timeline,
)
from mmcore.results.captioning import (
    DECODINGS,
    MAX_CAPTIONS,
    MAX_WORDS,
    Caption,
    CaptionOptions,
    CaptionResult,
    Decoding,
    GroundedPhrase,
    Tag,
    Word,
)
from mmcore.results.clips import ClipResult, Moment
from mmcore.results.few_shot import DOUBTS, KINDS, ClassAnswer, Doubt, FewShotReport, Kind
from mmcore.results.fusion_training import OPTIMISERS, EpochReport, Optimiser, Scores, TrainingOptions
from mmcore.results.matching import (
    LabelScore,
    MapMethod,
    MatchMap,
    SimilarityMatrix,
    TextRanking,
    ZeroShotOptions,
    ZeroShotResult,
)
from mmcore.results.notices import Notice, noted, notices_of
from mmcore.results.ocr import OcrOptions, OcrResult, TextLine
from mmcore.results.retrieval import (
    DEFAULT_CUTOFF,
    MAX_TOP,
    Inscription,
    Match,
    Query,
    QueryPart,
    SearchOptions,
    SearchResult,
    export_rows,
)
from mmcore.results.sentiment import (
    FUSIONS,
    INTERACTIONS,
    SENTIMENTS,
    Explanation,
    Fusion,
    Interaction,
    Modality,
    Post,
    Sentiment,
    SentimentOptions,
    SentimentPrediction,
    SentimentResult,
    SentimentScores,
    WordContribution,
)
from mmcore.results.spoken import SpokenPart, Voice
from mmcore.results.transcribe import SPOKEN, Heard, Passage, SpokenWord, TranscribeOptions, TranscribeResult
