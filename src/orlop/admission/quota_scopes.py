"""Scopes: to which pods and claims a quota applies. Pure.

Used by the evaluators of pods and claims. Behaviour: podMatchesScopeFunc and pvcMatchesScopeFunc of kubernetes
`pkg/quota/v1/evaluator/core`, getScopeSelectorsFromQuota of apiserver `pkg/quota/v1/generic/evaluator.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from orlop.api.amounts import read
from orlop.api.tree import Tree

_COMPUTE: Final = ("cpu", "memory")
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


def selectors(spec: Tree) -> Sequence[Tree]:
    """The scopes of a quota's spec as expressions, all of which must hold."""
    simple = [{"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or ()]
    return [*simple, *((spec.get("scopeSelector") or {}).get("matchExpressions") or ())]


def no_scope(expression: Tree, obj: Tree) -> bool:
    """Kinds that know no scopes are in none."""
    return False


def pod_scope(expression: Tree, pod: Tree) -> bool:
    scope, spec = expression.get("scopeName"), pod.get("spec") or {}
    if scope == "Terminating":
        return is_terminating(spec)
    if scope == "NotTerminating":
        return not is_terminating(spec)
    if scope == "BestEffort":
        return is_best_effort(pod)
    if scope == "NotBestEffort":
        return not is_best_effort(pod)
    if scope == "PriorityClass":
        name = spec.get("priorityClassName") or ""
        return _selects(expression, [name] if name else [])
    return scope == "CrossNamespacePodAffinity" and _looks_abroad(spec)


def claim_scope(expression: Tree, claim: Tree) -> bool:
    return expression.get("scopeName") == "VolumeAttributesClass" and _selects(expression, attributes_classes(claim))


def attributes_classes(claim: Tree) -> list[str]:
    """The VolumeAttributesClasses that a claim has, had or is about to have."""
    status = claim.get("status") or {}
    named = ((claim.get("spec") or {}).get("volumeAttributesClassName"), status.get("currentVolumeAttributesClassName"),
             (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName"))
    return [name for name in dict.fromkeys(named) if name]


def _selects(expression: Tree, names: Sequence[str]) -> bool:
    """One of the names satisfies the expression, as a label's value would; without a name the label is absent."""
    operator, values = expression.get("operator"), expression.get("values") or ()
    if operator == "Exists":
        return bool(names)
    if operator == "DoesNotExist":
        return not names
    if operator == "In":
        return any(name in values for name in names)
    return not names or any(name not in values for name in names)


def is_terminating(spec: Tree) -> bool:
    deadline = spec.get("activeDeadlineSeconds")
    return deadline is not None and deadline >= 0


def is_best_effort(pod: Tree) -> bool:
    told = (pod.get("status") or {}).get("qosClass")
    return told == "BestEffort" if told else not _asks(pod.get("spec") or {})


def _asks(spec: Tree) -> bool:
    """Whether there is a request or limit of cpu or memory."""
    whole = spec.get("resources") or {}
    if whole.get("requests") or whole.get("limits"):
        parts = [whole]
    else:
        parts = [one.get("resources") or {} for kind in ("containers", "initContainers")
                 for one in spec.get(kind) or ()]
    return any(amount.sign > 0 for part in parts for member in ("requests", "limits")
               for name, amount in read(part.get(member)).items() if name in _COMPUTE)


def _looks_abroad(spec: Tree) -> bool:
    """Whether a term of affinity is about pods of other namespaces."""
    affinity = spec.get("affinity") or {}
    return any(term.get("namespaces") or term.get("namespaceSelector") is not None
               for member in ("podAffinity", "podAntiAffinity") for term in _terms(affinity.get(member) or {}))


def _terms(affinity: Tree) -> Iterable[Tree]:
    yield from affinity.get(_REQUIRED) or ()
    for weighted in affinity.get(_PREFERRED) or ():
        yield weighted.get("podAffinityTerm") or {}
