"""What the machine offers: device, number type, memory; and what running out of memory looks like."""

from __future__ import annotations

import functools
import gc
import os
import sys

from mmcore.errors import UnknownNameError
from mmcore.settings import Settings

ITEM_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of one number of each type that weights are loaded in."""

# What torch says, in a plain RuntimeError, when the memory of an ordinary machine or of a Mac runs out.
MEMORY_TEXTS = ("can't allocate memory", "not enough memory", "out of memory")


def choose_device(settings: Settings) -> str:
    """The device as torch names it: the one in the settings, or the best of cuda, mps, xpu, cpu.

    Raises UnknownNameError, which lists the devices that are here, for one that is not.
    """
    if settings.device == "cpu":
        return "cpu"  # the one answer that needs no torch
    import torch

    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    here["xpu"] = torch.xpu.is_available()
    devices = [*(device for device, available in here.items() if available), "cpu"]
    if settings.device == "auto":
        return devices[0]
    if settings.device not in devices:
        raise UnknownNameError("device on this machine", settings.device, devices)
    return settings.device


def has_accelerator() -> bool:
    """Whether the machine seems to have a device that is faster than its processor; tells without importing torch."""
    nvidia = os.path.exists("/proc/driver/nvidia/version") or os.path.exists("/dev/nvidiactl")
    return nvidia or os.path.exists("/dev/kfd") or (sys.platform == "darwin" and os.uname().machine == "arm64")


HALF_ON_PROCESSORS = ("clip", "tips")
"""Families that run in bfloat16 where the processor computes it: what they give are directions, which rounding turns
little (`mmcore bench serving` prints the least cosine to float32). Words could change: those of the others stay in
float32 unless MMCORE_DTYPE says otherwise."""


@functools.cache
def computes_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16 (AVX512-BF16, AMX); tells without importing torch.

    Others emulate it, which is slower than float32. False where the system does not say (not Linux).
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def choose_dtype(device: str, tier: str = "standard", family: str = "", asked: str = "auto") -> str:
    """The number type of the weights: ``asked``, or half precision where the device is fast at it.

    That is bfloat16 on a GPU where it can, and on a processor that computes it for HALF_ON_PROCESSORS. The compact
    models stay in float32 everywhere: they are small, and rounding to bfloat16 changed 7 of 30 captions.
    """
    if tier == "compact":
        return "float32"
    if asked != "auto":
        return asked
    if device == "cpu" and family in HALF_ON_PROCESSORS and computes_bfloat16():
        return "bfloat16"
    if device.startswith("cuda"):
        import torch

        # Without emulation: older cards (T4) would compute bfloat16 in several steps, far slower than float16.
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    return {"mps": "float16", "xpu": "bfloat16"}.get(device, "float32")


def device_memory(device: str) -> int | None:
    """Bytes of memory that models may take; None where the device does not say.

    Of a GPU what other processes leave: what is free now, and what this process holds already.
    """
    if device.startswith("cuda"):
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + int(torch.cuda.memory_reserved(device))
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out, on any device."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "OutOfMemoryError" or any(part in text for part in MEMORY_TEXTS)
    )


HEAP = {-8: 1, -3: 32 << 20, -2: 64 << 20, -1: 256 << 20}
"""glibc's M_ARENA_MAX, M_MMAP_THRESHOLD, M_TOP_PAD and M_TRIM_THRESHOLD (malloc.h), in that order."""


@functools.cache
def keep_memory() -> None:
    """Let glibc keep up to 256 MB of freed memory for the next request; nothing elsewhere.

    Else it maps and unmaps a network's activations again in every layer: of a batch of 8 pictures on a processor that
    is a quarter of the time. All threads share one heap, as one of them computes at a time.
    """
    import ctypes

    try:
        libc = ctypes.CDLL("libc.so.6")
        for name, value in HEAP.items():
            libc.mallopt(name, value)
    except (OSError, AttributeError):  # another C library
        return


def release_memory() -> None:
    """Give back what nobody holds any more, the caches of the GPU's allocator included."""
    gc.collect()
    _trim()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    for backend in ("cuda", "mps", "xpu"):
        module = getattr(torch, backend)
        if module.is_available():
            module.empty_cache()


def _trim() -> None:
    """Let glibc give freed memory back to the system, which it otherwise keeps for later; nothing elsewhere."""
    import ctypes

    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # another C library
        return
