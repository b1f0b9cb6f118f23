"""What the captioning tab asks of the core for a short video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmcore.errors import InputError
from mmcore.pool import ModelPool
from mmcore.tasks.clip_captions import caption_clip
from mmcore.types import IsCancelled, Progress

from ..ui import uploads
from ..ui.events import Failure, Step, Stop, failure, in_background
from .clip_view import ClipAnswer, answer_of
from .service import options_for_model


def describe_clip(
    pool: ModelPool, payload: Mapping[str, Any] | None, model: str, form: Mapping[str, Any], button: Stop
) -> Iterator[Step | ClipAnswer | Failure]:
    """Caption one upload's key frames, and listen to it; how far it has come, and at the end the answer or an error."""

    def work(progress: Progress, cancelled: IsCancelled) -> ClipAnswer:
        if not payload:
            raise InputError("video_nothing_given")
        options = options_for_model(model, form)
        path = uploads.path_of(payload)
        return answer_of(caption_clip(pool, path, options, model, progress=progress, cancelled=cancelled))

    yield Step(0, 0)
    try:
        yield from in_background(work, button)
    except Exception as error:
        yield failure(error)
