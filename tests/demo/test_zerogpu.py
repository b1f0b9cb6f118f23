"""ZeroGPU as far as it goes without a GPU: its package ``spaces``, and an imitation of the service that lends GPUs.

``spaces`` is real: it plays a GPU in the page's process, forks, and carries arguments and answers. Not here: the GPU,
so that weights are never moved to one. Skipped where ``spaces`` is not installed, as in CI.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests import tiny
from tests.answering import answering
from tests.demo.serving import free_port

pytestmark = pytest.mark.skipif(find_spec("spaces") is None, reason="needs the package spaces")
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Lender:
    """What the service was asked for: (path, parameters)."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def lender() -> Iterator[Lender]:
    """An imitation of the service that a ZeroGPU Space asks for its GPUs; it always gives one."""
    found = Lender()

    def lend(path: str) -> dict[str, Any]:
        address = urlsplit(path)
        found.asked.append((address.path, dict(parse_qsl(address.query))))
        return {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "token"}

    with answering(lend) as found.url:
        yield found


def on_a_space(code: str, lender: Lender, home: Path) -> dict[str, Any]:
    """Run code where a ZeroGPU Space would, with a tiny BLIP in the cache; the JSON that it prints last."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MMCORE_", "SPACES_"))},
        "PYTHONPATH": str(ROOT),
        "SYSTEM": "spaces",
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": lender.url,
        "MMCORE_HOME": str(home / "mmcore"),
        "MMCORE_OFFLINE": "1",
        "HF_HOME": str(home / "hf"),
        "ZEROGPU_OFFLOAD_DIR": str(home / "tensors"),
        "MMCORE_LOCAL_BLIP_BASE": str(tiny.blip(home / "blip")),
        "GRADIO_TEMP_DIR": str(home / "uploads"),
        "GRADIO_SERVER_PORT": free_port(),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


PAGE = """
import json, sys
from demo import app
assert not {"torch", "spaces", "gradio"} & set(sys.modules)
demo, settings = app._made()
from demo.ui import zerogpu
parameters = list(zerogpu._placed["blip-base"].network.parameters())
kinds = {(str(one.device), str(one.dtype)) for one in parameters}
_, url, _ = app.launch(demo, settings, prevent_thread_lock=True, quiet=True, server_port=None)
from gradio_client import Client, handle_file
client = Client(url, verbose=False)
picture = handle_file("assets/examples/cat.jpg")
compact = client.predict(picture, api_name="/caption")
try:
    said = str(client.predict(picture, model="blip-base", api_name="/caption"))
except Exception as error:
    said = str(error)
found = {"placed": sorted(zerogpu._placed), "kinds": sorted(kinds), "compact": compact, "said": said}
print(json.dumps(found), flush=True)
import os
os._exit(0)
"""


def test_the_page_places_what_is_cached_and_keeps_compact_on_the_processor(lender: Lender, tmp_path: Path):
    found = on_a_space(PAGE, lender, tmp_path)
    assert found["placed"] == ["blip-base"]
    assert found["kinds"] == [["cuda:0", "torch.bfloat16"]]
    assert found["compact"]["model"] == "compact-captioner"
    assert found["compact"]["captions"][0]["text"]
    paths = [path for path, _ in lender.asked]
    assert paths[0] == "/startup-report", "without it ZeroGPU stops the Space"
    (wanted,) = [parameters for path, parameters in lender.asked if path == "/schedule"]
    assert float(wanted["durationSeconds"]) > 0
    assert paths.count("/schedule") == 1, "the compact model asked for no GPU"
    assert "/allow" in paths, "a process was forked for it"
    assert "The Space got no GPU for blip-base" in found["said"], "there is none here"


CHAIN = """
import json, os
from dataclasses import replace
from mmcore.settings import Settings, keep_weights_of_zero_gpu
keep_weights_of_zero_gpu()
from demo.ui import zerogpu
from spaces.zero import client, torch as lent
# The steps that need a GPU; the rest, forking, queues and pickling, is what a Space does.
lent.init = lambda uuid: None
lent.move = lambda callback=None: None
lent.unpatch = lambda: None
zerogpu.DEVICE, zerogpu.DTYPE = "cpu", "float32"
from mmcore.pool import ModelPool
from mmcore.errors import InputError
from mmcore.io.images import decode_image
from mmcore.tasks.captioning import caption
from mmcore.results import CaptionOptions
settings = replace(Settings.from_env(), device="cpu")
pool = ModelPool(settings, workers=zerogpu.place(settings))
picture = decode_image("assets/examples/cat.jpg", settings)
options = CaptionOptions(explain=True)
there = [caption(pool, picture, options, "blip-base").to_dict() for _ in range(2)]
here = caption(ModelPool(settings), picture, options, "blip-base").to_dict()
def process(model, items):
    return [os.getpid()] * len(items)
def broken(model, items):
    raise InputError("text_too_long", characters=9, limit=3)
try:
    pool.run("blip-base", broken, [None])
except InputError as error:
    said = error.key
pids = pool.run("blip-base", process, [None])
for one in (*there, here):
    one.pop("seconds")
forked = pids[0] != os.getpid()
print(json.dumps({"there": there, "here": here, "forked": forked, "said": said, "loaded": len(pool.loaded())}))
"""


def test_a_request_goes_to_a_forked_process_and_its_answer_comes_back(lender: Lender, tmp_path: Path):
    found = on_a_space(CHAIN, lender, tmp_path)
    assert found["there"] == [found["here"]] * 2
    assert found["forked"]
    assert found["said"] == "text_too_long", "errors come back as they are"
    assert found["loaded"] == 0
    assert [path for path, _ in lender.asked].count("/schedule") == 4
