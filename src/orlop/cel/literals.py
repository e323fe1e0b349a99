"""The values of literal tokens: numbers, strings and bytes with their escapes.

`parser` calls this for each literal token; what cannot be read is a `LiteralError` with cel-go's words. Behaviour:
cel-go parser/unescape.go and the literal visitors of parser/parser.go.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from orlop.cel.values import INT_MAX, INT_MIN, UINT_MAX, Uint

_SIMPLE: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?",
}  # fmt: skip
_ESCAPE: Final = re.compile(r"\\(?:([xX])(..)|u(.{4})|U(.{8})|([0-3][0-7]{2})|(.))", re.DOTALL)


class LiteralError(Exception):
    """A literal with a value CEL has not."""


def int_literal(text: str) -> int:
    """A signed 64-bit integer, decimal or hexadecimal."""
    negative = text.startswith("-")
    digits = text[1:] if negative else text
    number = _whole(digits)
    number = -number if negative else number
    if not INT_MIN <= number <= INT_MAX:
        raise LiteralError("invalid int literal")
    return number


def uint_literal(text: str) -> Uint:
    """An unsigned 64-bit integer; the text ends with `u`."""
    number = _whole(text[:-1])
    if number > UINT_MAX:
        raise LiteralError("invalid uint literal")
    return Uint(number)


def _whole(digits: str) -> int:
    if digits.startswith("0x"):
        return int(digits[2:], 16) if len(digits) <= 40 else UINT_MAX + 1
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= 40 else UINT_MAX + 1


def double_literal(text: str) -> float:
    """A double; what overflows is no literal."""
    number = float(text)
    if math.isinf(number):
        raise LiteralError("invalid double literal")
    return number


def string_literal(text: str) -> str:
    """A string, without quotes and escapes."""
    body, raw = _body(text)
    if raw or "\\" not in body:
        return body
    return _ESCAPE.sub(_string_escape, body)


def bytes_literal(text: str) -> bytes:
    """Bytes; the text begins with `b`."""
    body, raw = _body(text[1:])
    if raw or "\\" not in body:
        return body.encode("utf-8", "surrogatepass")
    out = bytearray()
    at = 0
    for found in _ESCAPE.finditer(body):
        out += body[at : found.start()].encode("utf-8", "surrogatepass")
        out.append(_bytes_escape(found))
        at = found.end()
    out += body[at:].encode("utf-8", "surrogatepass")
    return bytes(out)


def _body(text: str) -> tuple[str, bool]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    raw = text[0] in "rR"
    if raw:
        text = text[1:]
    if len(text) >= 6 and text[:3] in ("'''", '"""'):
        return text[3:-3], raw
    return text[1:-1], raw


def _string_escape(found: re.Match[str]) -> str:
    _, hexadecimal, short, long, octal, simple = found.groups()
    if simple is not None:
        return _simple(simple)
    number = int(octal, 8) if octal is not None else int(hexadecimal or short or long, 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise LiteralError("invalid unicode code point")
    return chr(number)


def _bytes_escape(found: re.Match[str]) -> int:
    _, hexadecimal, short, long, octal, simple = found.groups()
    if short is not None or long is not None:
        raise LiteralError("unable to unescape string")
    if simple is not None:
        return ord(_simple(simple))
    return int(octal, 8) if octal is not None else int(hexadecimal, 16)


def _simple(letter: str) -> str:
    value = _SIMPLE.get(letter)
    if value is None:
        raise LiteralError("unable to unescape string")
    return value


LITERALS: Final[Mapping[str, Callable[[str], Any]]] = {
    "NUM_INT": int_literal,
    "NUM_UINT": uint_literal,
    "NUM_FLOAT": double_literal,
    "STRING": string_literal,
    "BYTES": bytes_literal,
    "true": lambda text: True,
    "false": lambda text: False,
    "null": lambda text: None,
}
"""How the text of each kind of literal token is read."""
