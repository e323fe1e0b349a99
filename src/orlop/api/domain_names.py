"""Names with a domain: signer names, annotation-like keys and paths of plugins.

Called by validations of kinds, with the field they look at. Rules and texts are those of apimachinery
`util/validation/validation.go` (IsFullyQualifiedName and its neighbours).
"""

from __future__ import annotations

import re

from orlop.api import names
from orlop.api.field import FieldError, Path, invalid, required

_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_is_http_path = re.compile(_HTTP_PATH).fullmatch


def fully_qualified_name(path: Path, name: str) -> list[FieldError]:
    """At least three segments, no trailing dot."""
    if not name:
        return [required(path)]
    if complaints := names.dns1123_subdomain(name):
        return [invalid(path, name, ",".join(complaints))]
    if name.count(".") < 2:
        return [invalid(path, name, "should be a domain with at least three segments separated by dots")]
    return []


def fully_qualified_domain_name(path: Path, name: str) -> list[FieldError]:
    """At least two segments; a trailing dot is allowed."""
    if not name:
        return [required(path)]
    name = name.removesuffix(".")
    if complaints := names.dns1123_subdomain(name):
        return [invalid(path, name, ",".join(complaints))]
    segments = name.split(".")
    if len(segments) < 2:
        return [invalid(path, name, "should be a domain with at least two segments separated by dots")]
    for segment in segments:
        if complaints := names.dns1123_label(segment):
            return [invalid(path, segment, ",".join(complaints))]
    return []


def domain_prefixed_path(path: Path, value: str) -> list[FieldError]:
    """acme.io/foo, where foo is any path of a URL."""
    if not value:
        return [required(path)]
    host, _, rest = value.partition("/")
    if not host or not rest:
        return [invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    found = [invalid(path, host, complaint) for complaint in names.dns1123_subdomain(host)]
    if not _is_http_path(rest):
        found.append(invalid(path, rest, names.wrong_form("Invalid path", _HTTP_PATH)))
    return found


def domain_prefixed_key(path: Path, key: str) -> list[FieldError]:
    """acme.io/foo, where foo is one name."""
    if not key:
        return [required(path)]
    found = [invalid(path, key, complaint) for complaint in names.label_key(key)]
    if not found and "/" not in key:
        found.append(invalid(path, key, 'must be a domain-prefixed key (such as "acme.io/foo")'))
    return found
