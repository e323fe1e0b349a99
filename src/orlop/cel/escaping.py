"""Names of fields as CEL identifiers, and back.

`declared` names the fields of object types with these; whoever prints paths of expressions reads them back. Behaviour:
apiserver pkg/cel/escaping.go.
"""

from __future__ import annotations

import re
from typing import Final

_RESERVED_WORDS: Final = (
    "true false null in as break const continue else for function if import let loop package namespace return var void"
    " while"
)
RESERVED: Final = frozenset(_RESERVED_WORDS.split())
_NAMES: Final = {"__": "underscores", ".": "dot", "-": "dash", "/": "slash"}
_SIGNS: Final = {name: sign for sign, name in _NAMES.items()}
_SPECIAL: Final = re.compile(r"__|[-./]|[^a-zA-Z0-9_]")
_ESCAPED: Final = re.compile(r"_{2}[^_]+_{2}")


def escape(name: str) -> str | None:
    """The identifier for a field name; None where it can have none."""
    if not name or name[0] in "0123456789":
        return None
    if name in RESERVED:
        return f"__{name}__"
    if any(found not in _NAMES for found in _SPECIAL.findall(name)):
        return None
    return _SPECIAL.sub(lambda found: f"__{_NAMES[found.group()]}__", name)


def unescape(identifier: str) -> str | None:
    """The field name behind an identifier; None where an escape in it means nothing."""
    good = True

    def replaced(found: re.Match[str]) -> str:
        nonlocal good
        inside = found.group()[2:-2]
        if inside in _SIGNS:
            return _SIGNS[inside]
        if inside not in RESERVED or len(found.group()) != len(identifier):
            good = False
        return inside

    name = _ESCAPED.sub(replaced, identifier)
    return name if good else None
