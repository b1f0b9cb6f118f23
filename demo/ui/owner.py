"""Who may download and unload on a page that strangers use: the owner of the Space, logged in on the hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmcore.settings import Settings


def is_owner(settings: Settings, profile: Mapping[str, Any] | None) -> bool:
    """Whether whoever has this profile may; on one's own machine that is everybody.

    The profile is what gradio reads from its signed session (``gr.OAuthProfile``), None for who is not logged in.
    ``sub`` is the number of the account, which stays when a name is given to somebody else.
    """
    if not settings.public:
        return True
    known = {profile.get("preferred_username"), profile.get("sub")} if profile is not None else set()
    return bool(known & set(settings.owners))
