"""The write half of a storage, without the writing: what `Store` uses for requests with dryRun=All.

Same calls, same refusals, same return values as `WatchCache`, but nothing is stored and no revision is taken
(apiserver `pkg/registry/generic/registry/dryrun.go`). A created object has no resourceVersion, an updated one keeps
the one it had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.storage.errors import KeyExists, KeyNotFound
from orlop.storage.interface import Attributes, Entry, Update, Write, stamp
from orlop.storage.watch_cache import WatchCache

CATCH_UP_WAIT: Final = 3.0
"""Seconds that a rehearsal waits for what others wrote."""


class DryRun:
    def __init__(self, cache: WatchCache) -> None:
        self._cache = cache

    async def _catch_up(self) -> None:
        """Where others write too, a rehearsal is of the newest state as well."""
        await self._cache.catch_up(CATCH_UP_WAIT)

    async def create(self, key: str, body: bytes, attributes: Attributes | None = None, *, ttl: int = 0,
                     origin: bytes = b"") -> Entry:
        await self._catch_up()
        if self._cache.peek(key) is not None:
            raise KeyExists(key)
        return Entry(key, 0, body, attributes)

    async def guaranteed_update(self, key: str, update: Update, *, origin: bytes = b"") -> Entry:
        await self._catch_up()
        current = self._cache.peek(key)
        result = update(current)
        write = result if result is None or isinstance(result, Write) else await result
        if write is None:
            if current is None:
                raise KeyNotFound(key)
            return current
        revision = current.revision if current else 0
        return Entry(key, revision, stamp(write.body, revision) if revision else write.body, write.attributes)

    async def delete(self, key: str, check: Callable[[Entry], None] | None = None, *, origin: bytes = b"") -> Entry:
        await self._catch_up()
        current = self._cache.peek(key)
        if current is None:
            raise KeyNotFound(key)
        if check is not None:
            check(current)
        return current
