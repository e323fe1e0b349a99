"""Regular expressions: RE2 in linear time behind one small class, and Kubernetes' `find` and `findAll`.

`matches` (the standard functions), this library and whoever checks patterns of schemas compile here. The engine is
RE2 itself (package google-re2), imported at the first pattern; errors are told in the words of Go's regexp. Behaviour:
Go regexp and regexp/syntax; Kubernetes pkg/cel/library/regex.go.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from orlop.cel import types as t
from orlop.cel.functions import Library
from orlop.cel.library_regex_dialect import for_engine, go_error, nests_too_deeply, with_short_names
from orlop.cel.library_signature import function, member
from orlop.cel.values import CelError

REMEMBERED: Final = 1024
"""Compiled patterns that are kept; the least recently used is forgotten, and compiled anew when it comes again."""

MEMORY: Final = 64 << 20
"""Bytes a compiled pattern and its automaton may take; beyond it the pattern is refused as too large."""

PATTERN_ARGUMENT: Final = {"matches": 1, "find": 1, "findAll": 1}
"""Where (counting the receiver) these functions take their pattern: literals there are compiled with the program."""

_Match = Callable[[Any, bytes, int, int], list[tuple[int, int]]]


class PatternError(ValueError):
    """A pattern that does not compile, in Go's words."""


class Pattern:
    """A compiled pattern."""

    __slots__ = ("_anywhere", "_match", "text")

    text: str

    def __init__(self, text: str, match: _Match, anywhere: Any) -> None:
        self.text = text
        self._match = match
        self._anywhere = anywhere

    def matches(self, text: str) -> bool:
        """Whether the pattern matches anywhere in `text`."""
        data = text.encode()
        return self._match(self._anywhere, data, 0, len(data))[0][0] >= 0

    def find(self, text: str) -> str:
        """The first match, "" where there is none."""
        data = text.encode()
        start, end = self._match(self._anywhere, data, 0, len(data))[0]
        return data[start:end].decode() if start >= 0 else ""

    def find_all(self, text: str, limit: int = -1) -> list[str]:
        """The matches one after the other, at most `limit` of them where it is not negative."""
        data = text.encode()
        size, position, last, found = len(data), 0, -1, list[str]()
        while position <= size and len(found) != limit:
            start, end = self._match(self._anywhere, data, position, size)[0]
            if start < 0:
                break
            if end > position or start != last:  # no empty match right behind another one
                found.append(data[start:end].decode())
            position = end if end > position else _next_character(data, position)
            last = end
        return found


def _next_character(data: bytes, position: int) -> int:
    position += 1
    while position < len(data) and data[position] & 0xC0 == 0x80:
        position += 1
    return position


@lru_cache(maxsize=1)
def _engine() -> Any:
    """The module of RE2, imported when the first pattern asks for it."""
    return importlib.import_module("re2")


@lru_cache(maxsize=REMEMBERED)
def compile_pattern(text: str) -> Pattern:
    """The compiled pattern; PatternError with Go's words where it is none."""
    engine = _engine()
    options = engine.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = MEMORY
    spelt = for_engine(text)
    compiled = engine._re2.RE2(spelt.encode(), options)
    if not compiled.ok() and "\\p{" in text.lower():
        compiled = engine._re2.RE2(with_short_names(spelt).encode(), options)
    if compiled.ok() and nests_too_deeply(text):
        raise PatternError(f"error parsing regexp: expression nests too deeply: `{text}`")
    if not compiled.ok():
        raise PatternError(go_error(text, compiled.error().decode()))
    return Pattern(text, compiled.Match, engine._re2.RE2.Anchor.UNANCHORED)


def _compiled(text: str) -> Pattern:
    try:
        return compile_pattern(text)
    except PatternError as error:
        raise CelError(f"Illegal regex: {error}") from None


def _find(text: str, pattern: str) -> str:
    return _compiled(pattern).find(text)


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    return _compiled(pattern).find_all(text, limit)


_STRINGS: Final = t.list_of(t.STRING)

REGEX: Final = Library(
    "kubernetes.regex",
    (
        function("find", member("string_find_string", (t.STRING, t.STRING), t.STRING, _find)),
        function(
            "findAll",
            member("string_find_all_string", (t.STRING, t.STRING), _STRINGS, _find_all),
            member("string_find_all_string_int", (t.STRING, t.STRING, t.INT), _STRINGS, _find_all),
        ),
    ),
)
