"""Names of resources that are not Kubernetes' own: what nodes advertise for plugins (GPUs and the like).

Used by the quota's arithmetic and by `ExtendedResourceToleration`. Behaviour: IsNativeResource and
IsExtendedResourceName of kubernetes `pkg/apis/core/v1/helper/helpers.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names

REQUESTS: Final = "requests."
_NATIVE_DOMAIN: Final = "kubernetes.io/"


def is_native(name: str) -> bool:
    """Without a domain, or under kubernetes.io."""
    return "/" not in name or _NATIVE_DOMAIN in name


def is_extended(name: str) -> bool:
    if is_native(name) or name.startswith(REQUESTS):
        return False
    return not names.qualified_name(REQUESTS + name)
