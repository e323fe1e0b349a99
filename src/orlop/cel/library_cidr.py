"""Address blocks: `cidr('10.0.0.0/8')` and what lies in them.

The environment takes `CIDR`. Behaviour: Kubernetes pkg/cel/library/cidr.go; Go net/netip.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import quote
from orlop.cel import types as t
from orlop.cel.cost_runtime import Measured
from orlop.cel.functions import Library
from orlop.cel.library_ip import IP_TYPE, IPAddress
from orlop.cel.library_ip import parse as parse_ip
from orlop.cel.library_ip_parser import Address, PrefixError, parse_prefix
from orlop.cel.library_signature import function, member, plain
from orlop.cel.values import NO_SUCH_OVERLOAD, CelError

CIDR_TYPE: Final = t.opaque("net.CIDR")
_WRONG: Final = "network address parse error during conversion from string: "


class Block(Measured):
    """An address and how many of its leading bits make the network; the others may be set."""

    __slots__ = ("address", "length")

    cel_type = CIDR_TYPE

    def __init__(self, address: Address, length: int) -> None:
        self.address = address
        self.length = length

    def size(self) -> int:
        return -(-self.length // 8)

    def network(self, length: int) -> int:
        """The number that the first `length` bits make."""
        return self.address.number >> (self.address.bits - length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Block):
            raise CelError(NO_SUCH_OVERLOAD)
        return self.address == other.address and self.length == other.length

    def __hash__(self) -> int:
        return hash((self.address, self.length))

    def __str__(self) -> str:
        return f"{self.address}/{self.length}"


def _parse(text: str) -> Block:
    try:
        address, length = parse_prefix(text)
    except PrefixError as error:
        raise CelError(f"{_WRONG}{_WRONG}{error}") from None
    if address.mapped:
        raise CelError(f"{_WRONG}IPv4-mapped IPv6 address {quote(text)} is not allowed")
    return Block(address, length)


def _is_cidr(text: str) -> bool:
    try:
        _parse(text)
    except CelError:
        return False
    return True


def _contains_ip(block: Block, ip: IPAddress) -> bool:
    address = ip.address
    if address.version != block.address.version:
        return False
    return address.number >> (address.bits - block.length) == block.network(block.length)


def _contains_ip_text(block: Block, text: str) -> bool:
    try:
        ip = parse_ip(text)
    except CelError:
        raise CelError(NO_SUCH_OVERLOAD) from None  # upstream loses the reason
    return _contains_ip(block, ip)


def _contains_cidr(block: Block, other: Block) -> bool:
    if block.address.version != other.address.version or block.length > other.length:
        return False
    return block.network(block.length) == other.network(block.length)


def _contains_cidr_text(block: Block, text: str) -> bool:
    return _contains_cidr(block, _parse(text))


def _masked(block: Block) -> Block:
    rest = block.address.bits - block.length
    return Block(block.address._replace(number=block.address.number >> rest << rest), block.length)


CIDR: Final = Library(
    "kubernetes.net.cidr",
    (
        function("cidr", plain("string_to_cidr", (t.STRING,), CIDR_TYPE, _parse)),
        function(
            "containsIP",
            member("cidr_contains_ip_string", (CIDR_TYPE, t.STRING), t.BOOL, _contains_ip_text),
            member("cidr_contains_ip_ip", (CIDR_TYPE, IP_TYPE), t.BOOL, _contains_ip),
        ),
        function(
            "containsCIDR",
            member("cidr_contains_cidr_string", (CIDR_TYPE, t.STRING), t.BOOL, _contains_cidr_text),
            member("cidr_contains_cidr", (CIDR_TYPE, CIDR_TYPE), t.BOOL, _contains_cidr),
        ),
        function("ip", member("cidr_ip", (CIDR_TYPE,), IP_TYPE, lambda block: IPAddress(block.address))),
        function("prefixLength", member("cidr_prefix_length", (CIDR_TYPE,), t.INT, lambda block: block.length)),
        function("masked", member("cidr_masked", (CIDR_TYPE,), CIDR_TYPE, _masked)),
        function("isCIDR", plain("is_cidr", (t.STRING,), t.BOOL, _is_cidr)),
        function("string", plain("cidr_to_string", (CIDR_TYPE,), t.STRING, str)),
    ),
    types={"net.CIDR": CIDR_TYPE},
)
