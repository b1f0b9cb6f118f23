"""``python -m tests.e2e.lessons_latency``: how long five pupils wait for the steps of the lessons, over HTTP.

Starts ``python -m demo`` with the bundled models. Every step is looked at once, so that its model is loaded and its
pictures are read; then five visitors at a time go through all steps, each in an order of its own, and type what can be
typed. Printed are median and 95th percentile in ms, the ratio to a question through the same queue that computes
nothing, asked by the same five in between, and the server's CPU time for each request: a busy machine changes the
first two figures, not the others. Controls that are computed in the browser ask nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from demo.lessons.catalogue import LESSONS
from tests.demo.serving import real_demo

USERS = 5
API = "gradio_api/queue"
NOTHING: dict[str, Any] = {"lesson": 3, "step": 1, "text": "", "count": 0}
TYPED = {
    (1, 4): "A caterpillar on a leaf.",
    (2, 3): "happy",
    (7, 5): "two-dogs.jpg\nTwo brown dogs look out of a door.",
    (8, 2): "The [cat|dog] is here.",
}


class Visitor:
    """One browser's way of asking."""

    def __init__(self, url: str, name: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=120)
        self._name = name
        found = self._client.get("config").json()["dependencies"]
        self._numbers = {one["api_name"]: one["id"] for one in found}

    def ask(self, endpoint: str, event_data: dict[str, Any]) -> float:
        """Seconds until the answer is there. Raises RuntimeError where there is none."""
        body = {"data": ["en"], "fn_index": self._numbers[endpoint], "session_hash": self._name}
        began = time.perf_counter()
        self._client.post(f"{API}/join", json={**body, "event_data": event_data}).raise_for_status()
        seconds = None
        with self._client.stream("GET", f"{API}/data", params={"session_hash": self._name}) as stream:
            for line in stream.iter_lines():
                said = json.loads(line[6:]) if line.startswith("data: ") else {}
                if said.get("msg") == "process_completed":
                    seconds = time.perf_counter() - began
                    if not said["success"]:
                        raise RuntimeError(f"{endpoint} {event_data}: {said['output']}")
        if seconds is None:
            raise RuntimeError(f"{endpoint} {event_data}: no answer")
        return seconds


def cpu_seconds(process: int) -> float:
    """Of a process and its children so far, on Linux."""
    total = 0.0
    for task in Path(f"/proc/{process}/task").iterdir():
        total += sum(cpu_seconds(int(child)) for child in (task / "children").read_text().split())
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return total + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.lessons_latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="ways of each visitor through all steps")
    rounds = parser.parse_args().rounds
    steps = [(lesson.number, place) for lesson in LESSONS for place in range(1, len(lesson.steps) + 1)]
    with real_demo() as url:
        (server,) = (
            int(one) for one in Path("/proc/self/task").joinpath(str(os.getpid()), "children").read_text().split()
        )
        first = Visitor(url, "first-visitor")
        for lesson, step in steps:
            first.ask("lesson_go", {"lesson": lesson, "step": step})
        taken: dict[str, list[float]] = {}

        def visit(number: int) -> None:
            visitor, dice = Visitor(url, f"visitor-{number}"), random.Random(number)
            for lesson, step in (one for _ in range(rounds) for one in dice.sample(steps, len(steps))):
                asked = {"lesson": lesson, "step": step}
                taken.setdefault(f"{lesson}.{step}", []).append(visitor.ask("lesson_go", asked))
                taken.setdefault("nothing", []).append(visitor.ask("lesson_ask", NOTHING))
                if (lesson, step) in TYPED:
                    typed = {**asked, "text": TYPED[lesson, step], "count": 1}
                    taken.setdefault(f"{lesson}.{step} typed", []).append(visitor.ask("lesson_ask", typed))

        before = cpu_seconds(server)
        threads = [threading.Thread(target=visit, args=(number,)) for number in range(USERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent = cpu_seconds(server) - before
    nothing = statistics.median(taken.pop("nothing"))
    every = sorted(second for seconds in taken.values() for second in seconds)
    print(f"{'':12} {'median':>8} {'95 %':>8} {'ratio':>7}")
    lines = sorted(taken.items(), key=lambda item: -statistics.median(item[1]))
    for name, seconds in [("all", every), *lines[:8]]:
        late = sorted(seconds)[min(len(seconds) - 1, int(0.95 * len(seconds)))]
        median = statistics.median(seconds)
        print(f"{name:12} {median * 1000:5.0f} ms {late * 1000:5.0f} ms {median / nothing:7.2f}")
    count = 2 * USERS * rounds * len(steps) + USERS * rounds * len(TYPED)
    print(f"nothing: {nothing * 1000:.0f} ms; {count} requests, {spent / count * 1000:.1f} ms of CPU each")


if __name__ == "__main__":
    main()
