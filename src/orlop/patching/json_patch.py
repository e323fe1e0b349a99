"""JSON patch: RFC 6902 as evanphx/json-patch v4.13 does it with kube-apiserver's options.

Called by `endpoints.patch` (PATCH with application/json-patch+json), by mutating webhooks and by mutating
policies. `parse` reads a body, `apply` runs the operations in order. Where the library leaves the RFC, so do
we: `replace` on an absent member adds it, `copy` from one puts null, `add` without a value puts null, index
-1 is the last item, the first token of a pointer is dropped whatever it is, and `test` compares scalars as
they are spelled.

Neither the document nor the operations are changed: containers on the way to a change are copied once per
patch, everything else is shared with both. The result may be the document itself, and is a list when an
operation put one in place of the root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from orlop.api.tree import Tree, Value
from orlop.codec import json
from orlop.patching.errors import PatchCrashed, TestFailed, Unprocessable
from orlop.patching.json_operation import (
    MAX_OPERATIONS,
    Malformed,
    Operation,
    operations,
    parse,
    unknown_members,
)
from orlop.patching.json_pointer import Container, drop, get, position, put, unescape

__all__ = [
    "MAX_COPIED_BYTES",
    "MAX_OPERATIONS",
    "Operation",
    "apply",
    "operations",
    "parse",
    "unknown_members",
]

MAX_COPIED_BYTES = 3 * 1024 * 1024
"""Encoded size of all values that the `copy` operations of one patch may add; beyond it, the patch fails."""


def apply(document: Tree, operations: Sequence[Operation]) -> Value:
    """The document after all operations. Unprocessable for the first one that does not apply."""
    run = _Run(document)
    for operation in operations:
        step = _STEPS.get(operation.kind)
        if step is None:
            raise Unprocessable(f"Unexpected kind: {operation.kind}")
        step(run, operation)
    return run.root


class _Run:
    """A patch under way: the root so far, and the containers that this run made and hence may change.

    `mine` holds them by identity, and holds them alive, so that no identity is ever met twice. `placed` are
    the respelled strings that operations put into the object.
    """

    __slots__ = ("copied", "mine", "placed", "root")

    def __init__(self, root: Value) -> None:
        self.root = root
        self.mine: dict[int, Container] = {}
        self.placed: set[str] = set()
        self.copied = 0

    def look(self, pointer: str) -> tuple[Container | None, str]:
        """The container a pointer leads into and the last token; no container if the way is missing."""
        tokens = pointer.split("/")
        if len(tokens) < 2:
            return None, ""
        node: Value = self.root
        for token in tokens[1:-1]:
            try:
                child = get(node, unescape(token))
            except Malformed:
                return None, ""
            if type(child) is not dict and type(child) is not list:
                return None, ""
            node = child
        return node, unescape(tokens[-1])

    def open(self, pointer: str) -> tuple[Container | None, str]:
        """As `look`, with every container on the way made this run's own."""
        found, key = self.look(pointer)
        if found is None:
            return None, ""
        node = self.root = self._own(self.root)
        for token in pointer.split("/")[1:-1]:
            place: Any = unescape(token)
            if type(node) is list:
                place = position(place, len(node), len(node))
            child = self._own(node[place])
            node[place] = child
            node = child
        return node, key

    def _own(self, container: Any) -> Any:
        if id(container) in self.mine:
            return container
        fresh = container.copy()
        self.mine[id(fresh)] = fresh
        return fresh

    def value(self, operation: Operation) -> Value:
        """The value an operation puts."""
        value = operation.members.get("value")
        if operation.respelled:
            self.placed.update(_strings(value) & operation.respelled)
        return value

    def share(self, value: Value) -> None:
        """A value comes to stand in two places: what the run made may lie in both: it owns none."""
        encoded = json.encode(value)
        self.copied += len(encoded) + 5 * sum(map(encoded.count, (b"<", b">", b"&")))
        if self.copied > MAX_COPIED_BYTES:
            text = "Unable to complete the copy, the accumulated size increase of copy is "
            raise Unprocessable(f"{text}{self.copied}, exceeding the limit {MAX_COPIED_BYTES}")
        self.mine.clear()


def _strings(value: Value) -> set[str]:
    kind = type(value)
    if kind is str:
        return {value}
    if kind is dict:
        value = list(value.values())
    elif kind is not list:
        return set()
    return set().union(*map(_strings, value))


def _add(run: _Run, operation: Operation) -> None:
    try:
        path = operation.path
    except Malformed:
        raise Unprocessable("add operation failed to decode path: missing value") from None
    container, key = run.open(path)
    if container is None:
        raise Unprocessable(f'add operation does not apply: doc is missing path: "{path}": missing value')
    try:
        put(container, key, run.value(operation))
    except Malformed as fault:
        raise Unprocessable(f"error in add for path: '{path}': {fault}") from None


def _remove(run: _Run, operation: Operation) -> None:
    try:
        path = operation.path
    except Malformed:
        raise Unprocessable("remove operation failed to decode path: missing value") from None
    container, key = run.open(path)
    if container is None:
        raise Unprocessable(f'remove operation does not apply: doc is missing path: "{path}": missing value')
    try:
        drop(container, key)
    except Malformed as fault:
        raise Unprocessable(f"error in remove for path: '{path}': {fault}") from None


def _replace(run: _Run, operation: Operation) -> None:
    try:
        path = operation.path
    except Malformed as fault:
        raise Unprocessable(f"replace operation failed to decode path: {fault}") from None
    if path == "":
        _replace_root(run, operation)
        return
    container, key = run.open(path)
    if container is None:
        raise Unprocessable(f"replace operation does not apply: doc is missing path: {path}: missing value")
    if isinstance(container, dict):
        container[key] = run.value(operation)
        return
    try:
        place = position(key, len(container), len(container))
    except Malformed:
        text = f"replace operation does not apply: doc is missing key: {path}: missing value"
        raise Unprocessable(text) from None
    container[place] = run.value(operation)


def _replace_root(run: _Run, operation: Operation) -> None:
    if "value" not in operation.members:
        raise PatchCrashed
    value = run.value(operation)
    if type(value) is not dict and type(value) is not list:
        raise Unprocessable("replace operation value must be object or array: %!w(<nil>)")
    run.root = value


def _move(run: _Run, operation: Operation) -> None:
    try:
        source = operation.source
    except Malformed as fault:
        raise Unprocessable(f"move operation failed to decode from: {fault}") from None
    container, key = run.open(source)
    if container is None:
        text = f"move operation does not apply: doc is missing from path: {source}: missing value"
        raise Unprocessable(text)
    try:
        value = get(container, key)
        drop(container, key)
    except Malformed as fault:
        raise Unprocessable(f"error in move for path: '{key}': {fault}") from None
    try:
        path = operation.path
    except Malformed as fault:
        raise Unprocessable(f"move operation failed to decode path: {fault}") from None
    container, key = run.open(path)
    if container is None:
        text = f"move operation does not apply: doc is missing destination path: {path}: missing value"
        raise Unprocessable(text)
    try:
        put(container, key, value)
    except Malformed as fault:
        raise Unprocessable(f"error in move for path: '{path}': {fault}") from None


def _copy(run: _Run, operation: Operation) -> None:
    try:
        source = operation.source
    except Malformed as fault:
        raise Unprocessable(f"copy operation failed to decode from: {fault}") from None
    container, key = run.look(source)
    if container is None:
        text = f"copy operation does not apply: doc is missing from path: {source}: missing value"
        raise Unprocessable(text)
    try:
        value = get(container, key)
    except Malformed as fault:
        raise Unprocessable(f"error in copy for from: '{source}': {fault}") from None
    try:
        path = operation.path
    except Malformed:
        raise Unprocessable("copy operation failed to decode path: missing value") from None
    if run.look(path)[0] is None:
        text = f"copy operation does not apply: doc is missing destination path: {path}: missing value"
        raise Unprocessable(text)
    if value is not None:
        run.share(value)
    container, key = run.open(path)
    try:
        if container is not None:
            put(container, key, value)
    except Malformed as fault:
        raise Unprocessable(f"error while adding value during copy: {fault}") from None


def _test(run: _Run, operation: Operation) -> None:
    try:
        path = operation.path
    except Malformed as fault:
        raise Unprocessable(f"test operation failed to decode path: {fault}") from None
    current = run.root
    if path == "":
        if "value" not in operation.members:
            raise PatchCrashed
    else:
        container, key = run.look(path)
        if container is None:
            raise Unprocessable(f"test operation does not apply: is missing path: {path}: missing value")
        try:
            current = get(container, key)
        except Malformed as fault:
            raise Unprocessable(f"error in test for path: '{path}': {fault}") from None
    # What an earlier operation put is spelled as this one spells it: only stored values are known to differ.
    if not _equal(current, operation.members.get("value"), operation.respelled - run.placed):
        raise TestFailed(f"testing value {path} failed: test failed")


def _equal(current: Value, wanted: Value, respelled: frozenset[str]) -> bool:
    kind = type(current)
    if kind is not type(wanted):
        return kind is float and type(wanted) is int and bool(current == wanted)
    if kind is str:
        return bool(current == wanted) and wanted not in respelled
    if kind is dict:
        if len(current) != len(wanted):
            return False
        return all(key in wanted and _equal(value, wanted[key], respelled) for key, value in current.items())
    if kind is list:
        return len(current) == len(wanted) and _equal_items(current, wanted, respelled)
    return bool(current == wanted)


def _equal_items(current: list[Value], wanted: list[Value], respelled: frozenset[str]) -> bool:
    for left, right in zip(current, wanted, strict=True):
        if left is None or right is None:
            raise PatchCrashed
        if not _equal(left, right, respelled):
            return False
    return True


_STEPS: dict[str, Callable[[_Run, Operation], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
