"""Names of a custom kind, asked for in the spec and accepted in the status.

Called by `spec_rules` and `definition`. Behaviour: apiextensions-apiserver
`pkg/apis/apiextensions/validation/validation.go` ValidateCustomResourceDefinitionNames.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import Path, invalid
from orlop.api.names import dns1035_label
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors

_MIXED: Final = "may have mixed case, but should otherwise match: "


def check(path: Path, names: Tree) -> Errors:
    found: Errors = []
    for name in ("plural", "singular"):
        found += _label(path.child(name), names.get(name) or "")
    for name in ("kind", "listKind"):
        text = names.get(name) or ""
        complaints = dns1035_label(text.lower()) if text else []
        if complaints:
            found.append(invalid(path.child(name), text, _MIXED + ",".join(complaints)))
    for index, text in enumerate(names.get("shortNames") or ()):
        found += _label(path.child("shortNames").index(index), text, empty=True)
    kind = names.get("kind") or ""
    if kind and kind == names.get("listKind"):
        found.append(invalid(path.child("listKind"), kind, "kind and listKind may not be the same"))
    for index, text in enumerate(names.get("categories") or ()):
        found += _label(path.child("categories").index(index), text, empty=True)
    return found


def _label(path: Path, text: str, empty: bool = False) -> Errors:
    """`empty`: an empty name is wrong, too."""
    complaints = dns1035_label(text) if text or empty else []
    return [invalid(path, text, ",".join(complaints))] if complaints else []
