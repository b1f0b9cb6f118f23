"""``mmcore serve``: the models in workers of Ray Serve, for pages and commands with MMCORE_SERVE=ray."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from mmcore import ray_workers
from mmcore.checkpoints.registry import CHECKPOINTS
from mmcore.commands.console import complain, failures_reported, find_model, read_settings

app = typer.Typer()


@app.command("serve")
def serve_command(
    models: Annotated[
        list[str] | None, typer.Argument(help="Models to run. Default: all that are bundled.", metavar="NAME...")
    ] = None,
    fewest: Annotated[int, typer.Option("--replicas", help="Workers of each model at least.", min=1)] = 1,
    most: Annotated[int, typer.Option("--max-replicas", help="Workers of each model at most, under load.", min=1)] = 4,
    gpus: Annotated[
        float, typer.Option(help="Share of a GPU for each worker of a standard or large model.", min=0.0)
    ] = 0.0,
) -> None:
    """Run models in workers of Ray Serve until interrupted; MMCORE_SERVE=ray makes a page, or any command, use them.

    Joins the Ray cluster that runs on this machine (`ray start`), or else starts one.
    """
    settings = read_settings()
    names = models or [one.name for one in CHECKPOINTS if one.source == "bundled"]
    chosen = [find_model(name, settings) for name in names]
    # As Ctrl-C does, so that the workers end as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with failures_reported():
        own = ray_workers.start(chosen, ray_workers.Scale(fewest, most, gpus))
        complain(f"{', '.join(names)}: ready in {'a cluster of its own' if own else 'the cluster of this machine'}.")
        complain("Now: MMCORE_SERVE=ray mmcore demo. Ctrl-C ends the workers.")
        try:
            signal.pause()
        except KeyboardInterrupt:
            ray_workers.stop(chosen)
