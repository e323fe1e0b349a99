"""The generic Store: REST semantics of one stored kind over one watch cache.

Called by the endpoints (through the protocols of `registry.interface`) and by built-in controllers; hands bodies to
`storage`. What is particular to a kind comes as a `Strategy` and `Hooks`. A status subresource is
`store.with_strategy`: the same cache, another strategy. What an update and a deletion do in detail is in
`update_attempt` and `deletion`. Behaviour: apiserver `pkg/registry/generic/registry/store.go`.

Reads are synchronous (they come from memory) unless they must wait for a revision; writes are awaited until durable.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from orlop.api import continuation, errors, resource_version
from orlop.api.context import Context
from orlop.api.gvk import GroupResource
from orlop.api.options import CreateOptions, DeleteOptions, GetOptions, ListOptions, UpdateOptions
from orlop.api.tree import Tree
from orlop.registry import create
from orlop.registry.deletion import Deletion
from orlop.registry.dry_run import DryRun
from orlop.registry.encoding import encode
from orlop.registry.error_mapping import TOO_OLD_CONTINUE, interpret
from orlop.registry.interface import Admit, ListResult, Object, UpdateSource
from orlop.registry.origin import note
from orlop.registry.strategy import Strategy
from orlop.registry.update_attempt import EmptiedFinalizers, UpdateAttempt
from orlop.storage.errors import KeyExists, KeyNotFound, RevisionCompacted, StorageError
from orlop.storage.interface import Attributes, Entry, Page
from orlop.storage.predicate import Predicate
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import Clock
from orlop.world.entropy import Entropy

DELETE_COLLECTION_BATCH = 32
"""Deletions of a deletecollection that are under way at once: enough to fill a commit, few enough for one turn of the
loop."""

FUTURE_REVISION_WAIT = 3.0
"""Seconds that a read of a revision that does not exist yet waits for it."""

Finish = Callable[[bool], "Awaitable[None] | None"]
"""Ends what a begin hook started: True when the write was made, False when it was not. What it returns is awaited
before the answer is given."""


class Hooks:
    """What a kind does around writes, beyond the object itself (allocating addresses). Does nothing by default. Hooks
    that wait for something return an awaitable; a caller that goes away while it waits leaves what they took taken."""

    def begin_create(self, ctx: Context, obj: Tree, dry_run: bool) -> Finish | Awaitable[Finish] | None:
        """Before validation. May change `obj`; may raise APIError."""
        return None

    def begin_update(self, ctx: Context, obj: Tree, old: Tree, dry_run: bool) -> Finish | Awaitable[Finish] | None:
        return None

    def after_delete(self, obj: Entry, dry_run: bool) -> Awaitable[None] | None:
        """The object is gone for good. What is awaited delays the answer."""
        return None


@dataclass(frozen=True, slots=True)
class Outside:
    """What a Store needs of the world."""

    clock: Clock
    entropy: Entropy


class Store:
    """`resource` names the kind in errors when the request does not; `prefix` is the storage prefix with its
    trailing slash; `cache` holds exactly the keys under it."""

    def __init__(self, resource: GroupResource, cache: WatchCache, prefix: str, strategy: Strategy, outside: Outside,
                 hooks: Hooks | None = None) -> None:
        self.resource, self.cache, self.prefix, self.strategy = resource, cache, prefix, strategy
        self._outside, self._hooks = outside, hooks or Hooks()
        self._dry = DryRun(cache)

    def with_strategy(self, strategy: Strategy, hooks: Hooks | None = None) -> Store:
        """The same objects under other rules."""
        return Store(self.resource, self.cache, self.prefix, strategy, self._outside, hooks)

    # --- names ---------------------------------------------------------------------------------------------------

    def _resource(self, ctx: Context) -> GroupResource:
        info = ctx.info
        return GroupResource(info.group, info.resource) if info.resource else self.resource

    def key(self, ctx: Context, name: str) -> str:
        return f"{self.prefix}{ctx.namespace}/{name}" if self.strategy.namespaced else self.prefix + name

    def target(self, dry_run: bool) -> WatchCache | DryRun:
        """Where writes go."""
        return self._dry if dry_run else self.cache

    def now(self) -> float:
        return self._outside.clock.now()

    def origin(self, ctx: Context, manager: str = "") -> bytes:
        """The note that goes with a write (see `origin`)."""
        return note(ctx, self._outside.clock.now(), manager)

    def _attributes(self, obj: Tree) -> Attributes:
        return Attributes(obj["metadata"].get("labels") or {}, self.strategy.fields(obj))

    # --- reads ---------------------------------------------------------------------------------------------------

    def get(self, ctx: Context, name: str, options: GetOptions) -> Object | Awaitable[Object]:
        revision = resource_version.parse_get(options.resource_version) if options.resource_version else 0
        if revision > self.cache.revision or not (options.resource_version or self.cache.exclusive):
            return self._get_later(ctx, name, revision)
        entry = self.cache.peek(self.key(ctx, name))
        if entry is None:
            raise errors.not_found(self._resource(ctx), name)
        return entry

    async def _get_later(self, ctx: Context, name: str, revision: int) -> Object:
        await self._wait(ctx, revision)
        entry = self.cache.peek(self.key(ctx, name))
        if entry is None:
            raise errors.not_found(self._resource(ctx), name)
        return entry

    async def _wait(self, ctx: Context, revision: int) -> None:
        """Until reads show `revision`; 0: until they show what anybody was told of before now."""
        try:
            if revision:
                await self.cache.wait_for(revision, FUTURE_REVISION_WAIT)
            else:
                await self.cache.catch_up(FUTURE_REVISION_WAIT)
        except StorageError as error:
            raise interpret(error, self._resource(ctx), "") from None

    def predicate(self, ctx: Context, options: ListOptions) -> Predicate:
        return Predicate(ctx.namespace if self.strategy.namespaced else "", labels=options.labels,
                         fields=options.fields)

    def list(self, ctx: Context, options: ListOptions) -> ListResult | Awaitable[ListResult]:
        predicate = self.predicate(ctx, options)
        at = continuation.position(options, self._root(ctx))
        if at.revision > self.cache.revision or (not at.revision and self._must_catch_up(options)):
            return self._list_later(ctx, options, predicate, at)
        return self._page(ctx, options, predicate, at.revision if at.exact else 0, at.start)

    def _must_catch_up(self, options: ListOptions) -> bool:
        """Others write too, and the caller wants the newest."""
        return not (self.cache.exclusive or options.resource_version)

    async def _list_later(self, ctx: Context, options: ListOptions, predicate: Predicate,
                          at: continuation.Position) -> ListResult:
        await self._wait(ctx, at.revision)
        result = self._page(ctx, options, predicate, at.revision if at.exact else 0, at.start)
        return result if isinstance(result, ListResult) else await result

    def _root(self, ctx: Context) -> str:
        return f"{self.prefix}{ctx.namespace}/" if self.strategy.namespaced and ctx.namespace else self.prefix

    def _page(self, ctx: Context, options: ListOptions, predicate: Predicate, revision: int,
              start: str) -> ListResult | Awaitable[ListResult]:
        """From memory, a long one in slices; an older state than memory holds comes from the storage's log."""
        limit = 0 if options.resource_version == "0" else max(options.limit, 0)
        try:
            page = self.cache.select_short(predicate, revision=revision, start=start, limit=limit)
        except RevisionCompacted:
            page = None
        except StorageError as error:
            raise interpret(error, self._resource(ctx), "") from None
        if page is None:
            return self._gathered(ctx, options, predicate, revision, start, limit)
        return self._result(ctx, predicate, page)

    async def _gathered(self, ctx: Context, options: ListOptions, predicate: Predicate, revision: int, start: str,
                        limit: int) -> ListResult:
        try:
            page = await self.cache.gather(predicate, revision=revision, start=start, limit=limit)
        except RevisionCompacted as error:
            raise self._expired(ctx, options, start, error) from None
        except StorageError as error:
            raise interpret(error, self._resource(ctx), "") from None
        return self._result(ctx, predicate, page)

    def _result(self, ctx: Context, predicate: Predicate, page: Page) -> ListResult:
        if not page.more:
            return ListResult(page.entries, page.revision)
        last = page.entries[-1].key + "\0"
        token = continuation.encode(last, self._root(ctx), page.revision)
        remaining = page.remaining if page.remaining >= 0 else None
        return ListResult(page.entries, page.revision, token, remaining)

    def _expired(self, ctx: Context, options: ListOptions, start: str, error: RevisionCompacted) -> errors.APIError:
        if not options.continue_:
            return interpret(error, self._resource(ctx), "")
        refusal = errors.expired(TOO_OLD_CONTINUE)
        refusal.metadata = {"continue": continuation.encode(start, self._root(ctx), -1)}
        return refusal

    def watch_source(self, ctx: Context, options: ListOptions) -> tuple[WatchCache, Predicate]:
        return self.cache, self.predicate(ctx, options)

    def watch_after(self, ctx: Context, options: ListOptions) -> Awaitable[None] | None:
        """What a watch waits for before it begins: one that names no revision begins at the newest."""
        return self._wait(ctx, 0) if self._must_catch_up(options) else None

    # --- create --------------------------------------------------------------------------------------------------

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Object:
        try:
            return await self._create(ctx, obj, admit, options)
        except KeyExists:
            raise self._exists(ctx, obj, obj["metadata"]["name"]) from None
        except StorageError as error:
            raise interpret(error, self._resource(ctx), obj["metadata"]["name"]) from None

    def _draw_name(self, ctx: Context, metadata: Tree) -> None:
        """A generated name that is free. Looked up before anything else happens to the object, so that no second
        attempt starts from an object that the kind's strategy has already changed."""
        for _ in range(create.GENERATED_NAME_ATTEMPTS):
            create.generate_name(metadata, self._outside.entropy)
            if self.cache.peek(self.key(ctx, metadata["name"])) is None:
                return

    async def _create(self, ctx: Context, obj: Tree, admit: Admit, options: CreateOptions) -> Entry:
        metadata = obj["metadata"]
        create.fill_system_fields(metadata, self._outside.clock, self._outside.entropy)
        if create.needs_name(metadata):
            self._draw_name(ctx, metadata)
        begun = self._hooks.begin_create(ctx, obj, options.dry_run)
        finish = await begun if begun is not None and isinstance(begun, Awaitable) else begun
        try:
            pending = create.before_create(self.strategy, ctx, obj)
            if pending is not None:
                await pending
            verdict = admit(obj, None)
            if verdict is not None:
                await verdict
            if not options.dry_run:
                resource_version.check_create(metadata.get("resourceVersion", ""))
            entry = await self.target(options.dry_run).create(
                self.key(ctx, metadata["name"]), encode(obj), self._attributes(obj),
                ttl=self.strategy.ttl(ctx, obj, False), origin=self.origin(ctx, options.field_manager))
        except asyncio.CancelledError:
            raise  # the write may be on its way: what the hook took stays taken
        except BaseException:
            await _end(finish, False)
            raise
        if finish is not None:
            await _end(finish, not options.dry_run)
        return entry

    def _exists(self, ctx: Context, obj: Tree, name: str) -> errors.APIError:
        if obj["metadata"].get("generateName"):
            refusal = errors.generate_name_conflict(self._resource(ctx), name, 1)
        else:
            refusal = errors.already_exists(self._resource(ctx), name)
        existing = self.cache.peek(self.key(ctx, name))
        if existing is not None and existing.tree()["metadata"].get("deletionTimestamp"):
            refusal.message = f"object is being deleted: {refusal.message}"
        return refusal

    # --- update --------------------------------------------------------------------------------------------------

    async def update(self, ctx: Context, name: str, source: UpdateSource, admit_create: Admit, admit_update: Admit,
                     options: UpdateOptions, *, force_create: bool = False) -> tuple[Object, bool]:
        attempt = UpdateAttempt(self, ctx, name, source, admit_create, admit_update, options,
                                force_create or self.strategy.allow_create_on_update)
        key = self.key(ctx, name)
        try:
            entry = await self.target(options.dry_run).guaranteed_update(
                key, attempt, origin=self.origin(ctx, options.field_manager))
        except EmptiedFinalizers as emptied:
            await attempt.finish(False)
            return await self._delete_emptied(ctx, key, emptied, options), False
        except StorageError as error:
            await attempt.finish(False)
            raise interpret(error, self._resource(ctx), name) from None
        except asyncio.CancelledError:
            raise  # the write may be on its way: what the hook took stays taken
        except BaseException:
            await attempt.finish(False)
            raise
        if attempt.began:
            await attempt.finish(not options.dry_run)
        return entry, attempt.creating

    async def _delete_emptied(self, ctx: Context, key: str, emptied: EmptiedFinalizers,
                              options: UpdateOptions) -> Entry:
        """The answer shows the object without its finalizers, at the revision it had before. Another one of the same
        name that came in between is left alone."""

        def check(entry: Entry) -> None:
            if entry.tree()["metadata"].get("uid", "") != emptied.uid:
                raise KeyNotFound(key)

        try:
            gone = await self.target(options.dry_run).delete(
                key, check, origin=self.origin(ctx, options.field_manager))
        except KeyNotFound:
            return emptied.shown
        except StorageError as error:
            raise interpret(error, self._resource(ctx), key.rpartition("/")[2]) from None
        await self.after_delete(gone, options.dry_run)
        return emptied.shown

    # --- delete --------------------------------------------------------------------------------------------------

    async def delete(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> tuple[Object, bool]:
        return await Deletion(self, ctx, name, admit, options).run()

    async def after_delete(self, gone: Entry, dry_run: bool) -> None:
        pending = self._hooks.after_delete(gone, dry_run)
        if pending is not None:
            await pending

    def deleted(self, ctx: Context, gone: Entry) -> Object:
        """The answer to a DELETE: the object, or a Status that says which one it was."""
        if self.strategy.returns_deleted_object:
            return gone
        metadata = gone.tree()["metadata"]
        resource = self._resource(ctx)
        details: Tree = {"name": metadata["name"]}
        if resource.group:
            details["group"] = resource.group
        details["kind"] = resource.resource
        details["uid"] = metadata.get("uid", "")
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    async def delete_collection(self, ctx: Context, admit: Admit, options: DeleteOptions,
                                selection: ListOptions) -> ListResult:
        if selection.limit <= 0:
            # Upstream deletes page by page; that a list with a limit is exact in its revision shows here too.
            selection = replace(selection, limit=sys.maxsize)
        listed = self.list(ctx, selection)
        result = listed if isinstance(listed, ListResult) else await listed
        entries = [item for item in result.items if isinstance(item, Entry)]
        for start in range(0, len(entries), DELETE_COLLECTION_BATCH):
            batch = entries[start : start + DELETE_COLLECTION_BATCH]
            done = await asyncio.gather(*(self._delete_listed(ctx, e, admit, options) for e in batch),
                                        return_exceptions=True)
            for failure in done:
                if isinstance(failure, BaseException) and not _is_not_found(failure):
                    raise failure
        return result

    async def _delete_listed(self, ctx: Context, entry: Entry, admit: Admit, options: DeleteOptions) -> None:
        namespace, _, name = entry.key[len(self.prefix):].rpartition("/")
        here = Context(ctx.user, ctx.info, namespace, ctx.user_agent, ctx.warnings)
        await self.delete(here, name, admit, options)


async def _end(finish: Finish | None, done: bool) -> None:
    pending = finish(done) if finish is not None else None
    if pending is not None:
        await pending


def _is_not_found(failure: BaseException) -> bool:
    return isinstance(failure, errors.APIError) and failure.code == 404


def attributes_of(strategy: Strategy) -> Callable[[dict[str, Any]], Attributes]:
    """The function that a watch cache uses for objects it did not see written."""

    def attributes(obj: dict[str, Any]) -> Attributes:
        return Attributes(obj["metadata"].get("labels") or {}, strategy.fields(obj))

    return attributes
