"""Any repository of the hub, or any folder, as a checkpoint: ``hub:OWNER/NAME``, ``hub:OWNER/NAME@COMMIT``, a path.

What it is stands in its config.json: ``model_type`` chooses the family. Size, licence and languages come from the hub
before anything large is downloaded. No code of a repository is ever run. What was looked up once is kept in
``<MMCORE_HOME>/repositories.json``, so that later starts need no network.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mmcore.checkpoints import commits, hub, locate, registry
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import InputError, UnknownNameError, WeightsError
from mmcore.settings import Settings, local_variable

HUB = "hub:"
FOLDER = "folder:"
REFERENCE = re.compile(r"hub:([\w.-]+/[\w.-]+)(?:@([0-9a-f]{7,40}))?", re.ASCII)
LARGE = 1_000_000_000
"""Parameters beyond which a repository counts as of the large tier, which is for GPUs."""
SENTIMENTS = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class Kind:
    """What is done with a ``model_type``."""

    task: str
    family: str
    head: str = ""
    """How the class in ``architectures`` must end; a repository of the same type may be made for something else."""
    details: tuple[str, ...] = ()
    grounds: bool = False


CLASSIFIER = Kind("sentiment", "sequence_classifier", "ForSequenceClassification")
KINDS: dict[str, Kind] = {
    "blip": Kind("captioning", "blip", "ForConditionalGeneration"),
    "florence2": Kind(
        "captioning",
        "florence2",
        "ForConditionalGeneration",
        details=("short", "detailed", "very detailed"),
        grounds=True,
    ),
    "qwen3_vl": Kind(
        "captioning",
        "qwen_vl",
        "ForConditionalGeneration",
        details=("short", "detailed", "short, in Chinese", "detailed, in Chinese"),
    ),
    **{name: Kind("ask", "vlm", "ForConditionalGeneration") for name in ("idefics3", "qwen3_5", "smolvlm")},
    "clip": Kind("retrieval", "clip", "Model"),
    "siglip": Kind("retrieval", "clip", "Model"),
    "siglip2": Kind("retrieval", "clip", "Model"),
    "chinese_clip": Kind("retrieval", "clip", "Model"),
    "tipsv2": Kind("retrieval", "tips", "Model"),
    "audio-spectrogram-transformer": Kind("audio", "ast", "ForAudioClassification"),
    "ced": Kind("audio", "ced", "ForAudioClassification"),
    "clap": Kind("audio", "clap", "Model"),
    "whisper": Kind("transcribe", "whisper", "ForConditionalGeneration"),
    **{
        name: CLASSIFIER
        for name in ("albert", "bert", "deberta-v2", "distilbert", "electra", "modernbert", "roberta", "xlm-roberta")
    },
}
"""``model_type`` of config.json -> what it is good for here."""


def is_reference(name: str) -> bool:
    """Whether the name means a repository or a folder rather than a checkpoint of the table."""
    return name.startswith((HUB, FOLDER)) or os.sep in name or name in (os.curdir, os.pardir)


def find_checkpoint(name: str, settings: Settings) -> Checkpoint:
    """The checkpoint of that name: of the table, ``hub:OWNER/NAME[@COMMIT]``, or the path of a folder.

    Afterwards ``registry.find`` knows it too. Asks the hub where this machine knows nothing of the repository yet.
    Raises UnknownNameError, InputError (its type, or what it was made for, is none of ours) and WeightsError.
    """
    if not is_reference(name):
        return registry.find(name)
    if name.startswith(HUB):
        match = REFERENCE.fullmatch(name)
        if match is None:
            raise InputError("hub_name", name=name[:120])
        found = _remembered(settings).get(name) or _from_cache(name, match[1], match[2], settings)
        if found is None:
            found = _from_hub(name, match[1], match[2], settings)
            _remember(found, settings)
    else:
        found = _from_folder(Path(name.removeprefix(FOLDER)).expanduser())
        _remember(found, settings)
    registry.register(found)
    return found


def restore(settings: Settings) -> tuple[Checkpoint, ...]:
    """Let ``registry.find`` know what was looked up on this machine before. Needs no network."""
    found = tuple(_remembered(settings).values())
    for checkpoint in found:
        registry.register(checkpoint)
    return found


def forget(name: str, settings: Settings) -> None:
    """Take a repository off the list. Raises WeightsError where MMCORE_HOME cannot be written."""
    kept = _remembered(settings)
    if kept.pop(name, None) is not None:
        _write(kept, settings)
    registry.unregister(name)


def facts(checkpoint: Checkpoint) -> str:
    """What a person wants to know before the download, in one line."""
    languages = ", ".join(checkpoint.languages) or "not stated"
    return (
        f"{checkpoint.task}, {checkpoint.family}: {readable_size(checkpoint.bytes)}, "
        f"{checkpoint.parameters / 1e6:.0f} M parameters, licence {checkpoint.licence}, languages {languages}"
    )


def described(
    name: str,
    location: str,
    config: Mapping[str, Any],
    *,
    size: int,
    source: registry.Source = "hub",
    revision: str | None = None,
    parameters: int | None = None,
    licence: str | None = None,
    languages: Sequence[str] = (),
) -> Checkpoint:
    """The checkpoint that a config.json describes.

    Raises InputError where its ``model_type`` is none of KINDS, or it was made for another task than ours.
    """
    shown = name.removeprefix(HUB).removeprefix(FOLDER)
    named = config.get("model_type")
    if not isinstance(named, str) or named not in KINDS:
        raise InputError("hub_unknown_type", repository=shown, type=str(named), known=", ".join(sorted(KINDS)))
    kind = KINDS[named]
    made = [item for item in config.get("architectures") or () if isinstance(item, str)]
    if made and not any(item.endswith(kind.head) for item in made):
        raise InputError("hub_other_head", repository=shown, made=", ".join(made), wanted=kind.head)
    if kind is CLASSIFIER:
        classes = [str(label) for label in (config.get("id2label") or {}).values()]
        if not set(SENTIMENTS) <= {label.lower() for label in classes}:
            raise InputError("hub_other_classes", repository=shown, classes=", ".join(classes[:8]) or "-")
    vision = config.get("vision_config") or config
    side = vision.get("image_size")
    numbers = parameters or size // (2 if str(config.get("torch_dtype", config.get("dtype"))).endswith("16") else 4)
    return Checkpoint(
        name=name,
        title=shown.rstrip("/").rpartition("/")[2],
        task=kind.task,
        family=kind.family,
        tier="large" if numbers > LARGE else "standard",
        source=source,
        location=location,
        licence=licence or "not stated",
        bytes=size,
        parameters=numbers,
        languages=tuple(code for code in languages if re.fullmatch(r"[a-z]{2,3}", code)),
        image_size=side if isinstance(side, int) and kind.task in ("captioning", "retrieval") else None,
        revision=revision,
        details=kind.details,
        grounds=kind.grounds,
    )


def _from_hub(name: str, repository: str, commit: str | None, settings: Settings) -> Checkpoint:
    probe = _probe(name, repository, commit)
    problem = locate.hub_problem(settings)
    if problem is not None:
        raise WeightsError("weights_hub_unreachable", name=name, detail=problem, variable=local_variable(name))
    found = commits.look_up(probe, commit or "main")
    if commit is None:
        commits.remember(probe, found, settings)
    revision = found.revision
    info = hub.information(probe, revision)
    with hub.hub_errors(probe):
        config = json.loads(hub.small_file(probe, revision, "config.json").read_text(encoding="utf-8"))
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    card: dict[str, Any] = info.card_data.to_dict() if info.card_data is not None else {}  # type: ignore[no-untyped-call]
    languages = card.get("language") or ()
    return described(
        name,
        repository,
        config,
        size=sum(sizes[file] for file in hub.wanted(list(sizes))),
        revision=revision if commit else None,
        parameters=info.safetensors.total if info.safetensors is not None else None,
        licence=str(card.get("license_name") or card.get("license") or "") or None,
        languages=[languages] if isinstance(languages, str) else [str(code) for code in languages],
    )


def _from_cache(name: str, repository: str, commit: str | None, settings: Settings) -> Checkpoint | None:
    """From a copy in the hub's cache that another program, or a Space's builder, has put there."""
    probe = _probe(name, repository, commit if commit and len(commit) == 40 else None)
    if commit and probe.revision is None:
        return None
    folder = locate.find_local(probe, settings)
    if folder is None:
        return None
    return described(name, repository, _config(folder), size=_size(folder), revision=probe.revision)


def _from_folder(folder: Path) -> Checkpoint:
    folder = folder.resolve()
    if not (folder / "config.json").is_file():
        raise UnknownNameError("model", str(folder), [item.name for item in registry.CHECKPOINTS])
    found = described(f"{FOLDER}{folder}", str(folder), _config(folder), size=_size(folder), source="folder")
    locate.check(found, folder)
    return found


def _probe(name: str, repository: str, commit: str | None) -> Checkpoint:
    """A record good enough to ask the hub or its cache with."""
    return Checkpoint(
        name=name,
        title=repository,
        task="",
        family="",
        tier="standard",
        source="hub",
        location=repository,
        licence="",
        bytes=0,
        parameters=0,
        languages=(),
        revision=commit,
    )


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError("weights_incomplete", name=folder.name, folder=folder, detail=error) from error
    return config if isinstance(config, dict) else {}


def _size(folder: Path) -> int:
    names = hub.wanted([path.name for path in folder.iterdir()])
    return sum((folder / name).stat().st_size for name in names)


def _remembered(settings: Settings) -> dict[str, Checkpoint]:
    """A file that cannot be read counts as empty, an entry of another version as not there."""
    known = {field.name for field in fields(Checkpoint)}
    found = {}
    try:
        entries = json.loads(_file(settings).read_text(encoding="utf-8"))
        for name, entry in entries.items():
            if set(entry) <= known and is_reference(name) and entry.get("name") == name:
                listed: dict[str, Any] = {
                    key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
                }
                found[name] = Checkpoint(**{**listed, "quality": ()})
    except (OSError, ValueError, TypeError, AttributeError):
        return found
    return found


def _remember(checkpoint: Checkpoint, settings: Settings) -> None:
    kept = _remembered(settings)
    if kept.get(checkpoint.name) != checkpoint:
        _write({**kept, checkpoint.name: checkpoint}, settings)


def _write(kept: Mapping[str, Checkpoint], settings: Settings) -> None:
    path = _file(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps({name: asdict(item) for name, item in kept.items()}, indent=1), "utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise WeightsError("weights_disk", name="repositories.json", folder=path.parent, detail=error) from error


def _file(settings: Settings) -> Path:
    return settings.home / "repositories.json"
