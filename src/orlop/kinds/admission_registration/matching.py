"""To which requests webhooks and policies apply: rules on resources, selectors, match conditions.

Used by the rules of all kinds here. Behaviour: kubernetes `pkg/apis/admissionregistration/validation/validation.go`
(validateRule, validateMatchResources, validateMatchConditions and what they call).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import names
from orlop.api.field import Path, duplicate, invalid, not_supported, required, too_many
from orlop.api.label_selector_validation import validate_label_selector
from orlop.api.tree import Tree
from orlop.kinds.admission_registration.expressions import Place, compiled
from orlop.kinds.checks import Errors, each, one_of, qualified_name, said

OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
MUTABLE_OPERATIONS: Final = ("*", "CONNECT", "CREATE", "UPDATE")
"""What a mutating policy can apply to."""
FAILURE_POLICIES: Final = ("Fail", "Ignore")
MATCH_POLICIES: Final = ("Equivalent", "Exact")
REINVOCATION_POLICIES: Final = ("IfNeeded", "Never")
MOST_CONDITIONS: Final = 64
_SCOPES: Final = ("*", "Cluster", "Namespaced")


def _only_wildcard(path: Path, values: Sequence[str], what: str) -> Errors:
    if len(values) > 1 and "*" in values:
        return [invalid(path, values, f"if '*' is present, must not specify other {what}")]
    return []


def rule(path: Path, rule: Tree) -> Errors:
    """A rule with its operations."""
    place, operations = path.child("operations"), rule.get("operations") or []
    found: Errors = [] if operations else [required(place)]
    found += _only_wildcard(place, operations, "operations")
    found += each(place, operations, lambda at, one: one_of(at, one, OPERATIONS))
    groups, versions = rule.get("apiGroups") or [], rule.get("apiVersions") or []
    if not groups:
        found.append(required(path.child("apiGroups")))
    found += _only_wildcard(path.child("apiGroups"), groups, "API groups")
    if not versions:
        found.append(required(path.child("apiVersions")))
    found += _only_wildcard(path.child("apiVersions"), versions, "API versions")
    found += each(path.child("apiVersions"), versions, lambda at, one: [] if one else [required(at)])
    found += _resources(path.child("resources"), rule.get("resources") or [])
    if rule.get("scope") is not None:
        found += one_of(path.child("scope"), rule["scope"], _SCOPES)
    return found


def _resources(path: Path, resources: Sequence[str]) -> Errors:
    found: Errors = [] if resources else [required(path)]
    whole: set[str] = set()
    anywhere: set[str] = set()
    plain = False
    for index, text in enumerate(resources):
        if not text:
            found.append(required(path.index(index)))
            continue
        resource, slash, sub = text.partition("/")
        if not slash:
            plain = text != "*"
            continue
        if resource in whole:
            found.append(invalid(path.index(index), text, f"if '{resource}/*' is present, must not specify {text}"))
        if sub in anywhere:
            found.append(invalid(path.index(index), text, f"if '*/{sub}' is present, must not specify {text}"))
        if sub == "*":
            whole.add(resource)
        if resource == "*":
            anywhere.add(sub)
    if len(resources) > 1 and "*/*" in resources:
        found.append(invalid(path, resources, "if '*/*' is present, must not specify other resources"))
    if "*" in resources and plain:
        found.append(invalid(path, resources,
                             "if '*' is present, must not specify other resources without subresources"))
    return found


def _named_rule(path: Path, named: Tree) -> Errors:
    found: Errors = []
    seen: set[str] = set()
    for index, name in enumerate(named.get("resourceNames") or ()):
        place = path.child("resourceNames").index(index)
        found += said(place, name, names.path_segment_name(name))
        if name in seen:
            found.append(duplicate(place, name))
        seen.add(name)
    return found + rule(path, named)


def match_resources(path: Path, match: Tree | None) -> Errors:
    if match is None:
        return []
    policy = match.get("matchPolicy")
    errors: Errors = [required(path.child("matchPolicy"))] if policy is None else one_of(
        path.child("matchPolicy"), policy, MATCH_POLICIES)
    for name in ("namespaceSelector", "objectSelector"):
        selector = match.get(name)
        if selector is None:
            errors.append(required(path.child(name)))
        else:
            errors += validate_label_selector(selector, path.child(name))
    errors += each(path.child("resourceRules"), match.get("resourceRules"), _named_rule)
    return errors + each(path.child("excludeResourceRules"), match.get("excludeResourceRules"), _named_rule)


def mutable_operations(path: Path, match: Tree | None) -> Errors:
    """Deletions cannot be mutated."""
    place = path.child("resourceRules", "operations")
    return [not_supported(place, operation, MUTABLE_OPERATIONS)
            for one in (match or {}).get("resourceRules") or () for operation in one.get("operations") or ()
            if operation not in MUTABLE_OPERATIONS]


def constraints(path: Path, match: Tree | None) -> Errors:
    """The match constraints of a policy: there must be some."""
    if match is None:
        return [required(path)]
    found = match_resources(path, match)
    if not match.get("resourceRules"):
        found.append(required(path.child("resourceRules")))
    return found


def match_conditions(path: Path, conditions: Sequence[Tree] | None, params: bool) -> Errors:
    """`params`: whether expressions may speak of parameters."""
    listed = conditions or ()
    found: Errors = [too_many(path, len(listed), MOST_CONDITIONS)] if len(listed) > MOST_CONDITIONS else []
    seen: set[str] = set()
    for index, condition in enumerate(listed):
        place, name = path.index(index), condition.get("name") or ""
        expression = (condition.get("expression") or "").strip()
        if expression:
            found += compiled(place.child("expression"), expression, Place.CONDITION, params=params)
        else:
            found.append(required(place.child("expression")))
        found += qualified_name(place.child("name"), name) if name else [required(place.child("name"))]
        if name in seen:
            found.append(duplicate(place.child("name"), name))
        if name:
            seen.add(name)
    return found
