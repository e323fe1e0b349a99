"""Deleting the keys whose time is up.

Called by the `tick` of `sqlite`. Each goes with a write like any other, if it still is what it was when its time was
set; one whose write fails stays due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from orlop.storage.errors import KeyNotFound, StorageError
from orlop.storage.expiry import ExpiryQueue
from orlop.storage.interface import Entry, Revision
from orlop.storage.limits import EXPIRY_BATCH

Delete: TypeAlias = Callable[[str, Callable[[Entry], None]], Awaitable[Entry]]


class _WrittenMeanwhile(Exception):
    """An expired key is not what it was when its time was set."""


async def expire(queue: ExpiryQueue, now: float, delete: Delete) -> None:
    """Delete what is due. Raises the last StorageError that kept one from it."""
    due = queue.due(now, EXPIRY_BATCH)
    results = await asyncio.gather(
        *(delete(one.key, partial(_require_at, one.revision)) for one in due), return_exceptions=True
    )
    failed: Exception | None = None
    for one, result in zip(due, results, strict=True):
        if isinstance(result, StorageError) and not isinstance(result, KeyNotFound):
            queue.push(*one)
            failed = result
        elif isinstance(result, BaseException) and not isinstance(result, KeyNotFound | _WrittenMeanwhile):
            raise result
    if failed is not None:
        raise failed


def _require_at(revision: Revision, entry: Entry) -> None:
    if entry.revision != revision:
        raise _WrittenMeanwhile
