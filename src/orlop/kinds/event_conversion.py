"""The two forms of an Event: core/v1, which is stored, and events.k8s.io/v1.

Called by the endpoints through `conversion.CONVERSIONS`. Each function owns the tree it gets. Behaviour: kubernetes
`pkg/apis/events/v1/conversion.go`; what is printed for nothing follows the two Go types.
"""

from __future__ import annotations

from typing import Final

from orlop.api.tree import Tree

_NAMES: Final = (
    ("message", "note"), ("involvedObject", "regarding"), ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"), ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"), ("reportingComponent", "reportingController"))
_TO_CORE: Final = {theirs: ours for ours, theirs in _NAMES}
_FROM_CORE: Final = dict(_NAMES)
_OPTIONAL: Final = ("reportingController", "reportingInstance")
"""Members that core/v1 prints always and events.k8s.io/v1 only when they are set."""


def to_core(event: Tree) -> Tree:
    made = {_TO_CORE.get(name, name): value for name, value in event.items()}
    made.setdefault("reportingComponent", "")
    made.setdefault("reportingInstance", "")
    return made


def from_core(event: Tree) -> Tree:
    made = {_FROM_CORE.get(name, name): value for name, value in event.items()}
    for name in _OPTIONAL:
        if made.get(name) == "":
            del made[name]
    return made
