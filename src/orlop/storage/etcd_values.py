"""Between the contract's keys and bodies and etcd's keys and values.

Used by `etcd` and all its parts. A contract key "/registry/pods/..." is the etcd key `<prefix>/pods/...`; a value is
the body without resourceVersion, through the transformer (a kind's stored form, encryption). The revision of an entry
is the key's mod revision. Keys under `<prefix>/orlop/` are ours alone, and no objects.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.storage.interface import Attributes, Entry, Revision, stamp
from orlop.storage.transformer import Transformer

_CONTRACT: Final = "/registry"
_CUT: Final = len(_CONTRACT)


class Values:
    """`range`: begin and end of all that is under the prefix."""

    __slots__ = ("_cut", "_prefix", "_transformer", "internal", "origin_key", "range")

    def __init__(self, prefix: str, transformer: Transformer | None) -> None:
        trimmed = prefix.strip("/")
        self._prefix = f"/{trimmed}" if trimmed else ""
        self._cut = len(self._prefix.encode())
        self._transformer = transformer
        self.range = self.span(_CONTRACT + "/")
        self.internal = self.range[0] + b"orlop/"
        self.origin_key = self.internal + b"origin"

    def key(self, key: str) -> bytes:
        return (self._prefix + key[_CUT:]).encode()

    def contract_key(self, key: bytes) -> str:
        return _CONTRACT + key[self._cut :].decode()

    def span(self, prefix: str) -> tuple[bytes, bytes]:
        """Begin and end of the keys under a prefix of the contract (ends in "/")."""
        begin = self.key(prefix)
        return begin, begin[:-1] + b"0"

    def value(self, key: str, body: bytes) -> bytes:
        return body if self._transformer is None else self._transformer.to_storage(key, body)

    def entry(self, kv: Any, attributes: Attributes | None = None) -> Entry:
        """Raises ReadFailed."""
        return self.read(kv, attributes)[0]

    def read(self, kv: Any, attributes: Attributes | None = None) -> tuple[Entry, bool]:
        """The entry, and whether what is stored should be written anew (`transformer.Read.stale`)."""
        key, value, stale = self.contract_key(kv.key), kv.value, False
        if self._transformer is not None:
            value, stale = self._transformer.from_storage(key, value)
        revision: Revision = kv.mod_revision
        return Entry(key, revision, stamp(value, revision), attributes), stale
