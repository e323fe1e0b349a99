"""When containers restart: by their own policy and rules, and upon a resize.

Called by the rules of containers. Texts: kubernetes `pkg/apis/core/validation/validation.go`
(validateContainerRestartPolicy, validateInitContainerRestartPolicy, validateResizePolicy).
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import Path, duplicate, invalid, not_supported, required, too_many
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, chosen, one_of

RESTART_CONTAINER: Final = "RestartContainer"
_NOT_REQUIRED: Final = "NotRequired"
_POLICIES: Final = ("Always", "Never", "OnFailure")
_ACTIONS: Final = ("Restart", "RestartAllContainers")
_OPERATORS: Final = ("In", "NotIn")
_RESIZABLE: Final = ("cpu", "memory")
_RESIZE_POLICIES: Final = (_NOT_REQUIRED, RESTART_CONTAINER)
_MOST_RULES: Final = 20
_MOST_CODES: Final = 255


def own_policy(path: Path, container: Tree) -> Errors:
    """`restartPolicy` and `restartPolicyRules` of one container; `path` is its own."""
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    place = path.child("restartPolicy")
    found: Errors = []
    if policy is None:
        if rules:
            found.append(required(place, "must specify restartPolicy when restart rules are used"))
    elif policy not in _POLICIES:
        found.append(not_supported(place, policy, _POLICIES))
    place = path.child("restartPolicyRules")
    if len(rules) > _MOST_RULES:
        found.append(too_many(place, len(rules), _MOST_RULES))
    for position, rule in enumerate(rules):
        found += _rule(place.index(position), rule)
    return found


def early_policy(path: Path, container: Tree) -> Errors:
    """The same of an init container: rules without a policy are one fault, whatever they say."""
    if container.get("restartPolicy") is not None:
        return own_policy(path, container)
    if not container.get("restartPolicyRules"):
        return []
    return [required(path.child("restartPolicy"), "must specify restartPolicy when restart rules are used")]


def _rule(path: Path, rule: Tree) -> Errors:
    found = one_of(path.child("action"), rule.get("action") or "", _ACTIONS)
    codes = rule.get("exitCodes")
    place = path.child("exitCodes")
    if codes is None:
        return [*found, required(place, "must be specified")]
    found += one_of(place.child("operator"), codes.get("operator") or "", _OPERATORS)
    values = codes.get("values") or ()
    if len(values) > _MOST_CODES:
        found.append(too_many(place.child("values"), len(values), _MOST_CODES))
    return found


def resize_policies(path: Path, policies: list[Tree], pod_policy: str) -> Errors:
    """`path` is the list's: upstream names it, not the item, in most of these."""
    found: Errors = []
    seen: set[str] = set()
    for position, policy in enumerate(policies):
        resource, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if resource in seen:
            found.append(duplicate(path.index(position), resource))
        seen.add(resource)
        found += chosen(path, resource, _RESIZABLE)
        found += chosen(path, restart, _RESIZE_POLICIES)
        if pod_policy == "Never" and restart != _NOT_REQUIRED:
            found.append(invalid(path, restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"))
    return found


def early_resize(path: Path, container: Tree) -> Errors:
    """Init containers that end do not restart when they are resized."""
    text = "must not be set to 'RestartContainer' for non-sidecar initContainers"
    return [invalid(path.child("resizePolicy").index(position).child("restartPolicy"), RESTART_CONTAINER, text)
            for position, policy in enumerate(container.get("resizePolicy") or ())
            if policy.get("restartPolicy") == RESTART_CONTAINER]
