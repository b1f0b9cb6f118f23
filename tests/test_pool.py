"""ModelPool with fakes: one load, one user at a time, the budget, running out of memory, choosing."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmcore import cancelling, hardware
from mmcore import pool as pool_module
from mmcore.checkpoints import registry
from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.errors import Cancelled, CapacityError, UnknownNameError, WeightsError
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from tests.fakes.families import FakeCaptioner, fake_pool

MB = 1_000_000
NAMES = ("one", "two", "three")


class OutOfMemoryError(RuntimeError):
    """Has the name of torch's."""


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three captioners of 250,000 parameters, 1 MB each in float32, beside the real ones."""
    entries = [replace(find("blip-base"), name=name, parameters=250_000) for name in NAMES]
    monkeypatch.setattr(registry, "CHECKPOINTS", (*registry.CHECKPOINTS, *entries))


def sized(checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> FakeCaptioner:
    return FakeCaptioner(checkpoint, device, size=MB)


def names(pool: ModelPool) -> list[str]:
    return [model.name for model in pool.loaded()]


def in_threads(count: int, work: Callable[[], Any]) -> list[Any]:
    """What ``count`` threads that start together return or raise."""
    start, results = threading.Barrier(count), []

    def run() -> None:
        start.wait()
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert len(results) == count
    return results


# loading


def test_a_model_is_loaded_once_by_many_threads():
    loads = []

    def loader(*arguments: Any) -> FakeCaptioner:
        loads.append(arguments)
        threading.Event().wait(0.05)  # long enough for all to arrive
        return FakeCaptioner(arguments[0])

    pool = fake_pool(loader=loader)
    models = in_threads(16, lambda: pool.get("one"))
    assert len(loads) == 1
    assert len({id(model) for model in models}) == 1
    assert loads[0] == (find("one"), Path("unused"), "cpu", "float32")


def test_a_failed_load_is_tried_again_by_the_next():
    attempts = []

    def loader(checkpoint: Checkpoint, *rest: Any) -> FakeCaptioner:
        attempts.append(checkpoint.name)
        if len(attempts) == 1:
            raise WeightsError("weights_not_cached", name=checkpoint.name, size="1 MB")
        return FakeCaptioner(checkpoint)

    pool = fake_pool(loader=loader)
    with pytest.raises(WeightsError):
        pool.get("one")
    assert pool.loaded() == []
    assert pool.get("one").checkpoint.name == "one"


def test_threads_that_wait_for_a_failing_load_do_not_hang():
    def loader(checkpoint: Checkpoint, *rest: Any) -> FakeCaptioner:
        threading.Event().wait(0.02)
        raise WeightsError("weights_not_cached", name=checkpoint.name, size="1 MB")

    pool = fake_pool(loader=loader)
    assert {type(result) for result in in_threads(5, lambda: pool.get("one"))} == {WeightsError}


def test_unknown_names_list_the_known():
    with pytest.raises(UnknownNameError, match="blip-base"):
        fake_pool().get("nonsense")


def test_the_pool_downloads_only_when_told_to():
    asked = []

    def locate(checkpoint: Checkpoint, settings: Settings, **options: Any) -> Path:
        asked.append(options["download"])
        return Path("unused")

    fake_pool(locate=locate).get("one")
    fake_pool(locate=locate, download=True).get("one")
    assert asked == [False, True]


def test_loaded_describes_the_model_and_unload_lets_it_go():
    pool = fake_pool(loader=sized, clock=lambda: 7.0)
    pool.get("one")
    (model,) = pool.loaded()
    assert (model.name, model.device, model.dtype, model.bytes) == ("one", "cpu", "float32", MB)
    assert (model.last_used, model.users) == (7.0, 0)
    assert pool.unload("one")
    assert pool.loaded() == []
    assert not pool.unload("one")


def test_a_model_in_use_is_not_unloaded():
    pool = fake_pool()
    with pool.use("one"):
        assert pool.loaded()[0].users == 1
        with pytest.raises(CapacityError, match="one is in use"):
            pool.unload("one")
        assert pool.unload_idle() == 0
    assert pool.unload_idle() == 1


# turns


def test_one_request_at_a_time_runs_a_model():
    pool, inside, most = fake_pool(), [], []

    def work() -> None:
        with pool.use("one"):
            inside.append(1)
            most.append(len(inside))
            threading.Event().wait(0.01)
            inside.pop()

    in_threads(8, work)
    assert most == [1] * 8


def test_two_models_run_side_by_side():
    pool = fake_pool()
    both = threading.Barrier(2, timeout=300)
    waiting = list(NAMES[:2])

    def work() -> str:
        name = waiting.pop()
        with pool.use(name):
            both.wait()  # breaks unless the other is inside too
        return name

    assert sorted(in_threads(2, work)) == ["one", "two"]


def test_nested_use_of_one_model_does_not_lock_itself_out():
    pool = fake_pool(patience=0.1)
    with pool.use("one") as outer, pool.use("one") as inner:
        assert outer is inner


def test_a_turn_that_does_not_come_is_a_capacity_error():
    pool = fake_pool(patience=0.05)
    with pool.use("one"):
        (result,) = in_threads(1, lambda: pool.get("one"))
    assert isinstance(result, CapacityError)
    assert result.key == "model_in_use"
    assert pool.loaded()[0].users == 0


# the budget


def budgeted(megabytes: float, **options: Any) -> ModelPool:
    return fake_pool(Settings(memory_budget=int(megabytes * MB), offline=True), loader=sized, **options)


def test_the_least_recently_used_goes_first():
    pool = budgeted(2)
    pool.get("one")
    pool.get("two")
    pool.get("one")
    pool.get("three")
    assert names(pool) == ["three", "one"]


def test_a_model_in_use_is_never_let_go():
    pool = budgeted(2)
    with pool.use("one") as model:
        pool.get("two")
        pool.get("three")
        assert sorted(names(pool)) == ["one", "three"]
        assert pool.get("one") is model


def test_no_room_is_busy_after_the_patience():
    pool = budgeted(1, patience=0.05)
    with pool.use("one"):
        (result,) = in_threads(1, lambda: pool.get("two"))
    assert isinstance(result, CapacityError)
    assert result.key == "busy"
    assert pool.get("two").checkpoint.name == "two"


def test_a_request_waits_for_room():
    pool, inside, release = budgeted(1), threading.Event(), threading.Event()

    def hold() -> None:
        with pool.use("one"):
            inside.set()
            release.wait(300)

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(300)
    threading.Timer(0.05, release.set).start()
    assert pool.get("two").checkpoint.name == "two"
    holder.join()
    assert names(pool) == ["two"]


def test_models_being_loaded_count():
    pool = budgeted(2)
    results = in_threads(3, lambda waiting=list(NAMES): pool.get(waiting.pop()))
    assert all(isinstance(result, FakeCaptioner) for result in results)
    assert len(names(pool)) == 2


def test_what_two_models_use_counts_once(monkeypatch: pytest.MonkeyPatch):
    lens = replace(find("blip-base"), name="lens", parameters=500_000)
    users = [replace(lens, name=name, parameters=250_000, uses=("lens",)) for name in ("left", "right")]
    monkeypatch.setattr(registry, "CHECKPOINTS", (*registry.CHECKPOINTS, lens, *users))

    def loader(checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> FakeCaptioner:
        sizes = {"lens": 2 * MB, "left": 3 * MB, "right": 3 * MB, "one": MB}
        return FakeCaptioner(checkpoint, device, size=sizes[checkpoint.name])

    pool = fake_pool(Settings(memory_budget=4 * MB, offline=True), loader=loader)
    for name in ("left", "lens", "right"):
        pool.get(name)
    assert names(pool) == ["right", "lens", "left"]  # 2 MB of the lens, and 1 MB each
    assert [model.bytes for model in pool.loaded()] == [3 * MB, 2 * MB, 3 * MB]
    assert pool.memory() == 4 * MB
    pool.get("one")
    assert names(pool) == ["one", "right", "lens"]
    small = fake_pool(Settings(memory_budget=2 * MB, offline=True), loader=loader)
    with pytest.raises(CapacityError):
        small.get("left")  # before it is loaded: what it uses is a part of the estimate


def test_a_model_larger_than_the_budget_says_how_to_raise_it():
    with pytest.raises(CapacityError, match="MMCORE_MEMORY_BUDGET") as caught:
        budgeted(0.5).get("one")
    assert caught.value.values["needed"] == "1 MB"
    assert caught.value.values["budget"] == "500 kB"


def test_the_real_size_counts_once_it_is_known():
    """The table says 1 MB; the model turns out to take 1.8."""
    pool = fake_pool(
        Settings(memory_budget=2_500_000, offline=True),
        loader=lambda checkpoint, *rest: FakeCaptioner(checkpoint, size=1_800_000),
    )
    pool.get("one")
    pool.get("two")
    assert names(pool) == ["two"]


def test_a_model_that_turns_out_too_large_is_let_go():
    pool = fake_pool(
        Settings(memory_budget=2 * MB, offline=True),
        loader=lambda checkpoint, *rest: FakeCaptioner(checkpoint, size=3 * MB),
    )
    with pytest.raises(CapacityError, match="3 MB"):
        pool.get("one")
    assert pool.loaded() == []


def test_without_a_budget_the_device_is_the_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pool_module, "device_memory", lambda device: MB // 2)
    with pytest.raises(CapacityError, match="not enough memory for one on cpu"):
        fake_pool(loader=sized).get("one")


# out of memory


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_out_of_memory_while_loading_lets_idle_models_go_and_tries_once_more(error: Exception):
    failures = [error]

    def loader(checkpoint: Checkpoint, *rest: Any) -> FakeCaptioner:
        if checkpoint.name == "two" and failures:
            raise failures.pop()
        return FakeCaptioner(checkpoint)

    pool = fake_pool(loader=loader)
    pool.get("one")
    pool.get("two")
    assert names(pool) == ["two"]


def test_out_of_memory_twice_is_a_capacity_error():
    attempts = []

    def loader(checkpoint: Checkpoint, *rest: Any) -> FakeCaptioner:
        attempts.append(checkpoint.name)
        raise OutOfMemoryError("CUDA out of memory")

    pool = fake_pool(loader=loader)
    with pytest.raises(CapacityError, match="Choose a smaller model") as caught:
        pool.get("one")
    assert caught.value.key == "out_of_memory"
    assert len(attempts) == 2
    assert pool.loaded() == []


def test_other_errors_while_loading_pass_through():
    def loader(*arguments: Any) -> FakeCaptioner:
        raise RuntimeError("size mismatch for weight")

    with pytest.raises(RuntimeError, match="size mismatch"):
        fake_pool(loader=loader).get("one")


def test_run_lets_idle_models_go_and_works_once_more():
    pool, failures = fake_pool(), [OutOfMemoryError("CUDA out of memory")]
    pool.get("one")

    def work(model: FakeCaptioner, items: Any) -> list[str]:
        if failures:
            raise failures.pop()
        return [f"{model.checkpoint.name} {item}" for item in items]

    assert pool.run("two", work, [1, 2]) == ["two 1", "two 2"]
    assert names(pool) == ["two"]


def test_run_gives_up_after_the_second_time():
    def work(model: FakeCaptioner, items: Any) -> list[str]:
        attempts.append(1)
        raise OutOfMemoryError("CUDA out of memory")

    attempts: list[int] = []
    pool = fake_pool()
    with pytest.raises(CapacityError, match="not enough memory"):
        pool.run("one", work, [1])
    assert len(attempts) == 2
    assert pool.loaded()[0].users == 0


def test_errors_of_the_work_pass_through_and_free_the_model():
    pool = fake_pool(patience=0.1)

    def work(model: FakeCaptioner, items: Any) -> list[str]:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        pool.run("one", work, [1])
    assert pool.unload("one")


# choosing


def local(settings: Settings, folder: Path, *wanted: str) -> Settings:
    """Settings with which those checkpoints are on this machine."""
    folder.mkdir(exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        (folder / name).touch()
    from mmcore.settings import local_variable

    return replace(settings, local={local_variable(name): folder for name in wanted})


def test_choose_takes_the_first_of_the_tier(settings: Settings):
    assert fake_pool(settings).choose("captioning").name == "compact-captioner"
    assert fake_pool(settings).choose("captioning", tier="standard").name == "florence-2-base"
    assert fake_pool(replace(settings, tier="standard")).choose("captioning").name == "florence-2-base"


def test_choose_prefers_what_is_on_this_machine(settings: Settings, tmp_path: Path):
    here = local(settings, tmp_path / "here", "florence-2-base")
    assert fake_pool(here).choose("captioning", tier="standard").name == "florence-2-base"


def test_auto_takes_the_best_that_is_here_and_fits(settings: Settings, tmp_path: Path):
    auto = replace(settings, tier="auto")
    assert fake_pool(auto).choose("captioning").name == "compact-captioner"
    here = local(auto, tmp_path / "here", "compact-captioner", "blip-base")
    assert fake_pool(here).choose("captioning").name == "blip-base"
    small = replace(here, memory_budget=500 * MB)
    assert fake_pool(small).choose("captioning").name == "compact-captioner"


def test_the_large_tier_is_not_chosen_by_itself_without_a_gpu(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    large = replace(find("one"), name="huge", tier="large")
    monkeypatch.setattr(registry, "CHECKPOINTS", (*registry.CHECKPOINTS, large))
    here = local(replace(settings, tier="auto"), tmp_path / "here", "huge", "compact-captioner")
    pool = fake_pool(here)
    assert pool.choose("captioning").name == "compact-captioner"
    assert pool.choose("captioning", tier="large").name == "huge"
    pool._device = "xpu"
    assert pool.choose("captioning").name == "huge"


def test_choose_refuses_tiers_that_are_not_there(settings: Settings):
    with pytest.raises(UnknownNameError, match="Known: auto, compact, large, standard"):
        fake_pool(settings).choose("captioning", tier="tiny")
    with pytest.raises(UnknownNameError, match="Known: compact, standard"):
        fake_pool(settings).choose("sentiment", tier="large")


# the device


def test_device_and_dtype_on_this_machine():
    import torch

    device = hardware.choose_device(Settings())
    if not (torch.cuda.is_available() or torch.backends.mps.is_available() or torch.xpu.is_available()):
        assert device == "cpu"
    assert hardware.choose_dtype("cpu") == "float32"
    assert (hardware.device_memory("cpu") or 10**10) > 10**8


@pytest.mark.parametrize(
    ("here", "expected", "dtype"),
    [
        ({"cuda", "mps", "xpu"}, "cuda", "bfloat16"),
        ({"mps", "xpu"}, "mps", "float16"),
        ({"xpu"}, "xpu", "bfloat16"),
        (set(), "cpu", "float32"),
    ],
)
def test_the_best_device_is_chosen(here: set[str], expected: str, dtype: str, monkeypatch: pytest.MonkeyPatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in here)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in here)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: "xpu" in here)
    assert hardware.choose_device(Settings()) == expected
    assert hardware.choose_dtype(expected) == dtype
    assert hardware.choose_device(Settings(device="cpu")) == "cpu"
    if "cuda" not in here:
        with pytest.raises(UnknownNameError, match="cuda"):
            hardware.choose_device(Settings(device="cuda"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert hardware.choose_dtype("cuda") == "float16"  # a T4, which emulates bfloat16
    assert hardware.choose_dtype("cuda", "compact") == "float32"


@pytest.mark.parametrize(
    ("flags", "dtype"), [("sse avx512_bf16", "bfloat16"), ("sse amx_bf16", "bfloat16"), ("sse avx512f", "float32")]
)
def test_a_processor_that_computes_bfloat16_does_so_for_vectors(
    flags: str, dtype: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        hardware, "open", lambda *_, **__: io.StringIO(f"processor : 0\nflags : {flags}\n"), raising=False
    )
    hardware.computes_bfloat16.cache_clear()
    try:
        assert hardware.choose_dtype("cpu", "standard", "clip") == dtype
        assert hardware.choose_dtype("cpu", "standard", "blip") == "float32"  # words could change
        assert hardware.choose_dtype("cpu", "compact", "clip") == "float32"
        assert hardware.choose_dtype("cpu", "standard", "blip", asked="bfloat16") == "bfloat16"
        assert hardware.choose_dtype("cpu", "standard", "clip", asked="float32") == "float32"
        assert hardware.choose_dtype("cpu", "compact", asked="bfloat16") == "float32"
    finally:
        hardware.computes_bfloat16.cache_clear()


def test_on_a_shared_card_only_what_others_leave_counts(monkeypatch: pytest.MonkeyPatch):
    import torch

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * MB, 16 * MB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 2 * MB)
    assert hardware.device_memory("cuda:0") == 5 * MB


def test_torchs_own_error_is_known():
    import torch

    assert hardware.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not hardware.is_out_of_memory(ValueError("out of memory"))
    assert not hardware.is_out_of_memory(RuntimeError("shapes differ"))


def waiting(
    pool: ModelPool, count: int, ask: Callable[[int], Any], meanwhile: Callable[[], None] = lambda: None
) -> list[Any]:
    """What ``ask(0)`` ... return or raise, when all of them wait for the model "one" that a first request has."""
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        try:
            results[number] = ask(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    with pool.use("one"):
        for thread in threads:
            thread.start()
        while pool.loaded()[0].users < count + 1:
            time.sleep(0.005)
        meanwhile()
    for thread in threads:
        thread.join(timeout=300)
    return results


def test_alike_requests_that_wait_are_answered_in_one_batch():
    pool, batches = fake_pool(loader=sized), []

    def work(model: Any, items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return [item * item for item in items]

    found = waiting(pool, 5, lambda n: pool.run("one", work, [n, 10 + n], alike="squares"))
    assert found == [[n * n, (10 + n) ** 2] for n in range(5)]
    assert sorted(len(batch) for batch in batches) == [2, 8]  # five times two items, eight in a batch at most


def test_requests_that_are_not_alike_run_apart():
    pool, batches = fake_pool(loader=sized), []

    def work(model: Any, items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return list(items)

    keys = ["a", "b", None, None]
    assert waiting(pool, 4, lambda n: pool.run("one", work, [n], alike=keys[n])) == [[0], [1], [2], [3]]
    assert sorted(batches) == [[0], [1], [2], [3]]


def test_a_bad_input_does_not_spoil_its_neighbours():
    pool = fake_pool(loader=sized)

    def work(model: Any, items: Sequence[int]) -> list[int]:
        if 2 in items:
            raise ValueError("two")
        return list(items)

    found = waiting(pool, 4, lambda n: pool.run("one", work, [n], alike="same"))
    assert isinstance(found.pop(2), ValueError)
    assert found == [[0], [1], [3]]


def test_a_batch_too_large_for_memory_runs_one_by_one():
    pool, batches = fake_pool(loader=sized), []

    def work(model: Any, items: Sequence[int]) -> list[int]:
        batches.append(len(items))
        if len(items) > 1:
            raise OutOfMemoryError("CUDA out of memory")
        return list(items)

    assert waiting(pool, 3, lambda n: pool.run("one", work, [n], alike="same")) == [[0], [1], [2]]
    assert batches == [3, 1, 1, 1]


def test_nobody_computes_for_one_who_has_left():
    pool, batches = fake_pool(loader=sized), []

    def work(model: Any, items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return list(items)

    left = threading.Event()

    def ask(number: int) -> list[int]:
        with cancelling.asking(lambda: number == 1 and left.is_set()):
            return pool.run("one", work, [number], alike="same")

    found = waiting(pool, 3, ask, meanwhile=left.set)
    assert isinstance(found.pop(1), Cancelled)
    assert found == [[0], [2]]
    assert batches == [[0, 2]] or batches == [[2, 0]]
