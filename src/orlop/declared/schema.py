"""From Python types to structural schemas.

Used by `definition` for each version of a kind. What a structural schema cannot say (recursion, unions of unlike
things) is refused when the kind is declared, with the way out. What structural schemas are: apiextensions-apiserver
`pkg/apiserver/schema/validation.go`.
"""

from __future__ import annotations

import collections.abc
import datetime
import decimal
import enum
import ipaddress
import types
import typing
import uuid
from collections.abc import Sequence
from typing import Any, Final

from orlop.api.tree import Tree
from orlop.declared import members as models
from orlop.declared.constraints import constrain
from orlop.declared.errors import DeclarationError
from orlop.declared.members import NONE, Member
from orlop.declared.unions import union
from orlop.declared.values import plain

_SCALARS: Final[dict[Any, Tree]] = {
    str: {"type": "string"}, bool: {"type": "boolean"}, int: {"type": "integer", "format": "int64"},
    float: {"type": "number"}, decimal.Decimal: {"type": "string"},
    datetime.datetime: {"type": "string", "format": "date-time"}, datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string"}, datetime.timedelta: {"type": "string"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    ipaddress.IPv4Address: {"type": "string", "format": "ipv4"},
    ipaddress.IPv6Address: {"type": "string", "format": "ipv6"},
    ipaddress.IPv4Network: {"type": "string", "format": "cidr"},
    ipaddress.IPv6Network: {"type": "string", "format": "cidr"},
}
_BASE64: Final = {"type": "string", "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"}
_OF_PYDANTIC: Final = ("type", "format", "minLength", "maxLength", "pattern", "writeOnly")
_LISTS: Final = (list, tuple, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_SETS: Final = (set, frozenset, collections.abc.Set, collections.abc.MutableSet)
_MAPS: Final = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_ABSENT: Final = types.NoneType


class SchemaMaker:
    """Makes schemas. A maker remembers where it is, to tell recursion and to say where something is wrong."""

    def __init__(self) -> None:
        self._within: list[Any] = []
        self._place: list[str] = []

    def of(self, annotation: Any) -> Tree:
        """The schema of a type. One that may be None is `nullable`."""
        if isinstance(annotation, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
            return self.of(annotation.__value__)
        if isinstance(annotation, typing.NewType):
            return self.of(annotation.__supertype__)
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            schema = self.of(arguments[0])
            constrain(schema, arguments[1:])
            return schema
        if origin in (typing.Union, types.UnionType):
            return self._union(arguments)
        if origin is typing.Literal:
            return self._choice(arguments)
        if annotation is Any or annotation is object:
            return {"x-kubernetes-preserve-unknown-fields": True}
        if isinstance(annotation, typing.TypeVar):
            return self.of(annotation.__bound__ or Any)
        return self._collection(origin or annotation, arguments) or self._plain(origin or annotation)

    # --- models --------------------------------------------------------------------------------------------------

    def model(self, cls: Any, without: Sequence[str] = ()) -> Tree:
        """The schema of a class with members."""
        if cls in self._within:
            raise self.wrong(f"{cls.__name__} contains itself, which no structural schema can say; annotate the inner "
                             "one as Annotated[Any, ...] or list[Any] and check it in a function")
        self._within.append(cls)
        schema: Tree = {"type": "object"}
        text = models.description(cls)
        if text:
            schema["description"] = text
        properties, required = {}, []
        for member in models.members(cls):
            if member.encoded in without:
                continue
            self._place.append(member.encoded)
            properties[member.encoded] = self._member(member)
            self._place.pop()
            if member.required:
                required.append(member.encoded)
        tag = models.tag(cls)
        if tag is not None:
            properties[tag[0]] = self._choice((tag[1],))
            required.append(tag[0])
        if properties:
            schema["properties"] = properties
        if required:
            schema["required"] = required
        if models.is_open(cls):
            schema["x-kubernetes-preserve-unknown-fields"] = True
        self._within.pop()
        return schema

    def _member(self, member: Member) -> Tree:
        schema = self.of(member.annotation)
        constrain(schema, member.metadata)
        if member.default is None:
            schema.pop("nullable", None)  # None is what it is when it is absent; an explicit null is dropped
        elif member.default is not NONE:
            value = plain(member.default)
            if value not in ([], {}):  # empty is what it is when it is absent
                schema["default"] = value
        return schema

    # --- unions --------------------------------------------------------------------------------------------------

    def _union(self, arguments: Sequence[Any]) -> Tree:
        named = [each for each in arguments if each is not _ABSENT and getattr(each, "__name__", "") != "UnsetType"]
        made = [self.of(each) for each in named]
        schema = union(made, [models.tag(each) for each in named])
        if schema is None:
            names = " | ".join(getattr(each, "__name__", str(each)) for each in named)
            raise self.wrong(f"{names} is a union that no structural schema can say; use Any, or classes with a tag")
        if _ABSENT in arguments:
            schema["nullable"] = True
        return schema

    def _choice(self, values: Sequence[Any]) -> Tree:
        """One of some values."""
        flat = [value.value if isinstance(value, enum.Enum) else value for value in values]
        named = [value for value in flat if value is not None]
        kinds = {type(value) for value in named}
        if len(kinds) != 1 or not kinds <= {str, int, bool, float}:
            raise self.wrong(f"the values {flat} are not all of one type")
        schema: Tree = {"type": _SCALARS[kinds.pop()]["type"], "enum": named}
        if len(named) < len(flat):
            schema["nullable"] = True
            schema["enum"] = [*named, None]
        return schema

    # --- everything else -----------------------------------------------------------------------------------------

    def _collection(self, origin: Any, arguments: Sequence[Any]) -> Tree | None:
        if origin in _MAPS:
            key, value = arguments or (str, Any)
            if self.of(key).get("type") != "string":
                raise self.wrong("keys of maps are strings")
            inner = self.of(value)
            if set(inner) == {"x-kubernetes-preserve-unknown-fields"}:
                return {"type": "object", **inner}
            return {"type": "object", "additionalProperties": inner}
        if origin in _SETS:
            schema: Tree = {"type": "array", "items": self.of(arguments[0] if arguments else Any)}
            if schema["items"].get("type") in ("string", "integer", "number", "boolean"):
                schema["x-kubernetes-list-type"] = "set"
            return schema
        if origin in _LISTS:
            if origin is tuple and arguments and arguments[-1] is not Ellipsis:
                return self._tuple(arguments)
            return {"type": "array", "items": self.of(arguments[0] if arguments else Any)}
        return None

    def _tuple(self, arguments: Sequence[Any]) -> Tree:
        made = [self.of(each) for each in arguments]
        schema = union(made, [None] * len(made)) if made else None
        if schema is None:
            raise self.wrong("a tuple of unlike things is nothing that a structural schema can say; make it a class")
        return {"type": "array", "items": schema, "minItems": len(made), "maxItems": len(made)}

    def _plain(self, annotation: Any) -> Tree:
        if models.is_model(annotation):
            return self.model(annotation)
        if annotation in (bytes, bytearray):
            # Pydantic has bytes as text, unless it is told otherwise; format byte would refuse no bytes at all.
            return {"type": "string"} if self._within and models.is_pydantic(self._within[0]) else dict(_BASE64)
        if annotation in _SCALARS:
            return dict(_SCALARS[annotation])
        if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            return self._choice(list(annotation))
        found = _of_pydantic(annotation)
        if found is not None:
            if found.pop("writeOnly", False):
                raise self.wrong(f"{annotation.__name__} does not show what it has, so it cannot be stored; use str")
            return found
        if isinstance(annotation, type):
            for known in (bool, int, float, str):
                if issubclass(annotation, known):
                    return dict(_SCALARS[known])
        raise self.wrong(f"the type {getattr(annotation, '__name__', annotation)} has no schema")

    def wrong(self, why: str) -> DeclarationError:
        place = ".".join(self._place)
        return DeclarationError(f"{place}: {why}" if place else why)


def _of_pydantic(annotation: Any) -> Tree | None:
    """The schema of a type of Pydantic's own, as far as it is a simple one."""
    pydantic = models.library("pydantic")
    if pydantic is None or not hasattr(annotation, "__get_pydantic_core_schema__"):
        return None
    told = pydantic.TypeAdapter(annotation).json_schema()
    if told.get("type") not in ("string", "integer", "number", "boolean"):
        return None
    return {name: told[name] for name in _OF_PYDANTIC if name in told}
