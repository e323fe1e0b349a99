"""One conditional write: a transaction that replaces exactly the state that was seen, or says what is there instead.

Used by `etcd`; hands the call to `etcd_client` and asks `etcd_fence` when the answer is lost. The comparison is of
the key's mod revision, as upstream's (etcd `client/v3/kubernetes/client.go`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from orlop.storage.errors import CommitFailed
from orlop.storage.etcd_client import Client
from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_feed import Feed
from orlop.storage.etcd_fence import Fence
from orlop.storage.etcd_flights import Flight, Flights
from orlop.storage.etcd_leases import Leases
from orlop.storage.etcd_messages import EQUAL, MOD, Messages
from orlop.storage.etcd_values import Values
from orlop.storage.interface import Event, Revision


class Refused(NamedTuple):
    """Another state is there: `kv`, None for an absent key."""

    kv: Any


class _Form:
    """A transaction to be filled in and encoded at once, again and again: building it anew costs ten times as much."""

    __slots__ = ("_change", "_compare", "_look", "_note", "_txn")

    def __init__(self, messages: Messages, origin_key: bytes, *, deletion: bool) -> None:
        operation, key = messages.RequestOp, b"?"
        put = operation(put=messages.PutRequest(key=key))
        changes = [operation(delete=messages.DeleteRequest(key=key)) if deletion else put]
        if origin_key:
            changes.append(operation(put=messages.PutRequest(key=origin_key)))
        compare = messages.Compare(result=EQUAL, target=MOD, key=key)
        look = operation(range=messages.RangeRequest(key=key))
        self._txn = messages.TxnRequest(compare=[compare, messages.Compare()], success=changes, failure=[look])
        self._compare, self._look = self._txn.compare[0], self._txn.failure[0].range
        self._change = self._txn.success[0].delete if deletion else self._txn.success[0].put
        self._note = self._txn.success[1].put if origin_key else None

    def fill(self, flight: Flight, lease: int, fence: Any) -> bytes:
        key = flight.raw_key
        self._compare.key = self._change.key = self._look.key = key
        self._compare.mod_revision = 0 if flight.base is None else flight.base.revision
        if flight.value is not None:
            self._change.value, self._change.lease = flight.value, lease
        if self._note is not None:
            self._note.value = b"%b %b" % (flight.number, flight.origin)
        if self._txn.compare[1].key != fence.key:
            self._txn.compare[1].CopyFrom(fence)
        encoded: bytes = self._txn.SerializeToString()
        return encoded


class Writer:
    def __init__(
        self, client: Client, values: Values, feed: Feed, flights: Flights, leases: Leases, fence: Fence
    ) -> None:
        self._client = client
        self._feed, self._flights, self._leases, self._fence = feed, flights, leases, fence
        origin_key = values.origin_key if flights.origins else b""
        self.refusal = ""
        """In which words etcd takes no writes at all, as the last one was told; every server writes its own keys now
        and then, so that the end of it is noticed."""
        self._change = _Form(client.messages, origin_key, deletion=False)
        self._deletion = _Form(client.messages, origin_key, deletion=True)

    async def write(self, flight: Flight, ttl: int = 0) -> Event | Refused:
        """Raises EtcdError (not applied, and never will be) and CommitFailed (it is not known). What was written is
        then to be `delivered`."""
        while True:
            self._flights.depart(flight)
            outcome: Event | Refused | None = None
            try:
                outcome = await self._attempt(flight, ttl)
            finally:
                if not isinstance(outcome, Event):
                    self._flights.arrive(flight)
            if outcome is not None:
                return outcome

    async def delivered(self, flight: Flight, revision: Revision) -> None:
        """Wait until this process's own watches have seen it."""
        try:
            await self._feed.seen(revision)
        finally:
            self._flights.arrive(flight)

    async def _attempt(self, flight: Flight, ttl: int) -> Event | Refused | None:
        """None: surely not applied, try once more."""
        lease = await self._leases.lease(ttl) if ttl else 0
        request = self._request(flight, lease)
        try:
            answer = await self._client.call("Txn", request, repeatable=False)
        except EtcdError as error:
            if error.lease_gone:
                self._leases.forget()
                return None
            if error.no_space:
                self.refusal = str(error)
            if not error.perhaps_applied:
                raise
            return await self._find_out(flight, error)
        self.refusal = ""
        if answer.succeeded:
            return flight.applied(answer.header.revision)
        kvs = answer.responses[0].range.kvs
        base = 0 if flight.base is None else flight.base.revision
        if (kvs[0].mod_revision if kvs else 0) == base:
            return None  # it was the fence
        return Refused(kvs[0] if kvs else None)

    def _request(self, flight: Flight, lease: int) -> bytes:
        form = self._deletion if flight.value is None else self._change
        return form.fill(flight, lease, self._fence.open)

    async def _find_out(self, flight: Flight, lost: EtcdError) -> Event | None:
        """Was it applied? None: it was not, and never will be."""
        epoch = self._feed.epoch
        try:
            fenced = await self._fence.put_up()
        except EtcdError as error:
            raise CommitFailed(f"it is not known whether the write was made: {lost}; asking failed: {error}") from error
        if flight.event is None and not (await self._feed.seen(fenced) and epoch == self._feed.epoch):
            raise CommitFailed(f"it is not known whether the write was made: {lost}; etcd's watch does not answer")
        return flight.event
