"""What lies between a body and the bytes that a backend keeps: a kind's stored form, encryption.

Given to `sqlite` and `etcd` by `server`; implemented by `encryption` (both backends) and by the stored form of the
built-in kinds (`kinds`, etcd alone). Plays the part of apiserver `storage/value.Transformer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Read(NamedTuple):
    """`stale`: what is stored is not what would be written today (an older key, another form); the next write of the
    object mends that, also one that changes nothing else."""

    value: bytes
    stale: bool = False


class Transformer(Protocol):
    """`key` is the full storage key. Pure; called on the event loop or on a thread of the backend's."""

    def to_storage(self, key: str, value: bytes) -> bytes: ...

    def from_storage(self, key: str, value: bytes) -> Read:
        """Raises ReadFailed, which names the key, when `value` is not what a writer of ours or upstream's stores."""


class Transformers:
    """Several in a row: the first is the nearest to the body."""

    def __init__(self, parts: Sequence[Transformer]) -> None:
        self._parts = tuple(parts)

    def to_storage(self, key: str, value: bytes) -> bytes:
        for part in self._parts:
            value = part.to_storage(key, value)
        return value

    def from_storage(self, key: str, value: bytes) -> Read:
        stale = False
        for part in reversed(self._parts):
            value, worn = part.from_storage(key, value)
            stale = stale or worn
        return Read(value, stale)
