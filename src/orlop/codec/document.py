"""JSON read slowly and completely: every member of every object in its order, every number as it was written.

`codec.json` comes here when the fast parser refuses a body, either for the words of the error or because Go
accepts what the fast parser does not (lone surrogates, broken UTF-8, deep nesting); `schema.exact` comes here
for what a parsed tree no longer shows: repeated keys and the spelling of numbers. What is valid and how an
error reads follows Go's `encoding/json` scanner.go; there is no recursion, the nesting limit is Go's.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any, Final, NoReturn

from orlop.api.field import quote
from orlop.api.tree import Value

NESTING_LIMIT: Final = 10_000
"""Arrays and objects within each other; a deeper body is refused, as upstream refuses it."""

_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_STRING: Final = re.compile(
    rb'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"')
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERALS: Final = {ord("t"): (b"true", True), ord("f"): (b"false", False), ord("n"): (b"null", None)}
_NUMBER_STARTS: Final = frozenset(b"-0123456789")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class JSONError(ValueError):
    """A body that is not JSON; the message is Go's."""


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """An object: its members in order, repeated keys included."""

    __slots__ = ()


def _replace_byte(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return "\ufffd", error.start + 1
    raise error


codecs.register_error("orlop.one-by-one", _replace_byte)


def text_of(raw: bytes) -> str:
    """UTF-8 with every byte that is none replaced by U+FFFD, one for one, as Go reads it."""
    return raw.decode("utf-8", "orlop.one-by-one")


def _character(byte: int) -> str:
    if byte == ord("'"):
        return r"'\''"
    if byte == ord('"'):
        return "'\"'"
    return f"'{quote(chr(byte))[1:-1]}'"


class _Parser:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.position = 0

    def fail(self, where: str) -> NoReturn:
        """A byte that cannot stand between values, or the end of the body there."""
        if self.position >= len(self.body):
            raise JSONError("unexpected end of JSON input")
        raise JSONError(f"invalid character {_character(self.body[self.position])} {where}")

    def fail_within(self, where: str, position: int) -> NoReturn:
        """A byte that cannot stand within a value. At the end of the body Go complains of a blank."""
        byte = self.body[position] if position < len(self.body) else ord(" ")
        raise JSONError(f"invalid character {_character(byte)} {where}")

    def skip_space(self) -> int:
        """Move to the next byte that counts; -1 at the end."""
        match = _SPACE.match(self.body, self.position)
        self.position = match.end() if match else self.position
        return self.body[self.position] if self.position < len(self.body) else -1

    def parse(self) -> Any:
        stack: list[Any] = []
        keys: list[str] = []
        while True:
            byte = self.skip_space()
            if byte == ord("{") or byte == ord("["):
                if len(stack) >= NESTING_LIMIT:
                    self.fail("exceeded max depth")
                self.position += 1
                container: Any = Members() if byte == ord("{") else []
                if self.skip_space() != (ord("}") if byte == ord("{") else ord("]")):
                    stack.append(container)
                    if byte == ord("{"):
                        keys.append(self.key())
                    continue
                self.position += 1
                value = container
            else:
                value = self.scalar(byte)
            while True:
                if not stack:
                    if self.skip_space() >= 0:
                        self.fail("after top-level value")
                    return value
                top = stack[-1]
                if self.add(top, value, keys):
                    break
                value = stack.pop()

    def add(self, container: Any, value: Any, keys: list[str]) -> bool:
        """Put a value into the innermost open container; False when that closes after it."""
        byte = self.skip_space()
        if isinstance(container, Members):
            container.append((keys.pop(), value))
            end, where = ord("}"), "after object key:value pair"
        else:
            container.append(value)
            end, where = ord("]"), "after array element"
        if byte != ord(",") and byte != end:
            self.fail(where)
        self.position += 1
        if byte == end:
            return False
        if end == ord("}"):
            keys.append(self.key())
        return True

    def key(self) -> str:
        if self.skip_space() != ord('"'):
            self.fail("looking for beginning of object key string")
        key = self.string()
        if self.skip_space() != ord(":"):
            self.fail("after object key")
        self.position += 1
        return key

    def scalar(self, byte: int) -> Value:
        if byte == ord('"'):
            return self.string()
        if byte in _NUMBER_STARTS:
            return self.number()
        if byte not in _LITERALS:
            self.fail("looking for beginning of value")
        word, value = _LITERALS[byte]
        for offset, expected in enumerate(word):
            position = self.position + offset
            if position >= len(self.body) or self.body[position] != expected:
                where = f"in literal {word.decode()} (expecting {_character(expected)})"
                self.fail_within(where, position)
        self.position += len(word)
        return value

    def string(self) -> str:
        match = _STRING.match(self.body, self.position)
        if match is None:
            self.fail_in_string()
        raw = match.group()
        self.position = match.end()
        if b"\\" not in raw:
            return text_of(raw[1:-1])
        text: str = json.loads(text_of(raw), strict=False)
        return _SURROGATE.sub("\ufffd", text)

    def fail_in_string(self) -> NoReturn:
        position = self.position + 1
        while position < len(self.body):
            byte = self.body[position]
            if byte < 0x20:
                self.fail_within("in string literal", position)
            if byte == ord("\\"):
                position += 1
                if position < len(self.body) and self.body[position] == ord("u"):
                    for offset in range(1, 5):
                        here = position + offset
                        if here >= len(self.body) or self.body[here] not in b"0123456789abcdefABCDEF":
                            self.fail_within("in \\u hexadecimal character escape", here)
                    position += 4
                elif position >= len(self.body) or self.body[position] not in b'"\\/bfnrt':
                    self.fail_within("in string escape code", position)
            position += 1
        raise JSONError("unexpected end of JSON input")

    def number(self) -> Number:
        match = _NUMBER.match(self.body, self.position)
        if match is None:
            self.fail_within("in numeric literal", self.position + 1)
        read, end = match.group().lower(), match.end()
        follow = self.body[end : end + 1].lower()
        if follow == b"." and b"." not in read and b"e" not in read:
            self.fail_within("after decimal point in numeric literal", end + 1)
        if follow == b"e" and b"e" not in read:
            signed = self.body[end + 1 : end + 2] in (b"+", b"-")
            self.fail_within("in exponent of numeric literal", end + 1 + signed)
        self.position = end
        return Number(match.group().decode())


def parse(body: bytes) -> Any:
    """The document: Members, lists, str, Number, bool, None. JSONError in Go's words."""
    return _Parser(body).parse()


def plain_number(number: str) -> int | float:
    """A number of no particular type: exact when it is written as an integer of 64 bits, else a float
    (infinite when it is too large for one)."""
    if "." not in number and "e" not in number and "E" not in number:
        value = int(number)
        if -(1 << 63) <= value < 1 << 63:
            return value
    return float(number)


def plain(document: Any) -> Value:
    """The tree of a document: the last of repeated keys counts."""
    result: list[Any] = [None]
    work: list[tuple[Any, Any, Any]] = [(document, result, 0)]
    while work:
        value, home, place = work.pop()
        if isinstance(value, Number):
            home[place] = plain_number(value)
        elif isinstance(value, Members):
            home[place] = tree = dict.fromkeys(key for key, _ in value)
            work.extend((inner, tree, key) for key, inner in dict(value).items())
        elif isinstance(value, list):
            home[place] = items = [None] * len(value)
            work.extend((inner, items, index) for index, inner in enumerate(value))
        else:
            home[place] = value
    return result[0]
