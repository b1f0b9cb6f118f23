"""Training of a fusion head on cached features, an epoch at a time.

features = features_of(pool, folder)
training = Training(features, TrainingOptions(fusion="weighted"))
for report in training.run(cancelled):      # one EpochReport an epoch
draw(report)
training.keep(settings, "my-head")          # then: SentimentOptions(head="my-head")
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mmcore.checkpoints import fusion_heads
from mmcore.errors import InputError
from mmcore.fusion.feature_sets import FeatureSet
from mmcore.fusion.metrics import best_temperature, score
from mmcore.nets.fusion import KINDS, Fusion, FusionConfig, Inputs, build, inputs_from, save
from mmcore.results.fusion_training import EpochReport, Scores, TrainingOptions
from mmcore.results.posts import EncodedPosts
from mmcore.results.sentiment import SENTIMENTS, Sentiment, SentimentScores
from mmcore.settings import Settings
from mmcore.types import IsCancelled

MEASURED_AT_ONCE = 512
"""Posts in a batch without gradients."""

_first_values = threading.Lock()
"""Layers draw their first values from torch's one global generator: one training at a time may seed it."""


@dataclass(frozen=True)
class Mistake:
    """A dev post that the head gets wrong."""

    row: int
    """Row in the feature set."""
    truth: Sentiment
    scores: SentimentScores


def inputs_of(features: EncodedPosts, rows: npt.NDArray[np.int64], *, parts: bool = True) -> Inputs:
    """Some posts as tensors; without ``parts`` they have no words and no regions, for heads that never look there."""
    if not parts:
        features = replace(features, words=features.words[:, :0], regions=features.regions[:, :0])
    return inputs_from(features, rows)


def new_head(features: FeatureSet, options: TrainingOptions) -> Fusion:
    """An untrained head with the sizes of the features; the same seed gives the same first values."""
    config = FusionConfig(
        text=features.text.shape[1],
        image=features.image.shape[1],
        word=features.words.shape[2],
        region=features.regions.shape[2],
        width=options.width,
        dropout=options.dropout,
    )
    with _first_values, torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return build(options.fusion, config)


def new_optimiser(head: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """The optimiser that the options name."""
    parameters, rate = list(head.parameters()), options.learning_rate
    if options.optimiser == "adamw":
        return torch.optim.AdamW(parameters, rate, weight_decay=options.weight_decay)
    if options.optimiser == "adam":
        return torch.optim.Adam(parameters, rate)
    return torch.optim.SGD(parameters, rate, momentum=0.9 if options.optimiser == "momentum" else 0.0)


@torch.inference_mode()
def logits_of(head: Fusion, inputs: Inputs) -> Tensor:
    """(N, 3), in batches, without dropout."""
    head.eval()
    batches = torch.arange(len(inputs)).split(MEASURED_AT_ONCE)
    return torch.cat([head(inputs.rows(batch)) for batch in batches])


def calibrate(head: Fusion, inputs: Inputs, labels: npt.NDArray[np.int64]) -> None:
    """Set the head's temperatures for both, text only and image only from posts that it was not trained on."""
    views = (
        (inputs, inputs.has_text & inputs.has_image),
        (inputs.only(image=False), inputs.has_text),
        (inputs.only(text=False), inputs.has_image),
    )
    for place, (view, there) in enumerate(views):
        rows = there.nonzero()[:, 0]
        if len(rows):
            logits = logits_of(head, view.rows(rows)).double().numpy()
            head.temperatures[place] = best_temperature(logits, labels[rows.numpy()])


class Training:
    """One training run. It draws everything from ``options.seed``: the same options give the same head."""

    def __init__(
        self,
        features: FeatureSet,
        options: TrainingOptions,
        rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None,
    ) -> None:
        """``rows``: those for training and those for measuring; None lets the set split itself.

        Raises InputError where a class is missing in the set.
        """
        missing = [name for name, count in zip(SENTIMENTS, features.counts(), strict=True) if not count]
        if len(missing) > 1:
            raise InputError("training_one_class", classes=", ".join(missing))
        train, dev = features.split() if rows is None else rows
        self.features, self.options = features, options
        self.train_rows, self.dev_rows = train, dev
        parts = KINDS[options.fusion].reads_parts
        self._train, self._dev = (inputs_of(features, part, parts=parts) for part in (train, dev))
        self._labels = torch.from_numpy(features.labels[train])
        self._dev_labels = features.labels[dev]
        self._weight = class_weights(features.labels[train], options.balance)
        self._generator = torch.Generator().manual_seed(options.seed)
        self.head = new_head(features, options)
        """As it is after the last epoch; ``best`` has the weights of the best one."""
        self.head.draw_from(self._generator)
        self.head.standardize(self._train)
        self._optimiser = new_optimiser(self.head, options)
        self._best_state = deepcopy(self.head.state_dict())
        self._best: Fusion | None = None
        self._reports: list[EpochReport] = []
        self._seconds = 0.0

    def run(self, cancelled: IsCancelled | None = None) -> Iterator[EpochReport]:
        """Train, with one report an epoch; called again after it was left or cancelled, it goes on with the next one.

        It ends after ``options.epochs``, by early stopping, when ``cancelled()`` turns true (asked between batches),
        or where the loss is no longer finite. A cancelled epoch is begun anew.
        """
        while not self.done:
            start = perf_counter()
            before = deepcopy((self.head.state_dict(), self._optimiser.state_dict(), self._generator.get_state()))
            learnt = self._epoch(cancelled or (lambda: False))
            if learnt is None:
                self.head.load_state_dict(before[0])
                self._optimiser.load_state_dict(before[1])
                self._generator.set_state(before[2])
                return
            self._seconds += perf_counter() - start
            yield self._report(*learnt)

    @property
    def done(self) -> bool:
        """Whether there is nothing left to train: all epochs, early stopping, or a loss that is not finite."""
        if not self._reports:
            return False
        last = self._reports[-1]
        best = max(report.epoch for report in self._reports if report.best)
        patience = self.options.patience
        return last.epoch >= self.options.epochs or not last.finite or bool(patience and last.epoch - best >= patience)

    def _epoch(self, cancelled: IsCancelled) -> tuple[float, float] | None:
        """Mean loss and accuracy over the training posts; None if it was cancelled."""
        self.head.train()
        order = torch.randperm(len(self._labels), generator=self._generator)
        loss_sum = right = 0.0
        for batch in order.split(self.options.batch_size):
            if cancelled():
                return None
            inputs, labels = self._hide_some(self._train.rows(batch)), self._labels[batch]
            loss, logits = self.head.loss(inputs, labels, self._weight, self.options.smoothing)
            self._optimiser.zero_grad()
            loss.backward()
            self._optimiser.step()
            loss_sum += float(loss.detach()) * len(batch)
            right += float((logits.argmax(-1) == labels).sum())
        return loss_sum / len(order), right / len(order)

    def _hide_some(self, inputs: Inputs) -> Inputs:
        """Modality dropout: of a share of the posts that have both, text or image is taken away."""
        drawn = torch.rand(len(inputs), generator=self._generator) / max(self.options.modality_dropout, 1e-9)
        both = inputs.has_text & inputs.has_image
        text, image = both & (drawn < 0.5), both & (drawn >= 0.5) & (drawn < 1)
        return inputs.without(text=text, image=image)

    def _report(self, train_loss: float, train_accuracy: float) -> EpochReport:
        logits = logits_of(self.head, self._dev).double()
        loss = float(nn.functional.cross_entropy(logits, torch.from_numpy(self._dev_labels)))
        best = all(loss < report.dev_loss for report in self._reports)
        if best:
            self._best_state, self._best = deepcopy(self.head.state_dict()), None
        report = EpochReport(
            epoch=len(self._reports) + 1,
            epochs=self.options.epochs,
            train_loss=train_loss,
            dev_loss=loss,
            train_accuracy=train_accuracy,
            dev=score(logits.softmax(-1).numpy(), self._dev_labels),
            best=best,
            seconds=self._seconds,
        )
        self._reports.append(report)
        return report

    def reports(self) -> tuple[EpochReport, ...]:
        """All reports so far."""
        return tuple(self._reports)

    def best(self) -> Fusion:
        """The head of the best epoch so far, calibrated on dev."""
        if self._best is None:
            best = deepcopy(self.head)
            best.load_state_dict(self._best_state)
            best.eval()
            calibrate(best, self._dev, self._dev_labels)
            self._best = best
        return self._best

    def dev_probabilities(self, *, text: bool = True, image: bool = True) -> npt.NDArray[np.float64]:
        """(dev posts, 3) of the best head, calibrated; without text or without image if told so."""
        return probabilities_of(self.best(), self._dev.only(text=text, image=image))

    def scores(self) -> Scores:
        """The best epoch's head on dev, calibrated."""
        return score(self.dev_probabilities(), self._dev_labels)

    def mistakes(self, limit: int = 20) -> tuple[Mistake, ...]:
        """Dev posts that the best head gets wrong, those of which it is surest first."""
        probabilities = self.dev_probabilities()
        wrong = np.flatnonzero(probabilities.argmax(1) != self._dev_labels)
        surest = wrong[np.argsort(-probabilities[wrong].max(1), kind="stable")][:limit]
        return tuple(
            Mistake(
                row=int(self.dev_rows[place]),
                truth=SENTIMENTS[self._dev_labels[place]],
                scores=SentimentScores(*probabilities[place].tolist()),
            )
            for place in surest
        )

    def save(self, folder: Path) -> None:
        """Write the best head, calibrated: model.safetensors and config.json."""
        figures = self.scores().to_dict() if self._reports else {}
        save(self.best(), folder, {"features": self.features.encoder, "options": asdict(self.options), "dev": figures})

    def keep(self, settings: Settings, name: str) -> Path:
        """Save under MMCORE_HOME/heads, for ``SentimentOptions(head=name)``. Raises InputError for a bad name."""
        folder = fusion_heads.folder_for(settings, name)
        self.save(folder)
        return folder


@torch.inference_mode()
def probabilities_of(head: Fusion, inputs: Inputs) -> npt.NDArray[np.float64]:
    """(N, 3) calibrated."""
    head.eval()
    batches = torch.arange(len(inputs)).split(MEASURED_AT_ONCE)
    return torch.cat([head.probabilities(inputs.rows(batch)) for batch in batches]).double().numpy()


@torch.inference_mode()
def attention_of(
    head: Fusion, features: EncodedPosts, rows: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.float32]] | None:
    """Where the tokens of some posts look, (tokens, regions) each with rows that sum to 1; None without attention."""
    head.eval()
    inputs = inputs_of(features, rows, parts=head.reads_parts)
    looks = head.attention(inputs)
    if looks is None:
        return None
    return [one[: int(mask.sum())].float().numpy() for one, mask in zip(looks, inputs.word_mask, strict=True)]


def class_weights(labels: npt.NDArray[np.int64], balance: float) -> Tensor | None:
    """(3,) weights with mean 1 over the posts: class frequency ** -balance; None for balance 0."""
    if not balance:
        return None
    counts = np.maximum(np.bincount(labels, minlength=len(SENTIMENTS)), 1)
    weights = (counts / counts.sum()) ** -balance
    return torch.tensor(weights * counts.sum() / (weights * counts).sum(), dtype=torch.float32)
