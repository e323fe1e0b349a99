"""Addresses, host names and URIs: formats ipv4, ipv6, cidr, mac, hostname and uri.

Asked by `formats`, for addresses in brackets by `mail_address`. What is accepted follows Go's `net`, `net/netip` and
`net/url` (ParseRequestURI) and kube-openapi `pkg/validation/strfmt`.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import AddressValueError, IPv6Address
from typing import Final

_OCTETS: Final = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_STRICT_OCTET: Final = re.compile(r"0|[1-9][0-9]{0,2}")
_SIZE: Final = re.compile(r"[0-9]+")
_MAC: Final = (
    re.compile(r"[0-9a-fA-F]{2}(?P<s>[:-])[0-9a-fA-F]{2}(?:(?P=s)[0-9a-fA-F]{2})+"),
    re.compile(r"[0-9a-fA-F]{4}(?:\.[0-9a-fA-F]{4})+"),
    re.compile(r"[0-9a-fA-F]+"),
)
_MAC_SIZES: Final = frozenset({12, 16, 40})
_MOST_NAME: Final = 255
_MOST_LABEL: Final = 63
_SCHEME: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*):")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")
_HOST: Final = re.compile(r"(?:[a-zA-Z0-9\-._~!$&'()*+,;=:\[\]<>\"]|[^\x00-\x7f]|%25|%[89a-fA-F][0-9a-fA-F])*")
_ZONE: Final = re.compile(r"(?:[a-zA-Z0-9\-._~!$&'()*+,;=:\[\]<>\"]|[^\x00-\x7f]|%[0-9a-fA-F]{2})*")
_PORT: Final = re.compile(r"(?::[0-9]*)?")
_USER: Final = re.compile(r"[a-zA-Z0-9\-._:~!$&'()*+,;=%@]*")


def is_v4(text: str, sloppy: bool = True) -> bool:
    """Four decimal octets; `sloppy` allows zeros in front."""
    if not _OCTETS.fullmatch(text):
        return False
    return all(len(octet.lstrip("0")) <= 3 and int(octet) < 256 and (sloppy or _STRICT_OCTET.fullmatch(octet))
               for octet in text.split("."))


def is_v6(text: str, sloppy: bool = False) -> bool:
    """An address with colons and without a zone."""
    if "%" in text or ":" not in text:
        return False
    front, _, tail = text.rpartition(":")
    if "." in tail:
        if not is_v4(tail, sloppy):
            return False
        text = f"{front}:0:0"
    try:
        IPv6Address(text)
    except (AddressValueError, ValueError):
        return False
    return True


def is_ip(text: str) -> bool:
    """Go's ParseIP."""
    return is_v4(text, sloppy=False) or is_v6(text)


def is_ipv4(text: str) -> bool:
    """Format ipv4: any address that is written with dots."""
    return "." in text and (is_v4(text) or is_v6(text, sloppy=True))


def is_ipv6(text: str) -> bool:
    return is_v6(text)


def is_cidr(text: str) -> bool:
    address, slash, size = text.partition("/")
    if not slash or not _SIZE.fullmatch(size):
        return False
    most = 32 if is_v4(address) else 128 if is_v6(address, sloppy=True) else -1
    return len(size.lstrip("0")) <= 3 and int(size) <= most


def is_mac(text: str) -> bool:
    return any(form.fullmatch(text) for form in _MAC) and len(re.sub("[:.-]", "", text)) in _MAC_SIZES


def is_hostname(text: str) -> bool:
    """Letters of any script, digits and symbols; a last label of a name with dots has letters only."""
    if len(text.encode(errors="replace")) > _MOST_NAME:
        return False
    labels = text.split(".")
    if any(len(label.encode(errors="replace")) > _MOST_LABEL for label in labels):
        return False
    if len(labels) == 1:
        return _is_single_label(text)
    return all(map(_is_inner_label, labels[:-1])) and len(labels[-1]) >= 2 and all(map(_is_letter, labels[-1]))


def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] == "L"


def _is_name_char(char: str) -> bool:
    return (char.isascii() and char.isalnum()) or unicodedata.category(char)[0] in "LS"


def _is_single_label(label: str) -> bool:
    """At most one dash, in the second place."""
    if not label or not _is_name_char(label[0]):
        return False
    rest = label[1:].removeprefix("-")
    return len(rest) <= 62 and all(map(_is_name_char, rest))


def _is_inner_label(label: str) -> bool:
    return bool(label) and len(label) <= 63 and _is_name_char(label[0]) and _is_name_char(label[-1]) \
        and all(char == "-" or _is_name_char(char) for char in label)


def is_request_uri(text: str) -> bool:
    """An absolute URI or path."""
    if not text or _CONTROL.search(text):
        return False
    if text == "*":
        return True
    if text[0] == ":":
        return False
    found = _SCHEME.match(text)
    scheme = found.group(1).lower() if found else ""
    rest = (text[found.end():] if found else text).partition("?")[0]
    if not rest.startswith("/"):
        return bool(scheme)
    if scheme and rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        if not _is_authority(scheme, authority):
            return False
    return not _BAD_ESCAPE.search(rest)


def _is_authority(scheme: str, authority: str) -> bool:
    user, at, host = authority.rpartition("@")
    if at and (not _USER.fullmatch(user) or _BAD_ESCAPE.search(user)):
        return False
    return _is_bracketed(host) if "[" in host else _is_plain_host(scheme, host)


def _is_bracketed(host: str) -> bool:
    inside, bracket, port = host[1:].rpartition("]")
    if host[0] != "[" or "[" in host[1:] or not bracket or not _PORT.fullmatch(port):
        return False
    address, percent, zone = inside.partition("%25")
    if percent and (not zone or not _ZONE.fullmatch(zone)):
        return False
    return is_v6(address)


def _is_plain_host(scheme: str, host: str) -> bool:
    _, colon, port = host.partition(":") if scheme in ("http", "https") else host.rpartition(":")
    return not (colon and not _PORT.fullmatch(":" + port)) and _HOST.fullmatch(host) is not None
