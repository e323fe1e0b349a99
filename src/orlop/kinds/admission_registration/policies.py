"""Admission policies: what is checked or changed, and when.

Used by `strategy`. Behaviour: kubernetes `pkg/apis/admissionregistration/validation/validation.go` (the functions on
policies).
"""

from __future__ import annotations

import re
from typing import Final

from orlop.api.field import Path, duplicate, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds.admission_registration.expressions import Composition, Place, compiled
from orlop.kinds.admission_registration.matching import (
    FAILURE_POLICIES,
    REINVOCATION_POLICIES,
    constraints,
    match_conditions,
    mutable_operations,
)
from orlop.kinds.admission_registration.parameters import param_kind
from orlop.kinds.checks import SPEC, Errors, chosen, one_of, printed, qualified_name

_REASONS: Final = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_PATCH_TYPES: Final = ("ApplyConfiguration", "JSONPatch")
_MOST_ANNOTATIONS: Final = 20
_LONGEST_VALUE: Final = 5 * 1024
_IDENTIFIER: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*", re.ASCII)
_RESERVED: Final = frozenset({
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let",
    "loop", "package", "namespace", "return", "var", "void", "while",
})
_NO_VALIDATIONS: Final = "validations or auditAnnotations must contain at least one item"
_BLANK: Final = "must be non-empty if specified"


def conditions_count(new: Tree, old: Tree) -> bool:
    """Whether an update may have made match conditions wrong."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    return any((after.get(name) or None) != (before.get(name) or None) for name in ("paramKind", "matchConditions"))


def validating(policy: Tree, conditions: bool = True) -> Errors:
    spec: Tree = policy.get("spec") or {}
    found = _start(spec, mutating=False)
    params = spec.get("paramKind") is not None
    if conditions:
        found += match_conditions(SPEC.child("matchConditions"), spec.get("matchConditions"), params)
    variables = Composition(params)
    found += _variables(spec, variables)
    validations, annotations = spec.get("validations") or (), spec.get("auditAnnotations") or ()
    if not validations and not annotations:
        return [*found, required(SPEC.child("validations"), _NO_VALIDATIONS),
                required(SPEC.child("auditAnnotations"), _NO_VALIDATIONS)]
    for index, validation in enumerate(validations):
        found += _validation(SPEC.child("validations").index(index), validation, variables)
    return found + _annotations(policy["metadata"].get("name") or "", spec, variables)


def mutating(policy: Tree, conditions: bool = True) -> Errors:
    spec: Tree = policy.get("spec") or {}
    found = _start(spec, mutating=True)
    params = spec.get("paramKind") is not None
    if conditions:
        found += match_conditions(SPEC.child("matchConditions"), spec.get("matchConditions"), params)
    variables = Composition(params, always=True)
    found += _variables(spec, variables)
    mutations = spec.get("mutations") or ()
    if not mutations:
        found.append(required(SPEC.child("mutations"), "mutations must contain at least one item"))
    for index, mutation in enumerate(mutations):
        found += _mutation(SPEC.child("mutations").index(index), mutation, variables)
    return found + chosen(SPEC.child("reinvocationPolicy"), spec.get("reinvocationPolicy"), REINVOCATION_POLICIES)


def _start(spec: Tree, *, mutating: bool) -> Errors:
    policy = spec.get("failurePolicy")
    place = SPEC.child("failurePolicy")
    found: Errors = [required(place)] if policy is None else one_of(place, policy, FAILURE_POLICIES)
    if spec.get("paramKind") is not None:
        found += param_kind(SPEC.child("paramKind"), spec["paramKind"])
    path = SPEC.child("matchConstraints")
    found += constraints(path, spec.get("matchConstraints"))
    return found + mutable_operations(path, spec.get("matchConstraints")) if mutating else found


def _variables(spec: Tree, variables: Composition) -> Errors:
    found: Errors = []
    for index, variable in enumerate(spec.get("variables") or ()):
        path, name = SPEC.child("variables").index(index), variable.get("name") or ""
        if not name.strip():
            found.append(required(path.child("name"), "name is not specified"))
        elif not _IDENTIFIER.fullmatch(name) or name in _RESERVED:
            found.append(invalid(path.child("name"), name, "must be a valid CEL identifier"))
        expression = variable.get("expression") or ""
        if expression.strip():
            found += variables.define(path.child("expression"), name, expression)
        else:
            found.append(required(path.child("expression"), "expression is not specified"))
    return found


def _validation(path: Path, validation: Tree, variables: Composition) -> Errors:
    expression = validation.get("expression") or ""
    message, computed = validation.get("message") or "", validation.get("messageExpression") or ""
    place = path.child("expression")
    found: Errors = compiled(place, expression, Place.VALIDATION, params=variables.params, variables=variables) \
        if expression.strip() else [required(place, "expression is not specified")]
    place = path.child("messageExpression")
    if computed.strip():
        found += compiled(place, computed, Place.MESSAGE, params=variables.params, variables=variables)
    elif computed:
        found.append(invalid(place, computed, _BLANK))
    if message and not message.strip():
        found.append(invalid(path.child("message"), message, _BLANK))
    elif "\n" in message.strip() or "\r" in message.strip():
        found.append(invalid(path.child("message"), message, "must not contain line breaks"))
    reason = validation.get("reason")
    return found + (one_of(path.child("reason"), reason, _REASONS) if reason is not None else [])


def _annotations(name: str, spec: Tree, variables: Composition) -> Errors:
    annotations, place = spec.get("auditAnnotations") or [], SPEC.child("auditAnnotations")
    found: Errors = []
    if len(annotations) > _MOST_ANNOTATIONS:
        shown = [{"Key": one.get("key") or "", "ValueExpression": one.get("valueExpression") or ""}
                 for one in annotations]
        found.append(invalid(place, printed(shown), f"must not have more than {_MOST_ANNOTATIONS} auditAnnotations"))
    seen: set[str] = set()
    for index, annotation in enumerate(annotations):
        path, key = place.index(index), annotation.get("key") or ""
        found += qualified_name(path.child("key"), f"{name}/{key}") if name else [
            invalid(path.child("key"), key, "requires metadata.name be non-empty")]
        found += _annotation_value(path.child("valueExpression"), annotation.get("valueExpression") or "", variables)
        if key in seen:
            found.append(duplicate(path.child("key"), key))
        seen.add(key)
    return found


def _annotation_value(path: Path, text: str, variables: Composition) -> Errors:
    expression = text.strip()
    if not expression:
        return [required(path, "valueExpression is not specified")]
    if len(expression.encode()) > _LONGEST_VALUE:
        return [required(path, f"must not exceed {_LONGEST_VALUE} bytes in length")]
    return compiled(path, expression, Place.AUDIT_ANNOTATION, params=variables.params, variables=variables, shown=text)


def _mutation(path: Path, mutation: Tree, variables: Composition) -> Errors:
    kind = mutation.get("patchType") or ""
    if not kind:
        return [required(path.child("patchType"))]
    if kind not in _PATCH_TYPES:
        return [not_supported(path.child("patchType"), kind, _PATCH_TYPES)]
    wanted, other = ("jsonPatch", "applyConfiguration") if kind == "JSONPatch" else ("applyConfiguration", "jsonPatch")
    place = Place.JSON_PATCH if kind == "JSONPatch" else Place.APPLY_CONFIGURATION
    found: Errors = []
    if mutation.get(wanted) is None:
        found.append(required(path.child(wanted), f"must be specified when patchType is {kind}"))
    else:
        expression = (mutation[wanted].get("expression") or "").strip()
        at = path.child(wanted, "expression")
        found += compiled(at, expression, place, params=variables.params, variables=variables) if expression else [
            required(at)]
    if mutation.get(other) is not None:
        found.append(invalid(path.child(other), f"{{{other}}}", f"must not be specified when patchType is {kind}"))
    return found
