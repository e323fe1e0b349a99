"""The operations of a JSON patch: from a body or a decoded value to `Operation`s, each read as upstream
reads it.

Called through `json_patch`, which applies what this module hands on. A member that is missing or ill-typed is
no error here: evanphx/json-patch (v4.13, as kube-apiserver 1.36 vendors it) looks at members only when their
operation runs. What a PATCH request checks beyond that follows apiserver's `endpoints/handlers/patch.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import orjson

from orlop.api.field import quote
from orlop.api.tree import Tree, Value
from orlop.codec import json
from orlop.patching.errors import BadPatch, TooManyOperations

MAX_OPERATIONS = 10_000
"""Operations in one PATCH request; one more is answered with 413 before any is applied."""

MAX_NAMED = 100
"""Members that `unknown_members` names; further ones are left out, as upstream does."""

_MEMBERS = ("op", "path", "from", "value")
_JSON_NAMES = {str: "string", bool: "bool", dict: "object", list: "array"}
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_UNUSUAL = re.compile(rb"[\\<>&]|\xe2\x80[\xa8\xa9]")
_ESCAPES = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)
_NOTHING: frozenset[str] = frozenset()


class Malformed(Exception):
    """A member that cannot be read; the text ends up in the error of the operation."""


class Operation(NamedTuple):
    """One step of a JSON patch.

    `respelled` are the strings that the patch's text wrote in another way than Go's encoder would. Upstream
    compares the texts of scalars, so a `test` for one of them never equals a value of the stored object.
    """

    members: Tree
    respelled: frozenset[str] = _NOTHING

    @property
    def kind(self) -> str:
        kind = self.members.get("op")
        return kind if type(kind) is str else "unknown"

    @property
    def path(self) -> str:
        return self._pointer("path", "operation missing path field: missing value")

    @property
    def source(self) -> str:
        """Where `move` and `copy` take the value from."""
        return self._pointer("from", "operation, missing from field: missing value")

    def _pointer(self, member: str, missing: str) -> str:
        pointer = self.members.get(member)
        if type(pointer) is str:
            return pointer
        if pointer is None:
            raise Malformed(missing)
        raise Malformed(f"json: cannot unmarshal {json_name(pointer)} into Go value of type string")


def parse(body: bytes, *, checked: bool = True) -> list[Operation]:
    """The operations of a PATCH request's body.

    `checked` stands for fieldValidation Warn (the default) and Strict, under which upstream decodes the body
    twice, first into typed operations, and says so in its message.
    """
    try:
        value = json.decode(body)
    except json.JSONError as error:
        raise BadPatch(f"error decoding patch: {error}" if checked else str(error)) from error
    if checked:
        _check(value)
    found = operations(value, body)
    if len(found) > MAX_OPERATIONS:
        text = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(found)}"
        raise TooManyOperations(text)
    return found


def operations(value: Value, body: bytes = b"") -> list[Operation]:
    """The operations of a decoded patch; no limit on their number. null is a patch without operations.

    `body` is the text `value` was decoded from, where there is one.
    """
    if value is None:
        return []
    if type(value) is not list:
        raise BadPatch(f"json: cannot unmarshal {json_name(value)} into Go value of type jsonpatch.Patch")
    for item in value:
        if item is not None and type(item) is not dict:
            text = f"json: cannot unmarshal {json_name(item)} into Go value of type jsonpatch.Operation"
            raise BadPatch(text)
    tested = any(item is not None and item.get("op") == "test" for item in value)
    respelled = _respelled(body) if tested else _NOTHING
    return [Operation(item or {}, respelled) for item in value]


def unknown_members(operations: list[Operation], body: bytes = b"") -> list[str]:
    """What strict decoding says of members no operation has: a warning each, or with Strict the error.

    With the `body` that `parse` read, members that it repeats are named too, after the unknown ones of the
    same operation.
    """
    found = [f"json patch unknown field {quote(place)}" for place in islice(_unknown(operations), MAX_NAMED)]
    if body and json.may_repeat_keys(body, [operation.members for operation in operations]):
        found += [f"json patch {complaint}" for complaint in json.repeated_keys(body)]
        found.sort(key=_operation_index)
    return found[:MAX_NAMED]


def _operation_index(complaint: str) -> int:
    return int(complaint.partition('"[')[2].partition("]")[0])


def _unknown(operations: list[Operation]) -> Iterator[str]:
    for index, operation in enumerate(operations):
        for member in operation.members:
            if member not in _MEMBERS:
                yield f"[{index}].{member}"


def _check(value: Value) -> None:
    """The first decode of a request's body: a list of objects whose op, path and from are strings."""
    if value is None:
        return
    front = "error decoding patch: json: cannot unmarshal"
    if type(value) is not list:
        raise BadPatch(f"{front} {json_name(value)} into Go value of type []handlers.jsonPatchOp")
    for item in value:
        if type(item) is dict:
            for member, pointer in item.items():
                if member in _MEMBERS[:3] and pointer is not None and type(pointer) is not str:
                    place = f"Go struct field jsonPatchOp.{member} of type string"
                    raise BadPatch(f"{front} {json_name(pointer)} into {place}")
        elif item is not None:
            raise BadPatch(f"{front} {json_name(item)} into Go value of type handlers.jsonPatchOp")


def json_name(value: Value) -> str:
    """What encoding/json calls the kind of a value that is not null."""
    return _JSON_NAMES.get(type(value), "number")


def _respelled(body: bytes) -> frozenset[str]:
    """The strings of a body that Go's encoder spells differently: it escapes < > & and U+2028/9."""
    if _UNUSUAL.search(body) is None:
        return _NOTHING
    found = set()
    for token in _STRING.findall(body):
        if _UNUSUAL.search(token) is not None:
            decoded = json.decode(token)
            if go_string(decoded) != token:
                found.add(decoded)
    return frozenset(found)


def go_string(value: str) -> bytes:
    """A string as Go's encoder writes it."""
    encoded = orjson.dumps(value)
    for character, escape in _ESCAPES:
        encoded = encoded.replace(character, escape)
    return encoded
