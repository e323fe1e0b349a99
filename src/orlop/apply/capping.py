"""The limit on how many entries plain writes may have in managedFields.

Called by `tracking` after each plain write. Behaviour: apimachinery `util/managedfields/internal/capmanagers.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.apply import field_set
from orlop.apply.entries import UPDATE, Owned, Owner, Owners

MAX_UPDATE_OWNERS: Final = 10
"""Entries of plain writes beyond this are joined, the oldest first, one for each API version."""

_OLD: Final = "ancient-changes"


def capped(owners: Owners) -> Owners:
    """The owners with the oldest plain writers joined where there are too many."""
    if len(owners) <= MAX_UPDATE_OWNERS:
        return owners
    writers = [owner for owner in owners if owner.operation == UPDATE]
    excess = len(writers) - MAX_UPDATE_OWNERS
    if excess <= 0:
        return owners
    owners = dict(owners)
    writers.sort(key=lambda owner: (owners[owner].time, owner.identifier))
    first: dict[str, Owner] = {}
    for writer in writers:
        if excess <= 0:
            break
        owned = owners[writer]
        if owned.version not in first:
            first[owned.version] = writer
            continue
        bucket = Owner(_OLD, UPDATE, owned.version, "")
        if bucket not in owners:
            owners[bucket] = owners.pop(first[owned.version])
        fields = field_set.union(owned.fields, owners[bucket].fields)
        del owners[writer]
        owners[bucket] = Owned(fields, owned.version, owned.time)
        excess -= 1
    return owners
