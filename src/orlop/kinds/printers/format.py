"""Texts that several kinds print alike: labels, label selectors, container lists, lists cut short.

Called by the printers of this room; pure. Behaviour: apimachinery `labels/labels.go` (FormatLabels),
`labels/selector.go` (String) and `apis/meta/v1/helpers.go` (LabelSelectorAsSelector, FormatLabelSelector).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import NONE, UNSET

_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_WORD = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SIGNS = {"In": " in ", "NotIn": " notin "}
_WORD_MAX = 63
_PREFIX_MAX = 253


class InvalidSelector(ValueError):
    """A label selector without meaning: an unknown operator, or keys and values that no label can have."""


def labels_text(labels: Tree | None) -> str:
    """`labels` as "a=1,b=2", in order; "" for none."""
    return ",".join(sorted([f"{key}={value}" for key, value in labels.items()])) if labels else ""


def format_labels(labels: Tree | None) -> str:
    return labels_text(labels) or NONE


def selector_text(selector: Tree | None) -> str:
    """A label selector as it would be written in a query, requirements in order of their keys.

    "" for a selector of nothing (None) and for one of everything.
    """
    if not selector:
        return ""
    requirements: list[tuple[str, str]] = []
    for key, value in (selector.get("matchLabels") or {}).items():
        _check(key, (value,))
        requirements.append((key, f"{key}={value}"))
    for expression in selector.get("matchExpressions") or ():
        requirements.append((expression.get("key", ""), _expression(expression)))
    requirements.sort(key=lambda requirement: requirement[0])
    return ",".join([text for _, text in requirements])


def _expression(expression: Tree) -> str:
    key, operator = expression.get("key", ""), expression.get("operator", "")
    values: Sequence[str] = expression.get("values") or ()
    _check(key, values)
    if operator in _SIGNS and values:
        return f"{key}{_SIGNS[operator]}({','.join(sorted(values))})"
    if operator == "Exists" and not values:
        return str(key)
    if operator == "DoesNotExist" and not values:
        return f"!{key}"
    raise InvalidSelector(f"{operator} with {len(values)} values")


def _check(key: str, values: Sequence[str]) -> None:
    prefix, slash, name = key.rpartition("/")
    if len(name) > _WORD_MAX or not _WORD.fullmatch(name):
        raise InvalidSelector(key)
    if slash and (len(prefix) > _PREFIX_MAX or not _PREFIX.fullmatch(prefix)):
        raise InvalidSelector(key)
    for value in values:
        if value and (len(value) > _WORD_MAX or not _WORD.fullmatch(value)):
            raise InvalidSelector(value)


def format_label_selector(selector: Tree | None) -> str:
    try:
        return selector_text(selector) or NONE
    except InvalidSelector:
        return "<error>"


def selector_struct(selector: Tree) -> str:
    """A label selector in Go's notation of its struct, which columns that print it unformatted show."""
    pairs = sorted((selector.get("matchLabels") or {}).items())
    labels = "".join([f"{key}: {value}," for key, value in pairs])
    expressions = "".join([
        f"LabelSelectorRequirement{{Key:{e.get('key', '')},Operator:{e.get('operator', '')},"
        f"Values:[{' '.join(e.get('values') or ())}],}},"
        for e in selector.get("matchExpressions") or ()
    ])
    return (f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
            f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}")


def names_and_images(pod_template: Tree | None) -> tuple[str, str]:
    """The Containers and Images cells of a kind that has a pod template."""
    containers = ((pod_template or {}).get("spec") or {}).get("containers") or ()
    return (",".join([c.get("name") or "" for c in containers]),
            ",".join([c.get("image") or "" for c in containers]))


LIST_MAX = 3
"""How many items a cell shows before "+ 2 more..."."""


def list_with_more(items: Sequence[str], limit: int = LIST_MAX) -> str:
    """The first `limit` items, and how many more there are; `<unset>` when there is nothing to show."""
    if len(items) > limit:
        return f"{','.join(items[:limit])} + {len(items) - limit} more..."
    return ",".join(items) or UNSET


def bool_text(value: Any) -> str:
    """An optional boolean in a column of strings."""
    return UNSET if value is None else "True" if value else "False"
