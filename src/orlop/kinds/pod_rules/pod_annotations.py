"""Annotations of pods that mean something to the server.

Called by the rules of pods and templates. Texts: kubernetes `pkg/apis/core/validation/validation.go`
(ValidatePodSpecificAnnotations, ValidatePodSpecificAnnotationUpdates).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from orlop.api.field import Path, forbidden, invalid
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.pod_rules import profiles
from orlop.kinds.pod_rules.visits import containers_of

MIRROR: Final = "kubernetes.io/config.mirror"
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_MEANINGFUL: Final = ("kubernetes.io/", "controller.kubernetes.io/", "seccomp.security.alpha.kubernetes.io/",
                      profiles.SECCOMP_PREFIX, profiles.APPARMOR_PREFIX)
_is_int = re.compile(r"-?[1-9][0-9]*|\+?0|0").fullmatch
_INT32: Final = range(-(1 << 31), 1 << 31)


def matters(annotations: Mapping[str, str] | None) -> bool:
    """Whether any annotation needs a look."""
    if annotations:
        for key in annotations:
            if key.startswith(_MEANINGFUL):
                return True
    return False


def has_bad_deletion_cost(annotations: Mapping[str, str]) -> bool:
    """Plus signs and leading zeros are bad, as is anything beyond 32 bits."""
    text = annotations.get(DELETION_COST)
    if text is None:
        return False
    return text.startswith("+") or not _is_int(text) or int(text) not in _INT32


def rules(path: Path, annotations: Mapping[str, str] | None, spec: Tree, *, bad_cost: bool) -> Errors:
    """`bad_cost` lets an unreadable deletion cost pass, which was stored before."""
    if not annotations or not matters(annotations):
        return []
    found: Errors = []
    if MIRROR in annotations and not spec.get("nodeName"):
        found.append(invalid(path.key(MIRROR), annotations[MIRROR],
                             "must set spec.nodeName if mirror pod annotation is set"))
    if not bad_cost and has_bad_deletion_cost(annotations):
        found.append(invalid(path.key(DELETION_COST), annotations[DELETION_COST], "must be a 32bit integer"))
    names = frozenset(container.get("name") or "" for container in containers_of(spec))
    return found + profiles.annotated(path, annotations, names)


def changes(path: Path, new: Mapping[str, str], old: Mapping[str, str]) -> Errors:
    """What an update may not do to them."""
    found: Errors = []
    for key, text in old.items():
        if new.get(key) == text:
            continue
        if key.startswith(profiles.APPARMOR_PREFIX):
            found.append(forbidden(path.key(key), "may not remove or update AppArmor annotations"))
        if key == MIRROR:
            found.append(forbidden(path.key(key), "may not remove or update mirror pod annotation"))
    for key in new:
        if key in old:
            continue
        if key.startswith(profiles.APPARMOR_PREFIX):
            found.append(forbidden(path.key(key), "may not add AppArmor annotations"))
        if key == MIRROR:
            found.append(forbidden(path.key(key), "may not add mirror pod annotation"))
    return found
