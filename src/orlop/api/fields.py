"""Field selectors: "metadata.name=x,status.phase!=Running".

Query strings come here through `parse` (from `query_options`); `map` renames fields for a kind's version;
lists and watches match with the result. Behaviour of apimachinery `pkg/fields/selector.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from orlop.api.label_requirement import SelectorError

__all__ = ["EVERYTHING", "Requirement", "Selector", "SelectorError", "escape", "one_equal", "parse",
           "unescape"]

Fields: TypeAlias = Mapping[str, str]
Matcher: TypeAlias = Callable[[Fields], bool]
Convert: TypeAlias = Callable[[str, str], tuple[str, str]]
"""Translates (field, value) of a kind's version; raises SelectorError for a field that cannot be selected
by."""

PARSED_SELECTORS = 512
"""How many parsed selectors are kept; the least recently used goes first."""
LONGEST_KEPT = 2048
"""Longer selector texts are parsed anew each time, so that the cache stays small."""

_TERM = re.compile(r"(?:[^\\,]|\\.)*\\?", re.DOTALL)
_OPERATOR = re.compile("!=|==|=")
_SPECIAL = re.compile(r"[\\,=]")


class Requirement(NamedTuple):
    """`op` is "=" or "!="."""

    field: str
    op: str
    value: str

    def __str__(self) -> str:
        return f"{self.field}{self.op}{escape(self.value)}"


class Selector:
    """A conjunction of requirements. Immutable; equal when its requirements are. A field that an object does
    not have counts as "". `matches(fields)` is a compiled function kept in a slot."""

    __slots__ = ("empty", "matches", "requirements")

    matches: Matcher
    requirements: tuple[Requirement, ...]
    empty: bool

    def __init__(self, requirements: Iterable[Requirement] = ()) -> None:
        kept = tuple(requirements)
        put = object.__setattr__
        put(self, "requirements", kept)
        put(self, "empty", not kept)
        put(self, "matches", _compile(kept))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Selector cannot be changed ({name})")

    def exact(self, field: str) -> str | None:
        """The one value that `field` must have, None when the selector does not say."""
        for wanted in self.requirements:
            if wanted.field == field and wanted.op == "=":
                return wanted.value
        return None

    def map(self, convert: Convert) -> Selector:
        """The same selector in other field names. What becomes ("", "") falls away."""
        if not self.requirements:
            return self
        found = []
        for field, op, value in self.requirements:
            new_field, new_value = convert(field, value)
            if new_field or new_value:
                found.append(Requirement(new_field, op, new_value))
        return Selector(found)

    def without(self, field: str) -> Selector:
        """The requirements that do not speak of `field`."""
        return Selector(r for r in self.requirements if r.field != field)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return f"<Selector {self}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selector):
            return NotImplemented
        return self.requirements == other.requirements

    def __hash__(self) -> int:
        return hash(self.requirements)


def _compile(requirements: tuple[Requirement, ...]) -> Matcher:
    if not requirements:
        return lambda fields: True
    if len(requirements) == 1:
        return _compile_one(requirements[0])
    parts = tuple(map(_compile_one, requirements))

    def match_all(fields: Fields) -> bool:
        for part in parts:  # noqa: SIM110 (a generator would double the time)
            if not part(fields):
                return False
        return True

    return match_all


def _compile_one(wanted: Requirement) -> Matcher:
    field, op, value = wanted
    if op == "=":
        return lambda fields: fields.get(field, "") == value
    return lambda fields: fields.get(field, "") != value


EVERYTHING = Selector()


def escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def unescape(text: str) -> str:
    """The reverse of `escape`. Raises SelectorError for special characters without a backslash and for others
    with."""
    if not _SPECIAL.search(text):
        return text
    out: list[str] = []
    chars = iter(text)
    for char in chars:
        if char == "\\":
            escaped = next(chars, "")
            if not escaped or escaped not in "\\,=":
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{escaped}")
            out.append(escaped)
        elif char in ",=":
            # Upstream prints the character's number.
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(char)}")
        else:
            out.append(char)
    return "".join(out)


def _terms(text: str) -> list[str]:
    """The text cut at commas that no backslash protects."""
    found = []
    position = 0
    while True:
        term = _TERM.match(text, position)
        assert term is not None  # the pattern matches everywhere, if only nothing
        found.append(term.group())
        if term.end() >= len(text):
            return found
        position = term.end() + 1


def _parse(text: str) -> Selector:
    found = []
    for term in sorted(_terms(text)):
        if not term:
            continue
        operator = _OPERATOR.search(term)
        if operator is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")
        op = "!=" if operator.group() == "!=" else "="
        field, value = term[: operator.start()], unescape(term[operator.end():])
        if field or value:
            found.append(Requirement(field, op, value))
    return Selector(found) if found else EVERYTHING


_parse_kept = lru_cache(PARSED_SELECTORS)(_parse)


def parse(text: str) -> Selector:
    """The selector that a query parameter means, its terms in sorted order. Raises SelectorError."""
    if not text:
        return EVERYTHING
    return _parse_kept(text) if len(text) <= LONGEST_KEPT else _parse(text)


def one_equal(field: str, value: str) -> Selector:
    return Selector((Requirement(field, "=", value),))
