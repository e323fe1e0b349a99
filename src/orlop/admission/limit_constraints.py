"""The bounds of a LimitRange held against requests and limits: each gives a complaint, or "".

Used by `LimitRanger`. The functions minConstraint, maxConstraint, maxRequestConstraint and
limitRequestRatioConstraint of kubernetes `plugin/pkg/admission/limitranger/admission.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from orlop.api.amounts import read
from orlop.api.quantity import Quantity
from orlop.api.tree import Tree

Amounts: TypeAlias = Mapping[str, Quantity]

_NOTHING: Final = Quantity()
_MOST_IN_MILLIS: Final = ((1 << 63) - 1) // 1000
"""What is larger is compared in whole units."""


def complaints(limit: Tree, requests: Amounts, limits: Amounts, *, requests_only: bool = False) -> list[str]:
    """What one item of a LimitRange says to the amounts of a container, a pod or, `requests_only`, a claim."""
    kind, found = limit.get("type") or "", []
    for name, bound in read(limit.get("min")).items():
        found.append(_too_little(kind, name, bound, requests.get(name), limits.get(name)))
    for name, bound in read(limit.get("max")).items():
        if requests_only:
            found.append(_asks_too_much(kind, name, bound, requests.get(name)))
        else:
            found.append(_too_much(kind, name, bound, requests.get(name), limits.get(name)))
    for name, bound in () if requests_only else read(limit.get("maxLimitRequestRatio")).items():
        found.append(_too_far_apart(kind, name, bound, requests.get(name), limits.get(name)))
    return [text for text in found if text]


def _comparable(*amounts: Quantity | None) -> list[int]:
    """At one precision: thousandths, where none is too large for that."""
    known = [one or _NOTHING for one in amounts]
    whole = [one.value() for one in known]
    return [one.milli_value() for one in known] if max(whole) <= _MOST_IN_MILLIS else whole


def _too_little(kind: str, name: str, bound: Quantity, request: Quantity | None, limit: Quantity | None) -> str:
    asked, bounded, least = _comparable(request, limit, bound)
    start = f"minimum {name} usage per {kind} is {bound}"
    if request is None:
        return f"{start}.  No request is specified"
    if asked < least:
        return f"{start}, but request is {request}"
    return f"{start}, but limit is {limit}" if limit is not None and bounded < least else ""


def _too_much(kind: str, name: str, bound: Quantity, request: Quantity | None, limit: Quantity | None) -> str:
    asked, bounded, most = _comparable(request, limit, bound)
    start = f"maximum {name} usage per {kind} is {bound}"
    if limit is None:
        return f"{start}.  No limit is specified"
    if bounded > most:
        return f"{start}, but limit is {limit}"
    return f"{start}, but request is {request}" if request is not None and asked > most else ""


def _asks_too_much(kind: str, name: str, bound: Quantity, request: Quantity | None) -> str:
    asked, most = _comparable(request, bound)
    start = f"maximum {name} usage per {kind} is {bound}"
    if request is None:
        return f"{start}.  No request is specified"
    return f"{start}, but request is {request}" if asked > most else ""


def _too_far_apart(kind: str, name: str, bound: Quantity, request: Quantity | None, limit: Quantity | None) -> str:
    asked, bounded, _ = _comparable(request, limit, bound)
    start = f"{name} max limit to request ratio per {kind} is {bound}"
    if not asked:
        return f"{start}, but no request is specified or request is 0"
    if not bounded:
        return f"{start}, but no limit is specified or limit is 0"
    ratio = bounded / asked
    if bound.value() <= _MOST_IN_MILLIS:
        exceeded = ratio * 1000 > float(bound.milli_value())
    else:
        exceeded = ratio > float(bound.value())
    return f"{start}, but provided ratio is {ratio:f}" if exceeded else ""


def aggregate(found: Sequence[str]) -> str:
    """Several complaints as one text, as apimachinery `util/errors` puts them."""
    distinct = list(dict.fromkeys(found))
    return distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]"
