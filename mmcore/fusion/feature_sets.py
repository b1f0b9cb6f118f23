"""Sets of labelled posts as numbers: what the encoders say of each text and picture, computed once.

An epoch over a feature set takes about a second where the encoders alone would take minutes. See ``own_data`` for
one's own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

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

logger = logging.getLogger(__name__)

MODEL = "compact-sentiment"
"""The checkpoint whose numbers are kept."""
AT_ONCE = 16
"""Posts that the encoders read at once."""
PARTS_SECONDS = 86_400.0
"""How long half-finished encodings are kept."""
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
SHARED = ("regions", "image")
"""Arrays whose rows are stored once where several posts have the same picture."""


def write(features: FeatureSet, file: Path, key: str = "") -> None:
    """Store a set as .npz. Half-precision arrays become bytes with one scale a column, which costs nothing to see.

    ``key`` is the posts' (``LabelledPosts.key``), for a file that does not have it as its name.
    """
    stored: dict[str, npt.NDArray[np.generic]] = {}
    for name in ARRAYS:
        value = getattr(features, name)
        if value.dtype == np.float16:
            rows = value.reshape(-1, value.shape[-1]).astype(np.float32)
            scale = np.maximum(np.abs(rows).max(0, initial=0), 1e-8) / 127
            coarse = np.round(value.astype(np.float32) / scale).astype(np.int8)
            if name in SHARED:
                coarse, rows_of = np.unique(coarse, axis=0, return_inverse=True)
                stored[name + "_rows"] = rows_of.reshape(-1).astype(np.int32)
            stored[name] = coarse
            stored[name + "_scale"] = scale.astype(np.float32)
        else:
            stored[name] = value
    about = {name: getattr(features, name) for name in ("name", "encoder", "ids", "texts", "pictures")}
    about["key"] = key
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
                if name + "_rows" in stored:
                    value = value[stored[name + "_rows"]]
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


def _key_of(file: Path) -> str:
    """The key that a set was stored with."""
    with np.load(file, allow_pickle=False) as stored:
        return str(json.loads(stored["about"].tobytes()).get("key", ""))


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
    ready: Path | None = None,
) -> FeatureSet:
    """The features of one's own data, computed with the bundle's encoders and kept under MMCORE_HOME/features.

    What is cut off is kept as far as it came, for a day, and the next call goes on there. ``ready`` is a file of
    ``write`` that may hold them: it is taken where its key says that it was made of these very posts by these encoders,
    else the log says that it is stale.

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
    key = posts.key(encoder)
    file = pool.settings.home / "features" / f"{key}.npz"
    if ready is not None and ready.is_file():
        if _key_of(ready) == key:
            file = ready
        else:
            logger.warning(
                "%s was made by other encoders or of other posts: these are encoded anew. "
                "`python -m mmcore.recipes.ready_made --assets assets` makes it anew.",
                ready.name,
            )
    if not file.is_file():
        features = replace(_encode_all(pool, posts, file.with_suffix(".parts"), progress, cancelled), encoder=encoder)
        write(features, file, key)  # the posts themselves are not copied
        shutil.rmtree(file.with_suffix(".parts"), ignore_errors=True)
    # What is read back the next time is a little coarser: the same numbers must come now, else a seed would not do.
    return replace(read(file), name=source.stem, ids=posts.ids, texts=posts.texts, pictures=posts.pictures)


def _encode_all(
    pool: ModelPool, posts: LabelledPosts, parts_at: Path, progress: Progress | None, cancelled: IsCancelled | None
) -> FeatureSet:
    """The numbers of all posts; batches that an earlier call has left in ``parts_at`` are not made again."""
    _forget_old_parts(parts_at)
    parts_at.mkdir(parents=True, exist_ok=True)
    parts: list[EncodedPosts] = []
    # Posts with the same picture come together, so that it is looked at once.
    order = sorted(range(len(posts.texts)), key=lambda row: posts.pictures[row])
    for start in range(0, len(order), AT_ONCE):
        if cancelled is not None and cancelled():
            raise Cancelled("cancelled", done=start, total=len(order))
        rows = order[start : start + AT_ONCE]
        part_at = parts_at / f"{start}.npz"
        part = _read_part(part_at)
        if part is None:
            part = _encoded(pool, posts, rows)
            _write_part(part, part_at)
        parts.append(part)
        if progress is not None:
            progress(start + len(rows), len(order))
    back = np.argsort(order)
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])[back] for name in POST_ARRAYS
    }
    return FeatureSet(**arrays, name="", labels=posts.labels, groups=posts.groups)


def _write_part(part: EncodedPosts, file: Path) -> None:
    unfinished = file.with_suffix(f".{uuid4().hex}")
    # Two who encode the same posts write the same; the first who has all of them removes the folder.
    with contextlib.suppress(FileNotFoundError):
        with unfinished.open("wb") as opened:
            np.savez(opened, allow_pickle=False, **{name: getattr(part, name) for name in POST_ARRAYS})
        unfinished.replace(file)


def _read_part(file: Path) -> EncodedPosts | None:
    try:
        with np.load(file, allow_pickle=False) as stored:
            return EncodedPosts(**{name: stored[name] for name in POST_ARRAYS})
    except FileNotFoundError:
        return None


def _forget_old_parts(kept: Path) -> None:
    """Delete what others have left half-finished and not come back to for PARTS_SECONDS."""
    for folder in kept.parent.glob("*.parts"):
        with contextlib.suppress(OSError):  # another process may be quicker
            if folder != kept and time.time() - folder.stat().st_mtime > PARTS_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


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
