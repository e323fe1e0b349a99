"""The strategy that all workloads share: a pod template inside a spec, a generation that moves with the spec.

Subclassed by each kind of workload; `rooms_of` makes the rest storage of one from its strategies. Behaviour: the
`strategy.go` files in kubernetes `pkg/registry/{apps,batch,core}`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.tree import Tree
from orlop.kinds import internal_form
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy, Form, StatusStrategy
from orlop.kinds.pod_fields import drop_gated
from orlop.kinds.pod_rules import template as templates
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.pod_rules.warnings import template_remarks
from orlop.kinds.rooms import RestOptions, form, store
from orlop.kinds.scale import Scale, SelectorText
from orlop.kinds.typed import TypeLoader, type_loader
from orlop.kinds.workloads.selecting import TEMPLATE
from orlop.schema.types import Type

_NAME_ADVICE: Final = ("metadata.name: this is used in Pod names and hostnames, which can result in surprising "
                       "behavior; a DNS label is recommended: ")


class WorkloadStrategy(CountingStrategy):
    """`load_type` gives the type of the whole object, which only changes of specs need. `advises_on_name`: names that
    are no DNS labels get a remark."""

    advises_on_name = False

    def __init__(self, form: Form, load_type: TypeLoader) -> None:
        super().__init__(form)
        self._load_type = load_type

    @cached_property
    def type(self) -> Type:
        return self._load_type()

    def member_type(self, *path: str) -> Type:
        """The type of a member of the object."""
        found = self.type
        for name in path:
            found = found.target.fields[name].type
        return found

    def template(self, obj: Tree) -> Tree:
        """The pod template; empty when there is none."""
        found: Tree = (obj.get("spec") or {}).get("template") or {}
        return found

    def allowances(self, old: Tree) -> Allowances:
        """What an update may keep of the stored template's faults."""
        return templates.allowances(self.template(old))

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        super().prepare_for_create(ctx, obj)
        inner = self.template(obj).get("spec")
        if inner:
            drop_gated(inner, None)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        inner = self.template(obj).get("spec")
        if inner:
            drop_gated(inner, self.template(old).get("spec"))
        super().prepare_for_update(ctx, obj, old)

    def changed(self, obj: Tree, old: Tree) -> bool:
        return self.differs(obj.get("spec"), old.get("spec"), "spec")

    def differs(self, new: Any, old: Any, *path: str) -> bool:
        """Whether a member of the object means something else now."""
        return new != old and not internal_form.same(self.member_type(*path), new, old)

    def remarks(self, obj: Tree) -> list[str]:
        return template_remarks(TEMPLATE, self.template(obj))

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        found = self.remarks(obj)
        if self.advises_on_name and (complaints := names.dns1123_label(obj["metadata"]["name"])):
            found.insert(0, f"{_NAME_ADVICE}[{' '.join(complaints)}]")
        return found

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        if obj["metadata"].get("generation") == old["metadata"].get("generation"):
            return ()
        return self.remarks(obj)


def rooms_of(resource: Resource, options: RestOptions, main: Callable[[Form, TypeLoader], WorkloadStrategy],
             status: type[StatusStrategy] | None = StatusStrategy,
             scaled_by: SelectorText | None = None) -> dict[str, Any]:
    """Main store, status store and, with a selector to show, scale."""
    shape = form(resource, options)
    made = store(resource, options, main(shape, type_loader(resource, options)))
    rooms: dict[str, Any] = {"": made}
    if status is not None:
        rooms["status"] = made.with_strategy(status(shape))
    if scaled_by is not None:
        rooms["scale"] = Scale(made, scaled_by)
    return rooms


