"""JSONPath as definitions use it, for printer columns and selectable fields: compiled once, asked for each object.

Compiled by `columns` and `fields`. Fields, indexes, slices, wildcards, unions, filters and recursive descent; a path
that leads nowhere finds nothing. Behaviour: client-go `util/jsonpath` with AllowMissingKeys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import orjson

from orlop.api.gotext import shortest
from orlop.api.tree import Value

Step: TypeAlias = Callable[[list[Value]], list[Value]]

_TERMINATORS: Final = frozenset(" \t\r\n.,[]$@{}")
_KEY: Final = re.compile(r"^'([^']*)'$")
_SLICE: Final = re.compile(r"^(-?[\d]*)(:-?[\d]*)?(:-?[\d]*)?$")
_FILTER: Final = re.compile(r"^([^!<>=]+)([!<>=]+)(.+?)$", re.DOTALL)
_NUMBER: Final = re.compile(r"[+-]?[\d.]*")
_WORD: Final = re.compile(r"\w+")
_EXPONENT: Final = 21


class BadPath(ValueError):
    """Not a JSONPath."""


class BadMatch(ValueError):
    """A path that cannot be followed in this object: an index out of bounds, a filter of no list."""


class JSONPath:
    """`path` as definitions have it, without braces. Raises BadPath."""

    __slots__ = ("_fields", "_steps")

    def __init__(self, path: str) -> None:
        self._steps = _Reader(path).steps()
        self._fields = _plain(path)

    def find(self, tree: Value) -> list[Value]:
        """All that the path leads to. Raises BadMatch."""
        if self._fields is not None:
            return self._walk(tree)
        found = [tree]
        for step in self._steps:
            found = step(found)
        return found

    def _walk(self, tree: Value) -> list[Value]:
        for name in self._fields or ():
            if type(tree) is not dict or name not in tree:
                return []
            tree = tree[name]
        return [tree]


def _plain(path: str) -> tuple[str, ...] | None:
    """The names of a path that has nothing but fields."""
    names = path.split(".")
    if names[0] or len(names) < 2 or not all(re.fullmatch(r"[\w/-]+", name) for name in names[1:]):
        return None
    return tuple(names[1:])


class _Reader:
    """Reads one action."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._steps = text, 0, list[Step]()

    def steps(self) -> tuple[Step, ...]:
        text = self._text
        while self._at < len(text):
            char = text[self._at]
            if text.startswith("[?(", self._at):
                self._filter()
            elif text.startswith("..", self._at):
                self._recursive()
            elif char in " @$":
                self._at += 1
            elif char == "[":
                self._array()
            elif char in "\"'":
                self._quoted(char)
            elif char == ".":
                self._at += 1
                self._field()
            elif char in "+-" or char.isdigit():
                self._number()
            elif char == "_" or char.isalnum():
                self._identifier()
            else:
                raise BadPath(f"unrecognized character in action: {char!r}")
        return tuple(self._steps)

    def _field(self) -> None:
        start, text = self._at, self._text
        while self._at < len(text) and text[self._at] not in _TERMINATORS:
            self._at += 2 if text[self._at] == "\\" else 1
        name = text[start : self._at].replace("\\", "")
        self._steps.append(_wildcard if name == "*" else _field(name))

    def _recursive(self) -> None:
        if self._steps and self._steps[-1] is _recursive:
            raise BadPath("invalid multiple recursive descent")
        self._at += 2
        self._steps.append(_recursive)
        if self._at < len(self._text) and (self._text[self._at] == "_" or self._text[self._at].isalnum()):
            self._field()

    def _identifier(self) -> None:
        found = _WORD.match(self._text, self._at)
        word = found[0] if found is not None else ""
        self._at += len(word)
        if word not in ("true", "false"):
            raise BadPath(f"unrecognized identifier {word}")
        self._steps.append(_constant(word == "true"))

    def _number(self) -> None:
        found = _NUMBER.match(self._text, self._at)
        text = found[0] if found is not None else ""
        self._at += len(text)
        try:
            self._steps.append(_constant(int(text) if "." not in text else float(text)))
        except ValueError:
            raise BadPath(f"cannot parse number {text}") from None

    def _quoted(self, mark: str) -> None:
        end = self._at + 1
        while end < len(self._text) and self._text[end] != mark:
            end += 2 if self._text[end] == "\\" else 1
        if end >= len(self._text):
            raise BadPath("unterminated quoted string")
        text = re.sub(r"\\(.)", r"\1", self._text[self._at + 1 : end])
        self._at = end + 1
        self._steps.append(lambda values: [text])

    def _array(self) -> None:
        end = self._text.find("]", self._at)
        if end < 0:
            raise BadPath("unterminated array")
        text = self._text[self._at + 1 : end]
        self._at = end + 1
        parts = text.split(",")
        if len(parts) > 1:
            self._steps.append(_union([_Reader(f"[{part.strip(' ')}]").steps() for part in parts]))
            return
        key = _KEY.match(text)
        if key is not None:
            self._steps += _Reader("." + key[1]).steps()
            return
        self._steps.append(_slice(":" if text == "*" else text))

    def _filter(self) -> None:
        start = self._at = self._at + 3
        end = self._end_of_filter(start)
        if self._text[end + 1 : end + 2] != "]":
            raise BadPath("unclosed array expect ]")
        self._at = end + 2
        text = self._text[start:end]
        found = _FILTER.match(text)
        if found is None:
            self._steps.append(_exists(_Reader(text).steps()))
            return
        compare = _COMPARISONS.get(found[2])
        if compare is None:
            raise BadPath(f"unrecognized filter operator {found[2]}")
        self._steps.append(_compared(_Reader(found[1]).steps(), compare, _Reader(found[3]).steps()))

    def _end_of_filter(self, at: int) -> int:
        mark = ""
        for position in range(at, len(self._text)):
            char = self._text[position]
            if char in "\"'" and not mark:
                mark = char
            elif char == mark and self._text[position - 1] != "\\":
                mark = ""
            elif char == ")" and not mark:
                return position
        raise BadPath("unterminated filter")


def _field(name: str) -> Step:
    return lambda values: [value[name] for value in values if type(value) is dict and name in value]


def _constant(constant: Value) -> Step:
    return lambda values: [constant] * len(values)


def _members(value: Value) -> list[Value]:
    if type(value) is dict:
        return list(value.values())
    return list(value) if type(value) in (list, str) else []


def _wildcard(values: list[Value]) -> list[Value]:
    return [member for value in values for member in _members(value)]


def _recursive(values: list[Value]) -> list[Value]:
    return list(_below(values))


def _below(values: list[Value]) -> Iterator[Value]:
    for value in values:
        members = _members(value) if type(value) is not str else []
        if members:
            yield value
            yield from _below(members)


def _union(paths: list[tuple[Step, ...]]) -> Step:
    return lambda values: [found for path in paths for found in _run(path, values)]


def _run(path: tuple[Step, ...], values: list[Value]) -> list[Value]:
    for step in path:
        values = step(values)
    return values


def _slice(text: str) -> Step:
    found = _SLICE.match(text)
    if found is None:
        raise BadPath(f"invalid array index {text}")
    try:
        first, last, step = (int(part) if part else None for part in (
            found[1], (found[2] or "")[1:], (found[3] or "")[1:]))
    except ValueError:
        raise BadPath(f"array index {text} is not a number") from None
    single = found[2] is None

    def take(values: list[Value]) -> list[Value]:
        taken: list[Value] = []
        for value in values:
            if value is None:
                continue
            if type(value) is not list:
                raise BadMatch("not an array")
            start, end = first or 0, last
            size = len(value)
            if start < 0:
                start += size
            if single:
                end = start + 1
            end = size if end is None else end + size if end < 0 else end
            if start == end:
                return taken
            if not (0 <= start < size and 0 <= end <= size and start < end) or (step is not None and step <= 0):
                raise BadMatch("array index out of bounds")
            taken += value[start:end:step]
        return taken

    return take


def _listed(values: list[Value]) -> Iterator[Value]:
    for value in values:
        if type(value) is not list:
            raise BadMatch("not an array, cannot be filtered")
        yield from value


def _exists(path: tuple[Step, ...]) -> Step:
    return lambda values: [item for item in _listed(values) if _run(path, [item])]


def _compared(left: tuple[Step, ...], compare: Callable[[Any, Any], bool], right: tuple[Step, ...]) -> Step:
    def keep(item: Value) -> bool:
        one, other = _run(left, [item]), _run(right, [item])
        if not one or not other:
            return False
        if len(one) > 1 or len(other) > 1:
            raise BadMatch("can only compare one element at a time")
        if type(one[0]) is not type(other[0]) or type(one[0]) not in (str, int, float, bool):
            raise BadMatch("incompatible types for comparison")
        return compare(one[0], other[0])

    return lambda values: [item for item in _listed(values) if keep(item)]


_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": lambda one, other: bool(one == other), "!=": lambda one, other: bool(one != other),
    "<": lambda one, other: bool(one < other), "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other), ">=": lambda one, other: bool(one >= other),
}


def text(value: Value) -> str:
    """A value as Go prints it: strings as they are, maps and lists as JSON."""
    kind = type(value)
    if kind is str:
        return str(value)
    if value is None:
        return "<nil>"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return shortest(value, _EXPONENT)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
