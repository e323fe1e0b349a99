"""Duplicate owner references are dropped with a warning (apiserver `endpoints/handlers/rest.go`)."""

from __future__ import annotations

from orlop.api.context import Context
from orlop.api.tree import Tree

_BEFORE = ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and " \
          "may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}"
_AFTER = ".metadata.ownerReferences contains duplicate entries after mutating admission happens; API server dedups " \
         "owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; " \
         "duplicate UID(s) observed: {}"


def deduplicate(obj: Tree, ctx: Context, *, after_admission: bool = False) -> None:
    references = obj["metadata"].get("ownerReferences")
    if not references or len(references) < 2:
        return
    kept: list[Tree] = []
    seen = set()
    repeated = []
    for reference in references:
        members = frozenset(reference.items())
        if members in seen:
            repeated.append(reference.get("uid", ""))
        else:
            seen.add(members)
            kept.append(reference)
    if repeated:
        ctx.warn((_AFTER if after_admission else _BEFORE).format(", ".join(repeated)))
        obj["metadata"]["ownerReferences"] = kept
