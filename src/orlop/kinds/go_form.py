"""Go structs as messages print them.

Upstream's complaints about immutable fields show the new value as JSON of its internal struct, whose members have no
JSON names: `{"APIGroup":"...","Kind":"Role","Name":"r"}`. A `Form` says what those members are called, in order;
the rules of kinds hold one for each struct that can be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orlop.api.field import GoText
from orlop.api.gotext import json_value


class Form:
    """Members of a struct: Go's name to (JSON's name, what absent looks like). `inner` has the forms of members
    that are structs themselves, or lists of such; a member of an `inner` form is shown with all its own members."""

    def __init__(self, members: Mapping[str, tuple[str, Any]], inner: Mapping[str, Form] | None = None) -> None:
        self._members, self._inner = members, inner or {}

    def tree(self, value: Any) -> Any:
        """The struct as a tree with Go's names. None stays None: a nil pointer."""
        if value is None:
            return None
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        shown: dict[str, Any] = {}
        for go, (name, absent) in self._members.items():
            member = value.get(name, absent)
            inner = self._inner.get(go)
            shown[go] = inner.tree(member) if inner is not None else member
        return shown

    def text(self, value: Any) -> GoText:
        """As the message has it."""
        return json_value(self.tree(value))
