"""The members of a model class, whichever library it is of: msgspec Struct, Pydantic model, dataclass or TypedDict.

Used by `schema` (types) and `models` (values). Neither library is imported here: who has a class of one of them has
imported it.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from orlop.declared.errors import DeclarationError

NONE: Final = object()
"""Stands for a default that there is not."""
_CONTAINERS: Final = (list, dict, set, frozenset, tuple)


@dataclass(frozen=True, slots=True)
class Member:
    """`encoded` is its name in objects, `metadata` what the library has taken out of its `Annotated`. `default` is
    NONE where there is none, or where it is another one each time."""

    name: str
    encoded: str
    annotation: Any
    required: bool
    default: Any = NONE
    metadata: tuple[Any, ...] = ()


def library(name: str) -> Any:
    """A library as far as the program has imported it."""
    return sys.modules.get(name)


def is_struct(cls: Any) -> bool:
    msgspec = library("msgspec")
    return msgspec is not None and isinstance(cls, type) and issubclass(cls, msgspec.Struct)


def is_pydantic(cls: Any) -> bool:
    pydantic = library("pydantic")
    return pydantic is not None and isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)


def is_model(cls: Any) -> bool:
    """Whether a class has members of its own."""
    return is_struct(cls) or is_pydantic(cls) or (
        isinstance(cls, type) and (dataclasses.is_dataclass(cls) or typing.is_typeddict(cls)))


def is_open(cls: Any) -> bool:
    """Whether it keeps members that it does not name."""
    return is_pydantic(cls) and cls.model_config.get("extra") == "allow"


def members(cls: Any) -> list[Member]:
    if is_struct(cls):
        return list(_struct_members(cls))
    if is_pydantic(cls):
        return list(_pydantic_members(cls))
    hints = typing.get_type_hints(cls, include_extras=True)
    if dataclasses.is_dataclass(cls):
        return list(_dataclass_members(cls, hints))
    return [Member(name, name, _bare(hint), name in cls.__required_keys__) for name, hint in hints.items()]


def tag(cls: Any) -> tuple[str, str | int] | None:
    """The member that says which class of a union an object is of, and what it says (msgspec)."""
    config = cls.__struct_config__ if is_struct(cls) else None
    return None if config is None or config.tag is None else (config.tag_field, config.tag)


def description(cls: Any) -> str:
    """The docstring that somebody wrote."""
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else inspect.cleandoc(text)


def _struct_members(cls: Any) -> Iterator[Member]:
    msgspec: Any = library("msgspec")
    for field in msgspec.structs.fields(cls):
        default = NONE if field.default is msgspec.NODEFAULT or field.default is msgspec.UNSET else field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = _made(field.default_factory)
        yield Member(field.name, field.encode_name, field.type, field.required, default)


def _pydantic_members(cls: Any) -> Iterator[Member]:
    if not cls.__pydantic_complete__:
        cls.model_rebuild()
    for name, field in cls.model_fields.items():
        encoded = field.serialization_alias or field.alias or name
        if field.validation_alias not in (None, encoded):
            raise DeclarationError(f"{cls.__name__}.{name}: is read as {field.validation_alias} and written as "
                                   f"{encoded}; objects have one name for it")
        default = NONE if field.is_required() or field.default_factory else field.default
        if field.default_factory is not None:
            default = _made(field.default_factory)
        yield Member(name, encoded, field.annotation, field.is_required(), default, (field,))


def _dataclass_members(cls: Any, hints: dict[str, Any]) -> Iterator[Member]:
    for field in dataclasses.fields(cls):
        default = NONE if field.default is dataclasses.MISSING else field.default
        required = default is NONE and field.default_factory is dataclasses.MISSING
        if field.default_factory is not dataclasses.MISSING:
            default = _made(field.default_factory)
        yield Member(field.name, field.name, hints[field.name], required, default)


def _made(factory: Any) -> Any:
    """What a factory makes, if that is the same each time."""
    if factory in _CONTAINERS or is_model(factory):
        try:
            return factory()
        except TypeError as error:
            raise DeclarationError(f"a default {factory.__name__}() cannot be made: {error}") from None
    return NONE


def _bare(hint: Any) -> Any:
    """A hint of a TypedDict without Required and NotRequired."""
    if typing.get_origin(hint) in (typing.Required, typing.NotRequired):
        return typing.get_args(hint)[0]
    return hint
