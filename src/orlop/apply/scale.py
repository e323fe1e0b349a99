"""Owners of `replicas`, as the scale subresource sees them.

Called by whoever updates an object through its scale: `to_scale` gives the Scale its managedFields, a `FieldManager`
of autoscaling/v1 goes on with those, and `to_parent` brings the result home. Behaviour: apimachinery
`util/managedfields/scalehandler.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from orlop.api.tree import Tree
from orlop.apply import entries, field_set
from orlop.apply.entries import Owned, Owners
from orlop.apply.field_set import FieldPath

VERSION: Final = "autoscaling/v1"
_REPLICAS: Final[FieldPath] = ("f:spec", "f:replicas")
_IN_SCALE: Final = field_set.of(_REPLICAS)

Replicas = Mapping[str, FieldPath | None]
"""By API version of the parent, where its replicas are; None for a version without a scale."""


def to_scale(parent: Sequence[Tree], replicas: Replicas) -> list[Tree] | None:
    """The entries of a Scale: for each owner of the parent's replicas one that owns those of the Scale."""
    owners: Owners = {}
    for owner, owned in entries.decode_stored(parent).items():
        path = replicas.get(owned.version)
        if path and field_set.has(owned.fields, path):
            owners[owner] = Owned(_IN_SCALE, VERSION, owned.time)
    return entries.encode(owners)


def to_parent(parent: Sequence[Tree], scale: Sequence[Tree], version: str, replicas: Replicas) -> list[Tree] | None:
    """The parent's entries after its Scale has those of `scale`. `version` is the parent's in this request. Who owns
    the replicas only since now has no time, as upstream."""
    scaling = entries.decode_stored(scale)
    owners: Owners = {}
    for owner, owned in entries.decode_stored(parent).items():
        if owned.version not in replicas:
            continue
        path = replicas[owned.version]
        if not path or not field_set.has(owned.fields, path):
            owners[owner] = owned
        elif owner in scaling:
            owners[owner] = owned
            del scaling[owner]
        else:
            fields = field_set.difference(owned.fields, field_set.of(path))
            if fields:
                owners[owner] = owned._replace(fields=fields)
    home = replicas[version]
    times = {owner: owned.time for owner, owned in entries.decode_stored(parent).items()}
    for owner, owned in scaling.items():
        if home and field_set.has(owned.fields, _REPLICAS):
            owners[owner] = Owned(field_set.of(home), version, times.get(owner, ""))
    return entries.encode(owners)
