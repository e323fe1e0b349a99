"""Snapshots of an etcd, and back into one: values as they are stored there, whatever they are made of.

Used by `orlop snapshot` with an `EtcdStorage` whose transformer is `Raw`, so that objects of kinds that nobody here
knows, in encodings of others, encrypted with keys that are not at hand, are kept like all others. `Layout` translates
between the forms of objects in the backends, for snapshots that go from the one to the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import orjson

from orlop.storage.interface import Entry, Revision, Storage, stamp, unstamp
from orlop.storage.restoration import State, capture, plan, write
from orlop.storage.snapshot_file import Row
from orlop.storage.transformer import Read, Transformer

ROOT: Final = "/registry/"
_EVENTS: Final = ROOT + "events/"
_OF_SERVERS: Final = (ROOT + "orlop/", ROOT + "masterleases/", ROOT + "peerserverleases/")
"""What servers keep for themselves while they run: it has no meaning later."""
EVENT_TTL: Final = 3600.0
"""Seconds that events of a snapshot live. etcd does not tell with an object when it expires; this is the longest that
kube-apiserver gives by default."""
_HEAD: Final = b'{"metadata":{'


class Raw:
    """Lets any bytes through as if they were a body."""

    def to_storage(self, key: str, value: bytes) -> bytes:
        return value[len(_HEAD) :]

    def from_storage(self, key: str, value: bytes) -> Read:
        return Read(_HEAD + value)


class Content(NamedTuple):
    """All objects at one revision."""

    rows: list[Row]
    revision: Revision


async def fetch(storage: Storage, now: float) -> Content:
    """What is in a storage with the transformer `Raw`. Raises StorageError."""
    state = await _objects(storage)
    rows = []
    for key in sorted(state.entries):
        entry = state.entries[key]
        expires = now + EVENT_TTL if key.startswith(_EVENTS) else None
        rows.append(Row(key, entry.revision, expires, _value(entry), None))
    return Content(rows, state.revision)


async def put(storage: Storage, rows: Iterable[Row], now: float, origin: bytes) -> Revision:
    """Make the objects of a storage with the transformer `Raw` these: what differs is written, what is not among them
    is deleted. Returns the revision that it reached. Raises StorageError."""
    entries, expires = {}, {}
    for row in rows:
        entries[row.key] = Entry(row.key, row.revision, stamp(_HEAD + row.value, row.revision))
        if row.expires is not None:
            expires[row.key] = row.expires
    then = State(max((entry.revision for entry in entries.values()), default=1), entries, expires)
    present = await _objects(storage)
    return await write(storage, plan(then, present.entries, expires, _uid), now, origin)


async def _objects(storage: Storage) -> State:
    state = await capture(storage, (ROOT,), {})
    kept = {key: entry for key, entry in state.entries.items() if not key.startswith(_OF_SERVERS)}
    return State(state.revision, kept, {})


def _value(entry: Entry) -> bytes:
    return unstamp(entry.body)[len(_HEAD) :]


def _uid(entry: Entry) -> object:
    """None where it cannot be told: then the object is taken for the same."""
    value = _value(entry)
    return orjson.loads(value)["metadata"].get("uid") if value.startswith(b"{") else None


class Layout:
    """How a backend stores objects: `stamped`: with their revision in the body; and through the transformer."""

    def __init__(self, stamped: bool, transformer: Transformer | None) -> None:
        self._stamped, self._transformer = stamped, transformer

    def clear(self, row: Row) -> bytes:
        """The body, without revision. Raises ReadFailed."""
        value = row.value
        if self._transformer is not None:
            value = self._transformer.from_storage(row.key, value).value
        return unstamp(value) if self._stamped else value

    def store(self, row: Row, body: bytes) -> Row:
        value = stamp(body, row.revision) if self._stamped else body
        if self._transformer is not None:
            value = self._transformer.to_storage(row.key, value)
        return row._replace(value=value)


def translated(rows: Iterable[Row], there: Layout, here: Layout) -> Iterator[Row]:
    """The objects of one layout in another. Raises ReadFailed."""
    for row in rows:
        yield here.store(row, there.clear(row))
