"""What workloads say about their pods: a selector, and a template whose labels it must match.

Called by the rules of each kind of workload. Texts and order: kubernetes `pkg/apis/apps/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api import labels
from orlop.api.field import GoText, Path, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.label_selector_validation import validate_label_selector
from orlop.api.labels import Selector, SelectorError
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.pod_rules import template as templates
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.selector_form import shown_selector

SELECTOR: Final = SPEC.child("selector")
TEMPLATE: Final = SPEC.child("template")
MISMATCH: Final = "`selector` does not match template `labels`"
ALWAYS: Final = ("Always",)


def shown_labels(pairs: Tree | None) -> GoText:
    return json_value(None if pairs is None else {key: pairs[key] for key in sorted(pairs)})


def readable(selector: Tree | None) -> Selector | None:
    """What a label selector means; None when it means nothing that can be said."""
    try:
        return labels.from_label_selector(selector)
    except SelectorError:
        return None


def is_empty(selector: Tree) -> bool:
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def template_labels(template: Tree) -> Tree | None:
    pairs: Tree | None = (template.get("metadata") or {}).get("labels")
    return pairs


def selector_rules(selector: Tree | None, kind: str) -> Errors:
    """A selector that must be there and say something. `kind` is what the message calls the workload."""
    if selector is None:
        return [required(SELECTOR)]
    found = validate_label_selector(selector, SELECTOR)
    if is_empty(selector):
        found.append(invalid(SELECTOR, shown_selector(selector), f"empty selector is invalid for {kind}"))
    return found


def matching(path: Path, template: Tree, selector: Selector) -> Errors:
    """The template's labels are such that the selector takes them."""
    pairs = template_labels(template)
    if selector.matches(pairs or {}):
        return []
    return [invalid(path.child("metadata", "labels"), shown_labels(pairs), MISMATCH)]


def lasting_pods(path: Path, template: Tree, kind: str) -> Errors:
    """Pods that are to run for ever. `kind` is what the message calls the workload."""
    inner = template.get("spec") or {}
    found: Errors = []
    policy = inner.get("restartPolicy") or ""
    if policy != ALWAYS[0]:
        found.append(not_supported(path.child("spec", "restartPolicy"), policy, ALWAYS))
    if inner.get("activeDeadlineSeconds") is not None:
        found.append(forbidden(path.child("spec", "activeDeadlineSeconds"),
                               f"activeDeadlineSeconds in {kind} is not Supported"))
    return found


def replicated_template(spec: Tree, allow: Allowances) -> Errors:
    """The selector's meaning and the template of ReplicaSets and Deployments."""
    selector = readable(spec.get("selector"))
    if selector is None:
        return [invalid(SELECTOR, shown_selector(spec.get("selector")), "invalid label selector")]
    template = spec.get("template") or {}
    found = matching(TEMPLATE, template, selector)
    found += templates.template(TEMPLATE, template, allow)
    return found + lasting_pods(TEMPLATE, template, "ReplicaSet")


def fixed_selector(new: Tree, old: Tree) -> Errors:
    """The selector of a stored workload."""
    if same_selector(new.get("selector"), old.get("selector")):
        return []
    return [invalid(SELECTOR, shown_selector(new.get("selector")), IMMUTABLE)]


def same_selector(new: Any, old: Any) -> bool:
    return bool(new == old) or shown_selector(new) == shown_selector(old)
