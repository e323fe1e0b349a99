"""PriorityLevelConfigurations: how many requests of a level run at once, and what becomes of the rest.

Made by `makers`. Behaviour: kubernetes `pkg/registry/flowcontrol/prioritylevelconfiguration`,
`pkg/apis/flowcontrol/validation`, apiserver `pkg/util/shufflesharding`. The declarative rules of 1.36 are shadowed by
these. Empty types are answered as by 1.36.0; from 1.36.3 on they are required.
"""

from __future__ import annotations

import math
from typing import Final

from orlop.api.context import Context
from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.declaration import Resource
from orlop.kinds.flow_control.base import FlowControlStatusStrategy, FlowControlStrategy, conditions
from orlop.kinds.flow_control.mandatory import EXEMPT, LEVELS, fixed_spec
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.typed import typed_stores

MAX_QUEUES: Final = 10_000_000
MAX_HASH_BITS: Final = 60
"""Of a hash value, to deal a hand of queues by."""
ZERO_SHARES_ANNOTATION: Final = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
_ENABLEMENTS: Final = ("Exempt", "Limited")
_RESPONSES: Final = ("Queue", "Reject")
_NOT_NEGATIVE: Final = "must be a non-negative integer"


def priority_level_spec(name: str, spec: Tree) -> Errors:
    """`name` is the level's own."""
    kind, limited, exempt = spec.get("type") or "", spec.get("limited"), spec.get("exempt")
    place = SPEC.child("type")
    found: Errors = []
    if (name == EXEMPT) != (kind == "Exempt"):
        found.append(invalid(place, json_value(kind), "must be 'Exempt' if and only if `name` is 'exempt'"))
    if kind == "Exempt":
        if limited is not None:
            found.append(forbidden(SPEC.child("limited"), "must be nil if the type is not Limited"))
        if exempt is not None:
            found += _shares(SPEC.child("exempt"), exempt) + _lendable(SPEC.child("exempt"), exempt)
    elif kind == "Limited":
        if exempt is not None:
            found.append(forbidden(SPEC.child("exempt"), "must be nil if the type is Limited"))
        if limited is None:
            found.append(required(SPEC.child("limited"), "must not be empty when type is Limited"))
        else:
            found += _limited(SPEC.child("limited"), limited)
    else:
        found.append(not_supported(place, json_value(kind), _ENABLEMENTS))
    return found


def _shares(path: Path, level: Tree) -> Errors:
    shares = level.get("nominalConcurrencyShares") or 0
    return [invalid(path.child("nominalConcurrencyShares"), shares, _NOT_NEGATIVE)] if shares < 0 else []


def _lendable(path: Path, level: Tree) -> Errors:
    percent = level.get("lendablePercent") or 0
    if 0 <= percent <= 100:
        return []
    return [invalid(path.child("lendablePercent"), percent, "must be between 0 and 100, inclusive")]


def _limited(path: Path, level: Tree) -> Errors:
    found = _shares(path, level)
    found += _response(path.child("limitResponse"), level.get("limitResponse") or {})
    found += _lendable(path, level)
    borrowing = level.get("borrowingLimitPercent") or 0
    if borrowing < 0:
        found.append(invalid(path.child("borrowingLimitPercent"), borrowing, f"if specified, {_NOT_NEGATIVE}"))
    return found


def _response(path: Path, response: Tree) -> Errors:
    kind, queuing, place = response.get("type") or "", response.get("queuing"), path.child("queuing")
    if kind == "Reject":
        text = "must be nil if limited.limitResponse.type is not Limited"
        return [forbidden(place, text)] if queuing is not None else []
    if kind == "Queue":
        if queuing is None:
            return [required(place, "must not be empty if limited.limitResponse.type is Limited")]
        return _queuing(place, queuing)
    return [not_supported(path.child("type"), json_value(kind), _RESPONSES)]


def _queuing(path: Path, queuing: Tree) -> Errors:
    limit, queues, hand = (queuing.get(name) or 0 for name in ("queueLengthLimit", "queues", "handSize"))
    found: Errors = []
    if limit <= 0:
        found.append(invalid(path.child("queueLengthLimit"), limit, "must be positive"))
    if queues <= 0:
        found.append(invalid(path.child("queues"), queues, "must be positive"))
    elif queues > MAX_QUEUES:
        found.append(invalid(path.child("queues"), queues, f"must not be greater than {MAX_QUEUES}"))
    if complaint := _hand(queues, hand):
        found.append(invalid(path.child("handSize"), hand, complaint))
    return found


def _hand(queues: int, hand: int) -> str:
    """What is wrong with the size of a hand that is dealt from so many queues."""
    if hand <= 0:
        return "must be positive"
    if hand > queues:
        return f"should not be greater than queues ({queues})"
    if math.ceil(math.log2(queues) * hand) > MAX_HASH_BITS:
        return (f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than "
                f"{MAX_HASH_BITS}")
    return ""


class PriorityLevelStrategy(FlowControlStrategy):
    def validate(self, ctx: Context, obj: Tree) -> Errors:
        metadata, spec = obj["metadata"], obj.get("spec") or {}
        name = metadata.get("name") or ""
        found: Errors = []
        if ZERO_SHARES_ANNOTATION in (metadata.get("annotations") or ()):
            text = f"annotation '{ZERO_SHARES_ANNOTATION}' is forbidden"
            found.append(forbidden(Path("metadata.annotations"), text))
        return found + priority_level_spec(name, spec) + self._fixed(name, spec) + conditions(obj)

    def _fixed(self, name: str, spec: Tree) -> Errors:
        """Mandatory levels are as they are, but for what `exempt` lends."""
        fixed = fixed_spec(LEVELS, name)
        if fixed is None:
            return []
        but, have = "", spec
        if name == EXEMPT:
            but, have = " except the 'spec.exempt' field", {**spec, "exempt": fixed.get("exempt")}
        if self.structs.same(have, fixed, "spec"):
            return []
        return [invalid(SPEC, self.structs.text(spec, "spec"), f"spec of '{name}'{but} must equal the fixed value")]


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return typed_stores(resource, options, PriorityLevelStrategy, FlowControlStatusStrategy)
