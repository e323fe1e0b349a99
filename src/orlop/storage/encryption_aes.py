"""AES in the two modes that kube-apiserver knows for encryption at rest.

Made by `server.encryption_plan` with the keys of the operator's file, used by `encryption`. What they store is what
upstream's ciphers store, so that either server reads the other's values. The work is done by the `cryptography`
package, imported when the first key is made. Behaviour: apiserver `pkg/storage/value/encrypt/aes/aes.go`, NIST SP
800-38D (GCM), RFC 5652 section 6.3 (the padding).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeAlias

from orlop.storage.encryption import Unreadable

KEY_SIZES: Final = (16, 24, 32)

Random: TypeAlias = Callable[[int], bytes]
"""So many bytes that nobody can foretell."""

_NONCE: Final = 12
_BLOCK: Final = 16
_TOO_SHORT: Final = "the stored data was shorter than the required size"

_OBJECTS: Final = (b"{", b"k8s\0", b"\xd9\xd9\xf7")
"""How stored objects begin: as JSON, protobuf, CBOR."""


class GCM:
    """A random nonce, what was encrypted, and the tag, which also vouches for the place of the value."""

    def __init__(self, key: bytes, random: Random = os.urandom) -> None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._aead, self._random, self._invalid = AESGCM(key), random, InvalidTag

    def seal(self, place: bytes, plain: bytes) -> bytes:
        nonce = self._random(_NONCE)
        return nonce + self._aead.encrypt(nonce, plain, place)

    def open(self, place: bytes, sealed: bytes) -> bytes:
        if len(sealed) < _NONCE:
            raise Unreadable(_TOO_SHORT)
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
        except self._invalid:
            raise Unreadable("cipher: message authentication failed") from None


class CBC:
    """A random first block and what was encrypted. Nothing vouches for it: who can write to the storage can change
    values and move them. A wrong key often shows in the padding; once in 256 times it does not, so what is no object
    is not taken for one (upstream hands it on)."""

    def __init__(self, key: bytes, random: Random = os.urandom) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        aes = algorithms.AES(key)
        self._cipher: Callable[[bytes], Cipher[modes.CBC]] = lambda start: Cipher(aes, modes.CBC(start))
        self._random = random

    def seal(self, place: bytes, plain: bytes) -> bytes:
        start = self._random(_BLOCK)
        padding = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher(start).encryptor()
        return start + encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()

    def open(self, place: bytes, sealed: bytes) -> bytes:
        if len(sealed) < _BLOCK:
            raise Unreadable(_TOO_SHORT)
        if len(sealed) % _BLOCK:
            raise Unreadable("the stored data is not a multiple of the block size")
        decryptor = self._cipher(sealed[:_BLOCK]).decryptor()
        plain = _unpadded(decryptor.update(sealed[_BLOCK:]) + decryptor.finalize())
        if not plain.startswith(_OBJECTS):
            raise Unreadable("no stored object came of it, the key is another")
        return plain


def _unpadded(padded: bytes) -> bytes:
    """Upstream takes a padding longer than a block, too."""
    size = padded[-1] if padded else 0
    if size == 0 or size > len(padded):
        raise Unreadable("invalid PKCS7 data (empty or not padded)")
    if padded[-size:] != padded[-1:] * size:
        raise Unreadable("invalid padding on input")
    return padded[:-size]
