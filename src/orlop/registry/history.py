"""The past of one object or one collection: its writes, who made them, and its state at a revision.

Called by `endpoints.history` and `endpoints.undo`; reads the storage's log through the watch cache, which answers from
memory as far as its window reaches. How far back the log goes is the storage's business (five to ten minutes); here
that is only said. Upstream has nothing like it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.registry import origin, times
from orlop.registry.error_mapping import interpret
from orlop.registry.origin import Origin
from orlop.registry.store import Store
from orlop.storage.errors import StorageError
from orlop.storage.interface import DELETED, MODIFIED, Entry, Event, Revision

MAX_SCANNED: Final = 10_000
"""Writes that are looked through for those of one object, newest first. What is older is not found, and the answer says
that there is more. They are those of the object alone and of names that begin with its name, where the log is long."""

SHORT: Final = 5_000
"""Revisions of a log that counts as short: all writes of the object's namespace are looked through, which storages
have at hand for their newest revisions."""

Events: TypeAlias = Sequence[Event]
Differ: TypeAlias = Callable[[Entry, Entry], bool]


class Writes(NamedTuple):
    """`events` newest first. `revision`: how new the answer is. `oldest`: every write above it is there."""

    events: Events
    revision: Revision
    oldest: Revision


class Target(NamedTuple):
    """A state to go back to: `entry` as it was at `revision`."""

    entry: Entry
    revision: Revision


async def writes(store: Store, ctx: Context, name: str, most: int) -> Writes:
    """The newest writes of the object `name` of the context's namespace; with name "" those of the whole collection.
    For a collection at most `most`."""
    cache = store.cache
    await store._wait(ctx, 0)
    prefix, key = store._root(ctx), store.key(ctx, name)
    since, wanted = cache.compacted, MAX_SCANNED if name else most
    if name and cache.revision - since > SHORT:
        prefix = key
    try:
        found = list(await cache.history(prefix, since, wanted))
    except StorageError as error:
        raise interpret(error, store._resource(ctx), name) from None
    if len(found) >= wanted and found:
        since = max(since, found[0].revision - 1)
    if name:
        found = [event for event in found if event.entry.key == key]
    return Writes(found[::-1], cache.revision, since)


async def newest(store: Store, ctx: Context, name: str) -> Entry | None:
    """The object as it is now, None when there is none."""
    await store._wait(ctx, 0)
    return store.cache.peek(store.key(ctx, name))


async def state(store: Store, ctx: Context, name: str, revision: Revision) -> Entry:
    """The object as it was at exactly `revision`. Raises 404 when there was none, 410 when that is forgotten, 504 when
    that revision does not exist."""
    await store._wait(ctx, revision)
    try:
        entry = await store.cache.get(store.key(ctx, name), revision=revision)
    except StorageError as error:
        raise interpret(error, store._resource(ctx), name) from None
    if entry is None:
        raise errors.not_found(store._resource(ctx), name)
    return entry


async def before_newest(store: Store, ctx: Context, name: str, differ: Differ) -> Target:
    """The state before the newest write of an object that changed what `differ` looks at; of an object that is gone,
    its last state. Raises 404 when there is no past, 400 when that write made it, 410 when it is too long ago."""
    resource = store._resource(ctx)
    found = await writes(store, ctx, name, 1)
    current = store.cache.peek(store.key(ctx, name))
    if current is None and not found.events:
        raise errors.not_found(resource, name)
    for event in found.events:
        if event.previous is None:
            raise errors.bad_request(f"there is nothing to go back to: nothing has changed in {resource} {quote(name)} "
                                     f"since revision {event.revision} created it")
        if current is None or differ(current, event.previous):
            return Target(event.previous, event.revision - 1)
    raise errors.expired(f"the newest change of {resource} {quote(name)} was not after revision {found.oldest}: "
                         "what was there before it is forgotten")


def who(event: Event) -> Origin:
    """Who made a write, and when. What the storage was not told is taken from the object, as far as it tells."""
    known = origin.read(event.origin)
    if known.time or event.type == DELETED:
        return known
    tree = event.entry.tree()["metadata"]
    if event.type == MODIFIED and event.previous is not None:
        return _by_manager(tree, event.previous.tree()["metadata"])
    return Origin(times.seconds(tree["creationTimestamp"]) if tree.get("creationTimestamp") else 0.0, "",
                  _newest_manager(tree).manager)


def _by_manager(metadata: Tree, before: Tree) -> Origin:
    """The manager whose entry is newer than it was."""
    found = _newest_manager(metadata)
    return found if found != _newest_manager(before) else Origin()


def _newest_manager(metadata: Tree) -> Origin:
    managed = [one for one in metadata.get("managedFields") or () if one.get("time")]
    if not managed:
        return Origin()
    last = max(managed, key=lambda one: str(one["time"]))
    return Origin(times.seconds(last["time"]), "", last.get("manager", ""))
