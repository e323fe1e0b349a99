"""Marks on methods: which functions a kind has, and which cannot be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import orlop
from orlop.declared.functions import functions


class Base(msgspec.Struct):
    size: int = 0

    @orlop.validates
    def first(self) -> None: ...

    @orlop.before("create", "delete")
    def second(self, write: orlop.Write) -> None: ...


class Derived(Base):
    @orlop.validates
    def third(self, old: Derived | None) -> None: ...

    def first(self) -> None: ...


def test_functions_of_a_class() -> None:
    """Those of bases first; one that is overridden by an unmarked method is none any more."""
    assert [each.call.__name__ for each in functions(Base)] == ["first", "second"]
    found = list(functions(Derived))
    assert [each.call.__name__ for each in found] == ["second", "third"]
    assert found[0].events == {"create", "delete"} and found[0].takes == {"write"} and found[1].takes == {"old"}


def test_functions_get_what_they_name() -> None:
    """And nothing else."""
    calls: list[Any] = []

    class Thing(msgspec.Struct):
        @orlop.before("update")
        def one(self, write: Any, old: Any) -> None:
            calls.append((self, old, write))

        @orlop.before("update")
        def other(self) -> None:
            calls.append(self)

    thing = Thing()
    for function in functions(Thing):
        function(thing, 1, 2)  # type: ignore[arg-type]
    assert calls == [(thing, 1, 2), thing]


def test_what_cannot_be_marked() -> None:
    """Is refused at once, with the name of the function."""

    async def waits(self: Any) -> None: ...

    def asks(self: Any, request: Any) -> None: ...

    def judges(self: Any, write: Any) -> None: ...

    with pytest.raises(orlop.DeclarationError, match="waits: a function that validates is not asynchronous"):
        orlop.validates(waits)
    with pytest.raises(orlop.DeclarationError, match="asks: takes self and old and write, not request"):
        orlop.before("create")(asks)
    with pytest.raises(orlop.DeclarationError, match="judges: takes self and old, not write"):
        orlop.validates(judges)
    for events in ((), ("creation",)):
        with pytest.raises(orlop.DeclarationError, match=r"before\(...\) takes some of create, update, delete, status"):
            orlop.before(*events)  # type: ignore[arg-type]


def test_what_cannot_be_a_kind() -> None:
    """Neither library's class, a wrong scope, a status that is always there."""
    with pytest.raises(orlop.DeclarationError, match=r"str is neither a msgspec\.Struct nor a pydantic\.BaseModel"):
        orlop.kind(group="f.example.com")(str)
    with pytest.raises(orlop.DeclarationError, match="scope is Namespaced or Cluster, not 'Global'"):
        orlop.kind(group="f.example.com", scope="Global")  # type: ignore[arg-type]

    class Always(msgspec.Struct):
        status: Base

    with pytest.raises(orlop.DeclarationError, match="Always: status needs a default"):
        orlop.kind(group="f.example.com")(Always)


def test_classes_that_follow() -> None:
    """A kind may speak of classes that are defined after it."""
    space: dict[str, Any] = {"__name__": "later"}
    exec("from __future__ import annotations\nimport msgspec, orlop, sys\n"
         "@orlop.kind(group='f.example.com')\nclass First(msgspec.Struct):\n    spec: Later\n", space)
    import sys
    import types

    module = sys.modules["later"] = types.ModuleType("later")
    try:
        vars(module).update(space)
        vars(module)["Later"] = Base
        properties = orlop.crd(space["First"])["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    finally:
        del sys.modules["later"]
    assert properties["spec"]["properties"] == {"size": {"type": "integer", "format": "int64", "default": 0}}
