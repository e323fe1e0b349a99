"""Conditions of the standard form (metav1.Condition) in a status.

Used by the rules of kinds whose status has them. Behaviour:
apimachinery `pkg/apis/meta/v1/validation/validation.go` ValidateConditions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from orlop.api import names
from orlop.api.field import Path, duplicate, invalid, not_supported, required, too_long
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, label_name, said

MAX_REASON: Final = 1024
MAX_MESSAGE: Final = 32 * 1024
_STATUSES: Final = ("False", "True", "Unknown")
_REASON: Final = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON_TEXT: Final = ("a condition reason must start with alphabetic character, optionally followed by a string of "
                       "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'")
_EXAMPLES: Final = ("my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")


def conditions(path: Path, listed: Sequence[Tree]) -> Errors:
    found: Errors = []
    seen: set[str] = set()
    for index, condition in enumerate(listed):
        kind, place = condition.get("type") or "", path.index(index)
        if kind in seen:
            found.append(duplicate(place.child("type"), kind))
        seen.add(kind)
        found += label_name(place.child("type"), kind)
        found += _condition(place, condition)
    return found


def _condition(path: Path, condition: Tree) -> Errors:
    found: Errors = []
    status, generation = condition.get("status") or "", condition.get("observedGeneration") or 0
    if status not in _STATUSES:
        found.append(not_supported(path.child("status"), json_value(status), _STATUSES))
    if generation < 0:
        found.append(invalid(path.child("observedGeneration"), generation, "must be greater than or equal to zero"))
    if not condition.get("lastTransitionTime"):
        found.append(required(path.child("lastTransitionTime")))
    reason, place = condition.get("reason") or "", path.child("reason")
    if not reason:
        found.append(required(place))
    elif re.fullmatch(_REASON, reason, re.ASCII) is None:
        found += said(place, reason, [names.wrong_form(_REASON_TEXT, _REASON, *_EXAMPLES)])
    if names.length(reason) > MAX_REASON:
        found.append(too_long(place, MAX_REASON))
    if names.length(condition.get("message") or "") > MAX_MESSAGE:
        found.append(too_long(path.child("message"), MAX_MESSAGE))
    return found
