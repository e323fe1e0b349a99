"""Loading without the collector.

Used by `watch_cache` while it loads: hundreds of thousands of entries are made, none is garbage, and the collector
would walk through all of them again and again. It comes back with the last of those that load at the same time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


class _Rest:
    """`holders`: how many are loading; `was_on`: whether the collector was at work before the first came."""

    holders = 0
    was_on = False


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No collections as long as anybody is within. One thread."""
    if _Rest.holders == 0:
        _Rest.was_on = gc.isenabled()
        gc.disable()
    _Rest.holders += 1
    try:
        yield
    finally:
        _Rest.holders -= 1
        if _Rest.holders == 0 and _Rest.was_on:
            gc.enable()
