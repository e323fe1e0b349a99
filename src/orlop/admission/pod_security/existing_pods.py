"""Warnings about pods that a namespace has already when its labels become stricter.

Called by `plugin`. Looks at a bounded number of pods for a bounded time, one of each controller first. Behaviour:
EvaluatePodsInNamespace of pod-security-admission `admission/admission.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from orlop.admission.pod_security.evaluation import brief, evaluate
from orlop.admission.pod_security.policy import LevelVersion, Minor
from orlop.api.field import quote
from orlop.api.tree import Tree

MOST_PODS: Final = 3000
MOST_SECONDS: Final = 1.0
_SLICE: Final = 100
"""Pods looked at in one turn of the loop."""


def _in_order(pods: Iterable[Tree]) -> list[Tree]:
    """Pods of a controller that has been seen come last."""
    first: list[Tree] = []
    others: list[Tree] = []
    seen: set[str] = set()
    for pod in pods:
        owners = pod["metadata"].get("ownerReferences") or ()
        controller = next((one.get("uid") or "" for one in owners if one.get("controller")), None)
        if controller is None or controller not in seen:
            first.append(pod)
        else:
            others.append(pod)
        if controller is not None:
            seen.add(controller)
    return first + others


async def warnings(namespace: str, pods: Iterable[Tree], enforced: LevelVersion, newest: Minor,
                   now: Callable[[], float]) -> list[str]:
    every = _in_order(pods)
    end = now() + MOST_SECONDS
    by_reason: dict[str, list[str]] = {}
    checked = 0
    for pod in every[:MOST_PODS]:
        if found := evaluate(enforced, pod["metadata"], pod.get("spec") or {}, newest):
            by_reason.setdefault(brief(found), []).append(pod["metadata"]["name"])
        checked += 1
        if checked % _SLICE == 0:
            await asyncio.sleep(0)
            if now() > end:
                break
    return _told(namespace, by_reason, enforced, checked, len(every))


def _told(namespace: str, by_reason: Mapping[str, Sequence[str]], enforced: LevelVersion, checked: int,
          total: int) -> list[str]:
    told = []
    if checked < total:
        told.append(f"new PodSecurity enforce level only checked against the first {checked} of {total} existing pods")
    if by_reason:
        told.append(f"existing pods in namespace {quote(namespace)} violate the new PodSecurity enforce level "
                    f"{quote(str(enforced))}")
    return told + sorted(f"{min(names)}{_others(len(names) - 1)}: {reason}" for reason, names in by_reason.items())


def _others(number: int) -> str:
    if number == 0:
        return ""
    return " (and 1 other pod)" if number == 1 else f" (and {number} other pods)"
