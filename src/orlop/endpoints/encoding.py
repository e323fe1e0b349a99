"""Objects as bytes in a served version: whole, as list items, as metadata alone.

Called by `response` and `watch`. A stored object whose version is the served one is never decoded: its body gets a
head in front. Everything else is decoded, converted and encoded anew.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import orjson

from orlop.api.tree import Tree
from orlop.endpoints.scope import Scope
from orlop.registry.interface import Object
from orlop.storage.interface import Entry

REMEMBERED: Final = 8192
"""Entries with which something derived from them is remembered (rows, where metadata ends); then the one that has it
for the longest time forgets. Beyond that, remembering would cost more memory than the objects."""
_remembering: Final[deque[Entry]] = deque()
_METADATA_START = len(b'{"metadata":')
_METADATA_END = "metadata end"
_PARTIAL_HEAD = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/%b","metadata":'


def tree_of(scope: Scope, obj: Object) -> Tree:
    """The object decoded, in the served version, with kind and apiVersion in front."""
    if not isinstance(obj, Entry):
        return obj if "kind" in obj else {"kind": scope.kind.kind, "apiVersion": scope.kind.api_version, **obj}
    tree = obj.tree()
    if scope.from_hub is not None:
        tree = scope.from_hub(tree)
    return {"kind": scope.kind.kind, "apiVersion": scope.kind.api_version, **tree}


def whole(scope: Scope, obj: Object) -> bytes:
    """The object as JSON, with kind and apiVersion."""
    if isinstance(obj, Entry) and scope.from_hub is None:
        return scope.head + obj.body[1:]
    return orjson.dumps(tree_of(scope, obj))


def item(scope: Scope, obj: Object) -> bytes:
    """The object as a member of a list: built-in kinds leave kind and apiVersion out there."""
    if isinstance(obj, Entry):
        if scope.from_hub is None:
            return obj.body
        return orjson.dumps(scope.from_hub(obj.tree()))
    return orjson.dumps({name: value for name, value in obj.items() if name not in ("kind", "apiVersion")})


def metadata(obj: Object) -> bytes:
    """`metadata` alone, cut out of the body; where it ends is remembered with the entry."""
    if not isinstance(obj, Entry):
        return orjson.dumps(obj.get("metadata") or {})
    end = obj.memo.get(_METADATA_END) if obj.memo is not None else None
    if end is None:
        end = remember_metadata(obj, obj.tree())
    return obj.body[_METADATA_START:end]


def remember_metadata(entry: Entry, tree: Tree) -> int:
    """Find where metadata ends in the body of `entry`, given its decoded tree. Bodies are orjson's own output, so
    encoding metadata again gives the same length."""
    if entry.memo is None:
        _remembering.append(entry)
        while len(_remembering) > REMEMBERED:
            _remembering.popleft().memo = None
        entry.memo = {}
    end = _METADATA_START + len(orjson.dumps(tree["metadata"]))
    entry.memo[_METADATA_END] = end
    return end


def partial(obj: Object, version: str = "v1") -> bytes:
    """A PartialObjectMetadata, in a version of meta.k8s.io."""
    return _PARTIAL_HEAD % version.encode() + metadata(obj) + b"}"
