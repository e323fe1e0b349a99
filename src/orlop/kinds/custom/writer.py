"""Writes of a custom kind in one version: to updates objects are shown as that version has them, what they make is
turned into what is stored.

Stands between a `CustomStore` and its watch cache (or a dry run of it), with the calls that the generic store makes.
Where a conversion takes time, an update is an awaitable, and a deletion begins again with the object converted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from orlop.kinds.custom.window import Untimely, Window
from orlop.registry.dry_run import DryRun
from orlop.storage.interface import Attributes, Entry, Update, Write
from orlop.storage.watch_cache import WatchCache


class VersionWriter(DryRun):
    """`target` is where the writes go."""

    def __init__(self, cache: WatchCache, target: WatchCache | DryRun, window: Window) -> None:
        super().__init__(cache)
        self._target, self._window = target, window

    async def create(self, key: str, body: bytes, attributes: Attributes | None = None, *, ttl: int = 0,
                     origin: bytes = b"") -> Entry:
        if self._target is self._cache:
            body = self._window.completed(body)
        stored = self._window.to_storage(body)
        if stored is None:
            stored = await self._window.to_storage_later(body)
        return await self._shown(await self._target.create(key, stored, attributes, ttl=ttl, origin=origin))

    async def _shown(self, entry: Entry) -> Entry:
        shown = self._window.now(entry)
        return shown if shown is not None else (await self._window.later([entry]))[0]

    async def guaranteed_update(self, key: str, update: Update, *, origin: bytes = b"") -> Entry:
        window = self._window

        def turned(current: Entry | None) -> Write | Awaitable[Write | None] | None:
            shown = window.now(current) if current is not None else None
            if current is not None and shown is None:
                return turned_later(current)
            return settle(update(window.bare(shown) if shown is not None else None))

        async def turned_later(current: Entry) -> Write | None:
            shown = (await window.later([current]))[0]
            result = settle(update(window.bare(shown)))
            return result if result is None or isinstance(result, Write) else await result

        def settle(result: Write | Awaitable[Write | None] | None) -> Write | Awaitable[Write | None] | None:
            if result is None:
                return None
            if not isinstance(result, Write):
                return settle_later(result)
            stored = window.to_storage(result.body)
            return stored_later(result) if stored is None else result._replace(body=stored)

        async def settle_later(result: Awaitable[Write | None]) -> Write | None:
            write = await result
            if write is None:
                return None
            stored = window.to_storage(write.body)
            return await stored_later(write) if stored is None else write._replace(body=stored)

        async def stored_later(write: Write) -> Write:
            return write._replace(body=await window.to_storage_later(write.body))

        return await self._shown(await self._target.guaranteed_update(key, turned, origin=origin))

    async def delete(self, key: str, check: Callable[[Entry], None] | None = None, *, origin: bytes = b"") -> Entry:
        window, ready = self._window, dict[int, Entry]()

        def checked(entry: Entry) -> None:
            if check is None:
                return
            shown = window.now(entry) or ready.get(entry.revision)
            if shown is None:
                raise Untimely(entry)
            check(shown)

        while True:
            try:
                gone = await self._target.delete(key, checked, origin=origin)
                return await self._shown(gone)
            except Untimely as untimely:
                ready[untimely.entry.revision] = (await window.later([untimely.entry]))[0]
