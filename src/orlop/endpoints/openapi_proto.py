"""Protobuf for documents described by tables: a writer, made of small steps, and no reader.

`openapi_proto_messages` describes gnostic's OpenAPI messages with it, `openapi` hands documents to those. A
message is a list of steps in order of field numbers; a step looks up its member in a JSON tree and appends
a field. Wire format: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from orlop.api.tree import Tree

Field = Callable[[bytearray, int, Any], None]
"""Appends one field of a number with a value."""
Step = Callable[[bytearray, Tree], None]
"""Appends what a tree has for one field of its message."""

_OTHER_TYPE = re.compile(
    r"(?i)true|false|null|~|[-+]?[.]?\d[\d_.:]*(e[-+]?\d+)?|0x[\da-f]+|[-+]?\.inf|\.nan|\d{4}-.*"
)
"""Texts that YAML would read as something else than text."""
_NOT_PLAIN = re.compile(r"^[-?:,\[\]{}#&*!|>'\"%@` ]|: | #|[: ]$")
REMEMBERED = 4096
"""Extensions and defaults whose YAML is kept: a few hundred distinct ones come thousands of times."""


def varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def delimited(out: bytearray, number: int, content: bytes | bytearray) -> None:
    varint(out, number << 3 | 2)
    varint(out, len(content))
    out += content


class Message:
    """A message type. Made empty and filled later, so that types can contain themselves."""

    __slots__ = ("steps",)

    def __init__(self, *steps: Step) -> None:
        self.steps = steps

    def encode(self, tree: Tree) -> bytearray:
        out = bytearray()
        for step in self.steps:
            step(out, tree)
        return out

    def __call__(self, out: bytearray, number: int, value: Tree) -> None:
        """A message is itself a kind of field."""
        delimited(out, number, self.encode(value))


def string(out: bytearray, number: int, value: str) -> None:
    if value:
        delimited(out, number, value.encode())


def boolean(out: bytearray, number: int, value: bool) -> None:
    if value:
        varint(out, number << 3)
        out.append(1)


def integer(out: bytearray, number: int, value: int) -> None:
    if value:
        varint(out, number << 3)
        varint(out, value & 0xFFFFFFFFFFFFFFFF)


def double(out: bytearray, number: int, value: float) -> None:
    if value:
        varint(out, number << 3 | 1)
        out += struct.pack("<d", value)


def anything(out: bytearray, number: int, value: Any) -> None:
    """gnostic's Any: the value as YAML text."""
    content = bytearray()
    delimited(content, 2, yaml_of(value))
    delimited(out, number, content)


def each(kind: Field) -> Field:
    """A repeated field."""

    def append(out: bytearray, number: int, values: list[Any]) -> None:
        for value in values:
            kind(out, number, value)

    return append


def wrapped(number: int, kind: Field) -> Field:
    """A message of one field: what oneof groups, lists and maps are wrapped in."""

    def append(out: bytearray, outer: int, value: Any) -> None:
        content = bytearray()
        kind(content, number, value)
        delimited(out, outer, content)

    return append


def entries(kind: Field) -> Field:
    """A map, as a repeated message of name and value."""

    def append(out: bytearray, number: int, values: Tree) -> None:
        for name, value in values.items():
            entry(out, number, kind, name, value)

    return append


def entry(out: bytearray, number: int, kind: Field, name: str, value: Any) -> None:
    content = bytearray()
    string(content, 1, name)
    kind(content, 2, value)
    delimited(out, number, content)


def member(name: str, number: int, kind: Field) -> Step:
    """The member `name` of a tree, if it is there."""

    def step(out: bytearray, tree: Tree) -> None:
        if name in tree:
            kind(out, number, tree[name])

    return step


def extensions(number: int) -> Step:
    """All members that begin with x-."""

    def step(out: bytearray, tree: Tree) -> None:
        for name, value in tree.items():
            if name.startswith("x-"):
                entry(out, number, anything, name, value)

    return step


def others(number: int, kind: Field, leave_out: frozenset[str] = frozenset()) -> Step:
    """All members but extensions and those named: the entries of open-ended messages."""

    def step(out: bytearray, tree: Tree) -> None:
        for name, value in tree.items():
            if not name.startswith("x-") and name not in leave_out:
                entry(out, number, kind, name, value)

    return step


def yaml_of(value: Any) -> bytes:
    """A value as block YAML, the way gnostic prints it."""
    return _yaml_text(json.dumps(value))


@lru_cache(maxsize=REMEMBERED)
def _yaml_text(text: str) -> bytes:
    value = json.loads(text)
    lines = _block(value, 0) if _is_block(value) else [_scalar(value)]
    return "".join(line + "\n" for line in lines).encode()


def _is_block(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _block(value: Any, indent: int) -> list[str]:
    """The lines of a map or list that is not empty, without the indentation of the first. What is nested in
    a map begins at the next multiple of four."""
    nested = (indent + 4) // 4 * 4
    margin = " " * indent
    out: list[str] = []
    if isinstance(value, dict):
        for name, child in value.items():
            if _is_block(child):
                first, *rest = _block(child, nested)
                out += [f"{margin}{_scalar(name)}:", " " * nested + first, *rest]
            else:
                out.append(f"{margin}{_scalar(name)}: {_scalar(child)}")
    else:
        for child in value:
            first, *rest = _block(child, indent + 2) if _is_block(child) else [_scalar(child)]
            out += [f"{margin}- {first}", *rest]
    out[0] = out[0][indent:]
    return out


def _scalar(value: Any) -> str:
    """Plain where that reads back as the same text, single quotes where only punctuation is in the way."""
    if not isinstance(value, str) or not value or _OTHER_TYPE.fullmatch(value) or not value.isprintable():
        return json.dumps(value, ensure_ascii=False)
    if _NOT_PLAIN.search(value):
        return "'" + value.replace("'", "''") + "'"
    return value
