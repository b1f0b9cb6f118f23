"""``python -m tests.e2e.lessons_latency``: how long five pupils wait in the lessons, over HTTP. Takes a few minutes.

Starts ``python -m demo`` with the bundled models and goes through everything that asks the server: every step, every
picture and choice that a step offers, what can be typed, and the button that covers 49 places. First one visitor asks
for each of them twice: the first time models are loaded and pictures are read, the second time is what the server
computes for it, in ms of CPU. Then five visitors at a time, each in an order of its own, with a second between two of
theirs in the mean (``--pause 0``: none, which keeps both cores busy). A question through the same queue that computes
nothing, asked by the same five in between, tells how much of the wait is the machine's and gradio's: a busy machine
changes the waits, not the CPU time. Printed is Markdown. Controls that are computed in the browser ask nothing and are
not in it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import statistics
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from demo.lessons.catalogue import LESSONS
from tests.demo.serving import real_demo

USERS = 5
LIMIT = 0.3
"""Seconds within which an interaction should be answered."""
API = "gradio_api/queue"
NOTHING: dict[str, Any] = {"lesson": 3, "step": 1, "text": "", "count": 0}
TYPED = {
    (1, 4): "A caterpillar on a leaf.",
    (2, 3): "happy",
    (7, 5): "two-dogs.jpg\nTwo brown dogs look out of a door.",
    (8, 2): "The [cat|dog] is here.",
}
TRAININGS = (((5, 6), "cross_attention"), ((6, 6), "fine_tuned"))
"""The longest ones of the steps that train in the background."""
OFFERED = re.compile(r'data-(picture|choose|run)="([^"]+)"')


class Asked(NamedTuple):
    """One interaction."""

    name: str
    endpoint: str
    data: dict[str, Any]


class Visitor:
    """One browser's way of asking."""

    def __init__(self, url: str, name: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=120)
        self._name = name
        found = self._client.get("config").json()["dependencies"]
        self._numbers = {one["api_name"]: one["id"] for one in found}

    def ask(self, endpoint: str, event_data: dict[str, Any]) -> tuple[float, str]:
        """Seconds until the answer is there, and its last part. Raises RuntimeError where there is none."""
        body = {"data": ["en"], "fn_index": self._numbers[endpoint], "session_hash": self._name}
        began = time.perf_counter()
        self._client.post(f"{API}/join", json={**body, "event_data": event_data}).raise_for_status()
        seconds, answer = None, ""
        with self._client.stream("GET", f"{API}/data", params={"session_hash": self._name}) as stream:
            for line in stream.iter_lines():
                said = json.loads(line[6:]) if line.startswith("data: ") else {}
                if said.get("msg") == "process_completed":
                    seconds = time.perf_counter() - began
                    if not said["success"]:
                        raise RuntimeError(f"{endpoint} {event_data}: {said['output']}")
                    answer = said["output"]["data"][-1]
        if seconds is None:
            raise RuntimeError(f"{endpoint} {event_data}: no answer")
        return seconds, answer


def cpu_seconds(process: int) -> float:
    """On the processor so far, of the threads of a process and of its children that live, on Linux."""
    total = 0.0
    for task in Path(f"/proc/{process}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0]) / 1e9
            total += sum(cpu_seconds(int(child)) for child in (task / "children").read_text().split())
        except FileNotFoundError:  # a thread that has just ended
            continue
    return total


def whole_cpu_seconds(process: int) -> float:
    """As ``cpu_seconds``, in hundredths, with what threads took that have ended, and without the children."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> str:
    """Resident now, and the most so far, of a process, on Linux."""
    said = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    now, most = (int(said[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return f"{now:.0f} MB, at most {most:.0f} MB"


def train(visitor: Visitor, step: tuple[int, int], name: str) -> tuple[float, list[float]]:
    """Seconds until a training of a lesson is over, and how long each question took that asked how far it is."""
    asked = {"lesson": step[0], "step": step[1]}
    began, waits = time.perf_counter(), []
    for count in itertools.count(1):
        seconds, said = visitor.ask("lesson_ask", {**asked, "text": f"{name} {count}", "count": count})
        waits.append(seconds)
        if json.loads(said)["answer"]["over"]:
            return time.perf_counter() - began, waits
        time.sleep(0.5)
    raise AssertionError


def late(seconds: list[float]) -> float:
    """The 95th percentile."""
    return sorted(seconds)[min(len(seconds) - 1, int(0.95 * len(seconds)))]


def offered(lesson: int, step: int, html: str) -> list[Asked]:
    """What a step's HTML offers to press that asks the server, besides the ways to other steps."""
    found = []
    for kind, value in OFFERED.findall(html):
        data: dict[str, Any] = {"lesson": lesson, "step": step}
        if kind == "picture":
            data["picture"] = value
        elif kind == "choose":
            data["choice"] = value
        else:
            data |= {"picture": value, "choice": value, "run": True}
        found.append(Asked(f"{lesson}.{step} {kind} {value}", "lesson_go", data))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.lessons_latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="ways of each visitor through everything")
    parser.add_argument("--pause", type=float, default=1.0, help="mean seconds between two of a visitor")
    given = parser.parse_args()
    busy = os.getloadavg()[0]
    with real_demo() as url:
        (server,) = (
            int(one) for one in Path("/proc/self/task").joinpath(str(os.getpid()), "children").read_text().split()
        )
        alone = Visitor(url, "first-visitor")
        sizes = {"started": memory(server)}
        first: dict[str, float] = {}
        again: dict[str, float] = {}
        interactions: list[Asked] = []

        def look(one: Asked) -> str:
            first[one.name], answer = alone.ask(one.endpoint, one.data)
            interactions.append(one)
            return answer

        for lesson in LESSONS:
            for step in range(1, len(lesson.steps) + 1):
                place = {"lesson": lesson.number, "step": step}
                html = look(Asked(f"{lesson.number}.{step}", "lesson_go", place))
                for one in offered(lesson.number, step, html):
                    look(one)
                if typed := TYPED.get((lesson.number, step)):
                    data = {**place, "text": typed, "count": 1}
                    look(Asked(f"{lesson.number}.{step} typed", "lesson_ask", data))
        for one in interactions:  # not before all are known: what is worked out ahead would be counted, too
            before = cpu_seconds(server)
            alone.ask(one.endpoint, one.data)
            again[one.name] = cpu_seconds(server) - before
        taken: dict[str, list[float]] = {one.name: [] for one in interactions}
        nothing: list[float] = []

        def visit(number: int) -> None:
            visitor, dice = Visitor(url, f"visitor-{number}"), random.Random(number)
            for one in (one for _ in range(given.rounds) for one in dice.sample(interactions, len(interactions))):
                taken[one.name].append(visitor.ask(one.endpoint, one.data)[0])
                if len(taken[one.name]) % 2:
                    nothing.append(visitor.ask("lesson_ask", NOTHING)[0])
                time.sleep(given.pause * 2 * dice.random())

        sizes["one visitor has seen everything"] = memory(server)
        threads = [threading.Thread(target=visit, args=(number,)) for number in range(USERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sizes[f"{USERS} visitors at a time"] = memory(server)
        trained = []
        for step, name in TRAININGS:
            before = whole_cpu_seconds(server)
            seconds, waits = train(alone, step, name)
            spent = whole_cpu_seconds(server) - before
            wait = f"how far it is, asked {len(waits)} times: {statistics.median(waits) * 1000:.0f} ms"
            trained.append(f"{step[0]}.{step[1]} {name}: {seconds:.0f} s, {spent:.0f} s of CPU; {wait}")
        sizes["trainings"] = memory(server)
    report(first, again, taken, nothing)
    print("\ntrained in the background:", *trained, sep="\n- ")
    print("\nmemory of the server:", *(f"{when}: {size}" for when, size in sizes.items()), sep="\n- ")
    print(f"\nload of the machine: {busy:.1f} before, {os.getloadavg()[0]:.1f} at the end; {os.cpu_count()} cores")


def report(
    first: dict[str, float], again: dict[str, float], taken: dict[str, list[float]], nothing: list[float]
) -> None:
    """Print a row for each lesson, and the interactions that take longest."""
    idle = statistics.median(nothing)
    print(
        "| | interactions | median, ms | 95 %, ms | ratio | CPU, ms | largest CPU, ms |\n|---|---|---|---|---|---|---|"
    )
    groups = {f"lesson {lesson.number}": f"{lesson.number}." for lesson in LESSONS} | {"all": ""}
    for title, start in groups.items():
        names = [name for name in taken if name.startswith(start)]
        every = [second for name in names for second in taken[name]]
        median, spent = statistics.median(every), [again[name] for name in names]
        print(
            f"| {title} | {len(names)} | {median * 1000:.0f} | {late(every) * 1000:.0f} | {median / idle:.2f} "
            f"| {statistics.median(spent) * 1000:.0f} | {max(spent) * 1000:.0f} |"
        )
    print(f"| nothing | 1 | {idle * 1000:.0f} | {late(nothing) * 1000:.0f} | 1.00 | | |")
    print("\nmost CPU:", "; ".join(_largest(again)))
    print("longest for the first visitor after the start:", "; ".join(_largest(first)))
    over = [name for name, seconds in taken.items() if statistics.median(seconds) > LIMIT]
    print(f"median over {LIMIT * 1000:.0f} ms: {len(over)} of {len(taken)}, such as {', '.join(over[:5]) or 'none'}")


def _largest(seconds: dict[str, float]) -> list[str]:
    first = sorted(seconds.items(), key=lambda item: -item[1])[:8]
    return [f"{name} {value * 1000:.0f} ms" for name, value in first]


if __name__ == "__main__":
    main()
