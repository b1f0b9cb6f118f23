"""Sets of labelled posts as numbers: what the encoders say of each text and picture, computed once.

An epoch over a feature set takes about a second where the encoders alone would take minutes. See ``own_data`` for
one's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.checkpoints.registry import find
from mmcore.errors import Cancelled, InputError, MMCoreError, UnknownNameError
from mmcore.families._languages import mostly_foreign, require_latin
from mmcore.fusion.labelled_posts import LabelledPosts, read_posts
from mmcore.io.images import clean_text, decode_image
from mmcore.io.texts import clean_post
from mmcore.pool import ModelPool
from mmcore.results.posts import EncodedPosts
from mmcore.results.sentiment import SENTIMENTS, Post
from mmcore.tasks.reading import read_as
from mmcore.types import IsCancelled, Progress, Rows

if TYPE_CHECKING:
    from mmcore.families.compact_sentiment import CompactSentiment

MODEL = "compact-sentiment"
"""The checkpoint whose numbers are kept."""
AT_ONCE = 16
"""Posts that the encoders read at once."""
MOST_UNREADABLE = 0.1
"""Share of the texts that may be in another script; their words are unknown to the encoder."""

BUNDLED: dict[str, str] = {"mvsa": "MVSA-Single"}
"""Feature sets that come with the package: mmcore/bundled/sentiment/lab-<name>.npz, see the README there."""


@dataclass(frozen=True, eq=False)
class FeatureSet(EncodedPosts):
    """N labelled posts, as numbers."""

    name: str
    labels: Rows
    """(N,) places in SENTIMENTS."""
    groups: Rows
    """(N,) posts of one group are near duplicates and are never split between training and measuring."""
    encoder: str = ""
    """Which encoders the numbers are from: a head fits only these."""
    ids: tuple[str, ...] = ()
    """Id or row number of each post, to show which ones went wrong; empty for the bundled sets."""
    texts: tuple[str, ...] = ()
    """The texts, for one's own data; empty for the bundled sets, which hold numbers only."""
    pictures: tuple[str, ...] = ()
    """Paths of the pictures, "" for none; empty for the bundled sets."""

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> tuple[int, int, int]:
        """How many posts of each class, in the order of SENTIMENTS."""
        negative, neutral, positive = np.bincount(self.labels, minlength=3).tolist()
        return negative, neutral, positive

    def split(self, share: float = 0.2, seed: int = 0, rows: Rows | None = None) -> tuple[Rows, Rows]:
        """Rows for training and rows for measuring (about ``share`` of ``rows``, which are all unless given).

        Raises InputError where one of the two would be empty.
        """
        chosen = np.arange(len(self)) if rows is None else rows
        parts = max(2, round(1 / share))
        fold = stratified_folds(self.labels[chosen], self.groups[chosen], parts, seed)
        train, dev = chosen[fold != 0], chosen[fold == 0]
        if not len(train) or not len(dev):
            raise InputError("training_too_few", count=len(chosen), needed=parts)
        return train, dev

    def folds(self, count: int = 5, seed: int = 0) -> Rows:
        """(N,) the fold of each post, for cross-validation: whole groups each, classes alike in all."""
        return stratified_folds(self.labels, self.groups, count, seed)


def stratified_folds(labels: Rows, groups: Rows, count: int, seed: int = 0) -> Rows:
    """(N,) folds 0..count-1: groups stay whole, every class is spread evenly.

    Groups in random order, large ones first, each to the fold that lacks its classes most.
    """
    _, group = np.unique(groups, return_inverse=True)
    amounts = np.zeros((group.max() + 1 if len(group) else 0, len(SENTIMENTS)), np.int64)
    np.add.at(amounts, (group, labels), 1)
    order = np.random.default_rng(seed).permutation(len(amounts))
    order = order[np.argsort(-amounts[order].sum(1), kind="stable")]
    filled = np.zeros((count, len(SENTIMENTS)))
    place = np.zeros(len(amounts), np.int64)
    for one in order:
        # How full each fold is of what the group brings; of equal ones the smallest.
        fullness = (filled * amounts[one]).sum(1) + 1e-6 * filled.sum(1)
        place[one] = int(fullness.argmin())
        filled[place[one]] += amounts[one]
    folds: Rows = place[group]
    return folds


POST_ARRAYS = tuple(field.name for field in fields(EncodedPosts))
ARRAYS = (*POST_ARRAYS, "labels", "groups")


def write(features: FeatureSet, file: Path) -> None:
    """Store a set as .npz. Half-precision arrays become bytes with one scale a column, which costs nothing to see."""
    stored: dict[str, npt.NDArray[np.generic]] = {}
    for name in ARRAYS:
        value = getattr(features, name)
        if value.dtype == np.float16:
            rows = value.reshape(-1, value.shape[-1]).astype(np.float32)
            scale = np.maximum(np.abs(rows).max(0, initial=0), 1e-8) / 127
            stored[name] = np.round(value.astype(np.float32) / scale).astype(np.int8)
            stored[name + "_scale"] = scale.astype(np.float32)
        else:
            stored[name] = value
    about = {key: getattr(features, key) for key in ("name", "encoder", "ids", "texts", "pictures")}
    stored["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial.npz")
    np.savez_compressed(partial, allow_pickle=False, **stored)
    partial.replace(file)


def read(file: Path) -> FeatureSet:
    """What ``write`` stored."""
    with np.load(file, allow_pickle=False) as stored:
        arrays = {}
        for name in ARRAYS:
            value = stored[name]
            if value.dtype == np.int8:
                value = (value * stored[name + "_scale"]).astype(np.float16)
            arrays[name] = value
        about = json.loads(stored["about"].tobytes())
    return FeatureSet(
        **arrays,
        name=about["name"],
        encoder=about["encoder"],
        ids=tuple(about["ids"]),
        texts=tuple(about["texts"]),
        pictures=tuple(about["pictures"]),
    )


def bundled(name: str) -> FeatureSet:
    """A feature set of BUNDLED. Raises UnknownNameError."""
    if name not in BUNDLED:
        raise UnknownNameError("feature set", name, BUNDLED)
    return read(Path(str(resources.files("mmcore"))) / "bundled" / "sentiment" / f"lab-{name}.npz")


def numbers_only(features: FeatureSet, rows: Sequence[int] | Rows) -> FeatureSet:
    """Some posts without their texts, pictures and ids: what may be passed on where the posts themselves may not."""
    index = np.asarray(rows)
    arrays = {name: getattr(features, name)[index] for name in ARRAYS}
    return replace(features, **arrays, ids=(), texts=(), pictures=())


def features_of(
    pool: ModelPool,
    source: Path,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    limit: int | None = None,
    first: int | None = None,
) -> FeatureSet:
    """The features of one's own data, computed with the bundle's encoders and kept under MMCORE_HOME/features.

    ``source`` is what ``own_data.read_posts`` reads: a folder in the layout of MVSA-Single, a table, or a .zip of one
    of the two. A second call with the same files reads the cache. ``progress(done, total)`` counts posts; ``limit`` is
    the number of rows, ``settings.files`` unless said otherwise; with ``first`` only so many posts are taken.

    Raises what ``own_data.read_posts`` raises, InputError for a picture that is broken or a post without anything
    (with its row) and for texts that the encoder cannot read, and Cancelled when ``cancelled()`` turns true.
    """
    posts = read_posts(source, pool.settings, limit)
    if first is not None:
        posts = posts.first(first)
    _check_scripts(posts.texts)
    encoder: str = pool.get(MODEL).fingerprint
    file = pool.settings.home / "features" / f"{posts.key(encoder)}.npz"
    if file.is_file():
        return replace(read(file), name=source.stem, ids=posts.ids, texts=posts.texts, pictures=posts.pictures)
    parts: list[EncodedPosts] = []
    # Posts with the same picture come together, so that it is looked at once.
    order = sorted(range(len(posts.texts)), key=lambda row: posts.pictures[row])
    for start in range(0, len(order), AT_ONCE):
        if cancelled is not None and cancelled():
            raise Cancelled("cancelled", done=start, total=len(order))
        rows = order[start : start + AT_ONCE]
        parts.append(_encoded(pool, posts, rows))
        if progress is not None:
            progress(start + len(rows), len(order))
    back = np.argsort(order)
    features = FeatureSet(
        **{name: np.concatenate([getattr(part, name) for part in parts])[back] for name in POST_ARRAYS},
        name=source.stem,
        labels=posts.labels,
        groups=posts.groups,
        encoder=encoder,
        ids=posts.ids,
        texts=posts.texts,
        pictures=posts.pictures,
    )
    write(numbers_only(features, np.arange(len(features))), file)  # the posts themselves are not copied
    # What is read back the next time is a little coarser: the same numbers must come now, else a seed would not do.
    return replace(read(file), name=source.stem, ids=posts.ids, texts=posts.texts, pictures=posts.pictures)


def _encoded(pool: ModelPool, posts: LabelledPosts, rows: Sequence[int]) -> EncodedPosts:
    batch = []
    decoded: dict[str, Image.Image] = {}
    for row in rows:
        try:
            file = posts.pictures[row]
            if file and file not in decoded:
                decoded[file] = decode_image(Path(file), pool.settings)
            image = decoded[file] if file else None
            text = read_as(find(MODEL), clean_post(clean_text(posts.texts[row], pool.settings)))
        except MMCoreError as error:
            raise InputError("table_row", row=posts.ids[row], detail=str(error)) from None
        if not text and image is None:
            raise InputError("table_row", row=posts.ids[row], detail=str(InputError("post_empty")))
        batch.append(Post(text or None, image))

    def work(model: CompactSentiment, some: Sequence[Post]) -> list[EncodedPosts]:
        return [model.encode(some)]

    return pool.run(MODEL, work, batch)[0]


def _check_scripts(texts: Sequence[str]) -> None:
    """Raise InputError where more texts than a stray few are in a script that the encoder cannot read."""
    unreadable = [text for text in texts if mostly_foreign(read_as(find(MODEL), text))]
    if len(unreadable) > MOST_UNREADABLE * len(texts):
        require_latin(find(MODEL), unreadable[:1])
