"""The generic Store: REST semantics of one stored kind over one watch cache.

Called by the endpoints (through the protocols of `registry.interface`) and by built-in controllers; hands bodies to
`storage`. What is particular to a kind comes as a `Strategy` and `Hooks`. A status subresource is `store.with_strategy`:
the same cache, another strategy. Behaviour: apiserver `pkg/registry/generic/registry/store.go`.

Reads are synchronous (they come from memory) unless they must wait for a revision; writes are awaited until durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from orlop.api import continuation, errors, resource_version
from orlop.api.context import Context
from orlop.api.field import Path, invalid
from orlop.api.gvk import GroupKind, GroupResource
from orlop.api.options import CreateOptions, DeleteOptions, GetOptions, ListOptions, UpdateOptions
from orlop.api.tree import Tree
from orlop.registry import create, delete, update
from orlop.registry.delete import Grace
from orlop.registry.dry_run import DryRun
from orlop.registry.encoding import encode
from orlop.registry.error_mapping import TOO_OLD_CONTINUE, interpret, precondition_failed
from orlop.registry.interface import Admit, ListResult, Object, UpdateSource
from orlop.registry.strategy import Strategy
from orlop.storage.errors import KeyExists, KeyNotFound, RevisionCompacted, StorageError
from orlop.storage.interface import Attributes, Entry, Page, Write
from orlop.storage.predicate import Predicate
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import Clock
from orlop.world.entropy import Entropy

DELETE_COLLECTION_BATCH = 64
"""Deletions of a deletecollection that are under way at once: enough to fill a commit."""

FUTURE_REVISION_WAIT = 3.0
"""Seconds that a read of a revision that does not exist yet waits for it."""

Finish = Callable[[bool], None]
"""Ends what a begin hook started: True when the write was made, False when it was not."""


class Hooks:
    """What a kind does around writes, beyond the object itself (allocating addresses). Does nothing by default."""

    def begin_create(self, ctx: Context, obj: Tree, dry_run: bool) -> Finish | None:
        """Before validation. May change `obj`; may raise APIError."""
        return None

    def begin_update(self, ctx: Context, obj: Tree, old: Tree, dry_run: bool) -> Finish | None:
        return None

    def after_delete(self, obj: Entry, dry_run: bool) -> None:
        """The object is gone for good."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What a Store needs of the world."""

    clock: Clock
    entropy: Entropy


class _TwoSteps(Exception):
    """This deletion must first be written into the object."""


class _EmptiedFinalizers(Exception):
    """This update took the last finalizer: delete instead."""

    def __init__(self, obj: Tree) -> None:
        self.obj = obj


class _AlreadyDeleting(Exception):
    """This deletion changes nothing."""


class Store:
    """`resource` names the kind in errors when the request does not; `prefix` is the storage prefix with its
    trailing slash; `cache` holds exactly the keys under it."""

    def __init__(self, resource: GroupResource, cache: WatchCache, prefix: str, strategy: Strategy, outside: Outside,
                 hooks: Hooks | None = None) -> None:
        self.resource, self.cache, self.prefix, self.strategy = resource, cache, prefix, strategy
        self._outside, self._hooks = outside, hooks or Hooks()
        self._dry = DryRun(cache)

    def with_strategy(self, strategy: Strategy) -> Store:
        """The same objects under other rules."""
        return Store(self.resource, self.cache, self.prefix, strategy, self._outside)

    # --- names ---------------------------------------------------------------------------------------------------

    def _resource(self, ctx: Context) -> GroupResource:
        info = ctx.info
        return GroupResource(info.group, info.resource) if info.resource else self.resource

    def key(self, ctx: Context, name: str) -> str:
        return f"{self.prefix}{ctx.namespace}/{name}" if self.strategy.namespaced else self.prefix + name

    def _attributes(self, obj: Tree) -> Attributes:
        return Attributes(obj["metadata"].get("labels") or {}, self.strategy.fields(obj))

    # --- reads ---------------------------------------------------------------------------------------------------

    def get(self, ctx: Context, name: str, options: GetOptions) -> Object | Awaitable[Object]:
        revision = resource_version.parse_get(options.resource_version) if options.resource_version else 0
        if revision > self.cache.revision:
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
        try:
            await self.cache.wait_for(revision, FUTURE_REVISION_WAIT)
        except StorageError as error:
            raise interpret(error, self._resource(ctx), "") from None

    def predicate(self, ctx: Context, options: ListOptions) -> Predicate:
        return Predicate(ctx.namespace if self.strategy.namespaced else "", labels=options.labels,
                         fields=options.fields)

    def list(self, ctx: Context, options: ListOptions) -> ListResult | Awaitable[ListResult]:
        predicate = self.predicate(ctx, options)
        at = continuation.position(options, self._root(ctx))
        if at.revision > self.cache.revision:
            return self._list_later(ctx, options, predicate, at)
        return self._page(ctx, options, predicate, at.revision if at.exact else 0, at.start)

    async def _list_later(self, ctx: Context, options: ListOptions, predicate: Predicate,
                          at: continuation.Position) -> ListResult:
        await self._wait(ctx, at.revision)
        result = self._page(ctx, options, predicate, at.revision if at.exact else 0, at.start)
        return result if isinstance(result, ListResult) else await result

    def _root(self, ctx: Context) -> str:
        return f"{self.prefix}{ctx.namespace}/" if self.strategy.namespaced and ctx.namespace else self.prefix

    def _page(self, ctx: Context, options: ListOptions, predicate: Predicate, revision: int,
              start: str) -> ListResult | Awaitable[ListResult]:
        """From memory; an older state than memory holds comes from the storage's log."""
        limit = 0 if options.resource_version == "0" and not options.continue_ else options.limit
        try:
            page = self.cache.select(predicate, revision=revision, start=start, limit=limit)
        except RevisionCompacted:
            return self._recalled(ctx, options, predicate, revision, start, limit)
        except StorageError as error:
            raise interpret(error, self._resource(ctx), "") from None
        return self._result(ctx, predicate, page)

    async def _recalled(self, ctx: Context, options: ListOptions, predicate: Predicate, revision: int, start: str,
                        limit: int) -> ListResult:
        try:
            page = await self.cache.recall(predicate, revision=revision, start=start, limit=limit)
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
        remaining = page.remaining if predicate.everything else None
        return ListResult(page.entries, page.revision, token, remaining)

    def _expired(self, ctx: Context, options: ListOptions, start: str, error: RevisionCompacted) -> errors.APIError:
        if not options.continue_:
            return interpret(error, self._resource(ctx), "")
        refusal = errors.expired(TOO_OLD_CONTINUE)
        refusal.metadata = {"continue": continuation.encode(start, self._root(ctx), -1)}
        return refusal

    def watch_source(self, ctx: Context, options: ListOptions) -> tuple[WatchCache, Predicate]:
        return self.cache, self.predicate(ctx, options)

    # --- create --------------------------------------------------------------------------------------------------

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Object:
        generated = create.needs_name(obj["metadata"])
        for _ in range(create.GENERATED_NAME_ATTEMPTS if generated else 1):
            try:
                return await self._create(ctx, obj, admit, options)
            except KeyExists:
                collided = obj["metadata"]["name"]
                if generated:
                    del obj["metadata"]["name"]
            except StorageError as error:
                raise interpret(error, self._resource(ctx), obj["metadata"]["name"]) from None
        raise self._exists(ctx, obj, collided)

    async def _create(self, ctx: Context, obj: Tree, admit: Admit, options: CreateOptions) -> Entry:
        metadata = obj["metadata"]
        create.fill_system_fields(metadata, self._outside.clock, self._outside.entropy)
        if create.needs_name(metadata):
            create.generate_name(metadata, self._outside.entropy)
        finish = self._hooks.begin_create(ctx, obj, options.dry_run)
        try:
            create.before_create(self.strategy, ctx, obj)
            verdict = admit(obj, None)
            if verdict is not None:
                await verdict
            target = self._dry if options.dry_run else self.cache
            entry = await target.create(self.key(ctx, metadata["name"]), encode(obj), self._attributes(obj),
                                        ttl=self.strategy.ttl(ctx, obj, False))
        except BaseException:
            if finish is not None:
                finish(False)
            raise
        if finish is not None:
            finish(not options.dry_run)
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
        attempt = _Update(self, ctx, name, source, admit_create, admit_update, options,
                          force_create or self.strategy.allow_create_on_update)
        target = self._dry if options.dry_run else self.cache
        key = self.key(ctx, name)
        try:
            entry = await target.guaranteed_update(key, attempt)
        except _EmptiedFinalizers as emptied:
            return await self._delete_emptied(ctx, key, emptied.obj, options), False
        except StorageError as error:
            attempt.finish(False)
            raise interpret(error, self._resource(ctx), name) from None
        except BaseException:
            attempt.finish(False)
            raise
        attempt.finish(not options.dry_run)
        return entry, attempt.creating

    async def _delete_emptied(self, ctx: Context, key: str, obj: Tree, options: UpdateOptions) -> Object:
        """The answer shows the object without its finalizers, at the revision it had before."""
        target = self._dry if options.dry_run else self.cache
        try:
            gone = await target.delete(key)
        except KeyNotFound:
            return obj
        except StorageError as error:
            raise interpret(error, self._resource(ctx), obj["metadata"]["name"]) from None
        self._hooks.after_delete(gone, options.dry_run)
        return obj

    # --- delete --------------------------------------------------------------------------------------------------

    async def delete(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> tuple[Object, bool]:
        key = self.key(ctx, name)
        target = self._dry if options.dry_run else self.cache

        def check(entry: Entry) -> None:
            obj = entry.tree()
            grace, _ = delete.begin(self.strategy, ctx, obj, options, self._outside.clock.now())
            if grace is Grace.PENDING:
                raise _AlreadyDeleting
            metadata = obj["metadata"]
            if grace is Grace.GRACEFUL or metadata.get("finalizers") \
                    or delete.set_policy_finalizers(self.strategy, metadata, options):
                raise _TwoSteps
            admit(obj, None)

        try:
            gone = await target.delete(key, check)
        except _AlreadyDeleting:
            return self._deleted(ctx, self.cache.peek(key)), False
        except _TwoSteps:
            return await self._delete_in_steps(ctx, key, name, admit, options)
        except StorageError as error:
            raise interpret(error, self._resource(ctx), name) from None
        self._hooks.after_delete(gone, options.dry_run)
        return self._deleted(ctx, gone), True

    async def _delete_in_steps(self, ctx: Context, key: str, name: str, admit: Admit,
                               options: DeleteOptions) -> tuple[Object, bool]:
        """Write the deletion into the object; remove it right after when nothing holds it."""
        wait = True

        def begin(entry: Entry | None) -> Write | None:
            nonlocal wait
            if entry is None:
                raise KeyNotFound(key)
            obj = entry.tree()
            admit(obj, None)
            now = self._outside.clock.now()
            grace, seconds = delete.begin(self.strategy, ctx, obj, options, now)
            if grace is Grace.PENDING:
                raise _AlreadyDeleting
            metadata = obj["metadata"]
            delete.set_policy_finalizers(self.strategy, metadata, options)
            held = bool(metadata.get("finalizers"))
            wait = held or seconds > 0
            if grace is Grace.NONE:
                if not held:
                    return None
                delete.mark(metadata, now)
            return Write(encode(obj), self._attributes(obj))

        target = self._dry if options.dry_run else self.cache
        try:
            marked = await target.guaranteed_update(key, begin)
            if wait or options.dry_run:
                return (marked if wait else self._deleted(ctx, marked)), not wait
            gone = await target.delete(key)
        except _AlreadyDeleting:
            return self._deleted(ctx, self.cache.peek(key)), False
        except StorageError as error:
            raise interpret(error, self._resource(ctx), name) from None
        self._hooks.after_delete(gone, False)
        return self._deleted(ctx, gone), True

    def _deleted(self, ctx: Context, gone: Entry | None) -> Object:
        if gone is not None and self.strategy.returns_deleted_object:
            return gone
        details: Tree = {}
        resource = self._resource(ctx)
        metadata = gone.tree()["metadata"] if gone is not None else {}
        details["name"] = metadata.get("name", "")
        if resource.group:
            details["group"] = resource.group
        details["kind"] = resource.resource
        details["uid"] = metadata.get("uid", "")
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    async def delete_collection(self, ctx: Context, admit: Admit, options: DeleteOptions,
                                selection: ListOptions) -> ListResult:
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


def _is_not_found(failure: BaseException) -> bool:
    return isinstance(failure, errors.APIError) and failure.code == 404


class _Update:
    """One update request, called by storage with the newest state, perhaps several times."""

    def __init__(self, store: Store, ctx: Context, name: str, source: UpdateSource, admit_create: Admit,
                 admit_update: Admit, options: UpdateOptions, may_create: bool) -> None:
        self._store, self._ctx, self._name, self._source = store, ctx, name, source
        self._admit_create, self._admit_update = admit_create, admit_update
        self._options, self._may_create = options, may_create
        self._finish: Finish | None = None
        self.creating = False

    def finish(self, done: bool) -> None:
        """End what a begin hook started, once."""
        if self._finish is not None:
            self._finish(done)
            self._finish = None

    def __call__(self, current: Entry | None) -> Write | None | Awaitable[Write | None]:
        self.finish(False)
        if current is None and not self._may_create:
            raise errors.not_found(self._store._resource(self._ctx), self._name)
        old: Tree = current.tree() if current is not None else {"metadata": {}}
        self._check_preconditions(old)
        new = self._source.updated(self._ctx, old)
        if isinstance(new, dict):
            return self._settle(current, old, new)
        return self._settle_later(current, old, new)

    async def _settle_later(self, current: Entry | None, old: Tree, new: Awaitable[Tree]) -> Write | None:
        result = self._settle(current, old, await new)
        return result if result is None or isinstance(result, Write) else await result

    def _check_preconditions(self, old: Tree) -> None:
        wanted = self._source.preconditions
        if wanted is None or wanted.uid is None:
            return
        uid = old["metadata"].get("uid", "")
        if wanted.uid != uid:
            why = f"UID in precondition: {wanted.uid}, UID in object meta: {uid}"
            key = self._store.key(self._ctx, self._name)
            raise precondition_failed(self._store._resource(self._ctx), self._name, key, why)

    def _settle(self, current: Entry | None, old: Tree, new: Tree) -> Write | None | Awaitable[Write | None]:
        if current is None:
            return self._settle_created(new)
        self.creating = False
        store, ctx = self._store, self._ctx
        self._check_version(current, new["metadata"])
        self._finish = store._hooks.begin_update(ctx, new, old, self._options.dry_run)
        update.before_update(store.strategy, ctx, new, old)
        verdict = self._admit_update(new, old)
        if verdict is not None:
            return self._after(verdict, lambda: self._write_updated(new, old))
        return self._write_updated(new, old)

    def _settle_created(self, new: Tree) -> Write | None | Awaitable[Write | None]:
        self.creating = True
        store, ctx = self._store, self._ctx
        metadata = new["metadata"]
        create.wipe_system_fields(metadata)
        create.fill_system_fields(metadata, store._outside.clock, store._outside.entropy)
        self._finish = store._hooks.begin_create(ctx, new, self._options.dry_run)
        create.before_create(store.strategy, ctx, new)
        verdict = self._admit_create(new, None)
        if verdict is not None:
            return self._after(verdict, lambda: self._write(new, False))
        return self._write(new, False)

    @staticmethod
    async def _after(verdict: Awaitable[None], write: Callable[[], Write | None]) -> Write | None:
        await verdict
        return write()

    def _check_version(self, current: Entry, metadata: Tree) -> None:
        version = resource_version.parse_update(metadata.get("resourceVersion", ""))
        store, ctx = self._store, self._ctx
        if version == 0:
            if store.strategy.allow_unconditional_update:
                metadata["resourceVersion"] = str(current.revision)
                return
            resource = store._resource(ctx)
            problem = invalid(Path("metadata.resourceVersion"), 0, "must be specified for an update")
            raise errors.invalid(GroupKind(resource.group, resource.resource), self._name, [problem])
        if version != current.revision:
            raise errors.conflict(store._resource(ctx), self._name, errors.MODIFIED)

    def _write_updated(self, new: Tree, old: Tree) -> Write | None:
        if update.deletes(new, old):
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            raise _EmptiedFinalizers(new)
        old_metadata = old["metadata"]
        old_metadata.pop("resourceVersion", None)
        new["metadata"].pop("resourceVersion", None)
        new.pop("kind", None)
        new.pop("apiVersion", None)
        if new == old:
            return None
        return self._write(new, True)

    def _write(self, new: Tree, updating: bool) -> Write:
        store = self._store
        return Write(encode(new), store._attributes(new), store.strategy.ttl(self._ctx, new, updating))


def attributes_of(strategy: Strategy) -> Callable[[dict[str, Any]], Attributes]:
    """The function that a watch cache uses for objects it did not see written."""

    def attributes(obj: dict[str, Any]) -> Attributes:
        return Attributes(obj["metadata"].get("labels") or {}, strategy.fields(obj))

    return attributes
