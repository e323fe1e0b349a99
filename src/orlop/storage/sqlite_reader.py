"""Reads of the SQLite database, on the event loop's own connection.

Called by `sqlite` for what no watch cache answers: loading caches, older revisions, history. WAL readers
never wait for the writer. The writer may be ahead of what was published; every read here is told up to which
revision to look, or is asked only when nothing is under way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from orlop.storage import sqlite_schema as schema
from orlop.storage.errors import ReadFailed
from orlop.storage.expiry import Expiring
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Entry, Event, EventType, Page, Revision, restamp
from orlop.storage.keyspace import after

_TAIL: Final = 4_000
"""Newest revisions whose keys are remembered between calls of `history`: caches that start together ask for
the same ones. Who asks for older ones makes SQLite scan the log."""

_NO_LIMIT: Final = -1

Place = tuple[Revision, str, Revision]
"""A row of the log without its value: revision, key, previous revision."""


class Reader:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tail = _Tail(0)

    def close(self) -> None:
        self._connection.close()

    def _rows(self, statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise ReadFailed(str(error)) from error

    def starting_point(self) -> tuple[Revision, Revision]:
        """The compacted and the newest revision."""
        compacted, newest = self._rows(schema.STARTING_POINT)[0]
        return compacted, max(compacted, newest, 1)

    def expiring(self) -> list[Expiring]:
        return [Expiring(*row) for row in self._rows(schema.EXPIRING)]

    def newest(self, key: str) -> Entry | None:
        for revision, body in self._rows(schema.ONE, (key,)):
            return Entry(key, revision, body)
        return None

    def at(self, key: str, revision: Revision) -> Entry | None:
        page = self.page_at(key, key + "\0", revision, 1)
        return page.entries[0] if page.entries else None

    def page(self, low: str, high: str, shown: Revision, limit: int) -> Page:
        """The newest state of a range, which is that at `shown`."""
        rows = self._rows(schema.RANGE, (low, high, limit or _NO_LIMIT))
        return self._page(rows, shown, limit, schema.COUNT, lambda low: (low, high))

    def page_at(self, low: str, high: str, revision: Revision, limit: int) -> Page:
        """The state of a range at an exact revision."""
        bounds = {"low": low, "high": high, "at": revision, "most": limit or _NO_LIMIT}
        rows = self._rows(schema.RANGE_AT, bounds)
        return self._page(rows, revision, limit, schema.COUNT_AT, lambda low: {**bounds, "low": low})

    def _page(self, rows: list[Any], shown: Revision, limit: int, count: str, bounds_from: Any) -> Page:
        entries = [Entry(key, revision, body) for key, revision, body in rows]
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
            rows = [(*place, self._value(place[0])) for place in places]
        else:
            bounds = (since, until, prefix, after(prefix), most)
            rows = self._rows(schema.EVENTS, bounds)
            rows.reverse()
        return [self._event(row, known) for row in rows]

    def _event(
        self, row: tuple[Revision, str, Revision, bytes | None], known: dict[Revision, Entry]
    ) -> Event:
        """`known`: entries of earlier events, so that each body is there once."""
        revision, key, before, body = row
        previous = None
        if before:
            previous = known.pop(before, None) or self._entry(key, before)
        if body is None:
            if previous is None:
                raise ReadFailed(f"the database is damaged: revision {revision} deletes nothing")
            return Event(DELETED, Entry(key, revision, restamp(previous.body, revision)), previous)
        entry = known[revision] = Entry(key, revision, body)
        kind: EventType = ADDED if previous is None else MODIFIED
        return Event(kind, entry, previous)

    def _value(self, revision: Revision) -> bytes | None:
        for (value,) in self._rows(schema.VALUE, (revision,)):
            return None if value is None else bytes(value)
        raise ReadFailed(f"the database is damaged: revision {revision} is missing from the log")

    def _entry(self, key: str, revision: Revision) -> Entry:
        body = self._value(revision)
        if body is None:
            raise ReadFailed(f"the database is damaged: revision {revision} holds no state of {key}")
        return Entry(key, revision, body)

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
