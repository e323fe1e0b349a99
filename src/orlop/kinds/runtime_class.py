"""RuntimeClasses: how nodes run containers.

Made by `makers`. Behaviour: kubernetes `pkg/registry/node/runtimeclass`, `pkg/apis/node/validation`.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.context import Context
from orlop.api.field import Path, duplicate
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.api.validation import validate_labels
from orlop.kinds.checks import Errors, dns_label, present, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy
from orlop.kinds.go_form import Form
from orlop.kinds.pod_rules import resources, scheduling
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.rooms import RestOptions, Rooms, stores

_HANDLER: Final = Path("handler")
_OVERHEAD: Final = Path("overhead")
_SCHEDULING: Final = Path("scheduling")
_TOLERATIONS: Final = _SCHEDULING.child("tolerations")
_TOLERATION: Final = Form({"Key": ("key", ""), "Operator": ("operator", ""), "Value": ("value", ""),
                           "Effect": ("effect", ""), "TolerationSeconds": ("tolerationSeconds", None)})


def _repeated(tolerations: list[Tree]) -> Errors:
    """Tolerations are told apart by all but their seconds."""
    found: Errors = []
    seen: list[Any] = []
    for index, toleration in enumerate(tolerations):
        shown = _TOLERATION.tree(toleration)
        key = {**shown, "TolerationSeconds": None}
        if key in seen:
            found.append(duplicate(_TOLERATIONS.index(index), json_value(shown)))
        else:
            seen.append(key)
    return found


class RuntimeClassStrategy(MainStrategy):
    allow_unconditional_update = False
    repeats_metadata_rules = ("change",)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        handler = obj.get("handler") or ""
        found = dns_label(_HANDLER, handler) if handler else present(_HANDLER, handler)
        overhead, placing = obj.get("overhead") or {}, obj.get("scheduling") or {}
        # Upstream checks overhead as if it were limits of a container, and says so.
        limits = {"limits": overhead.get("podFixed") or {}}
        found += resources.requirements(_OVERHEAD, limits, frozenset(), Allowances())
        found += validate_labels(placing.get("nodeSelector") or {}, _SCHEDULING.child("nodeSelector"))
        tolerations = placing.get("tolerations") or []
        found += scheduling.tolerations(_TOLERATIONS, tolerations)
        return found + _repeated(tolerations)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = self.validate(ctx, obj)
        return found + unchanged(_HANDLER, obj.get("handler") or "", old.get("handler") or "")


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, RuntimeClassStrategy)
