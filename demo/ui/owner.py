"""Who may download and unload on a page that strangers use: the owner of the Space, logged in on the hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmcore.settings import Settings

if TYPE_CHECKING:
    import gradio as gr


def is_owner(settings: Settings, profile: Mapping[str, Any] | None) -> bool:
    """Whether whoever has this profile may; on one's own machine that is everybody.

    The profile is what gradio reads from its signed session (``gr.OAuthProfile``), None for who is not logged in.
    ``sub`` is the number of the account, which stays when a name is given to somebody else.
    """
    if not settings.public:
        return True
    if profile is None or not settings.owners:
        return False
    said = profile.get("preferred_username"), profile.get("sub")  # each for itself: a name may look like a number
    return any(mine and mine == theirs for mine, theirs in zip(settings.owners, said, strict=True))


def keep_private(demo: gr.Blocks) -> None:
    """Take the login button's question, who is logged in, off the API and the tools, where gradio puts it."""
    for one in demo.fns.values():
        if one.api_name == "_check_login_status":
            one.api_visibility = "private"
