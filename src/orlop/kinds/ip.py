"""IP addresses in the fields of kinds: which family, and whether it is one of the special ranges.

Called by the rules of Services, Endpoints and the like, beside `api.addresses`, which knows whether a text is an
address at all. Texts: kubernetes `pkg/apis/core/validation` ValidateNonSpecialIP; reading: Go's `net.ParseIP`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Final

from orlop.api import addresses
from orlop.api.field import Path, invalid
from orlop.kinds.checks import Errors

STRICT: Final = True
"""The gate StrictIPCIDRValidation, on by default in 1.36."""
IPV4: Final = "IPv4"
IPV6: Final = "IPv6"

_NOWHERE: Final = Path()
_LINK_LOCAL_MULTICAST: Final = IPv4Network("224.0.0.0/24")


def parse(text: str) -> IPv4Address | IPv6Address | None:
    """The address, read as liberally as upstream reads stored ones; an IPv4 address written as IPv6 is IPv4."""
    if addresses.legacy_ip(_NOWHERE, text, strict=False):
        return None
    if ":" not in text:
        return IPv4Address(".".join(str(int(part)) for part in text.split(".")))
    try:
        address = IPv6Address(text)
    except ValueError:  # zeros that only Go's sloppy reader takes
        return None
    return address.ipv4_mapped or address


def is_ipv6(text: str) -> bool:
    address = parse(text)
    return address is not None and address.version == 6


def family(text: str) -> str:
    address = parse(text)
    if address is None:
        return "unknown"
    return IPV4 if address.version == 4 else IPV6


def valid(path: Path, text: str) -> Errors:
    return addresses.legacy_ip(path, text, STRICT)


def valid_cidr(path: Path, text: str) -> Errors:
    return addresses.legacy_cidr(path, text, STRICT)


def ordinary(path: Path, text: str) -> Errors:
    """Neither unspecified nor loopback nor link-local: such addresses mean nothing to other machines."""
    address = parse(text)
    if address is None:
        return [invalid(path, text, "must be a valid IP address")]
    found: Errors = []
    if address.is_unspecified:
        found.append(invalid(path, text, f"may not be unspecified ({text})"))
    if address.is_loopback:
        found.append(invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
    if address.is_link_local:
        found.append(invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"))
    if _is_link_local_multicast(address):
        found.append(invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"))
    return found


def _is_link_local_multicast(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return address in _LINK_LOCAL_MULTICAST
    packed = address.packed
    return packed[0] == 0xFF and packed[1] & 0x0F == 0x02
