"""Gets, lists and counts from etcd, now or at a revision.

Called by `etcd`. A list is read in pages at one revision, sized so that decoding one does not keep the event loop
from others. All reads go through the majority.
"""

from __future__ import annotations

from typing import Any

from orlop.storage.etcd_client import Client
from orlop.storage.etcd_values import Values
from orlop.storage.interface import Entry, Page, Revision
from orlop.storage.limits import ETCD_PAGE_ATTEMPT, ETCD_PAGE_BYTES, ETCD_PAGE_FIRST, ETCD_PAGE_MOST


class Reads:
    """All raise EtcdError and ReadFailed."""

    def __init__(self, client: Client, values: Values) -> None:
        self._client, self._messages, self._values = client, client.messages, values

    async def get(self, key: str, revision: Revision) -> Entry | None:
        request = self._messages.RangeRequest(key=self._values.key(key), revision=revision)
        answer = await self._client.call("Range", request)
        return self._values.entry(answer.kvs[0]) if answer.kvs else None

    async def count(self, prefix: str) -> int:
        begin, end = self._values.span(prefix)
        request = self._messages.RangeRequest(key=begin, range_end=end, count_only=True)
        answer = await self._client.call("Range", request, attempt=ETCD_PAGE_ATTEMPT)
        counted: int = answer.count
        return counted

    async def list(self, prefix: str, revision: Revision, start: str, limit: int) -> Page:
        begin, end = self._values.span(prefix)
        if start > prefix:
            begin = self._values.key(start)
        entries: list[Entry] = []
        wanted = ETCD_PAGE_FIRST
        if begin >= end:  # beyond the prefix: only the revision is of interest
            answer = await self._page(begin, b"", revision, 1)
            return Page([], revision or answer.header.revision)
        while True:
            left = limit - len(entries) if limit else wanted
            answer = await self._page(begin, end, revision, min(wanted, left))
            revision = revision or answer.header.revision
            entries.extend(map(self._values.entry, answer.kvs))
            full = limit and len(entries) >= limit
            if not answer.more or full:
                return Page(entries, revision, answer.more, answer.count - len(answer.kvs))
            begin = answer.kvs[-1].key + b"\0"
            wanted = _next_size(answer.kvs)

    async def _page(self, begin: bytes, end: bytes, revision: Revision, limit: int) -> Any:
        request = self._messages.RangeRequest(key=begin, range_end=end, revision=revision, limit=limit)
        return await self._client.call("Range", request, attempt=ETCD_PAGE_ATTEMPT)


def _next_size(kvs: Any) -> int:
    """How many keys of about the size of these make a page."""
    mean = max(1, sum(len(kv.value) for kv in kvs) // len(kvs))
    return max(ETCD_PAGE_FIRST, min(ETCD_PAGE_MOST, ETCD_PAGE_BYTES // mean))
