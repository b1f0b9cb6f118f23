"""The Lab's made-up posts in Chinese: the models read English, who reads along need not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent.parent / "locales" / "lab_posts_zh.json"
_CLOCK = r"\d{1,2}:\d{2}"


@cache
def _tables() -> Mapping[str, Any]:
    """What a post is made of -> Chinese: openings, sentences with slots, endings, and what fills a slot."""
    tables: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return tables


@cache
def _sentences() -> list[tuple[re.Pattern[str], str]]:
    """The whole sentence in English -> the Chinese one, with its slots."""
    tables = _tables()
    slots = {"{time}": f"(?P<time>{'|'.join(tables['times'])})", "{clock}": f"(?P<clock>{_CLOCK})"}
    found = []
    for english, chinese in tables["sentences"].items():
        parts = re.split(r"(\{\w+\})", english)
        pattern = "".join(slots.get(part, re.escape(part)) for part in parts)
        found.append((re.compile(pattern, re.IGNORECASE), chinese))
    return found


def in_chinese(post: str) -> str:
    """A post of the made-up tables in Chinese; "" for any other text."""
    tables = _tables()
    for opening, opened in tables["openings"].items():
        for ending, ended in tables["endings"].items():
            if not (post.startswith(opening) and post.endswith(ending)):
                continue
            middle = post[len(opening) : len(post) - len(ending)]
            for pattern, chinese in _sentences():
                if match := pattern.fullmatch(middle):
                    slots = match.groupdict()
                    times = tables["times"].get(slots.get("time"), {})
                    return f"{opened}{chinese.format(clock=slots.get('clock'), **times)}{ended}"
    return ""
