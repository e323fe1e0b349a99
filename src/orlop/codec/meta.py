"""What kind a body says it is of, before anything else about it is known.

Called by endpoints on every request body between `json.decode` and `KindSchema.decode`. Behaviour:
apimachinery `runtime/serializer/json/meta.go`, which reads the two names with Go's plain encoding/json: keys
match whatever their case, and the last one counts.
"""

from __future__ import annotations

from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.api.tree import Value

_GO_STRUCT = ('struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
              'Kind string "json:\\"kind,omitempty\\"" }')
_NAMES = {"apiversion": "apiVersion", "kind": "kind"}


class MetaError(ValueError):
    """A body that says no kind; the message is upstream's, whole."""


def _go_kind(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def interpret(value: Value) -> GroupVersionKind:
    """Group, version and kind as the body writes them, "" for what it leaves out. MetaError for bodies that
    are neither an object nor null, for names that are no strings, and for an apiVersion with two slashes."""
    if value is None:
        return GroupVersionKind("", "", "")
    if type(value) is not dict:
        wrong = f"json: cannot unmarshal {_go_kind(value)} into Go value of type {_GO_STRUCT}"
        raise MetaError(parse_error(wrong))
    found = {"apiVersion": "", "kind": ""}
    wrong = ""
    for key, member in value.items():
        if len(key) != 4 and len(key) != 10:
            continue
        name = _NAMES.get(key.lower().replace("\u017f", "s").replace("\u212a", "k"))
        if name is None or member is None:
            continue
        if type(member) is str:
            found[name] = member
        elif not wrong:
            wrong = f"json: cannot unmarshal {_go_kind(member)} into Go struct field .{name} of type string"
    if wrong:
        raise MetaError(parse_error(wrong))
    try:
        group_version = GroupVersion.parse(found["apiVersion"])
    except ValueError as error:
        raise MetaError(str(error)) from None
    return group_version.kind(found["kind"])


def parse_error(message: str) -> str:
    """The words around an error in the JSON of a body, as upstream puts them when it looks for the kind."""
    return f"couldn't get version/kind; json parse error: {message}"
