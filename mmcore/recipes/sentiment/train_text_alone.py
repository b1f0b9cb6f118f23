"""The recipe of what judges posts without a picture: the text encoder's last layers tuned on labelled tweets.

    mmcore train text-alone --data semeval2017 --work DIR --output mmcore/bundled/sentiment

1. ``read_tweets``: train.tsv and dev.tsv (columns label, text), cleaned as the product cleans a post.
2. Log-ratios of tokens and of pairs over all tweets; for the tweets that the layers are tuned on, from the other folds.
3. ``below``: states under the tuned layers, in fp16, kept in the working folder; a file a part of the tweets.
4. ``tune``: layers and head together, part by part; the averaged weights with the best macro recall on dev are kept,
   then classes balanced (``balancing``) and probabilities calibrated on the same half of dev; the other half measures.

The encoder stays as it is. Steps 3 and 4 need about ten minutes of CPU time together.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from mmcore.checkpoints.registry import find
from mmcore.families import compact_dual, compact_sentiment
from mmcore.families._lexicon import NAMES, lexicon_scores
from mmcore.fusion.metrics import best_temperature, score
from mmcore.io.texts import clean_post
from mmcore.nets.fusion import CLASSES
from mmcore.nets.text_alone import TextAlone, TextAloneConfig, distinct, log_ratios, states_below
from mmcore.nets.text_encoder import TextEncoder
from mmcore.results.sentiment import SENTIMENTS

ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
"""Some years of the tweets were published with these in place of the letters."""
SHIFT_COST = 0.002
"""Recall that a shift of the logits by 1 in all must gain."""
Ids = npt.NDArray[np.int64]
Say = Callable[[str], None]


@dataclass(frozen=True)
class TextAloneRecipe:
    """Every number that shapes the training."""

    seed: int = 0
    most: tuple[int, int, int] = (3845, 4500, 4000)
    """Tweets of each class in a part; the log-ratios are of all tweets."""
    parts: int = 2
    """Parts, with other tweets in each, that the layers are tuned on."""
    stop: int = 3000
    """Tweets of dev that say when to stop."""
    longest: int = 64
    """Tokens of a tweet that are read, in training only."""
    folds: int = 4
    rounds: int = 1
    """Times that each part is learnt from."""
    batch: int = 32
    rate: float = 1.5e-4
    """Of the layers."""
    head_rate: float = 1e-3
    decay: float = 0.01
    dropout: float = 0.1
    smoothing: float = 0.05
    average: float = 0.99
    """Of the running mean of the weights."""
    looks: int = 3
    """Times a part that dev is looked at."""


@dataclass(frozen=True)
class Tweets:
    """Texts, their token ids and labels."""

    texts: list[str]
    ids: list[Ids]
    labels: Ids

    def rows(self, places: Ids) -> Tweets:
        """Some of them."""
        return Tweets(
            [self.texts[place] for place in places], [self.ids[place] for place in places], self.labels[places]
        )

    def __len__(self) -> int:
        return len(self.ids)


def read_tweets(file: Path, *, stand_ins: bool = True) -> tuple[list[str], Ids]:
    """Cleaned texts and labels of a table. Raises FileNotFoundError, and ValueError for an unknown label."""
    with file.open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    texts = [clean_post(plain(row["text"]), stand_ins=stand_ins) for row in rows]
    return texts, np.array([SENTIMENTS.index(row["label"]) for row in rows], np.int64)


def plain(text: str) -> str:
    """A tweet without the marks that its publishing left."""
    return ESCAPE.sub(lambda code: chr(int(code[1], 16)), text).replace('\\""', '"').strip()


def encoded(encoder: compact_dual.CompactDual, texts: Sequence[str], labels: Ids, longest: int) -> Tweets:
    """Texts as the model reads them."""
    ids = [np.array(one.ids[:longest], np.int64) for one in encoder.tokenizer.encode_batch(list(texts))]
    return Tweets(list(texts), ids, labels)


def stopping(
    data: Path, encoder: compact_dual.CompactDual, recipe: TextAloneRecipe, *, stand_ins: bool = True
) -> Tweets:
    """The tweets of dev that say when to stop; without ``stand_ins``, those of them that hold more than links."""
    texts, labels = read_tweets(data / "dev.tsv", stand_ins=stand_ins)
    places = np.sort(np.random.default_rng(recipe.seed + 1).permutation(len(texts))[: recipe.stop])
    places = places[[bool(texts[place]) for place in places]]
    return encoded(encoder, [texts[place] for place in places], labels[places], recipe.longest)


def chosen(labels: Ids, most: Sequence[int], parts: int, draw: np.random.Generator) -> list[Ids]:
    """Places of the tweets of each part: at most so many of each class, none in two parts."""
    order = draw.permutation(len(labels))
    each = [order[labels[order] == label] for label in range(CLASSES)]
    return [
        np.concatenate([rows[part * count : (part + 1) * count] for rows, count in zip(each, most, strict=True)])
        for part in range(parts)
    ]


def padded(rows: Sequence[Ids]) -> tuple[Tensor, Tensor]:
    """Token ids and 1 for real ones, (B, T) each."""
    longest = max(map(len, rows))
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest)
    for place, ids in enumerate(rows):
        tokens[place, : len(ids)] = torch.from_numpy(ids)
        mask[place, : len(ids)] = 1
    return tokens, mask


@torch.inference_mode()
def below(encoder: TextEncoder, ids: Sequence[Ids], layers: int, file: Path, say: Say) -> list[Tensor]:
    """States (T, C) in fp16 of each text under the last ``layers`` layers; kept in ``file``."""
    lengths = np.array([len(one) for one in ids])
    ends = np.cumsum(lengths)
    if file.is_file():
        found = torch.load(file, weights_only=True)
    else:
        found = torch.zeros(int(ends[-1]), encoder.config.width, dtype=torch.float16)
        order = np.argsort(lengths, kind="stable")
        for number, start in enumerate(range(0, len(order), 64)):
            places = order[start : start + 64]
            states = states_below(encoder, *padded([ids[place] for place in places]), layers).half()
            for row, place in enumerate(places):
                found[ends[place] - lengths[place] : ends[place]] = states[row, : lengths[place]]
            if number % 50 == 0:
                say(f"states: {start} of {len(order)}")
        torch.save(found, file)
    return list(found.split(lengths.tolist()))


Found = list[tuple[Ids, Ids]]
"""The different tokens and pairs of each text, as ``distinct`` gives them."""


def fit_ratios(model: TextAlone, found: Found, labels: Ids) -> None:
    """Set the log-ratios of ``model`` from these texts."""
    config = model.config
    for table, place, size in ((model.words, 0, config.vocabulary), (model.pairs, 1, config.buckets)):
        table.copy_(torch.from_numpy(log_ratios([one[place] for one in found], labels, size)))


def counted(model: TextAlone, tweets: Tweets) -> Tensor:
    """What the head gets beside the states, (N, 6 + lexicon)."""
    lexicon = np.stack([lexicon_scores(text) for text in tweets.texts])
    return torch.cat([model.ratios(tweets.ids), torch.from_numpy(lexicon)], 1)


def cross_fitted(
    model: TextAlone, tweets: Tweets, found: Found, places: Ids, folds: int, draw: np.random.Generator
) -> Tensor:
    """``counted`` of the tweets at ``places``, each with log-ratios from tweets of other folds only."""
    fold = draw.integers(folds, size=len(tweets))
    out = torch.zeros(len(places), 2 * CLASSES + model.config.lexicon)
    for number in range(folds):
        others = np.flatnonzero(fold != number)
        fit_ratios(model, [found[place] for place in others], tweets.labels[others])
        mine = np.flatnonzero(fold[places] == number)
        out[torch.from_numpy(mine)] = counted(model, tweets.rows(places[mine]))
    return out


def batches(lengths: npt.NDArray[np.int64], size: int, draw: np.random.Generator) -> Iterator[Ids]:
    """Each place once, in random batches of about the same length."""
    order = draw.permutation(len(lengths))
    parts = [
        part[np.argsort(lengths[part], kind="stable")] for part in np.split(order, range(0, len(order), 16 * size))
    ]
    found = [part[start : start + size] for part in parts for start in range(0, len(part), size)]
    for place in draw.permutation(len(found)):
        yield found[place]


def stacked(states: Sequence[Tensor], places: Ids) -> tuple[Tensor, Tensor]:
    """States of some texts (B, T, C) as float32, and their mask."""
    rows = [states[place] for place in places]
    longest = max(map(len, rows))
    out, mask = torch.zeros(len(rows), longest, rows[0].shape[1]), torch.zeros(len(rows), longest)
    for place, row in enumerate(rows):
        out[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return out, mask


@torch.inference_mode()
def logits_of(model: TextAlone, states: Sequence[Tensor], beside: Tensor) -> Tensor:
    """(N, 3), in order; the model is left in evaluation."""
    model.eval()
    out = torch.zeros(len(states), CLASSES)
    order = np.argsort([len(one) for one in states], kind="stable")
    for start in range(0, len(order), 128):
        places = order[start : start + 128]
        out[torch.from_numpy(places)] = model(*stacked(states, places), beside[torch.from_numpy(places)])
    return out


def balancing(logits: Tensor, labels: Ids) -> Tensor:
    """(3,), with the sum 0: what to add to the logits for the best geometric mean of the classes' recalls.

    Tweets of another year hold their classes in other shares, and their neutral ones are nearer to negative. Unlike
    the macro recall, the geometric mean (Kubat and Matwin, ICML 1997) does not trade one class for others. The shift
    is small where little is gained.
    """
    values = logits.log_softmax(1).numpy()
    best, found = -1.0, np.zeros(CLASSES)
    for negative, neutral in product(np.linspace(-0.8, 0.8, 17), repeat=2):
        shift = np.array([negative, neutral, -negative - neutral])
        answers = (values + shift).argmax(1)
        each = [(answers[labels == label] == label).mean() for label in np.unique(labels)]
        recall = float(np.prod(each)) ** (1 / len(each))
        if recall - SHIFT_COST * np.abs(shift).sum() > best:
            best, found = recall - SHIFT_COST * np.abs(shift).sum(), shift
    return torch.from_numpy(found).float()


def recalls(logits: Tensor, labels: Ids) -> dict[str, float]:
    """Accuracy, macro recall and the recall of each class, with the shift of ``balancing``."""
    found = score((logits + balancing(logits, labels)).softmax(1).numpy(), labels)
    return {"accuracy": found.accuracy, "macro_recall": found.macro_recall, **found.recalls}


Learnt = tuple[Sequence[Tensor], Tensor, Ids]
"""States, what goes beside them, labels."""


def tune(
    model: TextAlone, parts: Sequence[Callable[[], Learnt]], size: int, dev: Learnt, recipe: TextAloneRecipe,
    kept: Path, say: Say,
) -> dict[str, Any]:  # fmt: skip
    """Train in place; the weights that were best on dev are the model's at the end, and in ``kept`` meanwhile.

    ``parts`` give about ``size`` tweets each. Returns the figures on dev.
    """
    draw = np.random.default_rng(recipe.seed)
    head = [*model.hidden.parameters(), *model.classify.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": model.layers.parameters(), "lr": recipe.rate}, {"params": head, "lr": recipe.head_rate}],
        weight_decay=recipe.decay,
    )
    a_part = len(range(0, size, recipe.batch))
    total = recipe.rounds * len(parts) * a_part
    warm = max(1, min(100, total // 8))
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.02, (total - step) / max(total - warm, 1)))
    )
    mean, best, step = deepcopy(model), {"macro_recall": 0.0}, 0
    best_state = deepcopy(model.state_dict())
    for part in [part for _ in range(recipe.rounds) for part in parts]:
        states, beside, labels = part()
        frequency = np.maximum(np.bincount(labels, minlength=CLASSES), 1)
        weight = torch.from_numpy(len(labels) / (CLASSES * frequency)).float()
        for places in batches(np.array([len(one) for one in states]), recipe.batch, draw):
            model.train()
            logits = model(*stacked(states, places), beside[torch.from_numpy(places)])
            right = torch.from_numpy(labels[places])
            loss = F.cross_entropy(logits, right, weight, label_smoothing=recipe.smoothing)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            step += 1
            with torch.no_grad():
                share = min(recipe.average, step / (step + 10))
                for averaged, now in zip(mean.parameters(), model.parameters(), strict=True):
                    averaged.lerp_(now, 1 - share)
            if step % max(1, a_part // recipe.looks) == 0 or step == total:
                figures = recalls(logits_of(mean, dev[0], dev[1]), dev[2])
                better = figures["macro_recall"] > best["macro_recall"]
                say(f"{step} of {total}: loss {float(loss.detach()):.3f}, dev {figures}{' *' if better else ''}")
                if better:
                    best, best_state = figures, deepcopy(mean.state_dict())
                    torch.save(best_state, kept)
    model.load_state_dict(best_state)
    return best


def make(
    data: Path, work: Path, output: Path, recipe: TextAloneRecipe | None = None, say: Say = print
) -> dict[str, Any]:
    """All steps; writes text-alone.safetensors and its sizes into ``output``, beside the heads. Returns the figures.

    Raises FileNotFoundError where train.tsv, dev.tsv or the heads' config.json is not there.
    """
    recipe = recipe or TextAloneRecipe()
    if not (output / "config.json").is_file():
        raise FileNotFoundError(f"no heads in {output}: run `mmcore train sentiment --bundle` first")
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    encoder = compact_dual.load(
        find(compact_sentiment.ENCODER), compact_sentiment.encoder_folder(output), "cpu", torch.float32
    )
    text = encoder.network.text
    tweets = encoded(encoder, *read_tweets(data / "train.tsv"), recipe.longest)
    dev = stopping(data, encoder, recipe)
    model = TextAlone(
        TextAloneConfig(
            text.config.vocabulary,
            len(NAMES),
            text.config.width,
            text.config.heads,
            text.config.hidden,
            dropout=recipe.dropout,
        )
    )
    model.begin_from(text)
    draw = np.random.default_rng(recipe.seed)
    parts = [rows for rows in chosen(tweets.labels, recipe.most, recipe.parts, draw) if len(rows)]
    places = np.concatenate(parts)
    found = [distinct(ids, model.config.buckets) for ids in tweets.ids]
    beside = cross_fitted(model, tweets, found, places, recipe.folds, draw)
    fit_ratios(model, found, tweets.labels)
    model.standardize.fit(beside)
    layers = model.config.layers
    held = below(text, dev.ids, layers, work / "dev.pt", say)
    dev_beside = counted(model, dev)

    def part_of(number: int) -> Learnt:
        rows = parts[number]
        start = sum(map(len, parts[:number]))
        states = below(text, [tweets.ids[place] for place in rows], layers, work / f"train-{number}.pt", say)
        return states, beside[start : start + len(rows)], tweets.labels[rows]

    each = [partial(part_of, number) for number in range(len(parts))]
    best = tune(model, each, len(parts[0]), (held, dev_beside, dev.labels), recipe, work / "best.pt", say)
    with torch.no_grad():
        model.classify.bias.add_(balancing(logits_of(model, held, dev_beside), dev.labels))
    temperature = best_temperature(logits_of(model, held, dev_beside).numpy(), dev.labels)
    model.temperature.fill_(temperature)
    compact_sentiment.save_text_alone(output, model)
    return {"model": str(output), "tweets": len(places), "temperature": temperature, **best, "recipe": asdict(recipe)}


def balance(data: Path, output: Path, recipe: TextAloneRecipe | None = None, say: Say = print) -> dict[str, Any]:
    """Choose the shift of the classes anew for the model in ``output``, on the tweets that stopped its training.

    They are read as posts are when the model is asked, without links and names, which ``make`` leaves in: neutral
    tweets have most of them. Only config.json changes, so heads that read the model's opinion still fit. Returns the
    figures. Raises FileNotFoundError where dev.tsv or the model is not there.
    """
    recipe = recipe or TextAloneRecipe()
    known = compact_sentiment.read_config(output)
    model = compact_sentiment.load_text_alone(output, known)
    if model is None:
        raise FileNotFoundError(f"no network of bare texts in {output}: run `mmcore train text-alone` first")
    encoder = compact_dual.load(
        find(compact_sentiment.ENCODER), compact_sentiment.encoder_folder(output), "cpu", torch.float32
    )
    dev = stopping(data, encoder, recipe, stand_ins=False)
    with tempfile.TemporaryDirectory() as folder:
        held = below(encoder.network.text, dev.ids, model.config.layers, Path(folder) / "dev.pt", say)
        logits = logits_of(model, held, counted(model, dev))
    shift = balancing(logits, dev.labels)
    known["text_alone"]["shift"] = [round(float(value), 3) for value in shift]
    compact_sentiment.write_config(output, known)
    before = score(logits.softmax(1).numpy(), dev.labels)
    figures = {"shift": known["text_alone"]["shift"], "macro_recall_before": before.macro_recall}
    return {"tweets": len(dev), **figures, **recalls(logits, dev.labels)}
