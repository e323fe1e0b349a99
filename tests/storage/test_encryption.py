"""Encryption at rest: what is stored is what kube-apiserver stores, and what was tampered with is not read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.storage.encryption import IDENTITY, PLACES, Cipher, Encryption, Plan, Provider, Providers
from orlop.storage.encryption_aes import CBC, GCM, KEY_SIZES
from orlop.storage.errors import ReadFailed
from orlop.storage.transformer import Transformer

KEY = "/registry/secrets/shop/database"
BODY = b'{"metadata":{"name":"database"},"data":{"password":"c3dvcmRmaXNo"}}'
VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "data/encryption/vectors.json").read_text("utf-8"))
CIPHERS: dict[str, tuple[bytes, Callable[..., Cipher]]] = {
    "aesgcm": (b"k8s:enc:aesgcm:v1:", GCM), "aescbc": (b"k8s:enc:aescbc:v1:", CBC)}


def provider(kind: str, *keys: tuple[str, bytes]) -> Provider | None:
    if kind == "identity":
        return None
    label, cipher = CIPHERS[kind]
    return Provider(label, [(name, cipher(key)) for name, key in keys])


def providers(config: str) -> Providers:
    """One of the vectors' configurations."""
    return Providers(provider(kind, *((name, base64.b64decode(key)) for name, key in keys))
                     for kind, keys in VECTORS["configs"][config])


def key(seed: int, size: int = 32) -> bytes:
    return bytes((seed + i) % 256 for i in range(size))


@pytest.mark.parametrize(("config", "plain", "stored"), VECTORS["stored"])
def test_reads_what_upstream_wrote(config: str, plain: str, stored: str) -> None:
    """Values written by kube-apiserver's own code come back, under keys of every size and in both modes."""
    assert providers(config).from_storage(VECTORS["key"], base64.b64decode(stored)) == (plain.encode(), False)


@pytest.mark.parametrize(("config", "plain", "stored"), VECTORS["stored"])
def test_writes_what_upstream_wrote(config: str, plain: str, stored: str) -> None:
    """With the random part that upstream happened to draw, the very bytes of upstream come out."""
    ((kind, [(name, secret)]),) = VECTORS["configs"][config]
    label, cipher = CIPHERS[kind]
    value = base64.b64decode(stored)
    drawn = value[len(label) + len(name.encode()) + 1 :]
    ours = Providers([Provider(label, [(name, cipher(base64.b64decode(secret), lambda size: drawn[:size]))])])
    assert ours.to_storage(VECTORS["key"], plain.encode()) == value


@pytest.mark.parametrize(("config", "value", "place", "plain", "stale", "error"), VECTORS["reads"])
def test_reads_as_upstream(config: str, value: str, place: str, plain: str | None, stale: bool, error: str) -> None:
    """Which key is asked, what is stale and what is refused with which words, for each order of providers."""
    stored = base64.b64decode(VECTORS["values"][value])
    if plain is not None:
        assert providers(config).from_storage(place, stored) == (plain.encode(), stale)
        return
    with pytest.raises(ReadFailed) as caught:
        providers(config).from_storage(place, stored)
    assert str(caught.value).startswith(f"cannot decrypt {place}: {error}")


OBJECTS = st.binary(max_size=200).map(lambda rest: b"{" + rest)


@given(kind=st.sampled_from(["aesgcm", "aescbc", "identity"]), size=st.sampled_from(KEY_SIZES),
       name=st.text(min_size=1), place=st.text(max_size=40), body=OBJECTS)
def test_round_trip(kind: str, size: int, name: str, place: str, body: bytes) -> None:
    """Whatever the object, its place and the key's name are: what was written is read, and not stale."""
    whole = Providers([provider(kind, (name, key(7, size)))])
    assert whole.from_storage(place, whole.to_storage(place, body)) == (body, False)


@pytest.mark.parametrize("kind", CIPHERS)
def test_never_twice_the_same(kind: str) -> None:
    """The same object is stored differently each time, and its text is not in what is stored."""
    whole = Providers([provider(kind, ("a", key(1)))])
    stored = {whole.to_storage(KEY, BODY) for _ in range(50)}
    assert len(stored) == 50
    assert not any(b"password" in value for value in stored)


def test_every_flipped_bit_is_noticed() -> None:
    """GCM: no bit of a stored value can change, the label's included."""
    whole = Providers([provider("aesgcm", ("key1", key(1)), ("key2", key(2)))])
    stored = whole.to_storage(KEY, BODY)
    for bit in range(len(stored) * 8):
        changed = bytearray(stored)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ReadFailed, match=KEY):
            whole.from_storage(KEY, bytes(changed))


def test_cut_off() -> None:
    """GCM: no beginning of a stored value is taken for the value."""
    whole = Providers([provider("aesgcm", ("key1", key(1)))])
    stored = whole.to_storage(KEY, BODY)
    for length in range(len(stored)):
        with pytest.raises(ReadFailed):
            whole.from_storage(KEY, stored[:length])


@given(st.text(max_size=40))
def test_moved_value(place: str) -> None:
    """GCM: a value put under another key is refused, so that nobody gets at a secret by copying it to his own."""
    whole = Providers([provider("aesgcm", ("key1", key(1)))])
    stored = whole.to_storage(KEY, BODY)
    if place != KEY:
        with pytest.raises(ReadFailed):
            whole.from_storage(place, stored)


@given(st.integers(0, 250), st.binary(min_size=16, max_size=16))
def test_cbc_with_another_key(seed: int, start: bytes) -> None:
    """CBC vouches for nothing, but a wrong key yields no object, also where the padding looks right by chance."""
    stored = Providers([Provider(b"p:", [("a", CBC(key(251), lambda size: start))])]).to_storage(KEY, BODY)
    with pytest.raises(ReadFailed):
        Providers([Provider(b"p:", [("a", CBC(key(seed)))])]).from_storage(KEY, stored)


def test_error_names_the_key() -> None:
    """The text says which object it is and which key it was encrypted with, and shows nothing of the value."""
    stored = Providers([provider("aesgcm", ("summer", key(1)))]).to_storage(KEY, BODY)
    with pytest.raises(ReadFailed) as caught:
        Providers([provider("aesgcm", ("winter", key(1)))]).from_storage(KEY, stored)
    assert caught.value.cause == (f"cannot decrypt {KEY}: no matching key was found for the provided AES transformer "
                                  "(stored as k8s:enc:aesgcm:v1:summer)")


def test_rotation() -> None:
    """The steps of an operator: at each, all old values are readable, and stale exactly when the writer is another."""
    old, new = ("old", key(1)), ("new", key(2))
    plain, first, both, over, done = (Providers([provider("aesgcm", *names), None] if names else [None])
                                      for names in ((), (old,), (old, new), (new, old), (new,)))
    writers = {"plain": plain, "old": first, "new": over}
    values = {name: writer.to_storage(KEY, BODY) for name, writer in writers.items()}

    def stale(whole: Transformer) -> dict[str, bool]:
        reads = {name: whole.from_storage(KEY, value) for name, value in values.items()}
        assert all(read.value == BODY for read in reads.values())
        return {name: read.stale for name, read in reads.items()}

    assert stale(both) == {"plain": True, "old": False, "new": True}
    assert stale(over) == {"plain": True, "old": True, "new": False}
    del values["old"]
    assert stale(done) == {"plain": True, "new": False}


def test_identity_refuses_encrypted_values() -> None:
    """What no rule covers passes unchanged, but a value that somebody encrypted is not taken for an object."""
    assert IDENTITY.from_storage(KEY, IDENTITY.to_storage(KEY, BODY)) == (BODY, False)
    with pytest.raises(ReadFailed, match="identity transformer tried to read encrypted data"):
        IDENTITY.from_storage(KEY, b"k8s:enc:aesgcm:v1:key1:xxx")


class Place:
    """Says which place it was made for."""

    def __init__(self, place: str) -> None:
        self.place = place


def plan(asked: list[str]) -> Plan:
    def choose(place: str) -> Any:
        asked.append(place)
        return Place(place)

    return Plan(choose, {"services"})


@pytest.mark.parametrize(("path", "place"), [
    ("secrets/shop/database", "secrets"), ("namespaces/shop", "namespaces"), ("secretsx/a/b", "secretsx"),
    ("services/specs/shop/web", "services/specs"), ("services/endpoints/shop/web", "services/endpoints"),
    ("example.org/boats/shop/b1", "example.org/boats"), ("example.org/wrecks/w1", "example.org/wrecks"),
    ("ranges/servicenodeports", "ranges"),
])
def test_place_of_a_key(path: str, place: str) -> None:
    """A place is one part of a key, or two where several resources share the first; each is asked for once."""
    asked: list[str] = []
    whole = plan(asked)
    found: Any = [whole.of(f"/registry/{path}") for _ in range(3)]
    assert [each.place for each in found] == [place] * 3
    assert asked == [place]


def test_places_are_bounded() -> None:
    """Beyond the limit places are looked up anew, and rightly."""
    asked: list[str] = []
    whole = plan(asked)
    for i in range(PLACES + 10):
        whole.of(f"/registry/example.org/kind{i}/a/b")
    del asked[:]
    last: Any = whole.of(f"/registry/example.org/kind{PLACES + 5}/a/b")
    whole.of("/registry/example.org/kind5/a/b")
    assert last.place == f"example.org/kind{PLACES + 5}" and asked == [last.place]


def test_plan_replaced() -> None:
    """A new plan counts from the next object on."""
    first, second = (Providers([provider("aesgcm", *keys)]) for keys in
                     ((("a", key(1)),), (("b", key(2)), ("a", key(1)))))
    encryption = Encryption(Plan(lambda place: first))
    stored = encryption.to_storage(KEY, BODY)
    encryption.plan = Plan(lambda place: second)
    assert encryption.from_storage(KEY, stored) == (BODY, True)
    assert encryption.to_storage(KEY, BODY).startswith(b"k8s:enc:aesgcm:v1:b:")



@pytest.mark.parametrize("prefix", ["/clusters/one", "clusters/one/", "/registry", "/"])
def test_another_prefix_in_etcd(prefix: str) -> None:
    """The place that a value is bound to is its key in etcd, as kube-apiserver has it; which keys encrypt it does not
    depend on that."""
    whole = Providers([provider("aesgcm", ("a", key(1)))])
    encryption = Encryption(Plan(lambda place: whole if place == "secrets" else IDENTITY), prefix)
    stored = encryption.to_storage(KEY, BODY)
    place = "/" + f"{prefix.strip('/')}/secrets/shop/database".lstrip("/")
    assert whole.from_storage(place, stored) == encryption.from_storage(KEY, stored) == (BODY, False)
    with pytest.raises(ReadFailed, match=f"cannot decrypt {place}:"):
        encryption.from_storage(KEY, stored[:-1])
