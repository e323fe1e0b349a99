"""The annotation of client-side apply, for those who change over to server-side apply.

`tracking` asks here about conflicts of the manager "kubectl" and keeps the annotation true after its applies.
Behaviour: apimachinery `util/managedfields/internal/` (lastappliedmanager.go, lastappliedupdater.go, lastapplied.go).
"""

from __future__ import annotations

from typing import Final

import orjson

from orlop.api.tree import Tree, Value
from orlop.apply import field_set
from orlop.apply.conflicts import ApplyConflict
from orlop.apply.field_set import LEAF, FieldSet
from orlop.apply.node import Node
from orlop.apply.typed_errors import TypedError

MANAGER: Final = "kubectl"
"""Whoever takes another name takes no part in this."""
ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
ANNOTATIONS_SIZE: Final = 256 * 1024
"""All annotations of an object; where the new one would not fit it is taken away."""

_HTML: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ESCAPES: Final = str.maketrans(_HTML)


def remaining(error: ApplyConflict, live: Tree, node: Node, version: str) -> ApplyConflict | None:
    """What is left of a conflict when the fields that client-side apply had set and that nobody changed since are
    given up to the applier: None for nothing."""
    allowed = _set_by_client(live, node, version)
    if allowed is None:
        return error
    left = [conflict for conflict in error.conflicts if not field_set.has(allowed, conflict.path)]
    return ApplyConflict(left) if left else None


def _set_by_client(live: Tree, node: Node, version: str) -> FieldSet | None:
    """The fields of the last client-side configuration that are still as it says; None without a usable one."""
    text = _annotation(live)
    if not text:
        return None
    try:
        config = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(config, dict) or not config.get("kind") or config.get("apiVersion") != version:
        return None
    if node.validate(live) or node.validate(config):
        return None
    try:
        fields = node.fields(config) or LEAF
        difference = node.compare(config, live)
    except TypedError:
        return None
    for changed in difference or ():
        fields = field_set.difference(fields, changed or LEAF)
    return fields


def _annotation(obj: Tree) -> str:
    value: Value = ((obj.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION)
    return value if isinstance(value, str) else ""


def follow(obj: Tree, config: Tree) -> Tree:
    """The object with its annotation, if it has one, saying what was applied now."""
    if not _annotation(obj):
        return obj
    annotations = {**obj["metadata"]["annotations"], ANNOTATION: _text(config)}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in annotations.items())
    if size > ANNOTATIONS_SIZE:
        del annotations[ANNOTATION]
    if annotations == obj["metadata"]["annotations"]:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def _text(config: Tree) -> str:
    """A configuration as kubectl notes it: sorted JSON with a line break, without the annotation itself."""
    metadata: Value = config.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
        annotations = {name: value for name, value in metadata["annotations"].items() if name != ANNOTATION}
        config = {**config, "metadata": {**metadata, "annotations": annotations}}
    return orjson.dumps(config, option=orjson.OPT_SORT_KEYS).decode().translate(_ESCAPES) + "\n"
