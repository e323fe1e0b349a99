"""Reads of the SQLite database, on the event loop's own connection.

Called by `sqlite` for what no watch cache answers: loading caches, older revisions, history. WAL readers
never wait for the writer. The writer may be ahead of what was published; every read here is told up to which
revision to look, or is asked only when nothing is under way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from orlop.storage import sqlite_schema as schema
from orlop.storage.errors import ReadFailed
from orlop.storage.expiry import Expiring
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Entry, Event, EventType, Page, Revision, restamp
from orlop.storage.keyspace import after
from orlop.storage.restoration import Entries, State
from orlop.storage.transformer import Transformer

_TAIL: Final = 4_000
"""Newest revisions whose keys are remembered between calls of `history`: caches that start together ask for
the same ones. Who asks for older ones makes SQLite scan the log."""

_NO_LIMIT: Final = -1

_SCAN_KEYS: Final = 500
"""A range with more keys is read in the order of the log, if that has few other rows in between: in order of key every
body is looked up for itself, which takes twice as long."""

_SCAN_ROWS: Final = 4
"""Rows of the log for each key of the range, at most."""

_REVISION: Final = itemgetter(1)

Place = tuple[Revision, str, Revision]
"""A row of the log without its value: revision, key, previous revision."""


class StartingPoint(NamedTuple):
    """What a database says of itself when it is opened. `compacted`: its compaction has reached this far,
    `compacting`: and was on its way to there. `kept` writes are in the log since then. `usual_size`: of the newest
    bodies, to estimate by."""

    compacted: Revision
    compacting: Revision
    newest: Revision
    kept: int
    usual_size: int


class Reader:
    """`transformer`: what lies between the values stored and the bodies handed out, if anything does."""

    def __init__(self, connection: sqlite3.Connection, transformer: Transformer | None = None) -> None:
        self._connection, self._transformer = connection, transformer
        self._tail = _Tail(0)

    def close(self) -> None:
        self._connection.close()

    def _rows(self, statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise ReadFailed(str(error)) from error

    def starting_point(self) -> StartingPoint:
        meta = dict(self._rows(schema.META))
        last = self._rows(schema.NEWEST)[0][0]
        newest = max(last, meta["floor"], meta["compacted"], 1)
        usual_size = int(self._rows(schema.USUAL_SIZE)[0][0] or 0)
        compacting = min(max(meta["compacting"], meta["compacted"]), newest)
        kept = max(0, last - meta["compacted"])
        return StartingPoint(meta["compacted"], compacting, newest, kept, usual_size)

    def expiring(self) -> list[Expiring]:
        return [Expiring(*row) for row in self._rows(schema.EXPIRING)]

    def state(self, revision: Revision, settled: bool, known: Entries) -> State:
        """Everything at `revision`, with the entries of `known` where these are the ones; `settled`: the database is
        not ahead of it."""
        entries = known if settled and self._are_current(known) else self._entries(revision, settled, known)
        times = dict(self._rows(schema.TIMES))
        expires = {key: times[one.revision] for key, one in entries.items() if one.revision in times} if times else {}
        return State(revision, entries, expires)

    def _are_current(self, known: Entries) -> bool:
        """Whether the current entries are `known`, of which each was current once: then as many and as new as these are
        no others. (Looking at each costs ten times as much.)"""
        rows = self._rows(schema.CURRENT_SUM)
        return bool(rows[0] == (len(known), sum(entry.revision for entry in known.values())))

    def _entries(self, revision: Revision, settled: bool, known: Entries) -> dict[str, Entry]:
        if settled:
            places = self._rows(schema.REVISIONS)
        else:
            places = self._rows(schema.REVISIONS_AT, {"low": "", "high": "\U0010ffff", "at": revision})
        entries: dict[str, Entry] = {}
        for key, at in places:
            entry = known.get(key)
            entries[key] = entry if entry is not None and entry.revision == at else self._entry(key, at)
        return entries

    def newest(self, key: str) -> Entry | None:
        for revision, value in self._rows(schema.ONE, (key,)):
            return Entry(key, revision, self._clear(key, value))
        return None

    def _clear(self, key: str, value: bytes) -> bytes:
        """The body of a stored value. Raises ReadFailed."""
        return value if self._transformer is None else self._transformer.from_storage(key, value).value

    def stale(self, entry: Entry) -> bool:
        """Whether what is stored of a committed state is not what would be stored today."""
        if self._transformer is None:
            return False
        value = self._value(entry.revision)
        return value is not None and self._transformer.from_storage(entry.key, value).stale

    def at(self, key: str, revision: Revision) -> Entry | None:
        page = self.page_at(key, key + "\0", revision, 1)
        return page.entries[0] if page.entries else None

    def page(self, low: str, high: str, shown: Revision, limit: int) -> Page:
        """The newest state of a range, which is that at `shown`."""
        scanned = None if limit else self._scanned(low, high)
        if scanned is not None:
            return Page(scanned, shown)
        rows = self._rows(schema.RANGE, (low, high, limit or _NO_LIMIT))
        return self._page(rows, shown, limit, schema.COUNT, lambda low: (low, high))

    def _scanned(self, low: str, high: str) -> list[Entry] | None:
        """A whole range, read in one pass over the log; None when that would not be worth it."""
        places = self._rows(schema.PLACES, (low, high))
        if len(places) < _SCAN_KEYS:
            return None if places else []
        first, last = min(map(_REVISION, places)), max(map(_REVISION, places))
        if last - first > _SCAN_ROWS * len(places):
            return None
        try:
            values: dict[Revision, bytes] = dict(self._connection.execute(schema.VALUES, (first, last, low, high)))
        except sqlite3.Error as error:
            raise ReadFailed(str(error)) from error
        try:
            if self._transformer is None:
                return [Entry(key, revision, values[revision]) for key, revision in places]
            return [Entry(key, revision, self._clear(key, values[revision])) for key, revision in places]
        except KeyError as error:
            raise ReadFailed(f"the database is damaged: revision {error} is missing from the log") from error

    def page_at(self, low: str, high: str, revision: Revision, limit: int) -> Page:
        """The state of a range at an exact revision."""
        bounds = {"low": low, "high": high, "at": revision, "most": limit or _NO_LIMIT}
        rows = self._rows(schema.RANGE_AT, bounds)
        return self._page(rows, revision, limit, schema.COUNT_AT, lambda low: {**bounds, "low": low})

    def _page(self, rows: list[Any], shown: Revision, limit: int, count: str, bounds_from: Any) -> Page:
        if self._transformer is None:
            entries = [Entry(key, revision, body) for key, revision, body in rows]
        else:
            entries = [Entry(key, revision, self._clear(key, value)) for key, revision, value in rows]
        if not limit or len(entries) < limit:
            return Page(entries, shown)
        remaining = self._rows(count, bounds_from(entries[-1].key + "\0"))[0][0]
        return Page(entries, shown, remaining > 0, remaining)

    def count_at(self, low: str, high: str, revision: Revision) -> int:
        number: int = self._rows(schema.COUNT_AT, {"low": low, "high": high, "at": revision})[0][0]
        return number

    def count(self, low: str, high: str) -> int:
        number: int = self._rows(schema.COUNT, (low, high))[0][0]
        return number

    def history(self, prefix: str, since: Revision, until: Revision, most: int) -> list[Event]:
        """The newest `most` events above `since` and up to `until`, in order."""
        known: dict[Revision, Entry] = {}
        if until - since <= _TAIL:
            places = self._places(prefix, since, until)[-most:]
            rows = [(*place, *self._write(place[0])) for place in places]
        else:
            bounds = (since, until, prefix, after(prefix), most)
            rows = self._rows(schema.EVENTS, bounds)
            rows.reverse()
        return [self._event(row, known) for row in rows]

    def _event(
        self, row: tuple[Revision, str, Revision, bytes | None, bytes | None], known: dict[Revision, Entry]
    ) -> Event:
        """`known`: entries of earlier events, so that each body is there once."""
        revision, key, before, value, noted = row
        previous, origin = None, noted or b""
        if before:
            previous = known.pop(before, None) or self._entry(key, before)
        if value is None:
            if previous is None:
                raise ReadFailed(f"the database is damaged: revision {revision} deletes nothing")
            return Event(DELETED, Entry(key, revision, restamp(previous.body, revision)), previous, origin)
        entry = known[revision] = Entry(key, revision, self._clear(key, value))
        kind: EventType = ADDED if previous is None else MODIFIED
        return Event(kind, entry, previous, origin)

    def _write(self, revision: Revision) -> tuple[bytes | None, bytes | None]:
        """The stored value of a row of the log, and its origin."""
        for value, origin in self._rows(schema.WRITE, (revision,)):
            return value, origin
        raise ReadFailed(f"the database is damaged: revision {revision} is missing from the log")

    def _value(self, revision: Revision) -> bytes | None:
        return self._write(revision)[0]

    def _entry(self, key: str, revision: Revision) -> Entry:
        value = self._value(revision)
        if value is None:
            raise ReadFailed(f"the database is damaged: revision {revision} holds no state of {key}")
        return Entry(key, revision, self._clear(key, value))

    def _places(self, prefix: str, since: Revision, until: Revision) -> list[Place]:
        tail = self._tail
        if since < tail.floor or until - tail.floor > 4 * _TAIL:
            tail = self._tail = _Tail(since)
        if until > tail.top:
            tail.extend(self._rows(schema.EVENT_KEYS, (tail.top, until)), until)
        return tail.under(prefix, since, until)


class _Tail:
    """The keys of all writes above `floor` and up to `top`, by parent of the key."""

    __slots__ = ("_by_parent", "floor", "top")

    def __init__(self, floor: Revision) -> None:
        self.floor = self.top = floor
        self._by_parent: dict[str, list[Place]] = {}

    def extend(self, places: list[Place], top: Revision) -> None:
        for place in places:
            parent = place[1][: place[1].rfind("/") + 1]
            run = self._by_parent.get(parent)
            if run is None:
                run = self._by_parent[parent] = []
            run.append(place)
        self.top = top

    def under(self, prefix: str, since: Revision, until: Revision) -> list[Place]:
        runs = [run for parent, run in self._by_parent.items() if parent.startswith(prefix)]
        return sorted(place for run in runs for place in run if since < place[0] <= until)
