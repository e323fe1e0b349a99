"""Strategies of kinds whose rules look at whole structs: to tell a real change from another spelling of the same, and
to print a struct in a message.

Subclassed by kinds; `typed_stores` makes the rest storage of one. The type is asked for at the first change only.
Behaviour: apimachinery `pkg/api/equality` as `strategy.go` of most kinds uses it; printing is `internal_form`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from orlop.api.field import GoText
from orlop.api.tree import Tree
from orlop.kinds import internal_form
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import Form, MainStrategy, StatusStrategy
from orlop.kinds.rooms import RestOptions, form, hub_kind, store
from orlop.schema.kind import KindSchema
from orlop.schema.types import Type

TypeLoader = Callable[[], Type]


def type_loader(resource: Resource, options: RestOptions) -> TypeLoader:
    """Gives the type of a resource's stored form, once it is asked for."""

    def load() -> Type:
        schema = options.schema(hub_kind(resource))
        if not isinstance(schema, KindSchema):
            raise TypeError(f"{resource.kind} is no built-in kind")
        return schema.type

    return load

class Structs:
    """The structs within one kind's objects, by the way that leads to them."""

    def __init__(self, load_type: TypeLoader) -> None:
        self._load_type = load_type

    @cached_property
    def _type(self) -> Type:
        return self._load_type()

    def _member(self, *path: str) -> Type:
        found = self._type
        for name in path:
            found = found.target.fields[name].type
        return found

    def same(self, new: Any, old: Any, *path: str) -> bool:
        """Whether two values of the member at `path` mean the same."""
        return new == old or internal_form.same(self._member(*path), new, old)

    def part_difference(self, members: Sequence[str], old: Tree, new: Tree, *path: str) -> str:
        """What differs in some members of the struct at `path`, as messages show it."""
        return internal_form.part_difference(self._member(*path), members, old, new)

    def text(self, value: Any, *path: str) -> GoText:
        """A value of the member at `path` as messages print it."""
        return internal_form.text(self._member(*path), value)


class TypedStrategy(MainStrategy):
    def __init__(self, form: Form, structs: Structs) -> None:
        super().__init__(form)
        self.structs = structs

    def changed(self, obj: Tree, old: Tree) -> bool:
        return not self.structs.same(obj.get("spec"), old.get("spec"), "spec")


class TypedStatusStrategy(StatusStrategy):
    def __init__(self, form: Form, structs: Structs) -> None:
        super().__init__(form)
        self.structs = structs


Main = TypeVar("Main", bound=TypedStrategy)
Status = TypeVar("Status", bound=TypedStatusStrategy)


def typed_stores(resource: Resource, options: RestOptions, main: Callable[[Form, Structs], Main],
                 status: Callable[[Form, Structs], Status] | None = None) -> dict[str, Any]:
    """Main store and, where there is a strategy for it, status store."""
    shape, structs = form(resource, options), Structs(type_loader(resource, options))
    made = store(resource, options, main(shape, structs))
    rooms: dict[str, Any] = {"": made}
    if status is not None:
        rooms["status"] = made.with_strategy(status(shape, structs))
    return rooms
