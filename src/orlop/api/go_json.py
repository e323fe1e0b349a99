"""Go's complaints about malformed JSON.

Whoever has to refuse a text that orjson did not take calls `syntax_error` for the message; this never runs
for valid input. The texts are those of the scanner in Go's `encoding/json`.
"""

from __future__ import annotations

import re

from orlop.api.field import quote

MAX_DEPTH = 10_000
"""Go's limit on nesting; deeper input is refused."""

_SPACE = re.compile(rb"[ \t\r\n]*")
_INTEGER = re.compile(rb"0|[1-9][0-9]*")
_DIGITS = re.compile(rb"[0-9]+")
_POINT = re.compile(rb"\.")
_EXPONENT = re.compile(rb"[eE][+-]?")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_LITERALS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}

_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _COLON, _AFTER = range(6)
_END = "unexpected end of JSON input"


class _Malformed(Exception):
    """Carries the complaint out of the scan."""


def syntax_error(data: bytes) -> str:
    """Why `data` is no JSON text, "" when it is one."""
    try:
        # Go's scanner feeds itself a blank at the end of input; complaints about cut-off tokens name it.
        _Scan(data + b" ").run()
    except _Malformed as complaint:
        return str(complaint)
    return ""


def _named(byte: int) -> str:
    if byte == 0x27:
        return "'\\''"
    if byte == 0x22:
        return "'\"'"
    return f"'{quote(chr(byte))[1:-1]}'"


class _Scan:
    """One pass over a text; `position` is the byte looked at."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def refuse(self, context: str) -> _Malformed:
        if self.position >= len(self.data):
            return _Malformed(_END)
        return _Malformed(f"invalid character {_named(self.data[self.position])} {context}")

    def skip(self, form: re.Pattern[bytes]) -> bool:
        found = form.match(self.data, self.position)
        if found is None:
            return False
        self.position = found.end()
        return True

    def run(self) -> None:
        open_brackets: list[int] = []
        state = _VALUE
        while True:
            self.skip(_SPACE)
            if self.position >= len(self.data):
                if state == _AFTER and not open_brackets:
                    return
                raise _Malformed(_END)
            byte = self.data[self.position]
            if state in (_VALUE, _VALUE_OR_END):
                state = self.value(byte, state, open_brackets)
            elif state in (_KEY, _KEY_OR_END):
                state = self.key(byte, state, open_brackets)
            elif state == _COLON:
                if byte != ord(":"):
                    raise self.refuse("after object key")
                self.position += 1
                state = _VALUE
            else:
                state = self.after(byte, open_brackets)

    def value(self, byte: int, state: int, open_brackets: list[int]) -> int:
        if byte in b"{[":
            if len(open_brackets) == MAX_DEPTH:
                raise self.refuse("exceeded max depth")
            open_brackets.append(byte)
            self.position += 1
            return _KEY_OR_END if byte == ord("{") else _VALUE_OR_END
        if byte == ord("]") and state == _VALUE_OR_END:
            return self.after(byte, open_brackets)
        if byte == ord('"'):
            self.string()
        elif byte == ord("-") or 0x30 <= byte <= 0x39:
            self.number()
        elif byte in _LITERALS:
            self.literal(_LITERALS[byte])
        else:
            raise self.refuse("looking for beginning of value")
        return _AFTER

    def key(self, byte: int, state: int, open_brackets: list[int]) -> int:
        if byte == ord("}") and state == _KEY_OR_END:
            return self.after(byte, open_brackets)
        if byte != ord('"'):
            raise self.refuse("looking for beginning of object key string")
        self.string()
        return _COLON

    def after(self, byte: int, open_brackets: list[int]) -> int:
        if not open_brackets:
            raise self.refuse("after top-level value")
        in_object = open_brackets[-1] == ord("{")
        if byte == (ord("}") if in_object else ord("]")):
            open_brackets.pop()
        elif byte != ord(","):
            raise self.refuse("after object key:value pair" if in_object else "after array element")
        self.position += 1
        if byte == ord(","):
            return _KEY if in_object else _VALUE
        return _AFTER

    def string(self) -> None:
        self.position += 1
        while True:
            self.skip(_PLAIN)
            if self.position >= len(self.data):
                raise _Malformed(_END)
            byte = self.data[self.position]
            if byte == ord('"'):
                self.position += 1
                return
            if byte != ord("\\"):
                raise self.refuse("in string literal")
            self.escape()

    def escape(self) -> None:
        self.position += 1
        if self.position >= len(self.data):
            raise _Malformed(_END)
        byte = self.data[self.position]
        if byte not in b'bfnrt\\/"u':
            raise self.refuse("in string escape code")
        self.position += 1
        if byte == ord("u"):
            for _ in range(4):
                if self.position >= len(self.data):
                    raise _Malformed(_END)
                if self.data[self.position] not in b"0123456789abcdefABCDEF":
                    raise self.refuse("in \\u hexadecimal character escape")
                self.position += 1

    def number(self) -> None:
        if not self.skip(_INTEGER):
            self.position += 1
            if not self.skip(_INTEGER):
                raise self.refuse("in numeric literal")
        if self.skip(_POINT) and not self.skip(_DIGITS):
            raise self.refuse("after decimal point in numeric literal")
        if self.skip(_EXPONENT) and not self.skip(_DIGITS):
            raise self.refuse("in exponent of numeric literal")

    def literal(self, word: bytes) -> None:
        for expected in word:
            if self.position >= len(self.data):
                raise _Malformed(_END)
            if self.data[self.position] != expected:
                raise self.refuse(f"in literal {word.decode()} (expecting '{chr(expected)}')")
            self.position += 1
