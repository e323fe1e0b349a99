"""IP addresses: `ip('10.0.0.1')` and what kind of address it is.

The environment takes `IP`; `library_cidr` builds on `IPAddress`. Zones and IPv4-mapped IPv6 addresses are refused.
Behaviour: Kubernetes pkg/cel/library/ip.go; Go net/netip.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.api.field import quote
from orlop.cel import types as t
from orlop.cel.cost_runtime import Measured
from orlop.cel.functions import Function, Library
from orlop.cel.library_ip_parser import Address, AddressError, parse_address
from orlop.cel.library_signature import function, member, plain
from orlop.cel.values import NO_SUCH_OVERLOAD, CelError

IP_TYPE: Final = t.opaque("net.IP")
_ALL_ONES: Final = (1 << 32) - 1


class IPAddress(Measured):
    """An address."""

    __slots__ = ("address",)

    cel_type = IP_TYPE

    def __init__(self, address: Address) -> None:
        self.address = address

    def size(self) -> int:
        return self.address.bits // 8

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IPAddress):
            raise CelError(NO_SUCH_OVERLOAD)
        return self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __str__(self) -> str:
        return str(self.address)


def parse(text: str) -> IPAddress:
    """The address `text` writes; CelError with upstream's words."""
    try:
        address = parse_address(text)
    except AddressError as error:
        raise CelError(f"IP Address {quote(text)} parse error during conversion from string: {error}") from None
    if address.zone:
        raise CelError(f"IP address {quote(text)} with zone value is not allowed")
    if address.mapped:
        raise CelError(f"IPv4-mapped IPv6 address {quote(text)} is not allowed")
    return IPAddress(address)


def _is_ip(text: str) -> bool:
    try:
        parse(text)
    except CelError:
        return False
    return True


def _is_canonical(text: str) -> bool:
    return str(parse(text)) == text


def _is_unspecified(ip: IPAddress) -> bool:
    return ip.address.number == 0


def _is_loopback(ip: IPAddress) -> bool:
    return ip.address.number >> 24 == 127 if ip.address.version == 4 else ip.address.number == 1


def _is_multicast(ip: IPAddress) -> bool:
    return ip.address.number >> 28 == 0xE if ip.address.version == 4 else ip.address.number >> 120 == 0xFF


def _is_link_local_multicast(ip: IPAddress) -> bool:
    if ip.address.version == 4:
        return ip.address.number >> 8 == 0xE00000
    return ip.address.number >> 112 & 0xFF0F == 0xFF02


def _is_link_local_unicast(ip: IPAddress) -> bool:
    return ip.address.number >> 16 == 0xA9FE if ip.address.version == 4 else ip.address.number >> 118 == 0x3FA


def _is_global_unicast(ip: IPAddress) -> bool:
    if ip.address.version == 4 and ip.address.number == _ALL_ONES:
        return False
    return not (_is_unspecified(ip) or _is_loopback(ip) or _is_multicast(ip) or _is_link_local_unicast(ip))


def _question(name: str, identity: str, call: Callable[[IPAddress], bool]) -> Function:
    return function(name, member(identity, (IP_TYPE,), t.BOOL, call))


IP: Final = Library(
    "kubernetes.net.ip",
    (
        function("ip", plain("string_to_ip", (t.STRING,), IP_TYPE, parse)),
        function("family", member("ip_family", (IP_TYPE,), t.INT, lambda ip: ip.address.version)),
        function("ip.isCanonical", plain("ip_is_canonical", (t.STRING,), t.BOOL, _is_canonical)),
        _question("isUnspecified", "ip_is_unspecified", _is_unspecified),
        _question("isLoopback", "ip_is_loopback", _is_loopback),
        _question("isLinkLocalMulticast", "ip_is_link_local_multicast", _is_link_local_multicast),
        _question("isLinkLocalUnicast", "ip_is_link_local_unicast", _is_link_local_unicast),
        _question("isGlobalUnicast", "ip_is_global_unicast", _is_global_unicast),
        function("isIP", plain("is_ip", (t.STRING,), t.BOOL, _is_ip)),
        function("string", plain("ip_to_string", (IP_TYPE,), t.STRING, str)),
    ),
    types={"net.IP": IP_TYPE},
)
