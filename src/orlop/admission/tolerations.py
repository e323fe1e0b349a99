"""Tolerations that say the same: two lists become one without what others in it include.

Used by `RuntimeClass` and `PodTolerationRestriction`. Behaviour: kubernetes `pkg/util/tolerations/tolerations.go`.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api.tree import Tree


def merge(first: Sequence[Tree], second: Sequence[Tree]) -> list[Tree]:
    """Both in their order; of equal ones the first."""
    every = [*first, *second]
    merged: list[Tree] = []
    for position, one in enumerate(every):
        if any(includes(kept, one) for kept in merged):
            continue
        if any(not _equal(one, later) and includes(later, one) for later in every[position + 1 :]):
            continue
        merged.append(one)
    return merged


def _words(toleration: Tree) -> tuple[str, str, str, str]:
    return (toleration.get("key") or "", toleration.get("operator") or "", toleration.get("value") or "",
            toleration.get("effect") or "")


def _equal(one: Tree, other: Tree) -> bool:
    return _words(one) == _words(other) and one.get("tolerationSeconds") == other.get("tolerationSeconds")


def includes(larger: Tree, smaller: Tree) -> bool:
    """Whether whatever `smaller` bears is borne by `larger`, and for as long."""
    if _equal(larger, smaller):
        return True
    key, operator, value, effect = _words(larger)
    other_key, other_operator, other_value, other_effect = _words(smaller)
    if other_key != key and (key or operator != "Exists"):
        return False
    if effect not in ("", other_effect):
        return False
    seconds, other_seconds = larger.get("tolerationSeconds"), smaller.get("tolerationSeconds")
    if effect == "NoExecute" and seconds is not None and (other_seconds is None or other_seconds > seconds):
        return False
    if operator == "Exists":
        return True
    return operator in ("", "Equal") and other_operator == "Equal" and other_value == value
