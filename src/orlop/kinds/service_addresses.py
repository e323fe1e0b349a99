"""Rules of a service's cluster IPs and IP families, which depend on each other.

Called by `service_families` before anything is allocated, and again by `service_rules`. Behaviour: kubernetes
`pkg/apis/core/validation` ValidateServiceClusterIPsRelatedFields, validateUpgradeDowngrade*.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import duplicate, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds import ip
from orlop.kinds.checks import SPEC, Errors, printed
from orlop.kinds.service_fields import EXTERNAL_NAME, NONE, cluster_ips, families, is_headless

CLUSTER_IPS: Final = SPEC.child("clusterIPs")
FAMILIES: Final = SPEC.child("ipFamilies")
POLICY: Final = SPEC.child("ipFamilyPolicy")
SINGLE: Final = "SingleStack"
PREFER_DUAL: Final = "PreferDualStack"
REQUIRE_DUAL: Final = "RequireDualStack"
_POLICIES: Final = (PREFER_DUAL, REQUIRE_DUAL, SINGLE)
_BOTH: Final = (ip.IPV4, ip.IPV6)
_FIXED: Final = "may not change once set"


def related_fields(spec: Tree) -> Errors:
    """What must hold between the linked members."""
    if spec.get("type") == EXTERNAL_NAME:
        return []
    found = _synced(spec) + _families(spec)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _POLICIES:
        found.append(not_supported(POLICY, policy, _POLICIES))
    listed = cluster_ips(spec)
    problems = _addresses(listed)
    found += problems
    if len(listed) > 2:
        found.append(invalid(CLUSTER_IPS, json_value(listed), "may only hold up to 2 values"))
    if problems:
        return found
    if len(listed) > 1 and len(set(map(ip.family, listed))) < 2:
        found.append(invalid(CLUSTER_IPS, json_value(listed), "may specify no more than one IP for each IP family"))
    return found + _matching(spec, listed)


def _synced(spec: Tree) -> Errors:
    single, listed = spec.get("clusterIP") or "", cluster_ips(spec)
    if single and not listed:
        return [required(CLUSTER_IPS)]
    if single and listed[0] != single:
        return [invalid(CLUSTER_IPS, json_value(listed), "first value must match `clusterIP`")]
    if not single and listed:
        return [invalid(CLUSTER_IPS, json_value(listed), "must be empty when `clusterIP` is not specified")]
    return []


def _families(spec: Tree) -> Errors:
    found: Errors = []
    seen: set[str] = set()
    for index, family in enumerate(families(spec)):
        if family not in _BOTH:
            found.append(not_supported(FAMILIES.index(index), family, _BOTH))
        if family in seen:
            found.append(duplicate(FAMILIES.index(index), family))
        seen.add(family)
    return found


def _addresses(listed: list[str]) -> Errors:
    """Each an address; None alone."""
    found: Errors = []
    for index, text in enumerate(listed):
        if index == 0 and text == NONE:
            if len(listed) > 1:
                found.append(invalid(CLUSTER_IPS, json_value(listed), "'None' must be the first and only value"))
            continue
        found += ip.valid(CLUSTER_IPS.index(index), text)
    return found


def _matching(spec: Tree, listed: list[str]) -> Errors:
    """Addresses are of the families asked for."""
    if is_headless(spec):
        return []
    found: Errors = []
    for index, (text, family) in enumerate(zip(listed, families(spec), strict=False)):
        if family in _BOTH and (family == ip.IPV6) != ip.is_ipv6(text):
            found.append(invalid(CLUSTER_IPS.index(index), text,
                                 f"expected an {family} value as indicated by `ipFamilies[{index}]`"))
    return found


def address_changes(new: Tree, old: Tree) -> Errors:
    """Addresses and families stay, but for the second of two, which may come and go."""
    if EXTERNAL_NAME in (new.get("type"), old.get("type")):
        return []
    found: Errors = []
    headless, was_headless = is_headless(new), is_headless(old)
    if not (headless and was_headless):
        found += _address_changes(new, cluster_ips(new), cluster_ips(old))
    if headless == was_headless and not headless:
        found += _family_changes(new, families(new), families(old))
    return found


def _address_changes(spec: Tree, new: list[str], old: list[str]) -> Errors:
    first = CLUSTER_IPS.index(0)
    if len(new) == len(old):
        return [invalid(CLUSTER_IPS.index(index), json_value(new), _FIXED)
                for index, (one, other) in enumerate(zip(new, old, strict=True)) if one != other]
    found: Errors = []
    if len(new) < len(old):
        if not new:
            found.append(invalid(first, printed(spec.get("clusterIPs")), "primary clusterIP can not be unset"))
        elif new[0] != old[0]:
            found.append(invalid(first, json_value(new), _FIXED))
        if len(new) == 1 and spec.get("ipFamilyPolicy") != SINGLE:
            found.append(invalid(POLICY, printed(spec.get("ipFamilyPolicy")),
                                 "must be set to 'SingleStack' when releasing the secondary clusterIP"))
    elif old and new[0] != old[0]:
        found.append(invalid(first, json_value(new), _FIXED))
    return found


def _family_changes(spec: Tree, new: list[str], old: list[str]) -> Errors:
    first = FAMILIES.index(0)
    if len(new) == len(old):
        return [invalid(first, json_value(new), _FIXED)
                for one, other in zip(new, old, strict=True) if one != other]
    found: Errors = []
    if len(new) < len(old):
        if not cluster_ips(spec):
            found.append(invalid(first, printed(spec.get("ipFamilies")), "primary ipFamily can not be unset"))
        if new and new[0] != old[0]:
            found.append(invalid(first, printed(spec.get("clusterIPs")), _FIXED))
        if len(new) == 1 and spec.get("ipFamilyPolicy") != SINGLE:
            found.append(invalid(POLICY, printed(spec.get("ipFamilyPolicy")),
                                 "must be set to 'SingleStack' when releasing the secondary ipFamily"))
    elif old and new and new[0] != old[0]:
        found.append(invalid(first, printed(spec.get("clusterIPs")), _FIXED))
    return found
