"""Webhook configurations: what a webhook must say of itself.

Used by `strategy`. An update may leave as it was what is refused in new objects. Behaviour: kubernetes
`pkg/apis/admissionregistration/validation/validation.go` (the functions on webhooks).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from orlop.api import names
from orlop.api.domain_names import fully_qualified_name
from orlop.api.field import Path, duplicate, invalid, not_supported, required
from orlop.api.label_selector_validation import validate_label_selector
from orlop.api.tree import Tree
from orlop.kinds.admission_registration.matching import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    REINVOCATION_POLICIES,
    match_conditions,
    rule,
)
from orlop.kinds.checks import Errors, each, one_of, said
from orlop.kinds.webhook_client import client_config

_WEBHOOKS: Final = Path("webhooks")
_REVIEWS: Final = ("v1", "v1beta1")
_HARMLESS: Final = ("None", "NoneOnDryRun")
_SIDE_EFFECTS: Final = ("None", "NoneOnDryRun", "Some", "Unknown")
_MOST_SECONDS: Final = 30


class Demands(NamedTuple):
    """What is asked of a configuration; of a stored one only what it fulfilled before."""

    conditions: bool = True
    no_side_effects: bool = True
    known_review: bool = True
    unique_names: bool = True
    valid_selectors: bool = True


def demands_of_update(new: Sequence[Tree], old: Sequence[Tree]) -> Demands:
    same = len(new) == len(old) and all(
        (one.get("matchConditions") or None) == (other.get("matchConditions") or None)
        for one, other in zip(new, old, strict=True))
    labels = [one.get("name") or "" for one in old]
    return Demands(
        conditions=not same,
        no_side_effects=all(one.get("sideEffects") in _HARMLESS for one in old),
        known_review=all(not one.get("admissionReviewVersions") or any(
            version in _REVIEWS for version in one["admissionReviewVersions"]) for one in old),
        unique_names=len(set(labels)) == len(labels),
        valid_selectors=not any(validate_label_selector(one.get(name), Path(name)) for one in old
                                for name in ("namespaceSelector", "objectSelector")))


def webhooks(listed: Sequence[Tree], demands: Demands) -> Errors:
    found: Errors = []
    seen: set[str] = set()
    for index, webhook in enumerate(listed):
        path, name = _WEBHOOKS.index(index), webhook.get("name") or ""
        found += _webhook(path, webhook, demands)
        found += _reviews(path.child("admissionReviewVersions"), webhook.get("admissionReviewVersions") or [],
                          demands.known_review)
        if demands.unique_names and name in seen:
            found.append(duplicate(path.child("name"), name))
        if name:
            seen.add(name)
    return found


def _webhook(path: Path, webhook: Tree, demands: Demands) -> Errors:
    found = fully_qualified_name(path.child("name"), webhook.get("name") or "")
    found += each(path.child("rules"), webhook.get("rules"), rule)
    found += _choice(path, webhook, "failurePolicy", FAILURE_POLICIES)
    found += _choice(path, webhook, "matchPolicy", MATCH_POLICIES)
    found += _side_effects(path.child("sideEffects"), webhook.get("sideEffects"), demands.no_side_effects)
    seconds = webhook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= _MOST_SECONDS:
        found.append(invalid(path.child("timeoutSeconds"), seconds,
                             "the timeout value must be between 1 and 30 seconds"))
    for name in ("namespaceSelector", "objectSelector"):
        found += validate_label_selector(webhook.get(name), path.child(name),
                                         invalid_values=not demands.valid_selectors)
    found += _choice(path, webhook, "reinvocationPolicy", REINVOCATION_POLICIES)
    found += client_config(path.child("clientConfig"), webhook.get("clientConfig") or {})
    if demands.conditions:
        found += match_conditions(path.child("matchConditions"), webhook.get("matchConditions"), params=False)
    return found


def _choice(path: Path, webhook: Tree, name: str, valid: Sequence[str]) -> Errors:
    value = webhook.get(name)
    return [] if value is None else one_of(path.child(name), value, valid)


def _side_effects(path: Path, value: str | None, harmless: bool) -> Errors:
    allowed = _HARMLESS if harmless else _SIDE_EFFECTS
    if value is None:
        return [required(path, f"must specify one of {', '.join(allowed)}")]
    return [] if value in allowed else [not_supported(path, value, allowed)]


def _reviews(path: Path, versions: list[str], known: bool) -> Errors:
    if not versions:
        return [required(path, f"must specify one of {', '.join(_REVIEWS)}")]
    found: Errors = []
    seen: set[str] = set()
    for index, version in enumerate(versions):
        if version in seen:
            found.append(invalid(path.index(index), version, "duplicate version"))
            continue
        seen.add(version)
        found += said(path.index(index), version, names.dns1035_label(version))
    if known and not seen.intersection(_REVIEWS):
        found.append(invalid(path, versions, f"must include at least one of {', '.join(_REVIEWS)}"))
    return found


