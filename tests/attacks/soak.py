"""Many visitors for a long time, as they are: a third of them cancel, leave, or send rubbish.

    python -m tests.attacks.soak FOLDER 16:30 64:5        # visitors:minutes, one phase after the other
    python -m tests.attacks.soak FOLDER compare           # one visitor against sixteen, who never pause

Starts ``python -m demo`` with the bundled models as a public page, in FOLDER. Writes memory.tsv every 10 s (and
memory.svg of it at the end) and prints what became of the requests. Status 1 over a good request without an answer, a
traceback, memory that grows, or a file that is left.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import statistics
import sys
import time
import wave
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.attacks.running import Running

API = "gradio_api/"
EVERY = 10.0
"""Seconds between two looks at the memory."""
SETTLED = 300.0
"""Seconds after which memory is to stay as it is."""
GROWTH = 0.05
PATIENCE = 300.0
"""Seconds after which a request counts as lost."""
PAUSE = 8.0
"""Mean seconds between two requests of a visitor in the phases of SLOW visitors or fewer."""
SLOW = 16
AT_ONCE = 3
"""Requests that a program sends side by side where nobody pauses: more than the queue takes."""
STAY = 8
"""Requests of a visitor on one page, on average."""
WORDS = ("a dog on grass", "two people in a street", "blue water", "a cup of coffee", "mountains", "flowers", "a cat")
POSTS = (
    "What a lovely day!",
    "The train was late again and nobody said why.",
    "We meet at nine.",
    "I hate this so much",
)
ASSETS = Path(__file__).resolve().parents[2] / "assets"

PAGE = {
    "captioning_describe": 5,
    "retrieval_search": 5,
    "sentiment_describe": 4,
    "audio_listen": 4,
    "retrieval_labels": 3,
    "ask_answer": 2,
    "lesson_arrive": 2,
    "lab_train": 1,
}
"""Events of the page -> how often they are asked for."""
PROGRAMS = {"caption": 2, "search": 2, "zero_shot": 1, "sentiment": 2, "classify_audio": 1}
"""Endpoints of the API, asked without a session."""


class Pictures:
    """Files that nobody has sent before, cut out of the examples."""

    def __init__(self, number: int) -> None:
        self.draw = random.Random(number)
        self._known = [Image.open(path).convert("RGB") for path in sorted((ASSETS / "examples").glob("*.jpg"))]
        self._sounds = [path for path in sorted((ASSETS / "sounds").glob("*.ogg")) if path.stat().st_size < 300_000]

    def picture(self) -> bytes:
        whole, out = self.draw.choice(self._known), io.BytesIO()
        left, top = self.draw.randrange(whole.width // 3), self.draw.randrange(whole.height // 3)
        part = whole.crop((left, top, left + 2 * whole.width // 3, top + 2 * whole.height // 3))
        part.save(out, "JPEG", quality=self.draw.randrange(70, 95))
        return out.getvalue()

    def sound(self) -> bytes:
        if self.draw.random() < 0.5:
            return self.draw.choice(self._sounds).read_bytes()
        rate, out = 16_000, io.BytesIO()
        drawn = np.random.default_rng(self.draw.randrange(2**32)).normal(0, 2000, rate * self.draw.randrange(1, 12))
        with wave.open(out, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(drawn.astype("<i2").tobytes())
        return out.getvalue()

    def rubbish(self) -> bytes:
        good = bytearray(self.picture())
        for _ in range(20):
            good[self.draw.randrange(len(good))] = self.draw.randrange(256)
        return bytes(good[: self.draw.randrange(20, len(good))])


@dataclass
class Tally:
    """What became of the requests of one phase."""

    outcomes: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def report(self, minutes: float) -> None:
        everything = sorted(second for times in self.seconds.values() for second in times)
        print(f"  {len(everything)} good requests answered, {len(everything) / minutes / 60:.2f} a second", end="")
        if len(everything) > 1:
            print(f"; median {statistics.median(everything):.2f} s, p95 {quantile(everything, 0.95):.2f} s")
        for name, times in sorted(self.seconds.items()):
            print(
                f"    {name:22} {len(times):5}  p50 {statistics.median(times):6.2f} s",
                f" p95 {quantile(sorted(times), 0.95):6.2f} s",
            )
        print(*(f"  {count:6} {name}" for name, count in sorted(self.outcomes.items())), sep="\n")
        print(f"  lost: {len(self.lost)}", *self.lost[:20], sep="\n    ")


def quantile(values: list[float], share: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(share * len(values)))]


class Visitor:
    """One browser, or one program."""

    def __init__(self, number: int, url: str, known: dict[str, Any], tally: Tally, pause: float, bad: float) -> None:
        self.files, self.tally, self.pause, self.bad = Pictures(number), tally, pause, bad
        self.draw = self.files.draw
        headers = {"X-Forwarded-For": f"10.0.{number // 250}.{number % 250 + 1}"}
        # Shorter than the server keeps a connection: else one is used in the moment in which it is closed.
        limits = httpx.Limits(keepalive_expiry=2.0)
        self.client = httpx.AsyncClient(base_url=url, timeout=PATIENCE, headers=headers, limits=limits)
        self.events: dict[str, dict[str, Any]] = known["events"]
        self.session = ""

    async def live(self, until: float) -> None:
        async with self.client:
            while time.monotonic() < until:
                self.session = f"v{self.draw.getrandbits(60):x}"
                heart = asyncio.create_task(self.beat())
                try:
                    await self.client.get("")
                    for _ in range(self.draw.randrange(1, 2 * STAY)):
                        if time.monotonic() > until:
                            break
                        await self.once()
                        await asyncio.sleep(self.draw.expovariate(1 / self.pause) if self.pause else 0)
                except httpx.TransportError as error:
                    self.tally.lost.append(f"connection: {error!r}")
                finally:
                    heart.cancel()

    async def beat(self) -> None:
        """The page's own stream: when it closes, the visitor has left."""
        async with self.client.stream("GET", f"{API}heartbeat/{self.session}", timeout=None) as stream:
            async for _ in stream.aiter_raw():
                pass

    async def once(self) -> None:
        how = self.draw.random()
        if how < self.bad / 3:
            await self.rubbish()
        elif how < self.bad * 2 / 3:
            await self.ask("leave")
        elif how < self.bad:
            await self.ask("cancel")
        elif self.draw.random() < 0.25:
            await asyncio.gather(*(self.program() for _ in range(1 if self.pause else AT_ONCE)))
        else:
            await self.ask("wait")

    async def upload(self, content: bytes, name: str) -> dict[str, Any]:
        answer = await self.client.post(f"{API}upload", files={"files": (name, content)})
        answer.raise_for_status()
        return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    async def inputs(self, name: str) -> list[Any]:
        """The event's inputs as the page sends them: each component's value, with files and words in their places."""
        found, given = [], 0
        for kind, value in self.events[name]["inputs"]:
            if kind == "image" and not given:
                given += 1
                chosen = None
                if name not in ("retrieval_search", "search") and not (
                    name.startswith("sentiment") and self.draw.random() < 0.3
                ):
                    chosen = await self.upload(self.files.picture(), "p.jpg")
                found.append(chosen)
            elif kind == "audio" and not name.startswith("sentiment"):  # a spoken post needs the extra speech
                found.append(await self.upload(self.files.sound(), "s.wav"))
            else:
                found.append(value)
        texts = [place for place, (kind, _) in enumerate(self.events[name]["inputs"]) if kind == "textbox"]
        if name in ("retrieval_search", "search"):
            found[texts[0]] = self.draw.choice(WORDS)
        elif name.startswith("sentiment"):
            found[texts[0]] = self.draw.choice(POSTS)
        elif name == "ask_answer":
            found[texts[0]] = self.draw.choice(("What is this?", "How many people are there?", "What colour is it?"))
        elif name == "zero_shot":
            found[texts[0]] = "a cat, a dog, a street"
        elif name == "lesson_arrive":
            found[texts[0]] = f"?tab=lessons&lesson={self.draw.randrange(1, 11)}"
        elif name == "lab_train":
            found[7] = 3  # epochs
        return found

    async def ask(self, how: str) -> None:
        """An event of the page through the queue: wait for the answer, press Cancel, or close the page."""
        name = self.draw.choices(list(PAGE), list(PAGE.values()))[0]
        began = time.monotonic()
        event = self.events[name]
        data = await self.inputs(name)
        body = {"data": data, "fn_index": event["number"], "session_hash": self.session, "trigger_id": event["trigger"]}
        joined = await self.client.post(f"{API}queue/join", json=body)
        if joined.status_code != 200:
            self.refused(name, joined)
            return
        number = joined.json()["event_id"]
        wait = self.draw.uniform(0, 1.0) if how != "wait" else PATIENCE
        try:
            async with asyncio.timeout(wait):
                said = await self.heard(number)
        except TimeoutError:
            if how == "wait":
                self.tally.lost.append(f"{name}: no answer in {PATIENCE:.0f} s")
            elif how == "cancel":
                body = {"session_hash": self.session, "fn_index": event["number"], "event_id": number}
                (await self.client.post(f"{API}cancel", json=body)).raise_for_status()
                self.tally.outcomes["cancelled"] += 1
            else:
                self.tally.outcomes["left"] += 1
            return
        self.judge(name, said["success"], said["output"], time.monotonic() - began)

    async def heard(self, number: str) -> dict[str, Any]:
        async with self.client.stream("GET", f"{API}queue/data", params={"session_hash": self.session}) as stream:
            async for message in messages(stream):
                if message["msg"] == "process_completed" and message["event_id"] == number:
                    return message
        return {"success": False, "output": "the stream ended"}

    async def program(self) -> None:
        """An endpoint of the API, as a program asks."""
        name = self.draw.choices(list(PROGRAMS), list(PROGRAMS.values()))[0]
        began = time.monotonic()
        joined = await self.client.post(f"{API}call/{name}", json={"data": await self.inputs(name)})
        if joined.status_code != 200:
            self.refused(name, joined)
            return
        answer = (await self.client.get(f"{API}call/{name}/{joined.json()['event_id']}")).text.strip().splitlines()
        good = len(answer) > 1 and answer[-2] == "event: complete"
        self.judge(f"api {name}", good, answer[-1:], time.monotonic() - began)

    async def rubbish(self) -> None:
        """What no page sends. It must be refused, or answered with a sentence."""
        kind = self.draw.randrange(4)
        if kind == 0:
            body: Any = {
                "data": [],
                "fn_index": self.draw.randrange(-5, 500),
                "session_hash": self.draw.choice(("", " ", 5)),
            }
            answer = await self.client.post(f"{API}queue/join", json=body)
        elif kind == 1:
            answer = await self.client.post(f"{API}call/caption", content=self.files.rubbish())
        elif kind == 2:
            upload = await self.upload(self.files.rubbish(), "p.jpg")
            joined = await self.client.post(
                f"{API}call/zero_shot", json={"data": [upload, "a, b", "", "compact-retriever"]}
            )
            if joined.status_code != 200:
                self.refused("rubbish", joined)
                return
            answer = await self.client.get(f"{API}call/zero_shot/{joined.json()['event_id']}")
            if "(ref" in answer.text:
                self.tally.lost.append(f"rubbish: {answer.text[:300]}")
        else:
            answer = await self.client.get(f"{API}deep_link")
        self.tally.outcomes[f"rubbish {kind}: {answer.status_code}"] += 1
        if answer.status_code >= 500:
            self.tally.lost.append(f"rubbish: {answer.status_code} {answer.text[:200]}")

    def refused(self, name: str, answer: httpx.Response) -> None:
        if answer.status_code == 429 and answer.json()["detail"] and int(answer.headers["retry-after"]) > 0:
            self.tally.outcomes["429 in words"] += 1
        else:
            self.tally.lost.append(f"{name}: {answer.status_code} {answer.text[:200]}")

    def judge(self, name: str, good: bool, output: Any, seconds: float) -> None:
        said = json.dumps(output, ensure_ascii=False)
        if good and "(ref" not in said and "mm-error" not in said:
            self.tally.seconds[name].append(seconds)
        else:
            self.tally.lost.append(f"{name}: {said[:300]}")


async def messages(stream: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Of a server-sent stream."""
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def described(url: str) -> dict[str, Any]:
    """What the page is told of its events: number, trigger, kind and value of each input."""
    config = httpx.get(f"{url}config", timeout=60).json()
    components = {one["id"]: one for one in config["components"]}
    found = {}
    for event in config["dependencies"]:
        if event["api_name"] in {*PAGE, *PROGRAMS}:
            inputs = [(components[one]["type"], components[one]["props"].get("value")) for one in event["inputs"]]
            trigger = event["targets"][0][0] if event["targets"] else None
            found[event["api_name"]] = {"number": event["id"], "trigger": trigger, "inputs": inputs}
    missing = {*PAGE, *PROGRAMS} - set(found)
    assert not missing, missing
    return {"events": found}


async def look(server: Running, began: float, file: Path) -> None:
    """Write the memory down until cancelled."""
    with file.open("a", encoding="utf-8") as out:
        while True:
            await asyncio.sleep(EVERY)
            own, decoders = server.resident()
            left = sum(path.stat().st_size for path in server.files() if path.exists())
            print(f"{time.monotonic() - began:.0f}\t{own}\t{decoders}\t{left}", file=out, flush=True)


async def phase(server: Running, visitors: int, minutes: float, pause: float, bad: float = 1 / 3) -> Tally:
    """That many visitors for that long."""
    known, tally = described(server.url), Tally()
    until = time.monotonic() + 60 * minutes
    people = [Visitor(number, server.url, known, tally, pause, bad) for number in range(visitors)]
    await asyncio.gather(*(one.live(until) for one in people))
    return tally


async def soak(folder: Path, phases: list[tuple[int, float]]) -> int:
    """All phases on one server."""
    server, began, failed = Running(folder, {"MMCORE_PUBLIC": "1"}), time.monotonic(), 0
    table = folder / "memory.tsv"
    table.write_text("seconds\tserver\tdecoders\tuploads\n", encoding="utf-8")
    looking = asyncio.create_task(look(server, began, table))
    try:
        for visitors, minutes in phases:
            start = time.monotonic() - began
            tally = await phase(server, visitors, minutes, PAUSE if visitors <= SLOW else 0)
            end = time.monotonic() - began
            print(f"{visitors} visitors for {minutes:g} minutes:")
            tally.report(minutes)
            failed += bool(tally.lost)
            rows = [row for row in read(table) if start + SETTLED <= row[0] <= end]
            if len(rows) > 6:
                failed += grown(rows) > GROWTH
        health = httpx.get(f"{server.url}health", timeout=60)
        print("health", health.status_code)
        failed += health.status_code != 200
    finally:
        looking.cancel()
        status = server.stop()
    left, log = server.left(), server.log()
    print(f"stopped with {status}; files left {len(left)}, tracebacks in the log {log.count('Traceback')}")
    print(*left[:10], sep="\n")
    (folder / "memory.svg").write_text(drawn(read(table)), encoding="utf-8")
    return int(bool(failed or left or "Traceback" in log))


def grown(rows: list[tuple[float, ...]]) -> float:
    """How much more memory the server takes in the last third than in the first, as a share; prints it."""
    third = len(rows) // 3
    early, late = (statistics.mean(row[1] for row in part) / 1e6 for part in (rows[:third], rows[-third:]))
    most, decoders = (max(row[column] for row in rows) / 1e6 for column in (1, 2))
    print(
        f"  memory from minute {SETTLED / 60:.0f} on:",
        f"first third {early:.0f} MB, last {late:.0f} MB ({late / early - 1:+.1%})",
    )
    print(f"  most {most:.0f} MB; decoders {decoders:.0f} MB")
    return late / early - 1


async def compare(folder: Path) -> int:
    """One visitor against sixteen who never pause, a minute each, after a minute to warm up."""
    server, tallies = Running(folder), []
    try:
        await phase(server, 2, 0.5, 0, 0)
        for visitors in (1, 16):
            tallies.append(await phase(server, visitors, 1, 0, 0))
            print(f"{visitors} visitors")
            tallies[-1].report(1)
    finally:
        server.stop()
    one, many = (sum(map(len, tally.seconds.values())) for tally in tallies)
    print(f"throughput 16 / 1: {many / one:.2f}")
    return int(any(tally.lost for tally in tallies))


def read(table: Path) -> list[tuple[float, ...]]:
    """Rows of memory.tsv: seconds, bytes of the server, of the decoders, of uploads."""
    lines = table.read_text(encoding="utf-8").splitlines()[1:]
    return [tuple(map(float, line.split("\t"))) for line in lines]


def drawn(rows: list[tuple[float, ...]]) -> str:
    """The memory as a picture (SVG): server, decoders and uploads over time."""
    width, height, margin = 720, 300, 48
    last, most = max(row[0] for row in rows), 1.1 * max(max(row[1:]) for row in rows)

    right, bottom = width - margin, height - margin

    def at(seconds: float, size: float) -> tuple[float, float]:
        x, y = margin + (right - margin) * seconds / last, bottom - (bottom - margin) * size / most
        return round(x, 1), round(y, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"',
        f' font-size="12"><rect width="{width}" height="{height}" fill="white"/>',
    ]
    for step in range(5):
        y, x = at(0, most * step / 4)[1], at(last * step / 4, 0)[0]
        parts.append(f'<line x1="{margin}" x2="{right}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{margin - 4}" y="{y}" text-anchor="end">{most * step / 4e6:.0f}</text>')
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{last * step / 240:.0f}</text>')
    for column, (name, colour) in enumerate(
        (("server", "#3b528b"), ("decoders", "#5ec962"), ("uploads", "#e08214")), 1
    ):
        points = " ".join(f"{x},{y}" for x, y in (at(row[0], row[column]) for row in rows))
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>')
        parts.append(f'<text x="{margin + 90 * column}" y="16" fill="{colour}">{name}</text>')
    parts.append('<text x="4" y="16">MB</text>')
    parts.append(f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">minutes</text></svg>')
    return "\n".join(parts) + "\n"


def main(folder: str, *phases: str) -> int:
    """The phases of the command line."""
    path = Path(folder).resolve()
    path.mkdir(parents=True, exist_ok=True)
    if phases == ("compare",):
        return asyncio.run(compare(path))
    asked = [(int(visitors), float(minutes)) for visitors, minutes in (one.split(":") for one in phases)]
    return asyncio.run(soak(path, asked))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
