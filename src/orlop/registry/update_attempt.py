"""One PUT or PATCH, as storage sees it: a function from the newest state to what should be there.

Made by `Store.update` for each request and called by storage, perhaps several times, always with the newest state:
what was read before is never written over what came in between. Behaviour: apiserver
`pkg/registry/generic/registry/store.go` Update.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import orjson

from orlop.api import errors, resource_version
from orlop.api.context import Context
from orlop.api.field import Path, invalid
from orlop.api.gvk import GroupKind
from orlop.api.options import UpdateOptions
from orlop.api.tree import Tree
from orlop.registry import create, update
from orlop.registry.encoding import encode
from orlop.registry.error_mapping import precondition_failed
from orlop.registry.interface import Admit, UpdateSource
from orlop.storage.interface import Entry, Write, stamp, unstamp

if TYPE_CHECKING:
    from orlop.registry.store import Finish, Store


LONG_JUDGEMENTS: Final = 5
"""How often a long judgement of one update begins anew because another write came between; then the update is refused
as a conflict. As often as upstream tries a patch."""


class EmptiedFinalizers(Exception):
    """This update took the last finalizer: delete the object `uid` instead. `shown`: how it looked at the end, at the
    revision it had before."""

    def __init__(self, shown: Entry, uid: str) -> None:
        self.shown, self.uid = shown, uid


class UpdateAttempt:
    """Callable as `storage.interface.Update`."""

    def __init__(self, store: Store, ctx: Context, name: str, source: UpdateSource, admit_create: Admit,
                 admit_update: Admit, options: UpdateOptions, may_create: bool) -> None:
        self._store, self._ctx, self._name, self._source = store, ctx, name, source
        self._admit_create, self._admit_update = admit_create, admit_update
        self._options, self._may_create = options, may_create
        self._finish: Finish | None = None
        self._long = 0
        self.creating = False

    @property
    def began(self) -> bool:
        """Whether there is something to finish."""
        return self._finish is not None

    async def finish(self, done: bool) -> None:
        """End what a begin hook started, once."""
        finish, self._finish = self._finish, None
        pending = finish(done) if finish is not None else None
        if pending is not None:
            await pending

    def __call__(self, current: Entry | None) -> Write | Awaitable[Write | None] | None:
        return self._attempt(current) if self._finish is None else self._once_more(current)

    async def _once_more(self, current: Entry | None) -> Write | None:
        """Another write came between: what the last attempt took is given back first."""
        await self.finish(False)
        return await _settled(self._attempt(current))

    def _attempt(self, current: Entry | None) -> Write | Awaitable[Write | None] | None:
        if current is None and not self._may_create:
            raise errors.not_found(self._store._resource(self._ctx), self._name)
        if self._long >= LONG_JUDGEMENTS:
            raise errors.conflict(self._store._resource(self._ctx), self._name, errors.MODIFIED)
        old: Tree = current.tree() if current is not None else {"metadata": {}}
        self._check_preconditions(old)
        new = self._source.updated(self._ctx, old)
        if isinstance(new, dict):
            return self._settle(current, old, new)
        return self._settle_later(current, old, new)

    async def _settle_later(self, current: Entry | None, old: Tree, new: Awaitable[Tree]) -> Write | None:
        return await _settled(self._settle(current, old, await new))

    def _check_preconditions(self, old: Tree) -> None:
        wanted = self._source.preconditions
        if wanted is None or wanted.uid is None:
            return
        uid = old["metadata"].get("uid", "")
        if wanted.uid != uid:
            why = f"UID in precondition: {wanted.uid}, UID in object meta: {uid}"
            key = self._store.key(self._ctx, self._name)
            raise precondition_failed(self._store._resource(self._ctx), self._name, key, why)

    def _settle(self, current: Entry | None, old: Tree, new: Tree) -> Write | Awaitable[Write | None] | None:
        if current is None:
            return self._settle_created(new)
        self.creating = False
        store, ctx = self._store, self._ctx
        self._check_version(current, new["metadata"])
        begun = store._hooks.begin_update(ctx, new, old, self._options.dry_run)
        if begun is not None and isinstance(begun, Awaitable):
            return self._begun(begun, lambda: self._judge_updated(current, new, old))
        self._finish = begun
        return self._judge_updated(current, new, old)

    def _judge_updated(self, current: Entry, new: Tree, old: Tree) -> Write | Awaitable[Write | None] | None:
        pending = update.before_update(self._store.strategy, self._ctx, new, old)
        if pending is not None:
            return self._judged_long(pending, lambda: self._admit_updated(current, new, old))
        return self._admit_updated(current, new, old)

    def _admit_updated(self, current: Entry, new: Tree, old: Tree) -> Write | Awaitable[Write | None] | None:
        verdict = self._admit_update(new, old)
        if verdict is not None:
            return self._after(verdict, lambda: self._write_updated(current, new, old))
        return self._write_updated(current, new, old)

    def _settle_created(self, new: Tree) -> Write | Awaitable[Write | None] | None:
        self.creating = True
        store, ctx = self._store, self._ctx
        metadata = new["metadata"]
        create.wipe_system_fields(metadata)
        create.fill_system_fields(metadata, store._outside.clock, store._outside.entropy)
        begun = store._hooks.begin_create(ctx, new, self._options.dry_run)
        if begun is not None and isinstance(begun, Awaitable):
            return self._begun(begun, lambda: self._judge_created(new))
        self._finish = begun
        return self._judge_created(new)

    def _judge_created(self, new: Tree) -> Write | Awaitable[Write | None] | None:
        pending = create.before_create(self._store.strategy, self._ctx, new)
        if pending is not None:
            return self._judged_long(pending, lambda: self._admit_created(new))
        return self._admit_created(new)

    async def _judged_long(self, pending: Awaitable[None],
                           admit: Callable[[], Write | Awaitable[Write | None] | None]) -> Write | None:
        self._long += 1
        await pending
        return await _settled(admit())

    def _admit_created(self, new: Tree) -> Write | Awaitable[Write | None] | None:
        verdict = self._admit_create(new, None)
        if verdict is not None:
            return self._after(verdict, lambda: self._write(new, False))
        return self._write(new, False)

    async def _begun(self, begun: Awaitable[Finish], judge: Callable[[], Write | Awaitable[Write | None] | None],
                     ) -> Write | None:
        self._finish = await begun
        return await _settled(judge())

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

    def _write_updated(self, current: Entry, new: Tree, old: Tree) -> Write | None:
        if update.deletes(new, old) and not self._store.strategy.holds(new):
            shown = Entry(current.key, current.revision, stamp(encode(new), current.revision))
            raise EmptiedFinalizers(shown, old["metadata"].get("uid", ""))
        old["metadata"].pop("resourceVersion", None)
        new["metadata"].pop("resourceVersion", None)
        new.pop("kind", None)
        new.pop("apiVersion", None)
        if new == old and _same(new, old):
            return self._unchanged(current, new)
        return self._write(new, True)

    def _unchanged(self, current: Entry, new: Tree) -> Write:
        """The very bytes that are there: no write, unless the storage would store them otherwise today (an older key,
        another form)."""
        store = self._store
        return Write(unstamp(current.body), current.attributes or store._attributes(new),
                     store.strategy.ttl(self._ctx, new, True))

    def _write(self, new: Tree, updating: bool) -> Write:
        store = self._store
        return Write(encode(new), store._attributes(new), store.strategy.ttl(self._ctx, new, updating))


async def _settled(result: Write | Awaitable[Write | None] | None) -> Write | None:
    return result if result is None or isinstance(result, Write) else await result


def _same(new: Tree, old: Tree) -> bool:
    """Python takes 1, 1.0 and True for equal; what is written tells them apart."""
    return orjson.dumps(new, option=orjson.OPT_SORT_KEYS) == orjson.dumps(old, option=orjson.OPT_SORT_KEYS)
