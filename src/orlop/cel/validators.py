"""Checks of a well-typed expression that look at its literals.

`environment` runs these after the checker, as Kubernetes has since 1.29: durations, timestamps and patterns that are
literals must be good, elements of one literal must have one type. Behaviour: cel-go cel/validator.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from orlop.cel.arithmetic import to_duration, to_timestamp
from orlop.cel.ast import Call, Checked, Constant, ListExpr, MapExpr, Node
from orlop.cel.issues import Issues
from orlop.cel.library_format_checks import format_issues
from orlop.cel.library_regex import PatternError, compile_pattern
from orlop.cel.program import descendants
from orlop.cel.types import Kind, Type
from orlop.cel.unification import unwrapped_optional
from orlop.cel.values import CelError

_LITERALS: Final[Sequence[tuple[str, Callable[[Any], Any]]]] = (
    ("duration", to_duration),
    ("timestamp", to_timestamp),
    ("matches", compile_pattern),
)


def validate(checked: Checked, issues: Issues) -> None:
    """Reports what the validators find."""
    nodes = list(descendants(checked.root))
    positions = checked.parsed.positions
    for name, read in _LITERALS:
        for node in nodes:
            if not isinstance(node, Call) or node.function != name or not node.args:
                continue
            literal = node.args[0]
            if isinstance(literal, Constant) and not _readable(read, literal.value):
                issues.at(positions[literal.id], f"invalid {name} argument")
    if any(isinstance(node, Call) and node.function == "format" for node in nodes):
        for identity, message in format_issues(checked):
            issues.at(positions[identity], message)
    types = checked.types
    exempt = _inside_format(nodes)
    nodes = [node for node in nodes if node.id not in exempt]
    for node in nodes:
        if isinstance(node, ListExpr):
            _one_type([(one.id, types[one.id], at in node.optional) for at, one in enumerate(node.elements)],
                      positions, issues, True)
    for node in nodes:
        if isinstance(node, MapExpr):
            keys = [(entry.key.id, types[entry.key.id], False) for entry in node.entries]
            values = [(entry.value.id, types[entry.value.id], entry.optional) for entry in node.entries]
            _one_type(keys, positions, issues, False)
            _one_type(values, positions, issues, False)


def _inside_format(nodes: Sequence[Node]) -> set[int]:
    """The nodes below calls of `format`, whose arguments may be of many types."""
    calls = [node for node in nodes if isinstance(node, Call) and node.function == "format"]
    return {below.id for call in calls for below in descendants(call) if below is not call}


def _readable(read: Callable[[Any], Any], value: Any) -> bool:
    try:
        read(value)
    except (CelError, PatternError):
        return False
    return True


def _one_type(
    elements: Sequence[tuple[int, Type, bool]], positions: dict[int, int], issues: Issues, first_only: bool
) -> None:
    expected: Type | None = None
    for identity, found, optional in elements:
        if optional:
            found = unwrapped_optional(found)[0]
        if expected is None:
            expected = found
        elif not _equivalent(expected, found):
            issues.at(positions[identity], f"expected type '{expected}' but found '{found}'")
            if first_only:
                return


def _equivalent(left: Type, right: Type) -> bool:
    if left.kind is not right.kind or len(left.parameters) != len(right.parameters):
        return False
    if left.kind is not Kind.PARAM and left.name != right.name:
        return False
    return all(map(_equivalent, left.parameters, right.parameters))
