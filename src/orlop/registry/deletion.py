"""One DELETE of one object, carried out: at once, in two steps, or begun.

Made by `Store.delete`, which hands over everything; what a deletion means is decided in `delete` (pure), this module
keeps the order of the writes and starts over when somebody else wrote in between. Behaviour: apiserver
`pkg/registry/generic/registry/store.go` Delete and updateForGracefulDeletionAndFinalizers.

    remove ──── nothing holds it ──────────────────────────────► gone
       │ ▲
       │ └── grace is over, or nothing held it after all ───┐
       └──── grace, finalizers: mark (write deletionTimestamp) ──► being deleted
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING

from orlop.api.context import Context
from orlop.api.options import DeleteOptions, Preconditions
from orlop.api.tree import Tree
from orlop.registry import delete
from orlop.registry.delete import Grace
from orlop.registry.encoding import encode
from orlop.registry.error_mapping import interpret
from orlop.registry.interface import Admit, Object
from orlop.storage.errors import KeyNotFound, StorageError
from orlop.storage.interface import Entry, Write

if TYPE_CHECKING:
    from orlop.registry.store import Store


class _TwoSteps(Exception):
    """This deletion must first be written into the object."""


class _AlreadyDeleting(Exception):
    """This deletion changes nothing."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry


class _Undecided(Exception):
    """Admission answers later; its verdict is about this revision."""

    def __init__(self, verdict: Awaitable[None], revision: int) -> None:
        self.verdict, self.revision = verdict, revision


class Deletion:
    """`dry`: nothing is written."""

    def __init__(self, store: Store, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> None:
        self._store, self._ctx, self._name, self._admit, self._options = store, ctx, name, admit, options
        self._key = store.key(ctx, name)
        self._target = store.target(options.dry_run)
        self._origin = store.origin(ctx)
        self._admitted = -1
        """The revision that admission let pass, where it took time for that."""
        self._free = -1
        """The revision that nothing holds, although its finalizers or the policy asked for two steps."""
        self._marked: Entry | None = None
        """What this request itself wrote before removing the object."""

    async def run(self) -> tuple[Object, bool]:
        """The object or a Status, and whether it is gone. Raises APIError."""
        store = self._store
        while True:
            try:
                gone = await self._target.delete(self._key, self._check, origin=self._origin)
            except _Undecided as undecided:
                await undecided.verdict
                self._admitted = undecided.revision
                continue
            except _TwoSteps:
                done = await self._mark_first()
                if done is not None:
                    return done
                continue
            except _AlreadyDeleting as pending:
                return store.deleted(self._ctx, pending.entry), False
            except KeyNotFound as error:
                if self._marked is not None:  # somebody else was faster: it is gone all the same
                    return store.deleted(self._ctx, self._marked), True
                raise self._refused(error) from None
            except StorageError as error:
                raise self._refused(error) from None
            await store.after_delete(gone, self._options.dry_run)
            return store.deleted(self._ctx, gone), True

    def _refused(self, error: StorageError) -> Exception:
        return interpret(error, self._store._resource(self._ctx), self._name)

    def _check(self, entry: Entry) -> None:
        """Called with the newest state, right before it is removed."""
        obj = entry.tree()
        metadata = obj["metadata"]
        if self._marked is not None and metadata.get("uid") != self._marked.tree()["metadata"].get("uid"):
            raise KeyNotFound(self._key)
        if entry.revision != self._free:
            strategy, options = self._store.strategy, self._options
            grace, _ = delete.begin(strategy, self._ctx, obj, options, self._store.now())
            if grace is Grace.PENDING:
                raise _AlreadyDeleting(entry)
            if grace is Grace.GRACEFUL or metadata.get("finalizers") \
                    or delete.set_policy_finalizers(strategy, metadata, options):
                raise _TwoSteps
        if entry.revision == self._admitted:
            return
        verdict = self._admit(obj, None)
        if verdict is not None:
            raise _Undecided(verdict, entry.revision)

    async def _mark_first(self) -> tuple[Object, bool] | None:
        """Write the deletion into the object. None: nothing holds it now, remove it."""
        self._held = True
        self._graceful = False
        try:
            marked = await self._target.guaranteed_update(self._key, self._begin, origin=self._origin)
        except _AlreadyDeleting as pending:
            return self._store.deleted(self._ctx, pending.entry), False
        except StorageError as error:
            raise self._refused(error) from None
        if self._held or self._options.dry_run:
            return marked, not self._held
        if self._graceful:
            self._marked = marked
            self._follow(marked)
        return None

    def _follow(self, marked: Entry) -> None:
        """A resourceVersion that was asked for held until our own write."""
        wanted = self._options.preconditions
        if wanted is not None and wanted.resource_version is not None:
            moved = Preconditions(wanted.uid, str(marked.revision))
            self._options = replace(self._options, preconditions=moved)

    def _begin(self, entry: Entry | None) -> Write | Awaitable[Write | None] | None:
        if entry is None:
            raise KeyNotFound(self._key)
        obj = entry.tree()
        verdict = self._admit(obj, None)
        if verdict is not None:
            return self._mark_after(verdict, entry, obj)
        return self._mark(entry, obj)

    async def _mark_after(self, verdict: Awaitable[None], entry: Entry, obj: Tree) -> Write | None:
        await verdict
        return self._mark(entry, obj)

    def _mark(self, entry: Entry, obj: Tree) -> Write | None:
        store, options, now = self._store, self._options, self._store.now()
        grace, seconds = delete.begin(store.strategy, self._ctx, obj, options, now)
        if grace is Grace.PENDING:
            raise _AlreadyDeleting(entry)
        metadata = obj["metadata"]
        delete.set_policy_finalizers(store.strategy, metadata, options)
        finalizers = bool(metadata.get("finalizers"))
        self._held, self._graceful = finalizers or seconds > 0, grace is Grace.GRACEFUL
        if grace is Grace.NONE:
            if finalizers:
                delete.mark(metadata, now)
            elif not options.dry_run:
                self._free = entry.revision
                return None
        return Write(encode(obj), store._attributes(obj))
