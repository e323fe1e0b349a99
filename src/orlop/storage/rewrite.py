"""Writing again whatever is not stored as it would be written today: the last step of changing an encryption key.

Called by the CLI's and the server's maintenance with a backend (or the cache over it) whose transformer knows old and
new keys. The work is the backend's: an update that changes nothing is a write when, and only when, the stored value is
stale (`transformer.Read`), as in apiserver `pkg/storage/etcd3/store.go` GuaranteedUpdate. `kubectl replace` of every
object does the same from outside; this spares the requests, and objects that are not stale.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, NamedTuple, TypeAlias

from orlop.storage.errors import KeyNotFound
from orlop.storage.interface import Entry, Revision, Storage, Write, unstamp

SLICE: Final = 500
"""Objects listed at once."""

AT_ONCE: Final = 8
"""Updates under way at once. The others wait, so that clients' writes are not behind hundreds of ours."""

TimeToLive: TypeAlias = Callable[[str], int]
"""Seconds that an object with this key lives on when it is written again, 0: for ever."""


class Rewritten(NamedTuple):
    """`seen` objects were looked at, `written` of them were stale. `position`: where to begin to go on from here, ""
    when nothing is left."""

    seen: int
    written: int
    position: str


def _for_ever(key: str) -> int:
    return 0


async def rewrite(storage: Storage, prefix: str, *, slice: int = SLICE, start: str = "", at_once: int = AT_ONCE,
                  time_to_live: TimeToLive = _for_ever, origin: bytes = b"",
                  report: Callable[[Rewritten], None] | None = None) -> Rewritten:
    """Rewrite the stale objects under `prefix` (ends in "/"). `report` is told after each slice; a run that was cut off
    goes on when its last `position` is handed in as `start`. What is written meanwhile by others is left alone: it is
    not stale. Raises what the storage raises; a value that no key opens is ReadFailed, which names it."""
    pace = asyncio.Semaphore(at_once)

    async def one(key: str) -> bool:
        async with pace:
            return await _rewrite_one(storage, key, time_to_live(key), origin)

    seen = written = 0
    more = True
    while more:
        page = await storage.list(prefix, start=start, limit=slice)
        written += sum(await _all([one(entry.key) for entry in page.entries]))
        seen += len(page.entries)
        more = page.more
        start = page.entries[-1].key + "\0" if more else ""
        if report is not None:
            report(Rewritten(seen, written, start))
    return Rewritten(seen, written, "")


async def _all(updates: list[Coroutine[None, None, bool]]) -> list[bool]:
    """All of them, or the first failure, with nothing left running."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(update) for update in updates]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def _rewrite_one(storage: Storage, key: str, ttl: int, origin: bytes) -> bool:
    """Whether it was written. An object that is gone needs nothing."""
    before: Revision = 0

    def unchanged(current: Entry | None) -> Write | None:
        nonlocal before
        if current is None:
            return None
        before = current.revision
        return Write(unstamp(current.body), current.attributes, ttl)

    try:
        entry = await storage.guaranteed_update(key, unchanged, origin=origin)
    except KeyNotFound:
        return False
    return entry.revision != before
