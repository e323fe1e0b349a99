"""The result of a JSON patch or merge patch, as an error about it quotes the object of a built-in kind.

Called by `patch`. Upstream patches text: objects on the way of the patch are read, and written with their members
sorted; what the patch did not touch stays as Go wrote it, with members in the order of the type. Behaviour:
`gopkg.in/evanphx/json-patch.v4`, encoding/json.
"""

from __future__ import annotations

from orlop.api.tree import Tree, Value
from orlop.codec import json
from orlop.schema.types import LIST, MAP, STRUCT, Type


def text(kind: Type, document: Tree, patched: Value) -> str:
    """`document` is what was patched; the result shares with it what is as before."""
    return json.encode(_arranged(kind, document, patched)).decode()


def _arranged(kind: Type | None, old: Value, new: Value) -> Value:
    if new is old or new == old:
        return _written(kind, new)
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        return {name: _arranged(_member(kind, name), before.get(name), new[name]) for name in sorted(new)}
    if isinstance(new, list) and isinstance(old, list):
        kept = {id(item) for item in old if isinstance(item, dict | list)}
        element = _member(kind, "")
        return [_written(element, item) if id(item) in kept else item for item in new]
    return new


def _written(kind: Type | None, value: Value) -> Value:
    """As Go writes a value of the type."""
    if isinstance(value, list):
        return [_written(_member(kind, ""), item) for item in value]
    if not isinstance(value, dict):
        return value
    shape = None if kind is None else kind.target.shape
    if kind is None or shape != STRUCT:
        return {name: _written(_member(kind, name), value[name]) for name in sorted(value)}
    names = [name for name in kind.target.fields if name in value]
    names += [name for name in value if name not in kind.target.fields]
    return {name: _written(_member(kind, name), value[name]) for name in names}


def _member(kind: Type | None, name: str) -> Type | None:
    """The type of a struct's member, or of what a list or map holds."""
    if kind is None:
        return None
    kind = kind.target
    if kind.shape in (LIST, MAP):
        return kind.element
    field = kind.fields.get(name)
    return None if field is None else field.type
