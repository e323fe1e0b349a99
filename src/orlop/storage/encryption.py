"""Encryption at rest: the transformer that chooses, by the key of an object, who encrypts it, and reads with any key
that is known.

Built by `server.encryption_plan` from the operator's file and given to a backend; the ciphers are in `encryption_aes`.
What is stored is what kube-apiserver stores: `k8s:enc:<algorithm>:v1:<name of the key>:` and what the cipher made, with
the full storage key as authenticated data. Behaviour: apiserver `pkg/storage/value/transformer.go` (the first that is
configured writes, any may read), `encrypt/identity` and `pkg/server/options/encryptionconfig/config.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from orlop.storage.errors import ReadFailed
from orlop.storage.transformer import Read, Transformer

ROOT: Final = "/registry"
"""What the keys of objects begin with here, whatever they begin with in etcd."""

_CUT: Final = len(ROOT)
_START: Final = _CUT + 1

PLACES: Final = 10_000
"""Places in storage (resources, custom ones included) whose transformer is remembered. Beyond it a place is looked up
anew for each object."""

_ENCRYPTED: Final = b"k8s:enc:"
"""How every encrypted value begins, and no other."""

_LABEL_END: Final = 5
"""The colons in `k8s:enc:aesgcm:v1:name:`."""


class Unreadable(ValueError):
    """A cipher cannot open a value: another key, or not what was stored. The text says which, in upstream's words."""


class Cipher(Protocol):
    """One key. `place` is the storage key, which authenticated ciphers bind the value to."""

    def seal(self, place: bytes, plain: bytes) -> bytes: ...

    def open(self, place: bytes, sealed: bytes) -> bytes:
        """Raises Unreadable."""


class Provider(NamedTuple):
    """One provider of the operator's file: the keys by name, the first one writes. `label` is what its values begin
    with; `unknown` the complaint about a value under no key of these."""

    label: bytes
    keys: Sequence[tuple[str, Cipher]]
    unknown: str = "no matching key was found for the provided AES transformer"


class Identity:
    """Stores what it is given. What is encrypted already it does not read: nobody is to take that for an object."""

    def to_storage(self, key: str, value: bytes) -> bytes:
        return value

    def from_storage(self, key: str, value: bytes) -> Read:
        if value.startswith(_ENCRYPTED):
            raise _failed(key, value, "identity transformer tried to read encrypted data")
        return Read(value)


IDENTITY: Final = Identity()
"""For what is not to be encrypted, and for a server without encryption: it refuses what another has encrypted."""


class Providers:
    """Several providers in order (None: identity). The first key of the first one writes; a value is read by the first
    key that its beginning names and that opens it, and is stale unless that is the one which writes. A key may be named
    twice, while it is changed for another of the same name."""

    def __init__(self, providers: Iterable[Provider | None]) -> None:
        self._readers: list[tuple[bytes, Cipher | None]] = []
        self._unknown: list[tuple[bytes, str]] = []
        for provider in providers:
            if provider is None:
                self._readers.append((b"", None))
                continue
            self._unknown.append((provider.label, provider.unknown))
            for name, cipher in provider.keys:
                self._readers.append((b"%b%b:" % (provider.label, name.encode()), cipher))
        self._label, self._writer = self._readers[0]

    def to_storage(self, key: str, value: bytes) -> bytes:
        if self._writer is None:
            return value
        return self._label + self._writer.seal(key.encode(), value)

    def from_storage(self, key: str, value: bytes) -> Read:
        stale = False
        complaints: dict[str, None] = {}
        for label, cipher in self._readers:
            if cipher is None:
                if not value.startswith(_ENCRYPTED):
                    return Read(value, stale)
            elif value.startswith(label):
                try:
                    return Read(cipher.open(key.encode(), value[len(label):]), stale)
                except Unreadable as error:
                    complaints[str(error)] = None
            stale = True
        raise _failed(key, value, ", ".join(complaints) or self._stranger(value))

    def _stranger(self, value: bytes) -> str:
        known = (text for label, text in self._unknown if value.startswith(label))
        return next(known, "no matching prefix found")


def _failed(key: str, value: bytes, why: str) -> ReadFailed:
    """Tells which key the value was encrypted with, as far as its beginning says so, and nothing else of it."""
    parts = value[:256].split(b":", _LABEL_END)
    label = b":".join(parts[:_LABEL_END]) if value.startswith(_ENCRYPTED) and len(parts) > _LABEL_END else b""
    under = f" (stored as {label.decode('utf-8', 'backslashreplace')})" if label else ""
    return ReadFailed(f"cannot decrypt {key}: {why}{under}")


Choice: TypeAlias = Callable[[str], Transformer]
"""From a place in storage ("secrets", "services/specs", "example.org/boats") to what transforms the objects there."""


class Plan:
    """Which transformer is for which key. `shared`: first parts of places that are two parts long, such as "services";
    those that have a dot are groups and always are."""

    def __init__(self, choose: Choice, shared: Collection[str] = ()) -> None:
        self._choose, self._shared = choose, frozenset(shared)
        self._known: dict[str, Transformer] = {}

    def of(self, key: str) -> Transformer:
        end = key.find("/", _START)
        found = self._known.get(key[_START : end])
        return found if found is not None else self._of_two_parts(key, end)

    def _of_two_parts(self, key: str, end: int) -> Transformer:
        first = key[_START : end]
        place = key[_START : key.find("/", end + 1)] if "." in first or first in self._shared else first
        found = self._known.get(place)
        if found is None:
            found = self._choose(place)
            if len(self._known) < PLACES:
                self._known[place] = found
        return found


class Encryption:
    """The transformer of a whole storage. Its plan may be replaced while it is used, from one object to the next.
    `prefix` is what keys begin with in etcd: values are bound to their place there, so that kube-apiserver under the
    same prefix reads them."""

    def __init__(self, plan: Plan, prefix: str = ROOT) -> None:
        self.plan = plan
        trimmed = prefix.strip("/")
        self._prefix = f"/{trimmed}" if trimmed else ""
        self._elsewhere = self._prefix != ROOT

    def to_storage(self, key: str, value: bytes) -> bytes:
        place = self._prefix + key[_CUT:] if self._elsewhere else key
        return self.plan.of(key).to_storage(place, value)

    def from_storage(self, key: str, value: bytes) -> Read:
        place = self._prefix + key[_CUT:] if self._elsewhere else key
        return self.plan.of(key).from_storage(place, value)
