"""Where the weights of a checkpoint are: from a Checkpoint to a local folder.

Looked for in this order: a folder that the user names (MMCORE_LOCAL_<NAME>), the bundle inside this package or the
other package that carries the weights, the hub's cache (HF_HOME) or our own downloads (MMCORE_HOME), and last, only
when asked to, the network. From there come safetensors, JSON and tokenizer files of one commit, or one file whose
sha256 is known; code never.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from importlib import resources
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from mmcore.checkpoints import commits
from mmcore.checkpoints.download import Download, fetch, reachability, readable_size
from mmcore.checkpoints.hub import cached_snapshots, download_snapshot, parts, remove_snapshots
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import MMCoreError, Phrase, WeightsError
from mmcore.settings import Settings, local_variable
from mmcore.types import IsCancelled, Progress

INDEX = "model.safetensors.index.json"
"""Lists the parts of weights that are split over several files."""

State = Literal["bundled", "local", "cached", "download", "unreachable", "broken"]
_HERE: dict[str, State] = {
    "bundled": "bundled",
    "folder": "local",
    "hub": "cached",
    "url": "cached",
    "package": "local",
}
"""Source -> state of a checkpoint that is on this machine."""


@dataclass(frozen=True)
class Availability:
    """What it takes to use a checkpoint here and now."""

    state: State
    """The first three can be used at once; "download" costs ``bytes`` first; the others give their reason."""
    bytes: int = 0
    """Still to download."""
    problem: MMCoreError | None = None

    @property
    def ready(self) -> bool:
        """Whether it can be loaded without a download."""
        return self.state in ("bundled", "local", "cached")


def locate(
    checkpoint: Checkpoint,
    settings: Settings,
    *,
    download: bool = False,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> Path:
    """The folder that holds the checkpoint's weights, downloaded first if ``download`` allows it.

    ``progress(done, total)`` gets bytes; ``cancelled()`` is asked between chunks.
    Raises WeightsError, which says the next step, and Cancelled. With the host out of reach it does so within 2 s.
    """
    folder = find_local(checkpoint, settings)
    if folder is not None:
        return folder
    unreachable = _unreachable(checkpoint, settings)
    if unreachable is not None:
        raise unreachable
    if not download:
        raise _not_cached(checkpoint)
    if checkpoint.source == "url":
        return _download_url(checkpoint, settings, progress, cancelled)
    return _download_commit(checkpoint, settings, progress, cancelled)


def is_cached(checkpoint: Checkpoint, settings: Settings) -> bool:
    """Whether ``locate`` would succeed without the network; never raises."""
    try:
        return find_local(checkpoint, settings) is not None
    except WeightsError:
        return False


def availability(checkpoint: Checkpoint, settings: Settings) -> Availability:
    """What the models list and the model chooser show. Takes 2 s at most, and once a minute."""
    try:
        if find_local(checkpoint, settings) is not None:
            if local_variable(checkpoint.name) in settings.local:
                return Availability("local")
            return Availability(_HERE[checkpoint.source])
    except WeightsError as error:
        return Availability("broken", problem=error)
    unreachable = _unreachable(checkpoint, settings)
    if unreachable is not None:
        return Availability("unreachable", checkpoint.bytes, unreachable)
    return Availability("download", checkpoint.bytes, _not_cached(checkpoint))


def hub_reachable(settings: Settings) -> bool:
    """Whether the Hugging Face hub answers: known within 2 s, remembered for a minute, never asked when offline."""
    return hub_problem(settings) is None


def hub_problem(settings: Settings) -> str | None:
    """None where the hub answers, else why it does not, in a few words."""
    if settings.offline:
        return Phrase("offline")
    from huggingface_hub import constants

    return reachability.problem(constants.ENDPOINT)


def find_local(checkpoint: Checkpoint, settings: Settings) -> Path | None:
    """The folder if it is on this machine, else None.

    Raises WeightsError where the user's own folder or the bundle is not what it should be: taking another source
    silently would hide the mistake; and where the package that carries the weights is not installed, as nothing
    downloads that but the command in the error.
    """
    variable = local_variable(checkpoint.name)
    if variable in settings.local:
        folder = settings.local[variable]
        if not folder.is_dir():
            raise WeightsError("weights_local_missing", variable=variable, name=checkpoint.name, folder=folder)
        return check(checkpoint, folder)
    if checkpoint.source == "bundled":
        return check(checkpoint, bundled_folder(checkpoint))
    if checkpoint.source == "package":
        return _installed(checkpoint)
    if checkpoint.source == "folder":
        if not Path(checkpoint.location).is_dir():
            raise WeightsError("weights_folder_gone", name=checkpoint.name, folder=checkpoint.location)
        return check(checkpoint, Path(checkpoint.location))
    if checkpoint.source == "url":
        folder = download_folder(checkpoint, settings)
        return folder if (folder / file_name(checkpoint)).is_file() else None
    snapshots = cached_snapshots(commits.pinned(checkpoint, settings))
    return next((folder for folder in snapshots if problem_of(checkpoint, folder) is None), None)


def partial(checkpoint: Checkpoint, settings: Settings) -> int:
    """Bytes of its weights that an earlier download has brought, whole files and parts."""
    if checkpoint.source == "url":
        files = list(download_folder(checkpoint, settings).glob("*.part"))
    elif checkpoint.source == "hub":
        files = parts(checkpoint)
    else:
        return 0
    return sum(path.stat().st_size for path in files)


def removable(checkpoint: Checkpoint, settings: Settings) -> bool:
    """Whether its files are a download, rather than the package's or the person's own."""
    return checkpoint.source in ("hub", "url") and local_variable(checkpoint.name) not in settings.local


def remove(checkpoint: Checkpoint, settings: Settings) -> int:
    """Delete what a download brought, parts included; the bytes that became free.

    Of a hub repository only the commit in use goes, so that other programs keep theirs. Raises WeightsError.
    """
    if not removable(checkpoint, settings):
        return 0
    try:
        if checkpoint.source == "hub":
            return remove_snapshots(commits.pinned(checkpoint, settings))
        folder = download_folder(checkpoint, settings)
        size = sum(path.stat().st_size for path in folder.glob("*")) if folder.is_dir() else 0
        if folder.is_dir():
            shutil.rmtree(folder)
        return size
    except OSError as error:
        raise WeightsError("weights_disk", name=checkpoint.name, folder=settings.home, detail=error) from error


def bundled_folder(checkpoint: Checkpoint) -> Path:
    """Where the package keeps a bundled checkpoint."""
    return Path(str(resources.files("mmcore"))) / "bundled" / checkpoint.location


def package_files(checkpoint: Checkpoint, folder: Path) -> tuple[Path, ...]:
    """The weights of a ``package`` checkpoint: where its packages have them, or by their names in ``folder``."""
    if folder == package_folder(checkpoint):
        places = [(_package_path(file), PurePosixPath(file).name) for file in checkpoint.files]
        return tuple(place or folder / name for place, name in places)
    # One's own folder holds whole files, and those of texts perhaps in another form (vocabulary.txt, vocabulary.json).
    names = dict.fromkeys(PurePosixPath(file).name.split(".part")[0] for file in checkpoint.files)
    alike = (next(iter(sorted(folder.glob(f"{Path(name).stem}.*"))), folder / name) for name in names)
    return tuple(
        folder / name if (folder / name).is_file() else other for name, other in zip(names, alike, strict=True)
    )


def package_folder(checkpoint: Checkpoint) -> Path | None:
    """Where an installed package keeps a ``package`` checkpoint; None where it is not installed."""
    return _package_path(checkpoint.location)


def missing_packages(checkpoint: Checkpoint) -> list[str]:
    """Names of the packages in ``needs`` that are not installed; none of them is imported."""
    return [package for package in checkpoint.needs if find_spec(package) is None]


def extra_missing(checkpoint: Checkpoint) -> WeightsError | None:
    """The error that says which command brings what a checkpoint needs, or None where all of it is installed."""
    missing = ", ".join(name.replace("_", "-") for name in missing_packages(checkpoint))
    if not missing:
        return None
    return WeightsError("weights_extra", name=checkpoint.title, packages=missing, extra=checkpoint.extra)


def _installed(checkpoint: Checkpoint) -> Path:
    """The folder inside a package. Raises WeightsError where the package is not there or not whole."""
    problem = extra_missing(checkpoint)
    if problem is not None:
        raise problem
    folder = package_folder(checkpoint)
    assert folder is not None  # its package is among those that it needs: tests/checkpoints/test_registry.py
    return check(checkpoint, folder)


def _package_path(inside: str) -> Path | None:
    """ "package/folder" -> where that lies; None where the package is not installed. The package is not imported."""
    package, _, rest = inside.partition("/")
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places))) / rest if places else None


def download_folder(checkpoint: Checkpoint, settings: Settings) -> Path:
    """Where the file of a ``url`` checkpoint goes."""
    return settings.home / "downloads" / checkpoint.name


def file_name(checkpoint: Checkpoint) -> str:
    """Name of the one file of a ``url`` checkpoint."""
    return PurePosixPath(urlsplit(checkpoint.location).path).name


def check(checkpoint: Checkpoint, folder: Path) -> Path:
    """``folder``, if it holds everything that loading needs. Raises WeightsError otherwise."""
    problem = problem_of(checkpoint, folder)
    if problem is not None:
        raise problem
    return folder


def problem_of(checkpoint: Checkpoint, folder: Path) -> WeightsError | None:
    """What keeps ``folder`` from being loaded, or None."""
    name = checkpoint.name

    def incomplete(detail: str) -> WeightsError:
        key = "weights_bundle_missing" if checkpoint.source == "bundled" else "weights_incomplete"
        return WeightsError(key, name=name, folder=folder, detail=detail)

    if checkpoint.source == "url":  # one file: that of the address, or the same weights in a safer format
        known = (file_name(checkpoint), "model.safetensors")
        return None if any((folder / name).is_file() for name in known) else incomplete(f"there is no {known[0]}")
    if checkpoint.source == "package":
        missing = [path.name for path in package_files(checkpoint, folder) if not path.is_file()]
        return incomplete(f"there is no {missing[0]}") if missing else None
    if not (folder / "config.json").is_file():
        return incomplete("there is no config.json")
    if (folder / INDEX).is_file():
        try:
            parts = set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError):
            return incomplete(f"{INDEX} cannot be read")
        missing = sorted(part for part in parts if not (folder / part).is_file())
        return incomplete(f"there is no {missing[0]}") if missing else None
    if (folder / "model.safetensors").is_file():
        return None
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
        return WeightsError("weights_unsafe", name=name, folder=folder)
    return incomplete("there is no model.safetensors")


def _not_cached(checkpoint: Checkpoint) -> WeightsError:
    return WeightsError("weights_not_cached", name=checkpoint.name, size=readable_size(checkpoint.bytes))


def _unreachable(checkpoint: Checkpoint, settings: Settings) -> WeightsError | None:
    values = {"name": checkpoint.name, "variable": local_variable(checkpoint.name)}
    if checkpoint.source == "hub":
        problem = hub_problem(settings)
        return WeightsError("weights_hub_unreachable", detail=problem, **values) if problem else None
    problem = Phrase("offline") if settings.offline else reachability.problem(checkpoint.location)
    host = urlsplit(checkpoint.location).hostname
    return WeightsError("weights_host_unreachable", detail=problem, host=host, **values) if problem else None


def _download_commit(
    checkpoint: Checkpoint, settings: Settings, progress: Progress | None, cancelled: IsCancelled | None
) -> Path:
    """From the hub: the pinned or remembered commit, or else the newest one, which is remembered from then on."""
    known = commits.pinned(checkpoint, settings)
    if known.revision is None:
        commit = commits.look_up(checkpoint)
        commits.remember(checkpoint, commit, settings)  # before the download, so that the next one goes on with it
        known = replace(checkpoint, revision=commit.revision)
    try:
        return check(checkpoint, download_snapshot(known, progress, cancelled))
    except WeightsError as error:
        if error.key == "weights_gone" and checkpoint.revision is None:
            commits.remember(checkpoint, None, settings)  # its branch was rewritten: the next download looks again
        raise


def _download_url(
    checkpoint: Checkpoint, settings: Settings, progress: Progress | None, cancelled: IsCancelled | None
) -> Path:
    assert checkpoint.sha256 is not None  # tests/checkpoints/test_registry.py
    target = download_folder(checkpoint, settings) / file_name(checkpoint)
    fetch(Download(checkpoint.name, checkpoint.location, target, checkpoint.sha256), progress, cancelled)
    return target.parent
