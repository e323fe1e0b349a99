"""Numbers of pods, absolute or in percent, and the strategies of rolling updates.

Called by the rules of Deployments, DaemonSets and StatefulSets. Texts and order: kubernetes
`pkg/apis/apps/validation/validation.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from orlop.api import names
from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import NOT_NEGATIVE, SPEC, STATUS, Errors, not_negative
from orlop.kinds.go_form import Form

_TOO_MUCH: Final = "must not be greater than 100%"
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")
_ROLLING: Final = Form({"MaxUnavailable": ("maxUnavailable", 0), "MaxSurge": ("maxSurge", 0)})
_STRATEGY: Final = Form({"Type": ("type", ""), "RollingUpdate": ("rollingUpdate", None)},
                        {"RollingUpdate": _ROLLING})
_PARTITIONED: Final = Form({"Partition": ("partition", 0), "MaxUnavailable": ("maxUnavailable", None)})
_SET_STRATEGY: Final = Form({"Type": ("type", ""), "RollingUpdate": ("rollingUpdate", None)},
                            {"RollingUpdate": _PARTITIONED})
_RETENTION: Final = ("Retain", "Delete")


def _percent(value: Any) -> int | None:
    """The number in a percentage; None for anything else."""
    if isinstance(value, str) and not names.percent(value):
        return int(value[:-1])
    return None


def amount(value: Any) -> int:
    """How much a number or percentage says; nothing when it cannot be read."""
    percent = _percent(value)
    if percent is not None:
        return percent
    if isinstance(value, str):
        return int(value) if _NUMBER.fullmatch(value) else 0
    return value or 0


def count_or_percent(path: Path, value: Any) -> Errors:
    if isinstance(value, str):
        return [invalid(path, value, complaint) for complaint in names.percent(value)]
    return [invalid(path, value, NOT_NEGATIVE)] if value < 0 else []


def at_most_all(path: Path, value: Any) -> Errors:
    return [invalid(path, value, _TOO_MUCH)] if (_percent(value) or 0) > 100 else []


def deployment_strategy(strategy: Tree) -> Errors:
    path, rolling = SPEC.child("strategy"), strategy.get("rollingUpdate")
    kind = strategy.get("type")
    if kind == "Recreate":
        if rolling is None:
            return []
        return [forbidden(path.child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'")]
    if kind != "RollingUpdate":
        return [not_supported(path, _STRATEGY.text(strategy), ("Recreate", "RollingUpdate"))]
    place, most, surge = _places(path, rolling or {})
    found = count_or_percent(place.child("maxUnavailable"), most) + count_or_percent(place.child("maxSurge"), surge)
    if amount(most) == 0 and amount(surge) == 0:
        found.append(invalid(place.child("maxUnavailable"), most, "may not be 0 when `maxSurge` is 0"))
    return found + at_most_all(place.child("maxUnavailable"), most)


def _places(path: Path, rolling: Tree) -> tuple[Path, Any, Any]:
    return path.child("rollingUpdate"), rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)


def daemon_set_strategy(strategy: Tree) -> Errors:
    path, kind = SPEC.child("updateStrategy"), strategy.get("type")
    if kind == "OnDelete":
        return []
    if kind != "RollingUpdate":
        return [not_supported(path, _STRATEGY.text(strategy), ("RollingUpdate", "OnDelete"))]
    place, most, surge = _places(path, strategy.get("rollingUpdate") or {})
    found: Errors = []
    for check in (count_or_percent, at_most_all):
        found += check(place.child("maxUnavailable"), most) + check(place.child("maxSurge"), surge)
    if amount(most) != 0 and amount(surge) != 0:
        found.append(invalid(place.child("maxSurge"), surge, "may not be set when maxUnavailable is non-zero"))
    elif amount(most) == 0 and amount(surge) == 0:
        found.append(required(place.child("maxUnavailable"), "cannot be 0 when maxSurge is 0"))
    return found


def stateful_set_strategy(strategy: Tree) -> Errors:
    path, kind, rolling = SPEC.child("updateStrategy"), strategy.get("type"), strategy.get("rollingUpdate")
    if not kind:
        return [required(path)]
    if kind == "OnDelete":
        if rolling is None:
            return []
        return [invalid(path.child("rollingUpdate"), json_value(_PARTITIONED.tree(rolling)),
                        "only allowed for updateStrategy 'RollingUpdate'")]
    if kind != "RollingUpdate":
        return [invalid(path, _SET_STRATEGY.text(strategy), "must be 'RollingUpdate' or 'OnDelete'")]
    if rolling is None:
        return []
    place = path.child("rollingUpdate")
    found = not_negative(place.child("partition"), rolling.get("partition"))
    most = rolling.get("maxUnavailable")
    if most is not None:
        place = place.child("maxUnavailable")
        found += count_or_percent(place, most)
        if amount(most) == 0:
            found.append(invalid(place, most, "cannot be 0"))
        found += at_most_all(place, most)
    return found


def retention(policy: Tree | None) -> Errors:
    """What becomes of the claims of a StatefulSet."""
    if policy is None:
        return []
    path = SPEC.child("persistentVolumeClaimRetentionPolicy")
    return [not_supported(path.child(name), policy.get(name) or "", _RETENTION)
            for name in ("whenDeleted", "whenScaled") if policy.get(name) not in _RETENTION]


def counts(status: Tree, members: Iterable[str]) -> Errors:
    """Counters of a status."""
    found: Errors = []
    for name in members:
        found += not_negative(STATUS.child(name), status.get(name))
    return found


def within(status: Tree, members: Iterable[str], whole: str, shown: str) -> Errors:
    """Counters that are part of another one, which the message calls `shown`."""
    most = status.get(whole) or 0
    return [invalid(STATUS.child(name), status.get(name) or 0, f"cannot be greater than {shown}")
            for name in members if (status.get(name) or 0) > most]


def growing(status: Tree, old: Tree) -> Errors:
    """collisionCount never goes back."""
    name = "collisionCount"
    if old.get(name) is None or (status.get(name) is not None and status[name] >= old[name]):
        return []
    return [invalid(STATUS.child(name), status.get(name) or 0, "cannot be decremented")]
