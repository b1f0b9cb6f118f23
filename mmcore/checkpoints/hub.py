"""The Hugging Face hub: what of a repository is in its cache, and bringing a pinned revision there.

Large files are fetched by ``mmcore.checkpoints.download``, because huggingface_hub starts a broken file from the
beginning again; they are put where its cache keeps them (blobs/<sha256>), and the rest is left to huggingface_hub. So
the cache is an ordinary one that transformers and the ``hf`` command share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.checkpoints.download import Download, fetch, readable_size, refused_key
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import Cancelled, MMCoreError, WeightsError
from mmcore.types import IsCancelled, Progress

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

TEXT_FILES = (".json", ".txt", ".model")
"""Configuration and tokenizers. Weights are safetensors; pickles and Python files are never taken."""


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
    """Of a repository's files those that are downloaded: text files first, then one set of weights."""
    top = [name for name in names if "/" not in name]
    weights = sorted(name for name in top if name.endswith(".safetensors"))
    if "model.safetensors" in weights:  # other files are variants of it (fp16, adapters)
        weights = ["model.safetensors"]
    elif "model.safetensors.index.json" in top:
        weights = [name for name in weights if name.startswith("model-")]
    return [*sorted(name for name in top if name.endswith(TEXT_FILES)), *weights]


def download_snapshot(checkpoint: Checkpoint, progress: Progress | None, cancelled: IsCancelled | None) -> Path:
    """Bring the pinned revision into the hub's cache and return its folder.

    The weights come last, so that a folder that has them is complete. Raises WeightsError and Cancelled.
    """
    from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, tqdm  # type: ignore[attr-defined]  # public, not in __all__

    class Quiet(tqdm):
        """No bar of its own: ``progress`` tells all there is."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]

    if checkpoint.revision is None:
        raise WeightsError("weights_no_revision", name=checkpoint.name)
    repository, revision, endpoint = checkpoint.location, checkpoint.revision, constants.ENDPOINT
    with hub_errors(checkpoint):
        info = HfApi(endpoint=endpoint).model_info(repository, revision=revision, files_metadata=True, timeout=10)
    files = {file.rfilename: file for file in info.siblings or ()}
    names = wanted(list(files))
    if not any(name.endswith(".safetensors") for name in names):
        raise WeightsError("weights_unsafe", name=checkpoint.name, folder=f"{repository} on the hub")
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
        with hub_errors(checkpoint):
            path = hf_hub_download(
                repository, name, revision=revision, cache_dir=cache, endpoint=endpoint, tqdm_class=Quiet
            )
        folder = Path(path).parent
        done += files[name].size or 0
        if progress is not None:
            progress(done, total)
    return folder


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
        raise WeightsError(refused_key(status), name=checkpoint.name, host="The hub", status=status) from error
    except Exception as error:  # the transport's errors have no common base that is public
        raise WeightsError("weights_interrupted", name=checkpoint.name, detail=error) from error
