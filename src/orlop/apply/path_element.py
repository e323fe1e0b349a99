"""Path elements: one step into an object, in the spelling of FieldsV1.

`f:name` is a member, `k:{"name":"a"}` an item of a list with keys, `v:"x"` an item of a set, `i:0` an index. Nodes
make them, `field_set` holds them as keys of trees and orders by `sort_key`, `conflicts` shows them. Spelling and order:
structured-merge-diff `fieldpath/serialize-pe.go`, `fieldpath/element.go`, `value/value.go` (Compare).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import orjson

from orlop.api.field import quote
from orlop.api.tree import Value
from orlop.apply import go_text

KEPT: Final = 8192
"""How many spellings are remembered with their order; the least recently used goes first."""

_RANKS: Final = {"f": 0, "k": 1, "v": 2, "i": 3}
_ESCAPED: Final = re.compile("[<>&\x08\x0c\u2028\u2029]")
_SHORT: Final = {r"\b": r"\u0008", r"\f": r"\u000c"}
_SHORT_ESCAPE: Final = re.compile(r"\\.")
_INDEX: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)


class BadElement(ValueError):
    """A spelling that cannot be read."""


def member(name: str) -> str:
    return "f:" + name


def item(keys: list[tuple[str, Value]]) -> str:
    """The item of a list whose keys have these values; `keys` in the order of their names."""
    return "k:{" + ",".join(f"{_string(name, html=False)}:{spell(value)}" for name, value in keys) + "}"


def in_set(value: Value) -> str:
    return "v:" + spell(value)


def spell(value: Value) -> str:
    """A value in JSON as upstream writes it into path elements: no spaces, sorted keys, `<`, `>`, `&` escaped."""
    kind = type(value)
    if kind is str:
        return _string(value)
    if kind is bool:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value is None:
        return "null"
    if kind is float:
        return go_text.json_float(value)
    if kind is list:
        return "[" + ",".join(map(spell, value)) + "]"
    return "{" + ",".join(f"{_string(key)}:{spell(value[key])}" for key in sorted(value)) + "}"


def _string(text: str, html: bool = True) -> str:
    plain = orjson.dumps(text).decode()
    if "\\" in plain:
        plain = _SHORT_ESCAPE.sub(lambda found: _SHORT.get(found[0], found[0]), plain)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", plain) if html else plain


@lru_cache(KEPT)
def sort_key(element: str) -> tuple[Any, ...]:
    """Orders elements as upstream does: members by name, then items by key, set items by value, indexes."""
    if element == ".":
        return (-1,)
    rank, text = _RANKS[element[0]], element[2:]
    if rank == 0:
        return (0, text)
    if rank == 3:
        return (3, int(text))
    value = orjson.loads(text)
    if rank == 2:
        return (2, _value_key(value))
    return (1, tuple((name, _value_key(value[name])) for name in sorted(value)))


def _value_key(value: Value) -> tuple[Any, ...]:
    """Numbers before strings before booleans before lists before maps before null."""
    kind = type(value)
    if kind is str:
        return (1, value)
    if kind is bool:
        return (2, value)
    if kind is list:
        return (3, tuple(map(_value_key, value)))
    if kind is dict:
        return (4, tuple((name, _value_key(value[name])) for name in sorted(value)))
    return (5,) if value is None else (0, value)


@lru_cache(KEPT)
def canonical(element: str) -> str:
    """The one spelling of an element that a client may have spelled otherwise; "" for kinds unknown, which are
    ignored. BadElement for what cannot be read."""
    if len(element.encode()) < 2:
        raise BadElement("key must be 2 characters long:")
    if element[1] != ":":
        raise BadElement(f"missing colon: {element}")
    kind, text = element[0], element[2:]
    if kind == "f":
        return element
    if kind == "i":
        if not _INDEX.fullmatch(text):
            raise BadElement(f"strconv.Atoi: parsing {quote(text)}: invalid syntax")
        return f"i:{int(text)}"
    if kind not in "kv":
        return ""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadElement(str(error)) from None
    if kind == "v":
        return in_set(value)
    if type(value) is not dict:
        raise BadElement("ReadObjectCB: expect { or n")
    return item([(name, value[name]) for name in sorted(value)])


def show(element: str) -> str:
    """An element as messages show it: `.name`, `[name="a",port=80]`, `[="x"]`, `[0]`."""
    kind, text = element[0], element[2:]
    if kind == "f":
        return "." + text
    if kind == "i":
        return f"[{text}]"
    value = orjson.loads(text)
    if kind == "v":
        return f"[={_show(value)}]"
    return "[" + ",".join(f"{name}={_show(value[name])}" for name in value) + "]"


def _show(value: Value) -> str:
    kind = type(value)
    if kind is str:
        return quote(value)
    if kind is list:
        return "[" + ",".join(map(_show, value)) + "]"
    if kind is dict:
        return "".join(f"{name}={_show(value[name])}" for name in value)
    return "null" if value is None else go_text.plain(value)
