"""Constant patterns of `format` checked against a literal list of arguments, before anything runs.

The environment calls `format_issues` with every checked expression, as one of its validators. Behaviour: cel-go
ext/formatting.go (stringFormatValidator).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orlop.cel import types as t
from orlop.cel.ast import Call, Checked, Constant, ListExpr, MapExpr, Node
from orlop.cel.library_string_format import WRONG_TYPES, FormatError, scan
from orlop.cel.program import descendants
from orlop.cel.types import Kind, Type

_INTEGERS: Final = frozenset((Kind.INT, Kind.UINT))
_ALLOWED: Final = {
    "s": frozenset((
        Kind.LIST, Kind.MAP, Kind.INT, Kind.UINT, Kind.DOUBLE, Kind.BOOL, Kind.STRING, Kind.TIMESTAMP, Kind.BYTES,
        Kind.DURATION, Kind.TYPE, Kind.NULL,
    )),
    "d": _INTEGERS,
    "f": frozenset((Kind.DOUBLE, Kind.STRING)),
    "e": frozenset((Kind.DOUBLE, Kind.STRING)),
    "b": _INTEGERS | {Kind.BOOL},
    "x": _INTEGERS | {Kind.STRING, Kind.BYTES},
    "X": _INTEGERS | {Kind.STRING, Kind.BYTES},
    "o": _INTEGERS,
}  # fmt: skip


def format_issues(checked: Checked) -> list[tuple[int, str]]:
    """What is wrong with the calls of `format`: the id of the node it is about, and the message."""
    issues = []
    for call in _calls(checked):
        target, arguments = call.target, call.args[0]
        assert isinstance(target, Constant) and isinstance(arguments, ListExpr)
        issue = _issue(checked, call, target.value, arguments.elements)
        if issue is not None:
            issues.append(issue)
    return issues


def _issue(checked: Checked, call: Call, pattern: str, arguments: list[Node]) -> tuple[int, str] | None:
    taken = 0
    try:
        for piece in scan(pattern, arguments, True):
            if isinstance(piece, str):
                continue
            wrong = _wrong_node(checked, piece.verb, arguments[taken])
            taken += 1
            if wrong is not None:
                name = _type(checked, wrong).name
                return wrong.id, f"error during formatting: {WRONG_TYPES[piece.verb]}{name}"
    except FormatError as error:
        return call.id, error.message
    if len(arguments) > taken:
        return (
            call.id,
            f"too many arguments supplied to string.format (expected {taken}, got {len(arguments)})",
        )
    return None


def _type(checked: Checked, node: Node) -> Type:
    return checked.types.get(node.id, t.DYN)


def _wrong_node(checked: Checked, verb: str, node: Node) -> Node | None:
    """The node whose type the verb cannot print; strings look into literal lists and maps."""
    type_ = _type(checked, node)
    if type_.kind is not Kind.DYN and type_.kind not in _ALLOWED[verb]:
        return node
    inner: list[Node] = []
    if verb == "s" and isinstance(node, ListExpr):
        inner = node.elements
    elif verb == "s" and isinstance(node, MapExpr):
        inner = [part for entry in node.entries for part in (entry.key, entry.value)]
    for part in inner:
        wrong = _wrong_node(checked, verb, part)
        if wrong is not None:
            return wrong
    return None


def _calls(checked: Checked) -> Iterator[Call]:
    """Calls of `format` with a literal pattern and a literal list, in the order of the syntax tree."""
    for node in descendants(checked.root):
        if not isinstance(node, Call) or node.function != "format" or len(node.args) != 1:
            continue
        reference = checked.references.get(node.id)
        if reference is not None and reference.overloads and "string_format" not in reference.overloads:
            continue
        literal = isinstance(node.target, Constant) and isinstance(node.target.value, str)
        if literal and isinstance(node.args[0], ListExpr):
            yield node
