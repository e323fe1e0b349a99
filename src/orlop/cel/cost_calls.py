"""What one call may cost, by the sizes of its operands: the prices of the static estimate.

`cost_estimate` asks for every overload a call may resolve to and adds the price of the arguments itself; `&&`, `||` and
`?:` are its own, too. Prices that change change which definitions the API accepts. Behaviour: Kubernetes
pkg/cel/library/cost.go (EstimateCallCost), before it cel-go ext/sets.go and ext/lists.go, after it checker/cost.go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from orlop.cel.ast import Constant
from orlop.cel.cost_range import LIMIT, NOTHING, ONE, Estimate, fixed
from orlop.cel.cost_runtime import CHECK, LIST_CREATION, PATTERN, STRUCT_CREATION, TRAVERSAL
from orlop.cel.cost_sizes import SizedNode, Sizes
from orlop.cel.types import Kind
from orlop.cel.values import Uint

MAX_FORMAT_PATTERN: Final = 128
"""How long the regular expression behind a named format is taken to be."""
MAX_FORMAT: Final = 64
"""How long the name of a format is taken to be."""
_ADDRESS: Final = Estimate(4, 16)


class CallCost(NamedTuple):
    """A price, and the size of the result where the call says it."""

    cost: Estimate
    size: Estimate | None = None


Args: TypeAlias = list[SizedNode]
Pricer: TypeAlias = Callable[[SizedNode | None, Args, Sizes], CallCost | None]
"""Gets the receiver (None for global calls), the arguments and the sizes; None: has no price for these operands."""

_PRICE_ONE: Final = CallCost(ONE)


def call_cost(function: str, overload: str, target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost:
    """The price of a call, without that of its operands."""
    for pricer in (_BY_OVERLOAD.get(overload), _BY_FUNCTION.get(function), _STANDARD.get(overload)):
        priced = pricer(target, args, sizes) if pricer is not None else None
        if priced is not None:
            return priced
    return _PRICE_ONE


def _one(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return _PRICE_ONE


def _check(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return CallCost(fixed(CHECK))


def _selector(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    length = args[0].size_by(sizes)
    requirements = length.scaled(0.5).scaled(float(LIST_CREATION + STRUCT_CREATION))
    return CallCost(fixed(LIST_CREATION).plus(length.scaled(TRAVERSAL)).plus(requirements))


def _traversed(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if target is None:
        return None
    element = target.element()
    if element is None:  # a string: indexOf, lastIndexOf
        return CallCost(target.size_by(sizes).scaled(TRAVERSAL))
    each = ONE
    if element.type.kind in (Kind.STRING, Kind.BYTES):
        each = each.plus(element.size_by(sizes).scaled(TRAVERSAL))
    return CallCost(target.size_by(sizes).times(each))


def _read_into(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if len(args) != 1:
        return None
    size = args[0].size_by(sizes)
    return CallCost(size.scaled(TRAVERSAL), size)


def _receiver_read(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if target is None:
        return None
    size = target.size_by(sizes)
    return CallCost(size.scaled(TRAVERSAL), size)


def _read(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return CallCost(args[0].size_by(sizes).scaled(TRAVERSAL)) if args else None


def _read_twice(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return CallCost(args[0].size_by(sizes).scaled(2 * TRAVERSAL)) if args else None


def _replace(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if target is None or len(args) < 2:
        return None
    size, old, new = target.size_by(sizes), args[0].size_by(sizes), args[1].size_by(sizes)
    most = least = kept_most = kept_least = 0
    if old.low == 0:
        most, kept_most = min(size.high + 1, LIMIT), size.high
    elif new.high <= old.low:
        kept_most = size.high
    else:
        most = math.ceil(float(size.high) / float(old.low))
    if old.high == 0:
        least, kept_least = min(size.low + 1, LIMIT), size.low
    elif old.high <= new.low:
        kept_least = size.low
    else:
        least = math.ceil(float(size.low) / float(old.high))
    result = Estimate(least, _whole(most)).times(new).plus(Estimate(kept_least, kept_most))
    return CallCost(size.scaled(2 * TRAVERSAL), result)


def _whole(number: int) -> int:
    """What Go makes of a float beyond 64 bits on amd64: the highest bit alone."""
    return number if number <= LIMIT else 1 << 63


def _split(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if target is None:
        return None
    size = target.size_by(sizes)
    most = _int_literal(args[1]) if len(args) > 1 else None
    parts = Estimate(0, size.high if most is None else most & LIMIT)
    return CallCost(size.scaled(2 * TRAVERSAL), parts)


def _join(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if target is None:
        return None
    count, size = target.size_by(sizes), NOTHING
    element = target.element()
    if element is not None:
        size = count.times(element.size_by(sizes))
    if args:
        gaps = Estimate(max(count.low - 1, 0), max(count.high - 1, 0))
        size = size.plus(args[0].size_by(sizes).times(gaps))
    return CallCost(size.scaled(TRAVERSAL), size)


def _find(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if target is None or not args:
        return None
    size = target.size_by(sizes)
    cost = size.plus(ONE).scaled(TRAVERSAL).times(args[0].size_by(sizes).scaled(PATTERN))
    return CallCost(cost, Estimate(0, size.high))


def _contains_ip(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return CallCost(_ADDRESS.plus(_ADDRESS).scaled(TRAVERSAL)) if args else None


def _contains_ip_text(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if not args:
        return None
    return CallCost(_ADDRESS.plus(_ADDRESS).scaled(TRAVERSAL).plus(args[0].size_by(sizes).scaled(TRAVERSAL)))


def _contains_cidr(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if not args:
        return None
    return CallCost(_ADDRESS.plus(_ADDRESS).scaled(TRAVERSAL).plus(_ADDRESS.scaled(TRAVERSAL)).plus(ONE))


def _contains_cidr_text(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    masked = _contains_cidr(target, args, sizes)
    return CallCost(masked.cost.plus(args[0].size_by(sizes).scaled(TRAVERSAL))) if masked is not None else None


def _validate(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if not args:
        return None
    return CallCost(args[0].size_by(sizes).scaled(TRAVERSAL).scaled(MAX_FORMAT_PATTERN * PATTERN))


_EQUAL_AT_ONCE: Final = frozenset((
    "net.IP", "net.CIDR", "kubernetes.Quantity", "kubernetes.Semver",
    "kubernetes.authorization.Authorizer", "kubernetes.authorization.PathCheck",
    "kubernetes.authorization.GroupCheck", "kubernetes.authorization.ResourceCheck",
    "kubernetes.authorization.Decision",
))  # fmt: skip


def _equals(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if len(args) != 2 or args[0].type != args[1].type or args[0].type.kind not in (Kind.OPAQUE, Kind.OBJECT):
        return None
    name = args[0].type.name
    if name in _EQUAL_AT_ONCE:
        return _PRICE_ONE
    if name == "kubernetes.NamedFormat":
        return CallCost(Estimate(1, MAX_FORMAT).scaled(TRAVERSAL))
    if name == "kubernetes.URL":  # upstream looks at the right side only
        high = max(1, args[1].size.high) if args[1].size is not None else 1
        return CallCost(Estimate(1, high).scaled(TRAVERSAL))
    return None


def _sets(factor: float) -> Pricer:
    def price(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
        if len(args) != 2:
            return None
        return CallCost(args[0].size_by(sizes).times(args[1].size_by(sizes)).scaled(factor).plus(ONE))

    return price


def _new_list(factor: float, size: Estimate) -> CallCost:
    return CallCost(size.scaled(factor).plus(ONE).plus(fixed(LIST_CREATION)), size)


def _slice(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if target is None or len(args) != 2:
        return None
    end = _natural(args[1], target.size_by(sizes).high)
    return _new_list(1, fixed((end - _natural(args[0], 0)) & LIMIT))


def _range(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return None if target is not None or len(args) != 1 else _new_list(1, fixed(_natural(args[0], LIMIT)))


def _reverse(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return None if target is None or args else _new_list(1, target.size_by(sizes))


def _flatten(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if target is None or len(args) > 1:
        return None
    return _new_list(float(_natural(args[0], LIMIT)) if args else 1.0, target.size_by(sizes))


def _self_compared(factor: float) -> Pricer:
    def price(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
        if target is None or args:
            return None
        size = target.size_by(sizes)
        return _new_list(factor, size.times(size))

    return price


def _keys_compared(factor: float) -> Pricer:
    def price(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
        if target is None or len(args) != 1:
            return None
        size = args[0].size_by(sizes)
        return _new_list(factor, size.times(size))

    return price


def _int_literal(node: SizedNode) -> int | None:
    if isinstance(node.node, Constant):
        value = node.node.value
        return value if isinstance(value, int) and not isinstance(value, (bool, Uint)) else None
    return None


def _natural(node: SizedNode, default: int) -> int:
    value = _int_literal(node)
    return default if value is None else max(value, 0)


def _to_bytes(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if len(args) != 1:
        return None
    size = args[0].own_size
    return CallCost(size.scaled(TRAVERSAL), Estimate(size.low, size.high * 4 & LIMIT))


def _to_string(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if len(args) != 1:
        return None
    size = args[0].own_size
    return CallCost(size.scaled(TRAVERSAL), Estimate(size.low // 4, size.high))


def _quote(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if len(args) != 1:
        return None
    size = args[0].own_size
    return CallCost(size.scaled(TRAVERSAL), Estimate(size.low + 2 & LIMIT, size.high * 2 + 2 & LIMIT))


def _format(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return CallCost(target.own_size.scaled(TRAVERSAL)) if target is not None else None


def _edge(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return CallCost(args[0].own_size.scaled(TRAVERSAL)) if len(args) == 1 else None


def _member(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return CallCost(args[1].own_size.scaled(1)) if len(args) == 2 else None


def _matches(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if target is None or len(args) != 1:
        return None
    return CallCost(target.own_size.plus(ONE).scaled(TRAVERSAL).times(args[0].own_size.scaled(PATTERN)))


def _contains(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if target is None or len(args) != 1:
        return None
    return CallCost(target.own_size.scaled(TRAVERSAL).times(args[0].own_size.scaled(TRAVERSAL)))


def _joined(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    if len(args) != 2:
        return None
    size = args[0].own_size.plus(args[1].own_size)
    return CallCost(size.scaled(TRAVERSAL), size)


def _added(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    return CallCost(ONE, args[0].own_size.plus(args[1].own_size)) if len(args) == 2 else None


def _compared(target: SizedNode | None, args: Args, sizes: Sizes) -> CallCost | None:
    most = min(args[0].own_size.high, args[1].own_size.high)
    return CallCost(Estimate(1 if most > 0 else 0, most).scaled(TRAVERSAL))


_ONES: Final = (
    "serviceAccount path group resource subresource namespace name allowed reason error errored "
    "masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast "
    "format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub "
    "major minor patch getScheme getHostname getHost getPort getEscapedPath getQuery"
)
_BY_FUNCTION: Final[Mapping[str, Pricer]] = {
    "check": _check,
    **dict.fromkeys(_ONES.split(), _one),
    **dict.fromkeys(("fieldSelector", "labelSelector"), _selector),
    **dict.fromkeys(("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"), _traversed),
    **dict.fromkeys(("url", "jsonpatch.escapeKey"), _read_into),
    **dict.fromkeys(("lowerAscii", "upperAscii", "substring", "trim"), _receiver_read),
    **dict.fromkeys(("cidr", "isIP", "isCIDR", "ip", "quantity", "isQuantity", "semver", "isSemver"), _read),
    "ip.isCanonical": _read_twice,
    "replace": _replace,
    "split": _split,
    "join": _join,
    **dict.fromkeys(("find", "findAll"), _find),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "validate": _validate,
    "_==_": _equals,
}

_SORTED_TYPES: Final = {
    "int": 2.0, "uint": 2.0, "double": 2.0, "bool": 2.0, "google.protobuf.Duration": 2.0,
    "google.protobuf.Timestamp": 2.0, "string": 2.0 + TRAVERSAL, "bytes": 2.0 + TRAVERSAL,
}  # fmt: skip
_BY_OVERLOAD: Final[Mapping[str, Pricer]] = {
    "cidr_ip": _one,
    "cidr_contains_ip_string": _contains_ip_text,
    "cidr_contains_cidr_string": _contains_cidr_text,
    "list_sets_contains_list": _sets(1),
    "list_sets_intersects_list": _sets(1),
    "list_sets_equivalent_list": _sets(2),
    "list_slice": _slice,
    "list_flatten": _flatten,
    "list_flatten_int": _flatten,
    "lists_range": _range,
    "list_reverse": _reverse,
    "list_distinct": _self_compared(2.0),
    **{f"list_{name}_sort": _self_compared(factor) for name, factor in _SORTED_TYPES.items()},
    **{f"list_{name}_sortByAssociatedKeys": _keys_compared(factor) for name, factor in _SORTED_TYPES.items()},
}

_ORDER: Final = ("less", "greater", "less_equals", "greater_equals")
_STANDARD: Final[Mapping[str, Pricer]] = {
    "string_format": _format,
    "string_to_bytes": _to_bytes,
    "bytes_to_string": _to_string,
    "strings_quote": _quote,
    "starts_with_string": _edge,
    "ends_with_string": _edge,
    "in_list": _member,
    "matches_string": _matches,
    "contains_string": _contains,
    "add_string": _joined,
    "add_bytes": _joined,
    "add_list": _added,
    **{f"{order}_{kind}": _compared for order in _ORDER for kind in ("string", "bytes")},
    "equals": _compared,
    "not_equals": _compared,
}
