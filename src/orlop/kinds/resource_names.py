"""Names of compute resources and what may be said of their quantities.

Called by the rules of nodes, limit ranges, quotas, volumes (and pods). Behaviour: kubernetes `pkg/apis/core/helper`
and the resource checks of `pkg/apis/core/validation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names, quantity
from orlop.api.field import Path, invalid
from orlop.kinds.checks import NOT_INTEGER, Errors, quantity_not_negative, said

CPU: Final = "cpu"
MEMORY: Final = "memory"
EPHEMERAL: Final = "ephemeral-storage"
STORAGE: Final = "storage"
HUGE_PAGES: Final = "hugepages-"
_REQUESTS_HUGE_PAGES: Final = "requests.hugepages-"
_OBJECTS: Final = frozenset({
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims",
    "services.nodeports", "services.loadbalancers",
})
_COMPUTE: Final = frozenset({
    CPU, MEMORY, EPHEMERAL, "requests.cpu", "requests.memory", "requests.ephemeral-storage", "limits.cpu",
    "limits.memory", "limits.ephemeral-storage",
})
QUOTA: Final = _COMPUTE | _OBJECTS | {"requests.storage"}
_STANDARD: Final = QUOTA | {STORAGE}
_CONTAINER: Final = frozenset({CPU, MEMORY, EPHEMERAL})
_NATIVE_DOMAIN: Final = "kubernetes.io/"
_REQUESTS: Final = "requests."


def _is_huge(name: str) -> bool:
    return name.startswith((HUGE_PAGES, _REQUESTS_HUGE_PAGES))


def is_standard(name: str) -> bool:
    return name in _STANDARD or _is_huge(name)


def is_quota(name: str) -> bool:
    return name in QUOTA or _is_huge(name)


def is_container(name: str) -> bool:
    return name in _CONTAINER or name.startswith(HUGE_PAGES)


def is_native(name: str) -> bool:
    """Kubernetes' own: without a domain, or under kubernetes.io."""
    return "/" not in name or _NATIVE_DOMAIN in name


def is_extended(name: str) -> bool:
    if is_native(name) or name.startswith(_REQUESTS):
        return False
    return not names.qualified_name(_REQUESTS + name)


def is_integer(name: str) -> bool:
    return name in _OBJECTS or is_extended(name)


def overcommits(name: str) -> bool:
    """Whether a request may stay below its limit."""
    return is_native(name) and not name.startswith(HUGE_PAGES)


def any_name(path: Path, name: str) -> Errors:
    if complaints := names.qualified_name(name):
        return said(path, name, complaints)
    if "/" not in name and not is_standard(name):
        return [invalid(path, name, "must be a standard resource type or fully qualified")]
    return []


def container_name(path: Path, name: str) -> Errors:
    found = any_name(path, name)
    if "/" not in name:
        if not is_container(name):
            found.append(invalid(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        found.append(invalid(path, name, "doesn't follow extended resource name standard"))
    return found


def quota_name(path: Path, name: str) -> Errors:
    found = any_name(path, name)
    if "/" not in name and not is_quota(name):
        found.append(invalid(path, name, "must be a standard resource for quota"))
    return found


def amount(path: Path, name: str, text: str) -> Errors:
    """Not negative, and whole where things are counted."""
    found = quantity_not_negative(path, text)
    if is_integer(name) and quantity.parse(text).milli_value() % 1000:
        found.append(invalid(path, text, NOT_INTEGER))
    return found
