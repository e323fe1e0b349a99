"""ServiceCIDRs: ranges from which services get their addresses, one of each family at most.

Made by `makers`; used by `address_book`. Behaviour: kubernetes `pkg/registry/networking/servicecidr`,
`pkg/apis/networking/validation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api import addresses
from orlop.api.context import Context
from orlop.api.field import invalid, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE
from orlop.kinds import ip
from orlop.kinds.address_book import ranges_of
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy, StatusStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

_CIDRS: Final = SPEC.child("cidrs")
_MOST: Final = 2


class ServiceCIDRStrategy(MainStrategy):
    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return _ranges(ranges_of(obj))

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        new, before = ranges_of(obj), ranges_of(old)
        if len(new) == len(before):
            return [invalid(_CIDRS.index(index), text, IMMUTABLE)
                    for index, (text, was) in enumerate(zip(new, before, strict=True)) if text != was]
        if (len(before), len(new)) == (1, _MOST):
            found: Errors = [] if new[0] == before[0] else [invalid(_CIDRS.index(0), new[0], IMMUTABLE)]
            return found + _ranges(new)
        return [invalid(_CIDRS, json_value((obj.get("spec") or {}).get("cidrs")), IMMUTABLE)]


class ServiceCIDRStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)


def _ranges(listed: list[str]) -> Errors:
    if not listed:
        return [required(_CIDRS, "at least one CIDR required")]
    if len(listed) > _MOST:
        return [invalid(_CIDRS, json_value({"CIDRs": listed}), "may only hold up to 2 values")]
    found: Errors = []
    for index, text in enumerate(listed):
        found += addresses.cidr(_CIDRS.index(index), text)
    families = {_family(text) for text in listed}
    if len(listed) == _MOST and len(families) == 1 and "unknown" not in families:
        found.append(invalid(_CIDRS, json_value(listed), "may specify no more than one IP for each IP family, i.e "
                             "192.168.0.0/24 and 2001:db8::/64"))
    return found


def _family(text: str) -> str:
    return "unknown" if addresses.legacy_cidr(_CIDRS, text, strict=False) else ip.family(text.partition("/")[0])


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, ServiceCIDRStrategy, ServiceCIDRStatusStrategy)
