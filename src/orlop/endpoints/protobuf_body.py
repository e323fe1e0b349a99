"""Answers in protobuf: a tree that names its kind becomes an envelope around the kind's message.

Called by `response` for clients that ask for `application/vnd.kubernetes.protobuf` (typed clients in Go do).
"""

from __future__ import annotations

from orlop.api import errors
from orlop.api.gvk import GroupVersion
from orlop.api.tree import Tree
from orlop.codec import negotiation, protobuf
from orlop.schema.kind import builtin


def encode(tree: Tree) -> bytes:
    """The whole body. Raises the 406 of a kind that has no message, as custom kinds have none."""
    api_version, kind = tree["apiVersion"], tree["kind"]
    try:
        schema = builtin().kind(GroupVersion.parse(api_version).kind(kind))
    except KeyError:
        raise errors.not_acceptable(negotiation.MEDIA_TYPES) from None
    return protobuf.wrap(api_version, kind, schema.to_protobuf(tree))
