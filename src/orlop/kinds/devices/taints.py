"""Taints of devices, what tolerates them, and conditions for binding.

Called by the rules of claims and slices. Behaviour: kubernetes `pkg/apis/resource/validation/validation.go`
(validateDeviceTaint, validateDeviceToleration, validateDeviceBindingParameters).
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.field import Path, duplicate, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, label_name, printed, said
from orlop.kinds.devices.bounds import listed

MAX_TAINTS: Final = 16
MAX_CONDITIONS: Final = 4
_EFFECTS: Final = ("NoExecute", "NoSchedule", "None")
_OPERATORS: Final = ("Equal", "Exists")


def taint(path: Path, item: Tree) -> Errors:
    found = label_name(path.child("key"), item.get("key") or "")
    found += _label_value(path.child("value"), item.get("value") or "")
    effect = item.get("effect") or ""
    return found + (_effect(path.child("effect"), effect) if effect else [required(path.child("effect"))])


def toleration(path: Path, item: Tree) -> Errors:
    found = label_name(path.child("key"), item["key"]) if item.get("key") else []
    operator, value = item.get("operator") or "", item.get("value") or ""
    if operator == "Exists":
        if value:
            found.append(invalid(path.child("value"), value, "must be empty for operator `Exists`"))
    elif operator == "Equal":
        found += _label_value(path.child("value"), value)
    elif operator:
        found.append(not_supported(path.child("operator"), json_value(operator), _OPERATORS))
    else:
        found.append(required(path.child("operator")))
    return found + (_effect(path.child("effect"), item["effect"]) if item.get("effect") else [])


def _label_value(path: Path, value: str) -> Errors:
    return said(path, value, names.label_value(value))


def _effect(path: Path, effect: str) -> Errors:
    return [] if effect in _EFFECTS else [not_supported(path, json_value(effect), _EFFECTS)]


def binding(path: Path, holder: Tree) -> Errors:
    """The conditions of a device or of its allocation: both kinds or none, no repeats, no overlap."""
    ready, failed = holder.get("bindingConditions"), holder.get("bindingFailureConditions")
    good, bad = path.child("bindingConditions"), path.child("bindingFailureConditions")
    found = listed(good, ready, MAX_CONDITIONS, label_name) + listed(bad, failed, MAX_CONDITIONS, label_name)
    ready, failed = ready or (), failed or ()
    for index, name in enumerate(ready):
        if name in ready[:index]:
            found.append(duplicate(good.index(index), name))
    for index, name in enumerate(failed):
        if name in failed[:index]:
            found.append(duplicate(bad.index(index), name))
        if name in ready:
            text = "bindingFailureConditions must not overlap with bindingConditions"
            found.append(invalid(bad.index(index), name, text))
    if failed and not ready:
        found.append(invalid(good, printed(holder.get("bindingConditions")),
                             "bindingConditions are required to use bindingFailureConditions"))
    if ready and not failed:
        found.append(invalid(bad, printed(holder.get("bindingFailureConditions")),
                             "bindingFailureConditions are required to use bindingConditions"))
    return found
