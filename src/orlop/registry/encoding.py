"""From a tree to the body that storage keeps. Called by the Store right before a write; the only encoder of objects."""

from __future__ import annotations

import orjson

from orlop.api.tree import Tree

_APART = frozenset({"kind", "apiVersion", "metadata"})


def encode(obj: Tree) -> bytes:
    """The JSON text without kind, apiVersion and metadata.resourceVersion, metadata first.

    Takes `metadata.resourceVersion` out of `obj` on the way.
    """
    metadata = obj["metadata"]
    metadata.pop("resourceVersion", None)
    body: Tree = {"metadata": metadata}
    for name, value in obj.items():
        if name not in _APART:
            body[name] = value
    return orjson.dumps(body)
