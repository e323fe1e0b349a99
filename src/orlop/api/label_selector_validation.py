"""Rules for metav1.LabelSelector objects inside specs.

Called by validations of kinds. What a selector means is `labels.from_label_selector`. Rules and texts:
apimachinery `pkg/apis/meta/v1/validation/validation.go`.
"""

from __future__ import annotations

from orlop.api import names
from orlop.api.field import FieldError, Path, forbidden, invalid, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.api.validation import validate_labels


def validate_label_selector(tree: Tree | None, path: Path, *,
                            invalid_values: bool = False) -> list[FieldError]:
    """`invalid_values` lets values pass that no label can have: for objects stored before that was
    checked."""
    if tree is None:
        return []
    found = validate_labels(tree.get("matchLabels") or {}, path.child("matchLabels"))
    for position, expression in enumerate(tree.get("matchExpressions") or ()):
        place = path.child("matchExpressions").index(position)
        found += validate_label_requirement(expression, place, invalid_values=invalid_values)
    return found


def has_invalid_value(tree: Tree | None) -> bool:
    """Whether a stored selector needs `invalid_values` on its update."""
    expressions = (tree or {}).get("matchExpressions") or ()
    return any(names.label_value(value) for e in expressions for value in e.get("values") or ())


def validate_label_requirement(expression: Tree, path: Path, *, invalid_values: bool = False,
                               unknown_operator: bool = False) -> list[FieldError]:
    """One of matchExpressions. `unknown_operator` lets other operators pass, as access reviews do."""
    found = _check_operator(expression, path, unknown_operator)
    key = expression.get("key") or ""
    found += [invalid(path.child("key"), key, text) for text in names.label_key(key)]
    if not invalid_values:
        for position, value in enumerate(expression.get("values") or ()):
            place = path.child("values").index(position)
            found += [invalid(place, value, text) for text in names.label_value(value)]
    return found


def _check_operator(expression: Tree, path: Path, unknown_operator: bool) -> list[FieldError]:
    operator, values = expression.get("operator") or "", expression.get("values")
    if operator in ("In", "NotIn"):
        if not values:
            detail = "must be specified when `operator` is 'In' or 'NotIn'"
            return [required(path.child("values"), detail)]
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            return [forbidden(path.child("values"), detail)]
    elif not unknown_operator:
        return [invalid(path.child("operator"), json_value(operator), "not a valid selector operator")]
    return []


def validate_field_requirement(requirement: Tree, path: Path, *,
                               unknown_operator: bool = False) -> list[FieldError]:
    """One of a SubjectAccessReview's field selector requirements."""
    found = [] if requirement.get("key") else [required(path.child("key"), "must be specified")]
    return found + _check_operator(requirement, path, unknown_operator)
