"""When pods of a Job count as failed, and when a Job is done: podFailurePolicy and successPolicy.

Called by `job_rules`; `indexes` also by `job_status`. Texts and order: kubernetes
`pkg/apis/batch/validation/validation.go`.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

from orlop.api.field import (
    OMITTED,
    Path,
    duplicate,
    invalid,
    not_supported,
    quote,
    required,
    too_long,
    too_many,
)
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, not_negative, qualified_name

_MOST_RULES: Final = 20
_MOST_VALUES: Final = 255
_MOST_PATTERNS: Final = 20
_LONGEST_INDEXES: Final = 64 * 1024
_ACTIONS: Final = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS: Final = ("In", "NotIn")
_STATUSES: Final = ("False", "True", "Unknown")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")


class BadIndexes(ValueError):
    """A list of indexes that cannot be read."""


def _listed(values: tuple[str, ...]) -> str:
    return "valid values: [" + " ".join(quote(value) for value in values) + "]"


def _choice(path: Path, value: str | None, values: tuple[str, ...]) -> Errors:
    if not value:
        return [required(path, _listed(values))]
    return [] if value in values else [not_supported(path, value, values)]


def failure_policy(path: Path, spec: Tree) -> Errors:
    rules = spec["podFailurePolicy"].get("rules") or []
    place = path.child("rules")
    found = [too_many(place, len(rules), _MOST_RULES)] if len(rules) > _MOST_RULES else []
    inner = (spec.get("template") or {}).get("spec") or {}
    names = {container.get("name") for kind in ("containers", "initContainers")
             for container in inner.get(kind) or ()}
    for position, rule in enumerate(rules):
        found += _failure_rule(place.index(position), rule, spec, names)
    return found


def _failure_rule(path: Path, rule: Tree, spec: Tree, names: set[Any]) -> Errors:
    action = rule.get("action")
    if action == "FailIndex":
        found = [] if spec.get("backoffLimitPerIndex") is not None else [
            invalid(path.child("action"), action, "requires the backoffLimitPerIndex to be set")]
    else:
        found = _choice(path.child("action"), action, _ACTIONS)
    codes, patterns = rule.get("onExitCodes"), rule.get("onPodConditions") or []
    if codes is not None:
        found += _exit_codes(path.child("onExitCodes"), codes, names)
    if patterns:
        found += _conditions(path.child("onPodConditions"), patterns)
    if codes is not None and patterns:
        found.append(invalid(path, OMITTED, "specifying both OnExitCodes and OnPodConditions is not supported"))
    if codes is None and not patterns:
        found.append(invalid(path, OMITTED, "specifying one of OnExitCodes and OnPodConditions is required"))
    return found


def _conditions(path: Path, patterns: list[Tree]) -> Errors:
    found = [too_many(path, len(patterns), _MOST_PATTERNS)] if len(patterns) > _MOST_PATTERNS else []
    for position, pattern in enumerate(patterns):
        place = path.index(position)
        found += qualified_name(place.child("type"), pattern.get("type") or "")
        found += _choice(place.child("status"), pattern.get("status"), _STATUSES)
    return found


def _exit_codes(path: Path, codes: Tree, names: set[Any]) -> Errors:
    operator, container = codes.get("operator"), codes.get("containerName")
    found = _choice(path.child("operator"), operator, _OPERATORS)
    if container is not None and container not in names:
        found.append(invalid(path.child("containerName"), container,
                             "must be one of the container or initContainer names in the pod template"))
    values, place = codes.get("values"), path.child("values")
    if not values:
        return [*found, invalid(place, json_value(values), "at least one value is required")]
    if len(values) > _MOST_VALUES:
        found.append(too_many(place, len(values), _MOST_VALUES))
    seen: set[int] = set()
    for position, value in enumerate(values):
        if operator == "In" and value == 0:
            found.append(invalid(place.index(position), value, "must not be 0 for the In operator"))
        if value in seen:
            found.append(duplicate(place.index(position), value))
        seen.add(value)
    if any(one > other for one, other in pairwise(values)):
        found.append(invalid(place, json_value(values), "must be ordered"))
    return found


def success_policy(path: Path, spec: Tree) -> Errors:
    """Only for indexed Jobs."""
    rules, place = spec["successPolicy"].get("rules") or [], path.child("rules")
    found: Errors = []
    if not rules:
        found.append(required(place, "at least one rules must be specified when the successPolicy is specified"))
    if len(rules) > _MOST_RULES:
        found.append(too_many(place, len(rules), _MOST_RULES))
    for position, rule in enumerate(rules):
        found += _success_rule(place.index(position), rule, spec.get("completions") or 0)
    return found


def _success_rule(path: Path, rule: Tree, completions: int) -> Errors:
    count, text = rule.get("succeededCount"), rule.get("succeededIndexes")
    found: Errors = []
    if count is None and text is None:
        found.append(required(path, "at least one of succeededCount or succeededIndexes must be specified"))
    total = 0
    if text is not None:
        place = path.child("succeededIndexes")
        if len(text) > _LONGEST_INDEXES:
            found.append(too_long(place, _LONGEST_INDEXES))
        try:
            total = indexes(text, completions)
        except BadIndexes as problem:
            found.append(invalid(place, text, f"error parsing succeededIndexes: {problem}"))
    if count is not None:
        place = path.child("succeededCount")
        found += not_negative(place, count)
        if count > completions:
            found.append(invalid(place, count, (
                f"must be less than or equal to {completions} (the number of specified completions)")))
        if text is not None and count > total:
            found.append(invalid(place, count, (
                f"must be less than or equal to {total} (the number of indexes in the specified succeededIndexes "
                "field)")))
    return found


def _index(text: str, completions: int) -> int:
    if not _INTEGER.fullmatch(text):
        raise BadIndexes(f"cannot convert string to integer for index: {quote(text)}")
    if int(text) >= completions:
        raise BadIndexes(f"too large index: {quote(text)}")
    return int(text)


def interval(text: str, completions: int) -> tuple[int, int]:
    """One fragment: an index or a range of them."""
    parts = text.split("-")
    if len(parts) > 2:
        raise BadIndexes(f"the fragment {quote(text)} violates the requirement that an index interval can have at "
                          "most two parts separated by '-'")
    first = _index(parts[0], completions)
    if len(parts) == 1:
        return first, first
    last = _index(parts[1], completions)
    if first >= last:
        raise BadIndexes(f"non-increasing order, previous: {first}, current: {last}")
    return first, last


def indexes(text: str, completions: int) -> int:
    """How many indexes a text such as 0,2-4 names."""
    total, before = 0, None
    for fragment in text.split(",") if text else ():
        first, last = interval(fragment, completions)
        if before is not None and before >= first:
            raise BadIndexes(f"non-increasing order, previous: {before}, current: {first}")
        total, before = total + last - first + 1, last
    return total
