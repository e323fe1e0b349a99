"""Approval of definitions in groups that belong to the Kubernetes community.

Used by the rules and by the controller that tells it in the status. Behaviour: apiextensions-apiserver
`pkg/apihelpers/helpers.go`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from orlop.api.field import quote
from orlop.api.tree import Tree

ANNOTATION: Final = "api-approved.kubernetes.io"
INVALID: Final = "invalid"
APPROVED: Final = "approved"
BYPASSED: Final = "bypassed"
MISSING: Final = "missing"

_SEE: Final = "see https://github.com/kubernetes/enhancements/pull/1111"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%25[^\]]*)?\]|[^\[\]<>\" \\^`{|}/]*?)(?::[0-9]*)?")


class Approval(NamedTuple):
    state: str
    reason: str


def protected(group: str) -> bool:
    """Whether definitions in this group need an approval."""
    return group in ("k8s.io", "kubernetes.io") or group.endswith((".k8s.io", ".kubernetes.io"))


def approval(metadata: Tree) -> Approval:
    text = (metadata.get("annotations") or {}).get(ANNOTATION) or ""
    if not text:
        return Approval(MISSING, f'protected groups must have approval annotation "{ANNOTATION}", {_SEE}')
    if text.startswith("unapproved"):
        return Approval(BYPASSED, f"not approved: {quote(text)}")
    if _names_host(text):
        return Approval(APPROVED, f"approved in {text}")
    return Approval(INVALID, f'protected groups must have approval annotation "{ANNOTATION}" with either a URL or a '
                             f'reason starting with "unapproved", {_SEE}')


def _names_host(text: str) -> bool:
    """Whether Go's url.ParseRequestURI finds a scheme and a host."""
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme) or not rest.startswith("//") or _CONTROL.search(text):
        return False
    authority, _, path = rest[2:].partition("/")
    authority, mark, _ = authority.partition("?")
    user, _, host = authority.rpartition("@")
    if " " in user or not host or not _HOST.fullmatch(host):
        return False
    return not _BAD_ESCAPE.search(host) and not _BAD_ESCAPE.search("" if mark else path.partition("?")[0])
