"""Who wrote, and when: the note that goes into storage with every write, and comes out with its history.

Made by `Store` for each write from the request's context; read by `history`. Storage keeps it as it is (`origin`).
The form is ours and small, because it is written a million times: a JSON array of seconds since 1970, user and
field manager.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from orlop.api import field_manager
from orlop.api.context import Context


class Origin(NamedTuple):
    """`time` in seconds since 1970, 0 when unknown; `user` and `manager` are "" when unknown."""

    time: float = 0.0
    user: str = ""
    manager: str = ""


def note(ctx: Context, now: float, manager: str = "") -> bytes:
    """`manager`: the one that the request names; otherwise its User-Agent tells."""
    named = manager or field_manager.from_user_agent(ctx.user_agent)
    return orjson.dumps((round(now, 3), ctx.user.name, named))


def read(text: bytes) -> Origin:
    """The reverse. A note of an unknown form says nothing."""
    try:
        time, user, manager = orjson.loads(text)
        return Origin(float(time), str(user), str(manager))
    except (ValueError, TypeError):
        return Origin()
