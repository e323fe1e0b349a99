"""Stored values under keys of no built-in kind: custom resources, masterleases, kinds of a newer server.

Called by `stored_form`. Of what kind such an object is, only it can tell, so kind and apiVersion stay in the body, as
its last members, in the order in which they were found: what is read is written back the same, and a body can be
stamped with its revision like any other. Behaviour: upstream keeps custom resources with their members sorted, typed
objects with kind first.
"""

from __future__ import annotations

import re
from typing import Final

from orlop.api.gvk import GroupVersion
from orlop.codec import protobuf
from orlop.kinds.stored_form_reading import body_of, json_tree
from orlop.schema.kind import Types
from orlop.storage.errors import ReadFailed
from orlop.storage.transformer import Read

_SORTED: Final = rb'"apiVersion":"[^"\\]*","kind":"[^"\\]*"'
_TYPED: Final = rb'"kind":"[^"\\]*","apiVersion":"[^"\\]*"'
_HEAD: Final = re.compile(rb'\{(%b|%b),("metadata":\{")' % (_SORTED, _TYPED))
_TAIL: Final = re.compile(rb",(%b|%b)\}\Z" % (_SORTED, _TYPED))
_TAIL_REACH: Final = 1024
"""Bytes at the end of a body that hold its kind: longer names do not exist."""


def to_storage(value: bytes) -> bytes:
    """A body that does not tell its kind at the end stays as it is."""
    found = _TAIL.search(value, max(len(value) - _TAIL_REACH, 0))
    if found is None:
        return value
    return b"{%b,%b}\n" % (found[1], value[1 : found.start()])


def from_storage(key: str, value: bytes, types: Types) -> Read:
    """Raises ReadFailed."""
    found = _HEAD.match(value)
    if found is not None and value.endswith(b"}\n") and b'"resourceVersion":"' not in value:
        return Read(b"{%b,%b}" % (value[found.start(2) : -2], found[1]))
    try:
        body = _body(value, types)
    except (ValueError, KeyError, TypeError) as problem:
        raise ReadFailed(f"{key}: {problem}") from None
    return Read(body, value.startswith(protobuf.PREFIX))


def _body(value: bytes, types: Types) -> bytes:
    if value.startswith(protobuf.PREFIX):
        envelope = protobuf.unwrap(value)
        kind = GroupVersion.parse(envelope.api_version).kind(envelope.kind)
        try:
            schema = types.kind(kind)
        except KeyError:
            raise ValueError(f"{kind.api_version} {kind.kind} is not known") from None
        tree = schema.from_protobuf(envelope.raw)
        tree.setdefault("metadata", {})
    else:
        kind, tree = json_tree(value)
    return body_of(tree, {"kind": kind.kind, "apiVersion": kind.api_version})
