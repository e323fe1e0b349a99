"""Where a pod may run: affinity, tolerations, spreading, gates.

Called by `spec`. Texts and their order: kubernetes `pkg/apis/core/validation/validation.go` (validateAffinity,
ValidateTolerations, validateTopologySpreadConstraints, validateSchedulingGates).
"""

from __future__ import annotations

from typing import Final

import orjson

from orlop.api import names
from orlop.api.field import Path, duplicate, forbidden, invalid, not_supported, required
from orlop.api.label_selector_validation import validate_label_selector
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, label_name, one_of, qualified_name, said
from orlop.kinds.known_good import KnownGood
from orlop.kinds.pod_rules.node_selectors import node_selector, node_term
from orlop.kinds.pod_rules.terms import Allowances

REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_WEIGHTS: Final = range(1, 101)
_WEIGHT: Final = "must be in the range 1-100"
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS: Final = ("Equal", "Exists")
_NUMERIC: Final = ("Lt", "Gt")
_ACTIONS: Final = ("DoNotSchedule", "ScheduleAnyway")
_INCLUSIONS: Final = ("Honor", "Ignore")
_KNOWN_TOLERATIONS: Final = 1024
"""How many lists of tolerations are remembered as right."""
_known = KnownGood(_KNOWN_TOLERATIONS)
_NOT_POSITIVE: Final = "must be greater than zero"


def affinity(path: Path, given: Tree, allow: Allowances) -> Errors:
    found: Errors = []
    nodes = given.get("nodeAffinity")
    if nodes is not None:
        found += _node_affinity(path.child("nodeAffinity"), nodes, allow)
    for kind in ("podAffinity", "podAntiAffinity"):
        pods, place = given.get(kind) or {}, path.child(kind)
        for position, term in enumerate(pods.get(REQUIRED) or ()):
            found += _pod_term(place.child(REQUIRED).index(position), term, allow)
        for position, weighted in enumerate(pods.get(PREFERRED) or ()):
            at = place.child(PREFERRED).index(position)
            found += _weight(at, weighted)
            found += _pod_term(at.child("podAffinityTerm"), weighted.get("podAffinityTerm") or {}, allow)
    return found


def _weight(path: Path, weighted: Tree) -> Errors:
    weight = weighted.get("weight") or 0
    return [] if weight in _WEIGHTS else [invalid(path.child("weight"), weight, _WEIGHT)]


def _node_affinity(path: Path, given: Tree, allow: Allowances) -> Errors:
    found: Errors = []
    if given.get(REQUIRED) is not None:
        found += node_selector(path.child(REQUIRED), given[REQUIRED], any_values=allow.node_values)
    for position, weighted in enumerate(given.get(PREFERRED) or ()):
        place = path.child(PREFERRED).index(position)
        found += _weight(place, weighted)
        found += node_term(place.child("preference"), weighted.get("preference") or {}, any_values=True)
    return found


def _pod_term(path: Path, term: Tree, allow: Allowances) -> Errors:
    selector = term.get("labelSelector")
    found = validate_label_selector(selector, path.child("labelSelector"), invalid_values=allow.selector_values)
    found += validate_label_selector(term.get("namespaceSelector"), path.child("namespaceSelector"),
                                     invalid_values=allow.selector_values)
    for name in term.get("namespaces") or ():
        found += said(path.child("namespace"), name, names.name_is_dns_label(name, False))
    found += _label_keys(path, term.get("matchLabelKeys") or [], term.get("mismatchLabelKeys") or [], selector)
    key, place = term.get("topologyKey") or "", path.child("topologyKey")
    if not key:
        found.append(required(place, "can not be empty"))
    return found + label_name(place, key)


def _label_keys(path: Path, matched: list[str], mismatched: list[str], selector: Tree | None) -> Errors:
    """The strategy has already put the keys' values into the selector: a key found twice there is the client's."""
    if not matched and not mismatched:
        return []
    found: Errors = []
    for name, keys in (("matchLabelKeys", matched), ("mismatchLabelKeys", mismatched)):
        if keys and selector is None:
            found.append(forbidden(path.child(name), "must not be specified when labelSelector is not set"))
            continue
        for position, key in enumerate(keys):
            found += label_name(path.child(name).index(position), key)
    if selector is not None:
        seen = set(selector.get("matchLabels") or ())
        for expression in selector.get("matchExpressions") or ():
            key = expression.get("key") or ""
            if key in matched and key in seen:
                last = len(matched) - 1 - matched[::-1].index(key)
                found.append(invalid(path.index(last), key, "exists in both matchLabelKeys and labelSelector"))
            seen.add(key)
    text = "exists in both matchLabelKeys and mismatchLabelKeys"
    return found + [invalid(path.child("matchLabelKeys").index(position), key, text)
                    for position, key in enumerate(matched) if key in mismatched]


def tolerations(path: Path, listed: list[Tree]) -> Errors:
    key = orjson.dumps(listed)
    if key in _known:
        return []
    found: Errors = []
    for position, toleration in enumerate(listed):
        found += _toleration(path.index(position), toleration)
    if not found:
        _known.add(key)
    return found


def _toleration(path: Path, given: Tree) -> Errors:
    get = given.get
    key, operator, effect = get("key"), get("operator") or "", get("effect") or ""
    found: Errors = []
    if key:
        found += label_name(path.child("key"), key)
    elif operator != "Exists":
        found.append(invalid(path.child("operator"), operator, (
            'operator must be Exists when `key` is empty, which means "match all values and all keys"')))
    if get("tolerationSeconds") is not None and effect != "NoExecute":
        found.append(invalid(path.child("effect"), effect,
                             "effect must be 'NoExecute' when `tolerationSeconds` is set"))
    found += _matched_value(path.child("operator"), operator, get("value") or "")
    if effect and effect not in _EFFECTS:
        found.append(not_supported(path.child("effect"), effect, _EFFECTS))
    return found


def _matched_value(path: Path, operator: str, value: str) -> Errors:
    """Upstream blames the operator for the value, too."""
    if operator in ("", "Equal"):
        complaints = names.label_value(value)
        return [invalid(path, value, ";".join(complaints))] if complaints else []
    if operator == "Exists":
        return [invalid(path, value, "value must be empty when `operator` is 'Exists'")] if value else []
    return [not_supported(path, operator, _OPERATORS + _NUMERIC if operator in _NUMERIC else _OPERATORS)]


def spread(path: Path, constraints: list[Tree], allow: Allowances) -> Errors:
    found: Errors = []
    for position, constraint in enumerate(constraints):
        found += _constraint(path.index(position), constraint, constraints[position + 1:], allow)
    return found


def _constraint(path: Path, given: Tree, rest: list[Tree], allow: Allowances) -> Errors:
    skew, key, action = given.get("maxSkew") or 0, given.get("topologyKey") or "", given.get("whenUnsatisfiable") or ""
    found: Errors = [] if skew > 0 else [invalid(path.child("maxSkew"), skew, _NOT_POSITIVE)]
    if not key:
        found.append(required(path.child("topologyKey"), "can not be empty"))
    found += one_of(path.child("whenUnsatisfiable"), action, _ACTIONS)
    if any((other.get("topologyKey") or "", other.get("whenUnsatisfiable") or "") == (key, action) for other in rest):
        found.append(duplicate(path.child("{topologyKey, whenUnsatisfiable}"), f"{{{key}, {action}}}"))
    domains = given.get("minDomains")
    if domains is not None:
        place = path.child("minDomains")
        if domains <= 0:
            found.append(invalid(place, domains, _NOT_POSITIVE))
        if action != "DoNotSchedule":
            found.append(invalid(place, domains,
                                 f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"))
    for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if name in given:
            found += one_of(path.child(name), given[name], _INCLUSIONS)
    found += _label_keys(path, given.get("matchLabelKeys") or [], [], given.get("labelSelector"))
    if not allow.spread_selectors:
        found += validate_label_selector(given.get("labelSelector"), path.child("labelSelector"))
    return found


def gates(path: Path, listed: list[Tree]) -> Errors:
    found: Errors = []
    seen: set[str] = set()
    for position, gate in enumerate(listed):
        name = gate.get("name") or ""
        found += qualified_name(path.index(position), name)
        if name in seen:
            found.append(duplicate(path.index(position), name))
        seen.add(name)
    return found
