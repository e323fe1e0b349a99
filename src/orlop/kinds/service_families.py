"""Which IP families a service gets, from what its client said and what the cluster has.

Called by `service_allocation` before it allocates addresses. Behaviour: kubernetes
`pkg/registry/core/service/storage/alloc.go` initIPFamilyFields.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api import errors
from orlop.api.field import invalid
from orlop.api.gotext import json_value
from orlop.api.gvk import GroupKind
from orlop.api.tree import Tree
from orlop.kinds import ip
from orlop.kinds.checks import Errors, printed
from orlop.kinds.service_addresses import (
    CLUSTER_IPS,
    FAMILIES,
    POLICY,
    PREFER_DUAL,
    REQUIRE_DUAL,
    SINGLE,
    related_fields,
)
from orlop.kinds.service_fields import EXTERNAL_NAME, NONE, cluster_ips, families

SERVICE = GroupKind("", "Service")


def refuse(name: str, found: Errors) -> None:
    """Raises the 422 of a service when there is anything to say."""
    if found:
        raise errors.invalid(SERVICE, name, found)


def other(family: str) -> str:
    return ip.IPV6 if family == ip.IPV4 else ip.IPV4


def keeps_preference(new: Tree, old: Tree | None) -> bool:
    """A service that would like both families and changes nothing about them stays as it is, whatever the cluster
    has by now."""
    if old is None or new.get("ipFamilyPolicy") is None or new.get("type") != old.get("type"):
        return False
    if new.get("type") == EXTERNAL_NAME or new["ipFamilyPolicy"] != PREFER_DUAL:
        return False
    if old.get("ipFamilyPolicy") not in (None, PREFER_DUAL):
        return False
    return cluster_ips(new) == cluster_ips(old) and families(new) == families(old)


def settle(name: str, new: Tree, old: Tree | None, available: Sequence[str]) -> None:
    """Fill in ipFamilyPolicy and ipFamilies. `available` are the cluster's families, the default one first.
    Raises 422."""
    if new.get("type") == EXTERNAL_NAME or keeps_preference(new, old):
        return
    if new.get("ipFamilyPolicy") is None:
        new["ipFamilyPolicy"] = _policy(new, old)
    refuse(name, related_fields(new))
    found = _downgrade(new, old) if old is not None else []
    found += _single(new) + _infer(new, available)
    refuse(name, found)
    if _is_bare_headless(new):
        listed = families(new) or [available[0]]
        if len(listed) < 2 and new["ipFamilyPolicy"] != SINGLE:
            listed = [*listed, other(listed[0])]
        new["ipFamilies"] = listed
        return
    refuse(name, _unavailable(new, available))
    listed = families(new) or [available[0]]
    if new["ipFamilyPolicy"] != SINGLE and len(listed) == 1 and len(available) == 2:
        listed = [*listed, other(listed[0])]
    new["ipFamilies"] = listed


def _is_bare_headless(spec: Tree) -> bool:
    """Neither an address nor pods of its own: its endpoints are somebody else's, of whatever family."""
    return spec.get("clusterIP") == NONE and not spec.get("selector")


def _policy(new: Tree, old: Tree | None) -> str:
    if old is not None and old.get("ipFamilyPolicy") is not None:
        before: str = old["ipFamilyPolicy"]
        return before
    return REQUIRE_DUAL if _is_bare_headless(new) else SINGLE


def _downgrade(new: Tree, old: Tree) -> Errors:
    """Saying SingleStack is enough to lose the second family; losing it without saying so is an error."""
    listed, kinds = cluster_ips(new), families(new)
    if new["ipFamilyPolicy"] == SINGLE:
        if len(listed) > 1 and listed == cluster_ips(old):
            new["clusterIPs"] = listed[:1]
        if len(kinds) > 1 and kinds == families(old):
            new["ipFamilies"] = kinds[:1]
        return []
    found: Errors = []
    shown = new["ipFamilyPolicy"]
    if listed and len(listed) < len(cluster_ips(old)):
        found.append(invalid(POLICY, shown, "must be 'SingleStack' to release the secondary cluster IP"))
    if kinds and len(kinds) < len(families(old)):
        found.append(invalid(POLICY, shown, "must be 'SingleStack' to release the secondary IP family"))
    return found


def _single(spec: Tree) -> Errors:
    if spec["ipFamilyPolicy"] != SINGLE:
        return []
    return [
        invalid(POLICY, SINGLE, f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified")
        for what, listed in (("cluster IPs", cluster_ips(spec)), ("IP families", families(spec))) if len(listed) == 2
    ]


def _infer(spec: Tree, available: Sequence[str]) -> Errors:
    """Families of the addresses given."""
    found: Errors = []
    listed = list(families(spec))
    for index, text in enumerate(cluster_ips(spec)):
        if text == NONE:
            break
        if index < len(listed):
            continue
        family = ip.family(text)
        if family in available:
            listed.append(family)
        else:
            found.append(invalid(CLUSTER_IPS.index(index), json_value(cluster_ips(spec)),
                                 f"{family} is not configured on this cluster"))
    if listed:
        spec["ipFamilies"] = listed
    return found


def _unavailable(spec: Tree, available: Sequence[str]) -> Errors:
    found: Errors = []
    if spec["ipFamilyPolicy"] == REQUIRE_DUAL and len(available) < 2:
        found.append(invalid(POLICY, printed(REQUIRE_DUAL), "this cluster is not configured for dual-stack services"))
    for index, family in enumerate(families(spec)):
        if family not in available:
            found.append(invalid(FAMILIES.index(index), family, "not configured on this cluster"))
    return found
