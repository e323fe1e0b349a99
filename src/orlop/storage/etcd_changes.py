"""Create, update and delete upon etcd: from what the caller knows to a write of exactly that, or the next attempt.

Called by `etcd`; takes turns in `etcd_lanes`, writes through `etcd_writer`, waits in `etcd_feed` until this process's
own caches have seen the write. Knowledge from a cache is a hint: a write upon it is verified by its comparison, and an
answer without a write ("nothing to change", a refusal) only after a look at what is there. So does upstream (apiserver
`storage/etcd3/store.go`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from orlop.storage.errors import KeyExists, KeyNotFound, ReadFailed
from orlop.storage.etcd_client import Client
from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_feed import Feed
from orlop.storage.etcd_flights import Flight
from orlop.storage.etcd_lanes import Lanes
from orlop.storage.etcd_values import Values
from orlop.storage.etcd_writer import Refused, Writer
from orlop.storage.interface import (
    ADDED,
    DELETED,
    MODIFIED,
    UNKNOWN,
    Entry,
    EventType,
    Known,
    Unknown,
    Update,
    Write,
    stamp,
)

_NOTHING: Final = Entry("", 0, b"")


class _State:
    """What is under a key. `sure`: read since the caller called. `stale`: stored in a form to be mended."""

    __slots__ = ("entry", "stale", "sure")

    def __init__(self, entry: Entry | None, sure: bool, stale: bool = False) -> None:
        self.entry, self.sure, self.stale = entry, sure, stale

    def same(self, entry: Entry | None) -> bool:
        return (self.entry or _NOTHING).revision == (entry or _NOTHING).revision


class Changes:
    def __init__(self, client: Client, values: Values, feed: Feed, writer: Writer) -> None:
        self._client, self._values, self._feed, self._writer = client, values, feed, writer
        self._lanes = Lanes()

    async def create(self, key: str, write: Write, origin: bytes) -> Entry:
        left: Known = UNKNOWN
        await self._lanes.enter(key)
        try:
            flight = self._put(key, write, None, origin)
            outcome = await self._writer.write(flight, write.ttl)
            if isinstance(outcome, Refused):
                raise KeyExists(key)
            left = outcome.entry
        finally:
            self._lanes.leave(key, left)
        await self._writer.delivered(flight, outcome.revision)
        return outcome.entry

    def _put(self, key: str, write: Write, base: Entry | None, origin: bytes) -> Flight:
        value = self._values.value(key, write.body)
        kind: EventType = ADDED if base is None else MODIFIED
        return Flight(kind, key, self._values.key(key), write.body, value, base, write.attributes, origin)

    async def update(self, key: str, update: Update, known: Known, origin: bytes) -> Entry:
        turn = _Turn(self._lanes, key)
        hint = await turn.take()
        try:
            state = await self._known(key, known if isinstance(hint, Unknown) else hint)
            while True:
                before = state.entry
                try:
                    wanted = update(before)
                    if isinstance(wanted, Awaitable):
                        turn.pass_on(before if state.sure else UNKNOWN)
                        wanted = await wanted
                        newer = await turn.take()
                        if not isinstance(newer, Unknown) and not state.same(newer):
                            state = _State(newer, False)
                            continue
                except Exception:
                    if state.sure:
                        raise
                    if not turn.taken:
                        await turn.take()
                    state = await self.read(key)
                    if state.same(before):
                        raise
                    continue
                if wanted is None or (before is not None and stamp(wanted.body, before.revision) == before.body):
                    if not state.sure:
                        state = await self.read(key)
                        if not state.same(before):
                            continue
                    if wanted is None or not state.stale:
                        if state.entry is None:
                            raise KeyNotFound(key)
                        turn.left = state.entry
                        return await self._seen(state.entry)
                flight = self._put(key, wanted, before, origin)
                outcome = await self._writer.write(flight, wanted.ttl)
                if not isinstance(outcome, Refused):
                    turn.left = outcome.entry
                    break
                state = self._state(outcome.kv)
        finally:
            turn.end()
        await self._writer.delivered(flight, outcome.revision)
        return outcome.entry

    async def delete(self, key: str, check: Callable[[Entry], None] | None, known: Known, origin: bytes) -> Entry:
        turn = _Turn(self._lanes, key)
        hint = await turn.take()
        try:
            state = await self._known(key, known if isinstance(hint, Unknown) else hint)
            while True:
                before = state.entry
                try:
                    if before is None:
                        raise KeyNotFound(key)
                    if check is not None:
                        check(before)
                except Exception:
                    if state.sure:
                        raise
                    state = await self.read(key)
                    if state.same(before):
                        raise
                    continue
                flight = Flight(DELETED, key, self._values.key(key), b"", None, before, before.attributes, origin)
                outcome = await self._writer.write(flight)
                if not isinstance(outcome, Refused):
                    turn.left = None
                    break
                state = self._state(outcome.kv)
        finally:
            turn.end()
        await self._writer.delivered(flight, outcome.revision)
        return outcome.entry

    async def _seen(self, entry: Entry) -> Entry:
        await self._feed.seen(entry.revision)
        return entry

    async def _known(self, key: str, known: Known) -> _State:
        return await self.read(key) if isinstance(known, Unknown) else _State(known, False)

    async def read(self, key: str) -> _State:
        """What is there now. Raises ReadFailed."""
        request = self._client.messages.RangeRequest(key=self._values.key(key))
        try:
            answer = await self._client.call("Range", request)
        except EtcdError as error:
            raise ReadFailed(str(error)) from error
        return self._state(answer.kvs[0] if answer.kvs else None)

    def _state(self, kv: Any) -> _State:
        if kv is None:
            return _State(None, True)
        entry, stale = self._values.read(kv)
        return _State(entry, True, stale)

    def check_invariants(self) -> None:
        assert len(self._lanes) == 0, "somebody kept a turn"


class _Turn:
    """One's turn to write a key. `left`: what is there afterwards, for who comes next."""

    __slots__ = ("_key", "_lanes", "left", "taken")

    def __init__(self, lanes: Lanes, key: str) -> None:
        self._lanes, self._key = lanes, key
        self.left: Known = UNKNOWN
        self.taken = False

    async def take(self) -> Known:
        hint = await self._lanes.enter(self._key)
        self.taken = True
        return hint

    def pass_on(self, left: Known) -> None:
        """While waiting for something else than etcd."""
        self.taken = False
        self._lanes.leave(self._key, left)

    def end(self) -> None:
        if self.taken:
            self.pass_on(self.left)
