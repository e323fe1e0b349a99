"""Node selectors: which nodes may be chosen, by labels and by name.

Called by `scheduling`; other kinds with node selectors (persistent volumes) may call it too. Texts: kubernetes
`pkg/apis/core/validation/validation.go` (ValidateNodeSelector, ValidateNodeSelectorTerm and their parts).
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.field import Path, forbidden, invalid, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, label_name, said

_WRONG_OPERATOR: Final = "not a valid selector operator"


def node_selector(path: Path, selector: Tree, *, any_values: bool) -> Errors:
    """`any_values` lets values pass that no label can have."""
    terms = selector.get("nodeSelectorTerms")
    place = path.child("nodeSelectorTerms")
    if not terms:
        return [required(place, "must have at least one node selector term")]
    found: Errors = []
    for position, term in enumerate(terms):
        found += node_term(place.index(position), term, any_values=any_values)
    return found


def node_term(path: Path, term: Tree, *, any_values: bool) -> Errors:
    found: Errors = []
    for position, wanted in enumerate(term.get("matchExpressions") or ()):
        found += _labels(path.child("matchExpressions").index(position), wanted, any_values)
    for position, wanted in enumerate(term.get("matchFields") or ()):
        found += _fields(path.child("matchFields").index(position), wanted)
    return found


def _labels(path: Path, wanted: Tree, any_values: bool) -> Errors:
    values = wanted.get("values") or ()
    found = _operator(path, wanted.get("operator") or "", len(values))
    found += label_name(path.child("key"), wanted.get("key") or "")
    if not any_values:
        for position, value in enumerate(values):
            found += said(path.child("values").index(position), value, names.label_value(value))
    return found


def _operator(path: Path, operator: str, count: int) -> Errors:
    place = path.child("values")
    if operator in ("In", "NotIn"):
        return [] if count else [required(place, "must be specified when `operator` is 'In' or 'NotIn'")]
    if operator in ("Exists", "DoesNotExist"):
        text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        return [forbidden(place, text)] if count else []
    if operator in ("Gt", "Lt"):
        text = "must be specified single value when `operator` is 'Lt' or 'Gt'"
        return [] if count == 1 else [required(place, text)]
    return [invalid(path.child("operator"), operator, _WRONG_OPERATOR)]


def _fields(path: Path, wanted: Tree) -> Errors:
    operator, key, values = wanted.get("operator") or "", wanted.get("key") or "", wanted.get("values") or ()
    found: Errors = []
    if operator not in ("In", "NotIn"):
        found.append(invalid(path.child("operator"), operator, _WRONG_OPERATOR))
    elif len(values) != 1:
        text = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        found.append(required(path.child("values"), text))
    if key != "metadata.name":
        return [*found, invalid(path.child("key"), key, "not a valid field selector key")]
    for position, value in enumerate(values):
        found += said(path.child("values").index(position), value, names.name_is_dns_subdomain(value, False))
    return found
