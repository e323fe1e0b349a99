"""Bytes as JSON carries them: standard base64, read as leniently and refused as exactly as Go does.

Used by the typed codec for `[]byte` fields (Secret data). Behaviour: Go's `encoding/base64` StdEncoding: line
breaks are skipped, stray trailing bits are ignored, an error counts the bytes of the text.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Final, NoReturn

_ALPHABET: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BREAKS: Final = b"\r\n"
_PAD: Final = ord("=")


class CorruptInput(ValueError):
    """A text that is no base64; the message is Go's."""


def _refuse(offset: int) -> NoReturn:
    raise CorruptInput(f"illegal base64 data at input byte {offset}")


def decode(text: str) -> bytes:
    """The bytes that `text` stands for. CorruptInput in Go's words."""
    source = text.encode("utf-8", "surrogatepass")
    digits = bytearray()
    for offset, byte in enumerate(source):
        if byte in _ALPHABET:
            digits.append(byte)
        elif byte == _PAD:
            _check_end(source, offset, len(digits) % 4)
            return b64decode(bytes(digits) + b"=" * (-len(digits) % 4))
        elif byte not in _BREAKS:
            _refuse(offset)
    if len(digits) % 4:
        _refuse(len(source) - len(digits) % 4)
    return b64decode(bytes(digits))


def _check_end(source: bytes, offset: int, filled: int) -> None:
    """From the first pad on: one or two of them as the last group needs, then only line breaks."""
    if filled < 2:
        _refuse(offset)
    offset += 1
    if filled == 2:
        while offset < len(source) and source[offset] in _BREAKS:
            offset += 1
        if offset == len(source):
            _refuse(len(source))
        if source[offset] != _PAD:
            _refuse(offset - 1)
        offset += 1
    while offset < len(source) and source[offset] in _BREAKS:
        offset += 1
    if offset < len(source):
        _refuse(offset)


def encode(content: bytes) -> str:
    return b64encode(content).decode()
