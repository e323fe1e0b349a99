"""Bindings of admission policies: which policy, with which parameters, for which requests, with what consequence.

Used by `strategy`. Behaviour: kubernetes `pkg/apis/admissionregistration/validation/validation.go` (the functions on
policy bindings).
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.field import Path, duplicate, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds.admission_registration.matching import match_resources, mutable_operations
from orlop.kinds.admission_registration.parameters import param_ref
from orlop.kinds.checks import SPEC, Errors, said

_ACTIONS: Final = ("Audit", "Deny", "Warn")
_REPEATED: Final = ("must not contain both Deny and Warn (repeating the same validation failure information in the "
                    "API response and headers serves no purpose)")


def validating(binding: Tree) -> Errors:
    spec: Tree = binding.get("spec") or {}
    return _common(spec) + _actions(SPEC.child("validationActions"), spec.get("validationActions") or [])


def mutating(binding: Tree) -> Errors:
    spec: Tree = binding.get("spec") or {}
    return _common(spec) + mutable_operations(SPEC.child("matchResources"), spec.get("matchResources"))


def _common(spec: Tree) -> Errors:
    name, place = spec.get("policyName") or "", SPEC.child("policyName")
    found: Errors = said(place, name, names.dns1123_subdomain(name)) if name else [required(place)]
    found += param_ref(SPEC.child("paramRef"), spec.get("paramRef"))
    return found + match_resources(SPEC.child("matchResources"), spec.get("matchResources"))


def _actions(path: Path, actions: list[str]) -> Errors:
    found: Errors = []
    seen: set[str] = set()
    for index, action in enumerate(actions):
        if action not in _ACTIONS:
            found.append(not_supported(path.index(index), action, _ACTIONS))
        if action in seen:
            found.append(duplicate(path.index(index), action))
        seen.add(action)
    if {"Deny", "Warn"} <= seen:
        found.append(invalid(path, actions, _REPEATED))
    return found if seen else [*found, required(path, "at least one validation action is required")]
