"""The generic store over one version of a custom kind: everything goes in and comes out as that version has it.

Made by `kind`, one for each version, with the strategy of that version; all share one watch cache. What is asked of
`cache` itself (by controllers, for history) is as it is stored. Behaviour: apiextensions-apiserver
`pkg/registry/customresource/etcd.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import cached_property
from typing import Any, cast

from orlop.api.context import Context
from orlop.api.gvk import GroupResource
from orlop.api.options import CreateOptions, DeleteOptions, GetOptions, ListOptions, UpdateOptions
from orlop.api.tree import Tree
from orlop.kinds.custom.comparing import ComparedSource, Comparing
from orlop.kinds.custom.feed import VersionFeed
from orlop.kinds.custom.window import Window
from orlop.kinds.custom.writer import VersionWriter
from orlop.registry.dry_run import DryRun
from orlop.registry.interface import Admit, ListResult, Object, UpdateSource
from orlop.registry.store import Hooks, Outside, Store
from orlop.registry.strategy import Strategy
from orlop.registry.update_attempt import EmptiedFinalizers
from orlop.storage.interface import Entry
from orlop.storage.predicate import Predicate
from orlop.storage.watch_cache import WatchCache


class CustomStore(Store):
    def __init__(self, resource: GroupResource, cache: WatchCache, prefix: str, strategy: Strategy, outside: Outside,
                 window: Window, comparing: Comparing) -> None:
        super().__init__(resource, cache, prefix, strategy, outside)
        self.window, self.outside, self.comparing = window, outside, comparing
        self._writers = tuple(VersionWriter(cache, target, window) for target in (cache, self._dry))

    def with_strategy(self, strategy: Strategy, hooks: Hooks | None = None) -> Store:
        return CustomStore(self.resource, self.cache, self.prefix, strategy, self.outside, self.window, self.comparing)

    @cached_property
    def _feed(self) -> WatchCache:
        """What watchers are told by: the cache itself wherever it tells things as they are shown."""
        return self.cache if self.window.clear else cast(WatchCache, VersionFeed(self.cache, self.window))

    def target(self, dry_run: bool) -> WatchCache | DryRun:
        return self._writers[dry_run]

    # --- reads ---------------------------------------------------------------------------------------------------

    def get(self, ctx: Context, name: str, options: GetOptions) -> Object | Awaitable[Object]:
        found = super().get(ctx, name, options)
        if not isinstance(found, Entry):
            return self._shown_later(cast(Awaitable[Object], found))
        return self.window.now(found) or self._converted(found)

    async def _shown_later(self, found: Awaitable[Object]) -> Object:
        entry = await found
        return entry if not isinstance(entry, Entry) else await self._converted(entry)

    async def _converted(self, entry: Entry) -> Entry:
        return (await self.window.later([entry]))[0]

    def _page(self, ctx: Context, options: ListOptions, predicate: Predicate, revision: int,
              start: str) -> ListResult | Awaitable[ListResult]:
        result = super()._page(ctx, options, predicate, revision, start)
        if not isinstance(result, ListResult):
            return self._listed_later(result)
        return self._listed(result)

    def _listed(self, result: ListResult) -> ListResult | Awaitable[ListResult]:
        window = self.window
        if window.clear:
            return result
        shown = [window.now(entry) for entry in cast(list[Entry], result.items)]
        if all(entry is not None for entry in shown):
            return result._replace(items=cast(Any, shown))
        return self._listed_converted(result)

    async def _listed_later(self, result: Awaitable[ListResult]) -> ListResult:
        return await self._listed_converted(await result)

    async def _listed_converted(self, result: ListResult) -> ListResult:
        return result._replace(items=await self.window.later(cast(list[Entry], result.items)))

    def watch_source(self, ctx: Context, options: ListOptions) -> tuple[WatchCache, Predicate]:
        return self._feed, self.predicate(ctx, options)

    def watch_after(self, ctx: Context, options: ListOptions) -> Awaitable[None] | None:
        """Where converting takes time, what the watch begins with is converted before it does."""
        after = super().watch_after(ctx, options)
        if not self.window.waits:
            return after
        return self._prepare(after, self.predicate(ctx, options))

    async def _prepare(self, after: Awaitable[None] | None, predicate: Predicate) -> None:
        if after is not None:
            await after
        page = await self.cache.gather(predicate)
        await self.window.later(page.entries)

    # --- writes --------------------------------------------------------------------------------------------------

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Object:
        return self._named(await super().create(ctx, name, obj, admit, options))

    async def update(self, ctx: Context, name: str, source: UpdateSource, admit_create: Admit, admit_update: Admit,
                     options: UpdateOptions, *, force_create: bool = False) -> tuple[Object, bool]:
        if self.comparing.waits:
            source = ComparedSource(source, self.comparing)
        stored, created = await super().update(ctx, name, source, admit_create, admit_update, options,
                                               force_create=force_create)
        return self._named(stored), created

    async def _delete_emptied(self, ctx: Context, key: str, emptied: EmptiedFinalizers,
                              options: UpdateOptions) -> Entry:
        return self.window.named(await super()._delete_emptied(ctx, key, emptied, options))

    async def delete(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> tuple[Object, bool]:
        gone, at_once = await super().delete(ctx, name, admit, options)
        return self._named(gone), at_once

    def _named(self, obj: Object) -> Object:
        return self.window.named(obj) if isinstance(obj, Entry) else obj
