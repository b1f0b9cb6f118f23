"""Files and requests that nobody would make, drawn by hypothesis: a fixed few in every test run, thousands by hand.

    python -m tests.attacks.fuzzing files 10000
    python -m tests.attacks.fuzzing api 2000
    python -m tests.attacks.fuzzing mcp 1000

The long runs ask the bundled models. They print what came back how often, the slowest answer and the memory, and end
with status 1 over a traceback, an answer without a sentence, a hang of more than 10 s, or a file that was left.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import httpx
import numpy as np
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as drawing
from hypothesis import strategies as st
from PIL import Image

from mmcore.errors import InputError
from mmcore.io.audio_files import open_sound
from mmcore.io.images import decode_image
from mmcore.io.tables import read_table
from mmcore.settings import Settings
from tests import sounds
from tests.attacks.running import Running, running
from tests.demo.serving import Server

SLOWEST = 10.0
"""Seconds beyond which an answer is a hang."""
API = "gradio_api/"


def seeds() -> list[tuple[str, bytes]]:
    """(ending, content) of small good files of every kind that is read."""
    picture = Image.effect_noise((48, 36), 60).convert("RGB")
    found = []
    for kind, options in (
        *(("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("GIF", {}), ("BMP", {})),
        *(("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {}), ("WEBP", {}), ("WEBP", {"lossless": True})),
    ):
        out = io.BytesIO()
        picture.save(out, kind, **options)
        found.append((".picture", out.getvalue()))
    for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF"):
        found.append((".sound", sounds.encoded(sounds.tone(0.2, rate=16_000), 16_000, kind)))
    for container, codec in (("webm", "libopus"), ("ipod", "aac"), ("matroska", "libopus")):
        found.append((".sound", sounds.contained(sounds.tone(0.2, rate=48_000), 48_000, container, codec)))
    found.append((".tsv", b'text\timage\nfine\t"a ""b"".png"\n"two\nlines"\t\n'))
    found.append((".csv", b'text,image\n"a, b",c.png\n"she said ""no""",\n'))
    found.append((".csv", "sep=;\ntext;image\na;b\n".encode("utf-16")))
    return found


Change = tuple[str, float, bytes]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("set", "insert", "cut", "drop", "repeat", "turn")),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def mutated(content: bytes, changes: list[Change]) -> bytes:
    """The file with each change made at its place, given as a share of the length."""
    data = bytearray(content)
    for kind, share, piece in changes:
        at = int(share * len(data))
        if kind == "set":
            data[at : at + len(piece)] = piece
        elif kind == "insert":
            data[at:at] = piece
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + 4 * len(piece)]
        elif kind == "repeat":
            data[at:at] = data[at : at + 16] * min(64, piece[0])
        elif data:
            data[at % len(data)] ^= 1 << piece[0] % 8
    return bytes(data)


def read_file(ending: str, content: bytes, folder: Path, settings: Settings) -> str:
    """What came of the file: "read", or the key of its InputError. Anything else is raised."""
    try:
        if ending == ".picture":
            image = decode_image(content, settings)
            assert image.mode == "RGB"
        elif ending == ".sound":
            with open_sound(content, settings) as sound:
                for block in sound.blocks(16_000):
                    assert np.isfinite(block).all()
        else:
            path = folder / f"table{ending}"
            path.write_bytes(content)
            read_table(path, ("text",), 100, optional=("image",))
    except InputError as error:
        return error.key if str(error) else "without a sentence"
    return "read"


WORDS = st.one_of(
    st.text(max_size=40), st.sampled_from(("a dog", "\0", "😀" * 9, "zh 好", "{}", "%s", "../x", "a" * 6000))
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("path", "url", "orig_name", "meta", "size")), inner, max_size=4),
    ),
    max_leaves=6,
)
PICTURE, SOUND = "<a picture>", "<a sound>"
"""Stand for uploads where a body is drawn; its path is known when it is sent only."""
GOOD: dict[str, list[Any]] = {
    "caption": [PICTURE, "compact-captioner", 1, "beam", 3, 30, "", 0.9, 1.0, 0, False, "en"],
    "search": ["a dog", PICTURE, "grass", "examples", "compact-retriever", 10, 0.5, "", 1, 1],
    "zero_shot": [PICTURE, "a cat, a dog", "", "compact-retriever"],
    "sentiment": ["fine", PICTURE, "compact-sentiment", ""],
    "classify_audio": [SOUND, "compact-tagger", 5, 0, "", "max", 0.25, 0.3],
    "transcribe": [SOUND, "whisper-base", "", 5],
    "ask": [PICTURE, "what is this?", None, [], "compact-answers", 200, "greedy", 0.9, 0.7, 0],
}
"""Endpoint -> inputs that it answers."""

LIKELY = st.one_of(
    LEAVES, st.sampled_from((0, 1, 2, 10, 2**31, 2**64, -1, 1e300, "", "en", "zh", "beam", "nucleus")), VALUES
)
"""In the place of an input: often of its kind, so that it comes as far as the model."""


def _changed(name: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """A good body with up to three inputs drawn; or too many or too few of them, all drawn."""
    good = GOOD[name]
    places = st.dictionaries(st.integers(0, len(good) - 1), LIKELY, max_size=3)
    near = places.map(lambda drawn: [drawn.get(place, value) for place, value in enumerate(good)])
    far = st.lists(VALUES, min_size=len(good) - 1, max_size=len(good) + 1)
    # one_of would count a strategy that it is given twice once.
    data = st.integers(0, 4).flatmap(lambda drawn: near if drawn else far)
    return data.map(lambda data: (name, {"data": data}))


NAMES = st.sampled_from(sorted(GOOD))
ODD = st.tuples(NAMES, st.dictionaries(st.sampled_from(("data", "session_hash")), VALUES))
BODIES = st.integers(0, 9).flatmap(lambda drawn: NAMES.flatmap(_changed) if drawn else ODD)
CALLS = st.tuples(
    st.sampled_from(("tools/call", "tools/list", "initialize", "ping", "nothing/such")),
    st.sampled_from((*sorted(GOOD), "nope")),
    st.dictionaries(
        st.sampled_from(("text", "image", "audio", "model", "labels", "top", "num_captions", "fusion", "x")),
        VALUES,
        max_size=5,
    ),
)


def _uploads(client: httpx.Client) -> dict[str, dict[str, Any]]:
    """PICTURE and SOUND -> the files, which this client sends with its first body."""
    if client not in _sent_files:
        made = {PICTURE: ("p.png", seeds()[2][1]), SOUND: ("s.wav", seeds()[9][1])}
        answers = {name: client.post(f"{API}upload", files={"files": file}) for name, file in made.items()}
        kind = {"_type": "gradio.FileData"}  # without it a sound is no file
        _sent_files[client] = {name: {"path": answer.json()[0], "meta": kind} for name, answer in answers.items()}
    return _sent_files[client]


_sent_files: WeakKeyDictionary[httpx.Client, dict[str, dict[str, Any]]] = WeakKeyDictionary()


def call_api(client: httpx.Client, name: str, body: dict[str, Any]) -> str:
    """What came of a call: "answered", "refused" (with a sentence) or the status."""
    if isinstance(body.get("data"), list):
        uploads = _uploads(client)
        body = {**body, "data": [uploads.get(one, one) if isinstance(one, str) else one for one in body["data"]]}
    content = json.dumps(body)  # NaN and Infinity too, as careless clients send them
    started = client.post(f"{API}call/{name}", content=content, headers={"Content-Type": "application/json"})
    if started.status_code != 200:
        assert started.status_code in (400, 413, 422, 429), (started.status_code, started.text[:200])
        assert started.json()["detail"]
        return str(started.status_code)
    lines = client.get(f"{API}call/{name}/{started.json()['event_id']}").text.strip().splitlines()
    event, said = lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))
    if event == "complete":
        return "answered"
    assert event == "error", lines
    assert said is not None, (name, body)
    assert said["error"], (name, body)
    assert "(ref" not in said["error"], (name, body, said)
    return "refused"


def call_tool(client: httpx.Client, method: str, tool: str, arguments: dict[str, Any]) -> str:
    """What came of a call of the MCP endpoint."""
    parameters = {"tools/call": {"name": tool, "arguments": arguments}}.get(method, arguments)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    answer = client.post(f"{API}mcp/", content=body, headers=headers)
    assert answer.status_code in (200, 202, 400, 413, 422), (answer.status_code, answer.text[:200])
    assert "Traceback" not in answer.text
    return f"{answer.status_code} {'error' if 'rror' in answer.text else 'answer'}"


class Tally:
    """Counts what came back.

    ``clock``: that of this process where the work is done here, since other programs make wall time long.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, limit: float = 6 * SLOWEST) -> None:
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0
        self._clock, self._limit = clock, limit

    def run(self, work: Callable[..., str], *arguments: Any) -> None:
        """Do it, and raise AssertionError where it took too long."""
        began = self._clock()
        self.outcomes[work(*arguments)] += 1
        taken = self._clock() - began
        self.slowest = max(self.slowest, taken)
        assert taken < self._limit, f"{taken:.1f} s"


def files(count: int, number: int = 0) -> Tally:
    """Read ``count`` mutated files in this process."""
    tally, good, settings = Tally(time.process_time, SLOWEST), seeds(), Settings(offline=True)
    with tempfile.TemporaryDirectory() as folder:

        @seed(number)
        @_drawn(count)
        @given(st.sampled_from(good), CHANGES)
        def one(file: tuple[str, bytes], changes: list[Change]) -> None:
            tally.run(read_file, file[0], mutated(file[1], changes), Path(folder), settings)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            one()
    return tally


def _sent(
    ask: Callable[..., Any], drawn: st.SearchStrategy[Any], server: Server | Running, count: int, number: int
) -> Tally:
    tally = Tally()
    with httpx.Client(base_url=server.url, timeout=300) as client:

        @seed(number)
        @_drawn(count)
        @given(drawn)
        def one(question: tuple[Any, ...]) -> None:
            tally.run(ask, client, *question)

        one()
    return tally


def api(server: Server | Running, count: int, number: int = 0) -> Tally:
    """Send ``count`` bodies to the endpoints."""
    return _sent(call_api, BODIES, server, count, number)


def mcp(server: Server | Running, count: int, number: int = 0) -> Tally:
    """Send ``count`` calls to the MCP endpoint."""
    return _sent(call_tool, CALLS, server, count, number)


def _drawn(count: int) -> Any:
    checks = list(HealthCheck)
    return drawing(
        max_examples=count, deadline=None, database=None, phases=(Phase.generate,), suppress_health_check=checks
    )


def main(kind: str, count: int) -> int:
    """A long run."""

    began = time.monotonic()
    left = 0
    log = ""
    if kind == "files":
        tally = files(count)
    else:
        with tempfile.TemporaryDirectory() as folder:
            with running(Path(folder)) as server:
                tally = {"api": api, "mcp": mcp}[kind](server, count)
                health, metrics = httpx.get(server.url + "health"), httpx.get(server.url + "metrics")
                print("health", health.status_code, health.text)
                print(next(line for line in metrics.text.splitlines() if line.startswith("mmcore_resident_bytes ")))
            left, log = len(server.left()), server.log()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{kind}: {sum(tally.outcomes.values())} in {time.monotonic() - began:.0f} s, slowest {tally.slowest:.2f} s")
    print(f"peak of this process {peak} MB, files left {left}, tracebacks {log.count('Traceback')}")
    print(*(f"{number:7} {name}" for name, number in tally.outcomes.most_common()), sep="\n")
    if "Traceback" in log:
        print(log[-6000:])
    return int(bool(left or "Traceback" in log))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
