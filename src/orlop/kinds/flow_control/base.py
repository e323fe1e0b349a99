"""What both kinds of flow control share: their conditions, and a status room that leaves all metadata alone.

Behaviour: kubernetes `pkg/registry/flowcontrol`, `pkg/apis/flowcontrol/validation` (the ...Status functions).
"""

from __future__ import annotations

from orlop.api.context import Context
from orlop.api.field import duplicate, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import STATUS, Errors
from orlop.kinds.generic import carry
from orlop.kinds.typed import TypedStatusStrategy, TypedStrategy
from orlop.registry.strategy import Verdict


def conditions(obj: Tree) -> Errors:
    """Types that are there, each once."""
    found: Errors = []
    seen: set[str] = set()
    for index, condition in enumerate((obj.get("status") or {}).get("conditions") or ()):
        kind, path = condition.get("type") or "", STATUS.child("conditions").index(index).child("type")
        if kind in seen:
            found.append(duplicate(path, json_value(kind)))
        seen.add(kind)
        if not kind:
            found.append(required(path))
    return found


class FlowControlStrategy(TypedStrategy):
    counts_generation = True
    repeats_metadata_rules = ("whole",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Verdict:
        return self.validate(ctx, obj)


class FlowControlStatusStrategy(TypedStatusStrategy):
    repeats_metadata_rules = ()

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        new = obj["metadata"]
        obj["metadata"] = metadata = dict(old["metadata"])
        for name in ("managedFields", "resourceVersion"):
            carry(metadata, new, name)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return conditions(obj)
