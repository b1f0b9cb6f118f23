"""Settings of a process: the only place that reads environment variables (MMCORE_*)."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import platformdirs

from mmcore.errors import InputError, Phrase, UnknownNameError

TIERS = ("compact", "standard", "large")
TIER_CHOICES = (*TIERS, "auto")
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
DTYPES = ("auto", "float32", "bfloat16", "float16")
INDEXES = ("auto", "exact", "approximate")
"""Ways to search a collection; a Qdrant server is named by its address."""
SERVES = ("", "ray")
"""Where models run: in this process, or in the workers of `mmcore serve`."""
LOCAL_PREFIX = "MMCORE_LOCAL_"
OWNERS = ("SPACE_AUTHOR_NAME", "SPACE_CREATOR_USER_ID")
"""How a Space names who it belongs to: a name on the hub, and the number of who made it."""


def local_variable(name: str) -> str:
    """The environment variable that overrides a checkpoint's folder: "blip-base" -> "MMCORE_LOCAL_BLIP_BASE"."""
    return LOCAL_PREFIX + "".join(letter if letter.isalnum() else "_" for letter in name).upper()


UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SIZES = (
    "memory_budget",
    "image_pixels",
    "image_bytes",
    "audio_bytes",
    "video_bytes",
    "text_characters",
    "labels",
    "files",
    "index_exact",
)
"""Settings that are whole numbers and may be written as "50M"."""

TRUE = frozenset(("1", "true", "yes", "on"))
"""What switches a variable on, in any case; huggingface_hub reads its own in the same way."""


def bare_environment() -> dict[str, str]:
    """What a helper process needs of the environment: no token, no key."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "SYSTEMROOT", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"OMP_NUM_THREADS": "1"}


def uploads_folder(made: Path | None = None) -> Path | None:
    """The folder that gradio is told to put uploads into, if any; ``made`` is told to it from now on."""
    if made is not None:
        os.environ["GRADIO_TEMP_DIR"] = str(made)
    return Path(os.environ["GRADIO_TEMP_DIR"]) if os.environ.get("GRADIO_TEMP_DIR") else None


def keep_weights_of_zero_gpu() -> None:
    """Keep the package ``spaces`` from deleting the downloads whose weights it has copied: the page looks at them."""
    os.environ.setdefault("ZEROGPU_MMAP_AUTOPRUNE_PATTERN", "/nothing")


def parse_size(text: str) -> int:
    """Bytes of "4G", "500M", "1.5GB" or a plain number. Raises ValueError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([KMGT]?)I?B?", text.strip().upper())
    if match is None:
        raise ValueError(f"not a size: {text!r}")
    return int(float(match[1]) * UNITS[match[2]])


def _parse_positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError(f"not above 0: {text!r}")
    return number


@dataclass(frozen=True)
class Settings:
    """Frozen settings; ``Settings.from_env()`` fills them from the environment."""

    home: Path = field(default_factory=lambda: Path(platformdirs.user_cache_dir("mmcore")))
    """MMCORE_HOME: everything that mmcore writes. Hub files stay in HF_HOME."""
    tier: str = "compact"
    """MMCORE_TIER: compact, standard, large, or auto (the best one that is cached and fits)."""
    device: str = "auto"
    """MMCORE_DEVICE: auto takes cuda, then mps, xpu, cpu."""
    dtype: str = "auto"
    """MMCORE_DTYPE: float32, bfloat16 or float16 for the weights of the standard and large tiers; auto chooses what the
    device is fast at."""
    memory_budget: int | None = None
    """MMCORE_MEMORY_BUDGET ("4G"): bytes that loaded models may take; None means no limit but the device's."""
    offline: bool = False
    """MMCORE_OFFLINE or HF_HUB_OFFLINE: never try the network."""
    image_pixels: int = 50_000_000
    image_bytes: int = 30_000_000
    audio_seconds: float = 30 * 60.0
    audio_bytes: int = 100_000_000
    video_seconds: float = 2 * 60.0
    video_bytes: int = 100_000_000
    text_characters: int = 5_000
    labels: int = 200
    files: int = 500
    index: str = "auto"
    """MMCORE_INDEX: how collections are searched: exact, approximate, auto (exact up to ``index_exact`` pictures), or
    the address of a Qdrant server ("http://localhost:6333")."""
    index_key: str = field(default="", repr=False)
    """MMCORE_INDEX_KEY: the Qdrant server's API key, where it wants one."""
    index_exact: int = 1_000_000
    """MMCORE_INDEX_EXACT: pictures up to which auto searches exactly."""
    serve: str = ""
    """MMCORE_SERVE: "ray" runs the models in the workers of `mmcore serve`; empty: in this process."""
    space: bool = False
    """SYSTEM=spaces: the page runs on the hub, which shows it in a frame of its own."""
    zero_gpu: bool = False
    """SPACES_ZERO_GPU: the Space's GPU is lent to a request at a time, see ``demo/ui/zerogpu.py``."""
    public: bool = False
    """MMCORE_PUBLIC: strangers use the page: it downloads and unloads nothing for them, and counts what each asks.
    On where SYSTEM=spaces, unless MMCORE_PUBLIC=0 says otherwise."""
    owners: tuple[str, ...] = ()
    """(SPACE_AUTHOR_NAME, SPACE_CREATOR_USER_ID), either may be empty, of a Space with OAuth (OAUTH_CLIENT_ID): whose
    login on the hub allows downloads on a public page."""
    hosts: tuple[str, ...] = ()
    """MMCORE_HOSTS ("a.example,b.example"): names under which a server behind a proxy is asked for its MCP tools."""
    login: str = field(default="", repr=False)
    """MMCORE_LOGIN ("name:password"): who may see the page; empty: everybody who reaches it."""
    fetch: bool = False
    """MMCORE_FETCH: programs may name a picture or sound by its http(s) address, which the page's server then fetches:
    from public addresses only, under limits of size and time."""
    apart: bool = False
    """Whether files are decoded in a process of their own, under limits of time and memory. The page sets it."""
    reduced: bool = False
    """Whether large JPEG photographs are decoded at a half, a quarter or an eighth of their size: much faster, and
    still larger than any model looks at."""
    local: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    """MMCORE_LOCAL_<NAME>: variable name -> folder that replaces a checkpoint's source."""

    def __post_init__(self) -> None:
        if self.tier not in TIER_CHOICES:
            raise UnknownNameError("tier", self.tier, TIER_CHOICES)
        if self.device not in DEVICES:
            raise UnknownNameError("device", self.device, DEVICES)
        if self.dtype not in DTYPES:
            raise UnknownNameError("dtype", self.dtype, DTYPES)
        if self.index not in INDEXES and not re.fullmatch(r"https?://[^\s/]\S*", self.index):
            wanted = Phrase("expected_index")
            raise InputError("setting_unreadable", variable="MMCORE_INDEX", value=self.index, expected=wanted)
        if self.serve not in SERVES:
            wanted = Phrase("expected_serve")
            raise InputError("setting_unreadable", variable="MMCORE_SERVE", value=self.serve, expected=wanted)
        if self.login and not all(self.login.partition(":")):
            wanted = Phrase("expected_login")
            raise InputError("setting_unreadable", variable="MMCORE_LOGIN", value="***", expected=wanted)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **defaults: object) -> Settings:
        """Read MMCORE_* from ``environ`` (the process's own by default); ``defaults`` stand in for what is not set.

        Raises UnknownNameError for a tier or device that does not exist, InputError for a size that cannot be read.
        """
        env = os.environ if environ is None else environ
        given: dict[str, object] = dict(defaults)

        def read(name: str, parse: Callable[[str], object], expected: str = "") -> None:
            variable = f"MMCORE_{name.upper()}"
            value = env.get(variable, "").strip()
            if value:
                try:
                    given[name] = parse(value)
                except ValueError:
                    wanted = Phrase(expected)
                    raise InputError("setting_unreadable", variable=variable, value=value, expected=wanted) from None

        read("home", lambda value: Path(value).expanduser())
        read("tier", str)
        read("device", str)
        read("dtype", str)
        read("index", str)
        read("index_key", str)
        read("serve", str)
        for name in SIZES:
            read(name, parse_size, "expected_size")
        read("audio_seconds", _parse_positive, "expected_number")
        read("video_seconds", _parse_positive, "expected_number")
        given["offline"] = any(
            env.get(name, "").strip().lower() in TRUE for name in ("MMCORE_OFFLINE", "HF_HUB_OFFLINE")
        )
        given["space"] = env.get("SYSTEM", "").strip() == "spaces"
        given["zero_gpu"] = env.get("SPACES_ZERO_GPU", "").strip().lower() in TRUE
        public = env.get("MMCORE_PUBLIC", "").strip().lower()
        given["public"] = public in TRUE if public else given["space"]
        if given["space"] and env.get("OAUTH_CLIENT_ID"):
            owners = tuple(env.get(name, "") for name in OWNERS)
            given["owners"] = owners if any(owners) else ()
        given["hosts"] = tuple(name.strip().lower() for name in env.get("MMCORE_HOSTS", "").split(",") if name.strip())
        given["fetch"] = env.get("MMCORE_FETCH", "").strip().lower() in TRUE
        given["login"] = env.get("MMCORE_LOGIN", "")
        local = {key: Path(value).expanduser() for key, value in env.items() if key.startswith(LOCAL_PREFIX) and value}
        given["local"] = MappingProxyType(local)
        return cls(**given)  # type: ignore[arg-type]
