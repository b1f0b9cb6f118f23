"""Settings of a process: the only place that reads environment variables (MMCORE_*)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import platformdirs

from mmcore.errors import UnknownNameError

TIERS = ("compact", "standard", "large")
TIER_CHOICES = (*TIERS, "auto")
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
LOCAL_PREFIX = "MMCORE_LOCAL_"


def local_variable(name: str) -> str:
    """The environment variable that overrides a checkpoint's folder: "blip-base" -> "MMCORE_LOCAL_BLIP_BASE"."""
    return LOCAL_PREFIX + "".join(letter if letter.isalnum() else "_" for letter in name).upper()


def parse_size(text: str) -> int:
    """Bytes of "4G", "500M", "1.5GB" or a plain number."""
    number = text.strip().upper().removesuffix("B").removesuffix("I")
    for unit, factor in (("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40)):
        if number.endswith(unit):
            return int(float(number[:-1]) * factor)
    return int(float(number))


@dataclass(frozen=True)
class Settings:
    """Frozen settings; ``Settings.from_env()`` fills them from the environment."""

    home: Path = field(default_factory=lambda: Path(platformdirs.user_cache_dir("mmcore")))
    """MMCORE_HOME: everything that mmcore writes. Hub files stay in HF_HOME."""
    tier: str = "compact"
    """MMCORE_TIER: compact, standard, large, or auto (the best one that is cached and fits)."""
    device: str = "auto"
    """MMCORE_DEVICE: auto takes cuda, then mps, xpu, cpu."""
    memory_budget: int | None = None
    """MMCORE_MEMORY_BUDGET ("4G"): bytes that loaded models may take; None means no limit but the device's."""
    offline: bool = False
    """MMCORE_OFFLINE or HF_HUB_OFFLINE: never try the network."""
    image_pixels: int = 50_000_000
    image_bytes: int = 30_000_000
    audio_seconds: float = 30 * 60.0
    audio_bytes: int = 100_000_000
    text_characters: int = 5_000
    labels: int = 200
    files: int = 500
    local: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    """MMCORE_LOCAL_<NAME>: variable name -> folder that replaces a checkpoint's source."""

    def __post_init__(self) -> None:
        if self.tier not in TIER_CHOICES:
            raise UnknownNameError("tier", self.tier, TIER_CHOICES)
        if self.device not in DEVICES:
            raise UnknownNameError("device", self.device, DEVICES)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read MMCORE_* from ``environ`` (the process's own by default).

        Raises UnknownNameError for a tier or device that does not exist.
        """
        env = os.environ if environ is None else environ
        given: dict[str, object] = {}
        if env.get("MMCORE_HOME"):
            given["home"] = Path(env["MMCORE_HOME"]).expanduser()
        if env.get("MMCORE_TIER"):
            given["tier"] = env["MMCORE_TIER"]
        if env.get("MMCORE_DEVICE"):
            given["device"] = env["MMCORE_DEVICE"]
        if env.get("MMCORE_MEMORY_BUDGET"):
            given["memory_budget"] = parse_size(env["MMCORE_MEMORY_BUDGET"])
        given["offline"] = any(env.get(name, "0") not in ("", "0") for name in ("MMCORE_OFFLINE", "HF_HUB_OFFLINE"))
        for name in ("image_pixels", "image_bytes", "audio_bytes", "text_characters", "labels", "files"):
            if env.get(f"MMCORE_{name.upper()}"):
                given[name] = parse_size(env[f"MMCORE_{name.upper()}"])
        if env.get("MMCORE_AUDIO_SECONDS"):
            given["audio_seconds"] = float(env["MMCORE_AUDIO_SECONDS"])
        local = {key: Path(value).expanduser() for key, value in env.items() if key.startswith(LOCAL_PREFIX) and value}
        given["local"] = MappingProxyType(local)
        return cls(**given)  # type: ignore[arg-type]
