"""Names that a pod goes by, and how it finds others: host names, aliases, DNS.

Called by `spec`. Texts: kubernetes `pkg/apis/core/validation/validation.go` (validatePodDNSConfig, validatePodHostName,
ValidateHostAliases).
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.field import Path, forbidden, invalid, required, too_long
from orlop.api.tree import Tree
from orlop.kinds import ip
from orlop.kinds.checks import Errors, dns_subdomain, said

DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_NONE: Final = "None"
_SERVERS: Final = 3
_SEARCHES: Final = 32
_SEARCH_LENGTH: Final = 2048
_HOSTNAME_LENGTH: Final = 64


def dns(path: Path, policy: str, config: Tree | None) -> Errors:
    if policy == _NONE:
        if config is None:
            return [required(path, f"must provide `dnsConfig` when `dnsPolicy` is {_NONE}")]
        if not config.get("nameservers"):
            return [required(path.child("nameservers"),
                             f"must provide at least one DNS nameserver when `dnsPolicy` is {_NONE}")]
    if not config:
        return []
    found = _servers(path.child("nameservers"), config.get("nameservers") or [])
    found += _searches(path.child("searches"), config.get("searches") or [])
    return found + [required(path.child("options").index(position), "must not be empty")
                    for position, option in enumerate(config.get("options") or ()) if not option.get("name")]


def _servers(path: Path, servers: list[str]) -> Errors:
    found: Errors = []
    if len(servers) > _SERVERS:
        found.append(invalid(path, servers, f"must not have more than {_SERVERS} nameservers"))
    for position, server in enumerate(servers):
        found += ip.valid(path.index(position), server)
    return found


def _searches(path: Path, searches: list[str]) -> Errors:
    found: Errors = []
    if len(searches) > _SEARCHES:
        found.append(invalid(path, searches, f"must not have more than {_SEARCHES} search paths"))
    if names.length(" ".join(searches)) > _SEARCH_LENGTH:
        text = f"must not have more than {_SEARCH_LENGTH} characters (including spaces) in the search list"
        found.append(invalid(path, searches, text))
    for position, search in enumerate(searches):
        if search != ".":
            domain = search.removesuffix(".")
            found += said(path.index(position), domain, names.dns1123_subdomain_with_underscore(domain))
    return found


def host_name_override(path: Path, spec: Tree) -> Errors:
    """`path` is that of the field."""
    name = spec["hostnameOverride"]
    found: Errors = []
    if spec.get("setHostnameAsFQDN"):
        found.append(forbidden(path, "may not be specified when setHostnameAsFQDN is true"))
    if spec.get("hostNetwork"):
        found.append(forbidden(path, "may not be specified when hostNetwork is true"))
    if names.length(name) > _HOSTNAME_LENGTH:
        found.append(too_long(path, _HOSTNAME_LENGTH))
    return found + dns_subdomain(path, name)


def aliases(path: Path, listed: list[Tree]) -> Errors:
    found: Errors = []
    for position, alias in enumerate(listed):
        place = path.index(position)
        found += ip.valid(place.child("ip"), alias.get("ip") or "")
        for number, name in enumerate(alias.get("hostnames") or ()):
            found += dns_subdomain(place.child("hostnames").index(number), name)
    return found
