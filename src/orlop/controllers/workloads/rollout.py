"""How a Deployment gets from its old ReplicaSets to the new one: plans, pure.

Used by `deployment`. Behaviour: kubernetes `pkg/controller/deployment/rolling.go`, `recreate.go` and
`util/deployment_util.go`. The names of ReplicaSets look like upstream's, but are made by another hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import orjson

from orlop.api.tree import Tree

HASH_LABEL: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_PERCENT: Final = 100


def template_hash(template: Tree, collisions: int = 0) -> str:
    """Ten characters that form no words."""
    text = orjson.dumps([template, collisions], option=orjson.OPT_SORT_KEYS)
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in hashlib.sha256(text).digest()[:10])


def same_template(replica_set: Tree, deployment: Tree) -> bool:
    """But for the hash."""
    template = replica_set["spec"]["template"]
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    bare = {**template, "metadata": {**metadata, "labels": labels}}
    return _without_nothing(bare) == _without_nothing(deployment["spec"]["template"])


def _without_nothing(template: Tree) -> Tree:
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if value}
    return {**template, "metadata": metadata}


def replicas(tree: Tree) -> int:
    found: int = tree["spec"].get("replicas") or 0
    return found


def bounds(deployment: Tree) -> tuple[int, int]:
    """(surge, unavailable): how many pods there may be too many, and too few."""
    wanted = replicas(deployment)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = _resolved(rolling.get("maxSurge", 0), wanted, up=True)
    unavailable = _resolved(rolling.get("maxUnavailable", 0), wanted, up=False)
    return surge, min(wanted, unavailable if surge or unavailable else 1)


def _resolved(value: int | str, of: int, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.rstrip("%")) * of
    return -(-share // _PERCENT) if up else share // _PERCENT


def _available(replica_set: Tree) -> int:
    found: int = (replica_set.get("status") or {}).get("availableReplicas") or 0
    return found


def scales(deployment: Tree, new: Tree | None, old: Sequence[Tree]) -> dict[str, int]:
    """The replicas that ReplicaSets should have now, by name, where that is a change. `old` in order of age."""
    if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        wanted = _recreated(deployment, new, old)
    elif new is None or deployment["spec"].get("paused"):
        wanted = _only_scaled(deployment, new, old)
    else:
        wanted = _rolled(deployment, new, old)
    every = {one["metadata"]["name"]: one for one in (*old, *((new,) if new is not None else ()))}
    return {name: count for name, count in wanted.items() if replicas(every[name]) != count}


def _only_scaled(deployment: Tree, new: Tree | None, old: Sequence[Tree]) -> dict[str, int]:
    """Paused: the one that has pods follows the Deployment's size."""
    active = [one for one in (*old, *((new,) if new is not None else ())) if replicas(one)]
    chosen = active[-1] if active else new
    if chosen is None or len(active) > 1:
        return {}
    return {chosen["metadata"]["name"]: replicas(deployment)}


def _recreated(deployment: Tree, new: Tree | None, old: Sequence[Tree]) -> dict[str, int]:
    wanted = {one["metadata"]["name"]: 0 for one in old}
    left = any(replicas(one) or (one.get("status") or {}).get("replicas") for one in old)
    if new is not None and not left:
        wanted[new["metadata"]["name"]] = replicas(deployment)
    return wanted


def _rolled(deployment: Tree, new: Tree, old: Sequence[Tree]) -> dict[str, int]:
    desired, (surge, unavailable) = replicas(deployment), bounds(deployment)
    total = replicas(new) + sum(map(replicas, old))
    name, size = new["metadata"]["name"], replicas(new)
    if size > desired:
        size = desired
    elif total < desired + surge:
        size += min(desired + surge - total, desired - size)
    wanted = {name: size}
    least = desired - unavailable
    spare = total - least - (replicas(new) - _available(new))
    counts = {one["metadata"]["name"]: replicas(one) for one in old}
    for one in old:  # pods that do no good go first
        sick = max(0, min(spare, replicas(one) - _available(one)))
        counts[one["metadata"]["name"]] -= sick
        spare -= sick
    ready = _available(new) + sum(min(_available(one), counts[one["metadata"]["name"]]) for one in old)
    spare = min(spare, ready - least)
    for one in old:
        fewer = max(0, min(spare, counts[one["metadata"]["name"]]))
        counts[one["metadata"]["name"]] -= fewer
        spare -= fewer
    return {**wanted, **counts}
