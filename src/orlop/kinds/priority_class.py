"""PriorityClasses: names for numbers.

Made by `makers`; that there is one global default is admission's business. Behaviour: kubernetes
`pkg/registry/scheduling/priorityclass`, `pkg/apis/scheduling/validation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.context import Context
from orlop.api.field import Path, forbidden
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, chosen, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

HIGHEST_USER_PRIORITY: Final = 1_000_000_000
_SYSTEM: Final = "system-"
_KNOWN: Final = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
_POLICIES: Final = ("PreemptLowerPriority", "Never")
_NAME: Final = Path("metadata.name")
_VALUE: Final = Path("value")
_POLICY: Final = Path("preemptionPolicy")


class PriorityClassStrategy(CountingStrategy):
    repeats_metadata_rules = ("change",)

    def changed(self, obj: Tree, old: Tree) -> bool:
        return False

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        name, value = obj["metadata"].get("name") or "", obj.get("value") or 0
        found: Errors = []
        if name.startswith(_SYSTEM):
            if problem := _system_problem(name, value, bool(obj.get("globalDefault"))):
                found.append(forbidden(_NAME, "priority class names with 'system-' prefix are reserved for system use "
                                              f"only. error: {problem}"))
        elif value > HIGHEST_USER_PRIORITY:
            found.append(forbidden(_VALUE, "maximum allowed value of a user defined priority is "
                                           f"{HIGHEST_USER_PRIORITY}"))
        policy = obj.get("preemptionPolicy")
        return found if policy is None else found + chosen(_POLICY, policy, _POLICIES)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found: Errors = []
        if (obj.get("value") or 0) != (old.get("value") or 0):
            found.append(forbidden(_VALUE, "may not be changed in an update."))
        return found + unchanged(_POLICY, obj.get("preemptionPolicy"), old.get("preemptionPolicy"))


def _system_problem(name: str, value: int, default: bool) -> str:
    """Why a class may not call itself the system's."""
    if name not in _KNOWN:
        return f"{name} is not a known system priority class"
    if value != _KNOWN[name]:
        return f"value of {name} PriorityClass must be {_KNOWN[name]}"
    return f"globalDefault of {name} PriorityClass must be false" if default else ""


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, PriorityClassStrategy)
