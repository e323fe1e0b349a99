"""IP addresses and CIDRs in objects.

Called by validations of kinds with the field they look at. `ip` and `cidr` are the rules for new fields; the
`legacy` ones are for fields from before those rules, where `strict` follows upstream's gate
StrictIPCIDRValidation. Rules and texts: apimachinery `util/validation/ip.go`; reading: Go's `net` (sloppy,
leading zeros allowed) and `net/netip`.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from orlop.api.field import FieldError, Path, invalid, quote

_OCTETS = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_LEADING_ZEROS = re.compile(r"\b0+(?=[0-9A-Fa-f])")
_PREFIX = re.compile(r"[0-9]+")
_MAPPED = 0xFFFF
"""What stands above the last 32 bits of an IPv4 address written as IPv6."""

_NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_NOT_A_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_NOT_AN_INTERFACE = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"


class _Address(NamedTuple):
    """`mapped`: an IPv4 address written as IPv6; `zeros`: written with zeros that Go's strict parser
    refuses."""

    ip: IPv4Address | IPv6Address
    mapped: bool
    zeros: bool

    def __str__(self) -> str:
        return str(self.ip)


class _Block(NamedTuple):
    """An address and the length of its network's prefix, as written: an IPv4 address that was written as IPv6
    counts its bits as IPv6 does. `zeros` as in the address."""

    address: _Address
    size: int
    zeros: bool

    @property
    def width(self) -> int:
        return 128 if self.address.mapped else self.address.ip.max_prefixlen

    @property
    def _value(self) -> int:
        return int(self.address.ip) | (_MAPPED << 32 if self.address.mapped else 0)

    @property
    def _masked(self) -> int:
        spare = self.width - self.size
        return self._value >> spare << spare

    @property
    def network(self) -> str:
        """The network as Go prints it: as IPv4 where that is still to be seen."""
        if self.width == 32:
            return f"{IPv4Address(self._masked)}/{self.size}"
        if self.address.mapped and self._masked >> 32 == _MAPPED:
            return f"{IPv4Address(self._masked & 0xFFFFFFFF)}/{self.size - 96}"
        return f"{IPv6Address(self._masked)}/{self.size}"

    @property
    def interface(self) -> str:
        """The address and prefix length as upstream wants them for interfaces."""
        size = self.size - 96 if self.address.mapped and self.size > 32 else self.size
        return f"{self.address}/{size}"

    @property
    def beyond(self) -> bool:
        """Bits are set that the network does not have."""
        return self._masked != self._value


def _parse(text: str) -> _Address | None:
    if _OCTETS.fullmatch(text):
        value = _parse_v4(text)
        return None if value is None else _Address(value, False, _has_zeros(text))
    if ":" not in text or "%" in text:
        return None
    head, colon, tail = text.rpartition(":")
    zeros = bool(re.search(r"[0-9A-Fa-f]{5,}", text))
    if "." in tail:
        embedded = _parse_v4(tail) if _OCTETS.fullmatch(tail) else None
        if embedded is None:
            return None
        zeros = zeros or _has_zeros(tail)
        text = f"{head}{colon}{int(embedded) >> 16:x}:{int(embedded) & 0xffff:x}"
    try:
        wide = IPv6Address(_LEADING_ZEROS.sub("", text))
    except ValueError:
        return None
    if wide.ipv4_mapped is not None:
        return _Address(wide.ipv4_mapped, True, zeros)
    return _Address(wide, False, zeros)


def _parse_v4(text: str) -> IPv4Address | None:
    octets = [int(part) if len(part.lstrip("0")) <= 3 else 256 for part in text.split(".")]
    return IPv4Address(bytes(octets)) if max(octets) < 256 else None


def _has_zeros(text: str) -> bool:
    return any(len(part) > 1 and part[0] == "0" for part in text.split("."))


def _parse_block(text: str) -> _Block | None:
    head, slash, tail = text.partition("/")
    address = _parse(head)
    if not slash or address is None or not _PREFIX.fullmatch(tail):
        return None
    size = int(tail) if len(tail.lstrip("0")) <= 3 else 999
    written = 128 if ":" in head else 32
    if size > written:
        return None
    return _Block(address, size, address.zeros or (len(tail) > 1 and tail[0] == "0"))


def _complaints(text: str, strict: bool) -> list[str]:
    address = _parse(text)
    if address is None:
        return [_NOT_AN_IP]
    if strict and address.zeros:
        return ["must not have leading 0s"]
    return ["must not be an IPv4-mapped IPv6 address"] if strict and address.mapped else []


def legacy_ip(path: Path, text: str, strict: bool) -> list[FieldError]:
    return [invalid(path, text, complaint) for complaint in _complaints(text, strict)]


def ip(path: Path, text: str) -> list[FieldError]:
    """A valid address in canonical form."""
    found = legacy_ip(path, text, strict=True)
    canonical = str(_parse(text))
    if not found and canonical != text:
        found.append(invalid(path, text, f"must be in canonical form ({quote(canonical)})"))
    return found


def _block_complaints(text: str, strict: bool) -> list[str]:
    block = _parse_block(text)
    if block is None:
        return [_NOT_A_CIDR]
    if not strict:
        return []
    if block.zeros:
        return ["must not have leading 0s in IP or prefix length"]
    if block.address.mapped:
        return ["must not have an IPv4-mapped IPv6 address"]
    return ["must not have bits set beyond the prefix length"] if block.beyond else []


def legacy_cidr(path: Path, text: str, strict: bool) -> list[FieldError]:
    return [invalid(path, text, complaint) for complaint in _block_complaints(text, strict)]


def cidr(path: Path, text: str) -> list[FieldError]:
    """A valid network in canonical form."""
    found = legacy_cidr(path, text, strict=True)
    block = _parse_block(text)
    if not found and block is not None and block.network != text:
        found.append(invalid(path, text, f"must be in canonical form ({quote(block.network)})"))
    return found


def interface_address(path: Path, text: str) -> list[FieldError]:
    """An address with the length of its network, in canonical form."""
    block = _parse_block(text)
    if block is None:
        return [invalid(path, text, _NOT_AN_INTERFACE)]
    if block.interface == text:
        return []
    return [invalid(path, text, f"must be in canonical form ({quote(block.interface)})")]


def ip_warnings(path: Path, text: str) -> list[str]:
    """What to say of an address that `legacy_ip` let pass."""
    address = _parse(text)
    if address is None:
        return []
    if address.zeros or address.mapped:
        return [f"{path}: non-standard IP address {quote(text)} is invalid: use {quote(str(address))}"]
    if address.ip.version == 6 and str(address) != text:
        form = f"should be in RFC 5952 canonical format ({quote(str(address))})"
        return [f"{path}: IPv6 address {quote(text)} {form}"]
    return []


def cidr_warnings(path: Path, text: str) -> list[str]:
    """What to say of a network that `legacy_cidr` let pass."""
    block = _parse_block(text)
    if block is None:
        return []
    found = []
    if block.beyond:
        single = f"{block.address}/{block.width}"
        meant = f"(should be {quote(block.network)} or {quote(single)}?)"
        found.append(f"{path}: CIDR value {quote(text)} is ambiguous in this context {meant}")
    if block.zeros or block.address.mapped:
        found.append(f"{path}: non-standard CIDR value {quote(text)} is invalid: use {quote(block.network)}")
    canonical = f"{block.address}/{block.size}"
    if not found and block.address.ip.version == 6 and canonical != text:
        form = f"should be in RFC 5952 canonical format ({quote(canonical)})"
        found.append(f"{path}: IPv6 CIDR value {quote(text)} {form}")
    return found
