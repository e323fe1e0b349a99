"""Runs the functions marked `before`, as an admission plugin of one kind.

Asked by the endpoints after all other plugins that change objects, before the object is judged and stored, and by
`kinds.custom.guard` about writes of controllers and through scale. An object that is no value of its class is left to
the judges. Raises 403 for `Refused`, 422 for a `Problem`; whatever else a function raises is a fault of the server
(500), as in any of its own parts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from orlop.admission.interface import CREATE, DELETE, UPDATE, Attributes
from orlop.api import errors
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionResource
from orlop.declared.changes import carry
from orlop.declared.declaration import Version
from orlop.declared.errors import Problem, Refused
from orlop.declared.functions import Event, Function, Write
from orlop.declared.hub import Hub
from orlop.declared.models import Unreadable

_EVENTS: Final[dict[tuple[str, str], Event]] = {
    (CREATE, ""): "create", (UPDATE, ""): "update", (UPDATE, "status"): "status", (DELETE, ""): "delete"}


class Hooks:
    name = "PythonKind"

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._functions: dict[str, list[Function]] = {}
        for function in hub.declaration.functions:
            for event in function.events:
                self._functions.setdefault(event, []).append(function)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return _EVENTS.get((operation, subresource)) in self._functions

    def admit(self, attributes: Attributes) -> Awaitable[None] | None:
        event = _EVENTS[attributes.operation, attributes.subresource]
        version = self._hub.declaration.version(attributes.kind.version)
        tree = attributes.obj if attributes.obj is not None else attributes.old
        if tree is None or version is None:
            return None
        try:
            value = self._hub.value(tree, version)
        except Unreadable:
            return None
        old = self._hub.earlier(attributes.old, version) if attributes.obj is not None else None
        name = attributes.name or tree.get("metadata", {}).get("name", "")
        write = Write(event, name, attributes.namespace, attributes.ctx.user, attributes.dry_run)
        functions = self._functions[event]
        if attributes.dry_run:
            functions = [each for each in functions if each.dry_run]
        try:
            finish = (lambda: None) if attributes.obj is None else self._carrier(value, attributes, version)
        except Unreadable:
            return None
        return _run(functions, value, old, write, attributes, finish)

    def _carrier(self, value: Any, attributes: Attributes, version: Version) -> Callable[[], None]:
        """What brings the changes of a value into its tree. Raises Unreadable."""
        tree = attributes.obj
        assert tree is not None
        full, own = self._hub.model.full, self._hub.own(version)
        before = full(value)
        mine = before if own is self._hub.model else own.full(self._hub.in_version(value, version))

        def finish() -> None:
            after = full(value)
            if after == before:
                return
            if own is not self._hub.model:
                try:
                    after = own.full(self._hub.in_version(value, version))
                except Unreadable as error:
                    raise errors.invalid(attributes.kind.group_kind, _name(attributes), error.errors) from error
            carry(mine, after, tree, own.schema)

        return finish


def _run(functions: Sequence[Function], value: Any, old: Any, write: Write, attributes: Attributes,
         finish: Callable[[], None]) -> Awaitable[None] | None:
    for position, function in enumerate(functions):
        try:
            pending = function(value, old, write)
        except (Refused, Problem) as error:
            raise _answer(error, attributes) from error
        if isinstance(pending, Awaitable):
            rest = partial(_run, functions[position + 1:], value, old, write, attributes, finish)
            return _rest(pending, attributes, rest)
    finish()
    return None


async def _rest(pending: Awaitable[Any], attributes: Attributes,
                rest: Callable[[], Awaitable[None] | None]) -> None:
    try:
        await pending
    except (Refused, Problem) as error:
        raise _answer(error, attributes) from error
    later = rest()
    if later is not None:
        await later


def _answer(error: Refused | Problem, attributes: Attributes) -> APIError:
    if isinstance(error, Refused):
        return errors.forbidden(attributes.resource.group_resource, _name(attributes), str(error))
    return errors.invalid(attributes.kind.group_kind, _name(attributes), [error.field_error()])


def _name(attributes: Attributes) -> str:
    metadata = (attributes.obj or attributes.old or {}).get("metadata") or {}
    return attributes.name or metadata.get("name") or metadata.get("generateName") or ""
