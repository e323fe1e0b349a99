"""Objects between trees and typed values: decoding, encoding, and what a library complains about.

Used by `functions` and `conversion`, which run the programmer's code. A typed value has the fields that its class
names; a tree may have more (fields that are kept though unknown, metadata), which `changes` leaves alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from orlop.api.field import INVALID, OMITTED, FieldError
from orlop.api.tree import Tree
from orlop.declared import members
from orlop.declared.errors import Problem
from orlop.declared.values import ADDRESSES, plain

_PLACE: Final = re.compile(r"(.*?)(?: - at `(?:key in )?\$\.?(.*)`)?", re.DOTALL)


class Unreadable(Exception):
    """A tree that is no value of its class; `errors` say why."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = list(errors)


class Model:
    """A root class and its schema."""

    def __init__(self, cls: type[Any], schema: Tree) -> None:
        self.cls, self.schema = cls, schema
        named = {member.encoded for member in members.members(cls)}
        self._named = frozenset(named)
        self._structs = members.is_struct(cls)

    def view(self, tree: Tree) -> Tree:
        """The part of a tree that its class speaks of."""
        return {name: value for name, value in tree.items() if name in self._named}

    def decode(self, tree: Tree) -> Any:
        """Raises Unreadable."""
        view = self.view(tree)
        if self._structs:
            msgspec = members.library("msgspec")
            try:
                return msgspec.convert(view, self.cls, dec_hook=_address)
            except msgspec.ValidationError as error:
                raise Unreadable([_struct_error(error)]) from error
        pydantic = members.library("pydantic")
        try:
            return self.cls.model_validate(view)
        except pydantic.ValidationError as error:
            raise Unreadable(_pydantic_errors(error)) from error

    def encode(self, value: Any) -> Tree:
        """The tree of a value, in which nothing is said twice: what is None or empty and need not be there is not."""
        found: Tree = slim(self.full(value), self.schema)
        return found

    def full(self, value: Any) -> Tree:
        """The tree of a value as its library makes it."""
        if not isinstance(value, self.cls):
            raise TypeError(f"expected {self.cls.__name__}, got {type(value).__name__}")
        if self._structs:
            tree: Tree = members.library("msgspec").to_builtins(value, enc_hook=plain, str_keys=True)
        else:
            tree = value.model_dump(mode="json", by_alias=True)
        return tree


def slim(value: Any, schema: Tree) -> Any:
    """A value without members that are None where nothing may be null, or empty where they need not be there."""
    if isinstance(value, list):
        items = schema.get("items", {})
        return [slim(each, items) for each in value]
    if not isinstance(value, dict):
        return value
    properties, every = schema.get("properties", {}), schema.get("additionalProperties")
    required = schema.get("required", ())
    found: Tree = {}
    for name, inner in value.items():
        known = properties.get(name)
        if known is None:
            if every or is_free(schema):
                found[name] = slim(inner, every) if every else inner
        elif inner is None and not known.get("nullable"):
            continue
        elif inner not in ([], {}) or name in required or "default" in known:
            found[name] = slim(inner, known)
    return found


def is_free(schema: Tree) -> bool:
    """Whether an object may have members that its schema does not name. (Pydantic writes computed fields, too.)"""
    return bool(schema.get("x-kubernetes-preserve-unknown-fields")) or "properties" not in schema


def _address(wanted: type[Any], value: Any) -> Any:
    """Types that msgspec leaves to its user."""
    if wanted in ADDRESSES:
        return wanted(value)
    raise TypeError(f"{wanted.__name__} cannot be read")


def problems(error: ValueError) -> list[FieldError]:
    """What a function of the programmer complains about by raising."""
    if isinstance(error, Problem):
        return [error.field_error()]
    return [FieldError(INVALID, "", OMITTED, str(error))]


def _struct_error(error: Exception) -> FieldError:
    cause = error.__cause__
    if isinstance(cause, Problem):
        return cause.field_error()
    found = _PLACE.fullmatch(str(error))
    assert found is not None
    return FieldError(INVALID, found[2] or "", OMITTED, found[1])


def _pydantic_errors(error: Any) -> list[FieldError]:
    found = []
    for each in error.errors(include_url=False):
        raised = (each.get("ctx") or {}).get("error")
        if isinstance(raised, Problem):
            found.append(raised.field_error())
            continue
        value = each["input"] if isinstance(each["input"], str | int | float | bool) else OMITTED
        found.append(FieldError(INVALID, _path(each["loc"]), value, each["msg"]))
    return found


def _path(location: Sequence[str | int]) -> str:
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
