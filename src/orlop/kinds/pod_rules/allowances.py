"""What an update may keep because the stored object already has it, and what only pods (not templates) must fulfil.

Made by strategies, once per write; read by the rules of this package. Behaviour: kubernetes `pkg/api/pod/util.go`
GetValidationOptionsFromPodSpecAndMeta.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from orlop.api import names
from orlop.api.field import Path
from orlop.api.label_selector_validation import has_invalid_value, validate_label_selector
from orlop.api.tree import Tree
from orlop.kinds.pod_rules import huge_pages
from orlop.kinds.pod_rules.paths import local_name
from orlop.kinds.pod_rules.pod_annotations import has_bad_deletion_cost
from orlop.kinds.pod_rules.sysctls import has_host_sysctl
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.pod_rules.visits import containers_of

POD: Final = Allowances(is_pod=True)
TEMPLATE: Final = Allowances()
_NOWHERE: Final = Path()
_TERMS: Final = ("requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution")


def for_update(old_spec: Tree | None, old_metadata: Tree | None, base: Allowances) -> Allowances:
    """`base`, widened by the faults of the stored object."""
    spec, metadata = old_spec or {}, old_metadata or {}
    faults: dict[str, bool] = {}
    if spec.get("affinity"):
        faults["selector_values"] = any(has_invalid_value(s) for s in _affinity_selectors(spec["affinity"]))
        faults["node_values"] = _has_bad_node_values(spec["affinity"])
    constraints = spec.get("topologySpreadConstraints")
    if constraints:
        faults["spread_selectors"] = any(
            validate_label_selector(c.get("labelSelector"), _NOWHERE) for c in constraints)
    if metadata.get("annotations"):
        faults["deletion_cost"] = has_bad_deletion_cost(metadata["annotations"])
    if spec.get("volumes"):
        faults["token_paths"] = any(_has_odd_token_path(v) for v in spec["volumes"])
    if context := spec.get("securityContext"):
        faults["host_sysctls"] = bool(context.get("sysctls")) and has_host_sysctl(spec)
        faults["selinux_policies"] = "seLinuxChangePolicy" in context
    faults["huge_pages"] = any(map(_has_odd_huge_pages, _amounts(spec)))
    faults["init_restarts"] = _restarts_init_on_resize(spec)
    true = {name: True for name, found in faults.items() if found}
    return replace(base, **true) if true else base


def _affinity_selectors(affinity: Tree) -> Iterator[Tree | None]:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        for term in terms.get(_TERMS[0]) or ():
            yield term.get("labelSelector")
        for weighted in terms.get(_TERMS[1]) or ():
            yield (weighted.get("podAffinityTerm") or {}).get("labelSelector")


def _has_bad_node_values(affinity: Tree) -> bool:
    required: Tree = (affinity.get("nodeAffinity") or {}).get(_TERMS[0]) or {}
    return any(names.label_value(value) for term in required.get("nodeSelectorTerms") or ()
               for wanted in term.get("matchExpressions") or () for value in wanted.get("values") or ())


def _has_odd_token_path(volume: Tree) -> bool:
    for part in (volume.get("projected") or {}).get("sources") or ():
        token = part.get("serviceAccountToken")
        if token is not None and local_name(_NOWHERE, token.get("path") or ""):
            return True
    return False


def _amounts(spec: Tree) -> Iterator[Tree]:
    for container in containers_of(spec):
        resources = container.get("resources") or {}
        yield resources.get("limits") or {}
        yield resources.get("requests") or {}
    yield spec.get("overhead") or {}


def _has_odd_huge_pages(amounts: Tree) -> bool:
    return any(huge_pages.is_odd(name, text) for name, text in amounts.items())


def _restarts_init_on_resize(spec: Tree) -> bool:
    early: Iterable[Any] = spec.get("initContainers") or ()
    return any(policy.get("restartPolicy") == "RestartContainer" for container in early
               if container.get("restartPolicy") != "Always" for policy in container.get("resizePolicy") or ())
