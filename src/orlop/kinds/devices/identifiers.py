"""Names of drivers, pools, devices and their attributes.

Called by all rules of this package. Behaviour: kubernetes `pkg/apis/resource/validation/validation.go`; reading of
UIDs: github.com/google/uuid.
"""

from __future__ import annotations

import re
from typing import Final

from orlop.api import names
from orlop.api.field import Path, invalid, quote, required, too_long
from orlop.api.gotext import json_value
from orlop.kinds.checks import Errors, dns_label, dns_subdomain, said
from orlop.kinds.csi import driver_name

MAX_POOL: Final = 253
MAX_DOMAIN: Final = 63
MAX_IDENTIFIER: Final = 32
MAX_QUALIFIED: Final = MAX_DOMAIN + 1 + MAX_IDENTIFIER
_HEX: Final = "[0-9a-fA-F]"
_UUID: Final = re.compile(f"{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}")
_BARE_UUID: Final = re.compile(f"{_HEX}{{32}}")
_URN: Final = "urn:uuid:"
_NORMAL_FORM: Final = ("uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase "
                       "hexadecimal characters")
_WRONG: Final = "invalid UUID format"


def pool_name(path: Path, name: str) -> Errors:
    """Subdomains with slashes between them."""
    if not name:
        return [required(path)]
    found = [too_long(path, MAX_POOL)] if names.length(name) > MAX_POOL else []
    for part in name.split("/"):
        found += dns_subdomain(path, part)
    return found


def device_class_name(path: Path, name: str) -> Errors:
    return dns_subdomain(path, name) if name else [required(path)]


def counter_set_name(path: Path, name: str) -> Errors:
    return dns_label(path, name) if name else [required(path)]


def identifier(path: Path, text: str) -> Errors:
    found = [too_long(path, MAX_IDENTIFIER)] if names.length(text) > MAX_IDENTIFIER else []
    return found + said(path, text, names.c_identifier(text))


def qualified_name(path: Path, name: str) -> Errors:
    """An identifier, with a domain before it or not. Upstream has nothing to say of more than one slash."""
    parts = name.split("/")
    if len(parts) == 1:
        return identifier(path, name)
    if len(parts) > 2:
        return []
    domain, own = parts
    found = driver_name(path, domain) if domain else [invalid(path, "", "the domain must not be empty")]
    return found + (identifier(path, own) if own else [invalid(path, "", "the name must not be empty")])


def fully_qualified_name(path: Path, name: str) -> Errors:
    found = qualified_name(path, name)
    if "/" not in name:
        text = "a fully qualified name must be a domain and a name separated by a slash"
        found.append(invalid(path, json_value(name), text))
    return found


def uid(path: Path, text: str) -> Errors:
    """In the one form that upstream writes."""
    complaint = _no_uuid(text)
    if complaint:
        return [invalid(path, text, f"error validating uid: {complaint}")]
    if len(text) != 36 or text != text.lower():
        return [invalid(path, text, _NORMAL_FORM)]
    return []


def _no_uuid(text: str) -> str:
    """Why this is no UUID in any of its forms."""
    size = names.length(text)
    if size == 36 + len(_URN):
        if text[:len(_URN)].lower() != _URN:
            return f"invalid urn prefix: {quote(text[:len(_URN)])}"
        text = text[len(_URN):]
    elif size == 38:
        if text[0] != "{" or text[-1] != "}":
            return "invalid bracketed UUID format"
        text = text[1:-1]
    elif size == 32:
        return "" if _BARE_UUID.fullmatch(text) else _WRONG
    elif size != 36:
        return f"invalid UUID length: {size}"
    return "" if _UUID.fullmatch(text) else _WRONG
