"""The Hugging Face hub: what of a repository is in its cache, and bringing a pinned revision there.

Large files are fetched by ``mmcore.checkpoints.download`` and put where huggingface_hub's cache keeps them
(blobs/<sha256>); the rest is left to that library. So the cache is an ordinary one that transformers and the ``hf``
command share. Its own download of large files (2.4.0) was measured against ours on an imitation hub: after a stop or a
broken process it deletes what has arrived and starts again, and it compares sizes, not the sha256.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.checkpoints.download import Download, fetch, readable_size, refusal
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import Cancelled, MMCoreError, WeightsError
from mmcore.types import IsCancelled, Progress

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

TEXT_FILES = (".json", ".txt", ".model", ".jinja")
"""Configuration, tokenizers and chat templates. Weights are safetensors; pickles and Python files are never taken."""


def cached_snapshots(checkpoint: Checkpoint) -> list[Path]:
    """Folders of the hub's cache that may hold the checkpoint, best first; not checked for completeness.

    With a pinned revision only that one; without, ``main`` and then the others, newest first.
    """
    from huggingface_hub import constants

    repository = Path(constants.HF_HUB_CACHE) / _folder_name(checkpoint)
    if checkpoint.revision is not None:
        folders = [repository / "snapshots" / checkpoint.revision]
    else:
        main = repository / "refs" / "main"
        first = [repository / "snapshots" / main.read_text().strip()] if main.is_file() else []
        others = sorted((repository / "snapshots").glob("*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
        folders = [*first, *(folder for folder in others if folder not in first)]
    return [folder for folder in folders if folder.is_dir()]


def wanted(names: Sequence[str]) -> list[str]:
    """Of a repository's files those that are downloaded: text files first, then one set of weights.

    Other safetensors are variants of them (fp16, adapters), or weights for other libraries (open_clip_model).
    """
    top = [name for name in names if "/" not in name]
    weights = [name for name in top if name == "model.safetensors"]
    if not weights and "model.safetensors.index.json" in top:
        parts = re.compile(r"model[-.].*\.safetensors")  # model-00001-of-00002, model.safetensors-00001-of-00001
        weights = sorted(name for name in top if parts.fullmatch(name))
    return [*sorted(name for name in top if name.endswith(TEXT_FILES)), *weights]


def information(checkpoint: Checkpoint, revision: str) -> ModelInfo:
    """What the hub says of a commit: files with their sizes, the model card's front matter. Raises WeightsError."""
    from huggingface_hub import HfApi, constants

    with hub_errors(checkpoint):
        api = HfApi(endpoint=constants.ENDPOINT)
        return api.model_info(checkpoint.location, revision=revision, files_metadata=True, timeout=10)


def small_file(checkpoint: Checkpoint, revision: str, name: str) -> Path:
    """A configuration file of a commit, in the hub's cache. Raises WeightsError."""
    from huggingface_hub import constants, hf_hub_download

    with hub_errors(checkpoint):
        path = hf_hub_download(
            checkpoint.location,
            name,
            revision=revision,
            cache_dir=constants.HF_HUB_CACHE,
            endpoint=constants.ENDPOINT,
            tqdm_class=_quiet(),
        )
    return Path(path)


def _quiet() -> Any:
    """A progress bar of huggingface_hub's that shows nothing: ``progress`` tells all there is."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # public, not in __all__

    class Quiet(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]

    return Quiet


def download_snapshot(checkpoint: Checkpoint, progress: Progress | None, cancelled: IsCancelled | None) -> Path:
    """Bring the commit ``checkpoint.revision`` into the hub's cache and return its folder.

    The weights come last, so that a folder that has them is complete. Raises WeightsError and Cancelled.
    """
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    assert checkpoint.revision is not None  # looked up before
    repository, revision, endpoint = checkpoint.location, checkpoint.revision, constants.ENDPOINT
    if progress is not None:
        progress(0, checkpoint.bytes)  # asking the hub takes a moment
    info = information(checkpoint, revision)
    files = {file.rfilename: file for file in info.siblings or ()}
    names = wanted(list(files))
    if not any(name.endswith(".safetensors") for name in names):
        raise WeightsError("hub_no_safetensors", name=checkpoint.name, repository=repository)
    total = sum(files[name].size or 0 for name in names)
    cache = Path(constants.HF_HUB_CACHE)
    done, folder = 0, Path()
    for name in names:
        if cancelled is not None and cancelled():
            raise Cancelled("download_cancelled", done=readable_size(done), total=readable_size(total))
        sha256 = _sha256(files[name])
        if sha256 is not None:
            url = hf_hub_url(repository, name, revision=revision, endpoint=endpoint)
            fetch(
                Download(
                    checkpoint.name,
                    url,
                    target=cache / _folder_name(checkpoint) / "blobs" / sha256,
                    sha256=sha256,
                    size=files[name].size,
                    headers=build_hf_headers(),
                    lock=cache / ".locks" / _folder_name(checkpoint) / f"{sha256}.lock",  # the one the hub uses
                ),
                _from(progress, done, total),
                cancelled,
            )
        folder = small_file(checkpoint, revision, name).parent
        done += files[name].size or 0
        if progress is not None:
            progress(done, total)
    return folder


def parts(checkpoint: Checkpoint) -> list[Path]:
    """Files of the cache that a download has not finished with: parts, and whole ones that no commit shows yet."""
    from huggingface_hub import constants

    repository = Path(constants.HF_HUB_CACHE) / _folder_name(checkpoint)
    shown = {path.resolve() for path in (repository / "snapshots").glob("*/*")}
    return [path for path in (repository / "blobs").glob("*") if path.is_file() and path.resolve() not in shown]


def remove_snapshots(checkpoint: Checkpoint) -> int:
    """Delete the commit in use (without one: all), and unfinished files, from the cache; the bytes that became free.

    Files that another commit shares stay. Raises OSError.
    """
    from huggingface_hub import constants

    repository = Path(constants.HF_HUB_CACHE) / _folder_name(checkpoint)
    for folder in cached_snapshots(checkpoint):
        shutil.rmtree(folder)
    freed = 0
    for path in parts(checkpoint):
        freed += path.stat().st_size
        path.unlink()
    if repository.is_dir() and not any((repository / "snapshots").glob("*")):
        shutil.rmtree(repository)
    return freed


def _folder_name(checkpoint: Checkpoint) -> str:
    """As the hub's cache names a model repository."""
    return "models--" + checkpoint.location.replace("/", "--")


def _sha256(file: RepoSibling) -> str | None:
    """Of a large file; small ones are under git's own checksum, which huggingface_hub looks after."""
    return file.lfs.sha256 if file.lfs is not None else None


def _from(progress: Progress | None, before: int, total: int) -> Progress | None:
    """``progress`` for one file among several: counts on from ``before``."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)


@contextmanager
def hub_errors(checkpoint: Checkpoint) -> Iterator[None]:
    """What huggingface_hub raises becomes a WeightsError."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except MMCoreError:
        raise
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", 0)
        raise refusal(checkpoint.name, "The hub", status, getattr(error.response, "headers", {})) from error
    except Exception as error:  # the transport's errors have no common base that is public
        raise WeightsError("weights_interrupted", name=checkpoint.name, detail=error) from error
