"""A kind as a program declares it: names, versions, functions. Made by `kind`; `definition` tells it as a
CustomResourceDefinition, `program` as what the server runs.

One class is the hub: functions and conversions are about it; other versions are classes of their own that know the way
to the hub and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from orlop.api.tree import Tree
from orlop.declared import members
from orlop.declared.columns import Column, Scale
from orlop.declared.errors import DeclarationError
from orlop.declared.functions import Function, functions
from orlop.declared.markers import Rule
from orlop.declared.models import Model
from orlop.declared.schema import SchemaMaker

_OWN = ("apiVersion", "kind", "metadata")


@dataclass(frozen=True)
class Version:
    """A version and its class. `warning` is what requests through a deprecated version are told, if not the usual."""

    name: str
    cls: type[Any]
    served: bool = True
    deprecated: bool = False
    warning: str = ""
    columns: Sequence[Column | str] = ()
    fields: Sequence[str] = ()
    scale: Scale | None = None
    rules: Sequence[Rule] = ()

    @cached_property
    def schema(self) -> Tree:
        """Raises DeclarationError; NameError where the class speaks of others that are not defined yet."""
        found = SchemaMaker().model(self.cls, without=_OWN)
        if "status" in found.get("required", ()):
            raise DeclarationError(f"{self.cls.__name__}: status needs a default, for nothing has a status at first")
        own: Tree = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
        found["properties"] = own | found.get("properties", {})
        for rule in self.rules:
            rule.orlop_mark(found)
        return found

    @cached_property
    def model(self) -> Model:
        return Model(self.cls, self.schema)

    @property
    def has_status(self) -> bool:
        return "status" in self.schema["properties"]

    def wrong(self, why: str) -> DeclarationError:
        return DeclarationError(f"{self.cls.__name__}: {why}")


@dataclass(frozen=True)
class Declaration:
    """`hub` is the version of the class that was declared; `stored` the name of the one that objects are stored in.
    `storage` is a rest storage of the program's own, which then has the objects."""

    group: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    stored: str
    hub: Version
    storage: Any = None
    others: list[Version] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What its definition is called."""
        return f"{self.plural}.{self.group}"

    @property
    def versions(self) -> list[Version]:
        return [self.hub, *self.others]

    def version(self, name: str) -> Version | None:
        return next((version for version in self.versions if version.name == name), None)

    @cached_property
    def functions(self) -> list[Function]:
        return list(functions(self.hub.cls))

    def complete(self) -> None:
        """Raises DeclarationError where the versions do not fit together."""
        names = [version.name for version in self.versions]
        if self.stored not in names:
            raise self.hub.wrong(f"{self.stored} is to be stored, and is none of its versions ({', '.join(names)})")


_DECLARED: WeakKeyDictionary[type[Any], Declaration] = WeakKeyDictionary()


def note(cls: type[Any], declaration: Declaration) -> None:
    _DECLARED[cls] = declaration


def declared(cls: Any) -> Declaration | None:
    """The declaration of a class, None of one that is no kind."""
    return _DECLARED.get(cls) if isinstance(cls, type) else None


def declaration(cls: Any) -> Declaration:
    """The same; raises DeclarationError."""
    found = declared(cls)
    if found is None:
        raise DeclarationError(f"{getattr(cls, '__name__', cls)} is no kind: decorate it with orlop.kind(...)")
    return found


def check_class(cls: Any) -> None:
    if not members.is_struct(cls) and not members.is_pydantic(cls):
        raise DeclarationError(f"{getattr(cls, '__name__', cls)} is neither a msgspec.Struct nor a pydantic.BaseModel")
