"""Answers in protobuf: a tree that names its kind becomes an envelope around the kind's message.

Called by `response` for clients that ask for `application/vnd.kubernetes.protobuf` (typed clients in Go do).
"""

from __future__ import annotations

from orlop.api.gvk import GroupVersion
from orlop.api.tree import Tree
from orlop.codec import protobuf
from orlop.schema.kind import builtin


def encode(tree: Tree) -> bytes:
    """The whole body. KeyError for a kind that has no message."""
    api_version, kind = tree["apiVersion"], tree["kind"]
    schema = builtin().kind(GroupVersion.parse(api_version).kind(kind))
    return protobuf.wrap(api_version, kind, schema.to_protobuf(tree))
