"""IP addresses and prefixes in text, read as Go's `net/netip` reads them and refused in its words.

`library_ip`, `library_cidr` and `library_url_parser` read their addresses here; `orlop.api.addresses` has the more
lenient readings of API fields. Behaviour: Go net/netip (ParseAddr, ParsePrefix, Addr.String).
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final, NamedTuple

from orlop.api.field import quote

_HEX: Final = re.compile(r"[0-9a-fA-F]*", re.ASCII)
_GROUPS: Final = 8
_MAX_BITS: Final = {4: 32, 6: 128}
_MAPPED: Final = 0xFFFF


class Address(NamedTuple):
    """An address: version 4 or 6, its bits as a number, and its zone."""

    version: int
    number: int
    zone: str = ""

    @property
    def bits(self) -> int:
        """How many bits addresses of this version have."""
        return _MAX_BITS[self.version]

    @property
    def mapped(self) -> bool:
        """Whether this is an IPv4 address in the clothes of IPv6."""
        return self.version == 6 and self.number >> 32 == _MAPPED

    def __str__(self) -> str:
        if self.version == 4:
            return ".".join(str(self.number >> shift & 0xFF) for shift in (24, 16, 8, 0))
        text = str(IPv6Address(self.number))
        return f"{text}%{self.zone}" if self.zone else text


class AddressError(ValueError):
    """A text that is no address; the message is Go's."""

    def __init__(self, text: str, reason: str, rest: str = "") -> None:
        place = f" (at {quote(rest)})" if rest else ""
        super().__init__(f"ParseAddr({quote(text)}): {reason}{place}")


def parse_address(text: str) -> Address:
    """The address `text` writes."""
    for character in text:
        if character == ".":
            return Address(4, _parse_v4(text, text))
        if character == ":":
            return _parse_v6(text)
        if character == "%":
            raise AddressError(text, "missing IPv6 address")
    raise AddressError(text, "unable to parse IP")


def _parse_v4(text: str, part: str) -> int:
    """The number that `part` of `text` writes in dotted decimal."""
    number, octet, digits, dots = 0, 0, 0, 0
    for index, character in enumerate(part):
        if "0" <= character <= "9":
            if digits == 1 and octet == 0:
                raise AddressError(text, "IPv4 field has octet with leading zero")
            octet, digits = octet * 10 + int(character), digits + 1
            if octet > 255:
                raise AddressError(text, "IPv4 field has value >255")
        elif character == ".":
            if index == 0 or index == len(part) - 1 or part[index - 1] == ".":
                raise AddressError(text, "IPv4 field must have at least one digit", part[index:])
            if dots == 3:
                raise AddressError(text, "IPv4 address too long")
            number, octet, digits, dots = number << 8 | octet, 0, 0, dots + 1
        else:
            raise AddressError(text, "unexpected character", part[index:])
    if dots < 3:
        raise AddressError(text, "IPv4 address too short")
    return number << 8 | octet


def _parse_v6(text: str) -> Address:
    rest, percent, zone = text.partition("%")
    if percent and not zone:
        raise AddressError(text, "zone must be a non-empty string")
    groups: list[int] = []
    gap = -1
    if rest.startswith("::"):
        gap, rest = 0, rest[2:]
        if not rest:
            return Address(6, 0, zone)
    while len(groups) < _GROUPS:
        digits = _group(text, rest)
        if rest[len(digits) : len(digits) + 1] == ".":
            groups += _embedded(text, rest, groups, gap)
            rest = ""
            break
        groups.append(int(digits, 16))
        rest = rest[len(digits) :]
        if not rest:
            break
        if rest[0] != ":":
            raise AddressError(text, "unexpected character, want colon", rest)
        if len(rest) == 1:
            raise AddressError(text, "colon must be followed by more characters", rest)
        rest = rest[1:]
        if rest[0] == ":":
            if gap >= 0:
                raise AddressError(text, "multiple :: in address", rest)
            gap, rest = len(groups), rest[1:]
            if not rest:
                break
    if rest:
        raise AddressError(text, "trailing garbage after address", rest)
    return Address(6, _filled(text, groups, gap), zone)


def _group(text: str, rest: str) -> str:
    """The hexadecimal digits at the start of `rest`."""
    found = _HEX.match(rest)
    digits = found[0] if found is not None else ""
    if len(digits) > 4:
        raise AddressError(text, "each group must have 4 or less digits", rest)
    if not digits:
        raise AddressError(text, "each colon-separated field must have at least one digit", rest)
    return digits


def _embedded(text: str, rest: str, groups: list[int], gap: int) -> tuple[int, int]:
    """The two groups that an IPv4 address at the end stands for."""
    if gap < 0 and len(groups) != _GROUPS - 2:
        raise AddressError(text, "embedded IPv4 address must replace the final 2 fields of the address", rest)
    if len(groups) > _GROUPS - 2:
        raise AddressError(text, "too many hex fields to fit an embedded IPv4 at the end of the address", rest)
    number = _parse_v4(text, rest)
    return number >> 16, number & 0xFFFF


def _filled(text: str, groups: list[int], gap: int) -> int:
    if len(groups) < _GROUPS:
        if gap < 0:
            raise AddressError(text, "address string too short")
        groups[gap:gap] = [0] * (_GROUPS - len(groups))
    elif gap >= 0:
        raise AddressError(text, "the :: must expand to at least one field of zeros")
    number = 0
    for group in groups:
        number = number << 16 | group
    return number


class PrefixError(ValueError):
    """A text that is no prefix; the message is Go's."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"netip.ParsePrefix({quote(text)}): {reason}")


def parse_prefix(text: str) -> tuple[Address, int]:
    """The address and the number of bits that `text` writes."""
    before, slash, bits = text.rpartition("/")
    if not slash:
        raise PrefixError(text, "no '/'")
    try:
        address = parse_address(before)
    except AddressError as error:
        raise PrefixError(text, str(error)) from None
    if address.zone:
        raise PrefixError(text, "IPv6 zones cannot be present in a prefix")
    digits = bits.isascii() and bits.isdigit() and (len(bits) == 1 or bits[0] != "0")
    if not digits or len(bits) > 19:
        raise PrefixError(text, f"bad bits after slash: {quote(bits)}")
    if int(bits) > address.bits:
        reason = "prefix length out of range" if int(bits) < 1 << 63 else f"bad bits after slash: {quote(bits)}"
        raise PrefixError(text, reason)
    return address, int(bits)
