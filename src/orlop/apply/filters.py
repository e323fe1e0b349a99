"""Filters of field sets: which fields nobody may own through a room (a resource or one of its subresources).

Strategies say for each API version which fields they reset (status on the main resource, spec on /status): those are
taken out of what changed and of what is applied. `ownership` calls them. Behaviour: structured-merge-diff
`fieldpath/set.go` (NewExcludeSetFilter, NewIncludeMatcherFilter).
"""

from __future__ import annotations

from typing import Final, Protocol

from orlop.apply import field_set
from orlop.apply.field_set import ITSELF, LEAF, FieldPath, FieldSet

ANY: Final = "*"
"""In a pattern of `Include`: any one element."""


class FieldFilter(Protocol):
    """What stays of a set."""

    def __call__(self, fields: FieldSet) -> FieldSet: ...


class Exclude:
    """Takes out these fields and all below them."""

    def __init__(self, *paths: FieldPath) -> None:
        self._fields = field_set.of(*paths)

    def __call__(self, fields: FieldSet) -> FieldSet:
        return field_set.recursive_difference(fields, self._fields)


class Include:
    """Keeps only what matches one of the patterns, the ways to it and all below it."""

    def __init__(self, *patterns: FieldPath) -> None:
        self._patterns = patterns

    def __call__(self, fields: FieldSet) -> FieldSet:
        return _matching(fields, self._patterns)


def _matching(fields: FieldSet, patterns: tuple[FieldPath, ...]) -> FieldSet:
    """The first pattern that matches an element decides about what is below, a wildcard before others."""
    if not all(patterns):
        return fields
    result: FieldSet = {}
    for element, below in fields.items():
        if element == ITSELF:
            continue
        wanted = next((head for head in (ANY, element) if any(pattern[0] == head for pattern in patterns)), None)
        if wanted is None:
            continue
        kept = _matching(below, tuple(pattern[1:] for pattern in patterns if pattern[0] == wanted))
        if field_set.is_member(below):
            result[element] = field_set.with_itself({key: kept[key] for key in kept if key != ITSELF} or LEAF)
        elif kept:
            result[element] = kept
    return result
