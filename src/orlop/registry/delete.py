"""How deletion begins: preconditions, grace, finalizers (apiserver `pkg/registry/rest/delete.go` and the deletion
half of `generic/registry/store.go`). Pure functions over trees; the Store carries their verdicts out."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.gvk import GroupResource
from orlop.api.options import DeleteOptions
from orlop.api.tree import Tree
from orlop.registry import times
from orlop.registry.strategy import ORPHAN, UNSUPPORTED, Strategy

ORPHAN_FINALIZER = "orphan"
FOREGROUND_FINALIZER = "foregroundDeletion"


class Grace(Enum):
    """What `begin` decided.

    NONE      remove at once (unless finalizers hold)
    GRACEFUL  deletionTimestamp was set (or moved closer): store that first
    PENDING   already being deleted gracefully, this request changes nothing
    """

    NONE = 0
    GRACEFUL = 1
    PENDING = 2


def check_preconditions(strategy: Strategy, metadata: Tree, options: DeleteOptions) -> None:
    """Raises the 409 whose details name the kind, not the resource, as upstream's do."""
    wanted = options.preconditions
    if wanted is None:
        return
    name, kind = metadata["name"], GroupResource(strategy.kind.group, strategy.kind.kind)
    uid, version = metadata.get("uid", ""), metadata.get("resourceVersion", "")
    if wanted.uid is not None and wanted.uid != uid:
        raise errors.conflict(kind, name, (
            f"the UID in the precondition ({wanted.uid}) does not match the UID in record ({uid}). "
            "The object might have been deleted and then recreated"))
    if wanted.resource_version is not None and wanted.resource_version != version:
        raise errors.conflict(kind, name, (
            f"the ResourceVersion in the precondition ({wanted.resource_version}) does not match the ResourceVersion "
            f"in record ({version}). The object might have been modified"))


def check_in_place(resource: GroupResource, metadata: Tree, options: DeleteOptions) -> None:
    """The preconditions of kinds whose deletion is first an update of their own (namespaces, definitions): other words,
    and the resource's name. Raises 409."""
    wanted = options.preconditions
    if wanted is None:
        return
    for label, value, actual in (("UID", wanted.uid, metadata.get("uid", "")),
                                 ("ResourceVersion", wanted.resource_version, metadata.get("resourceVersion", ""))):
        if value is not None and value != actual:
            why = f"Precondition failed: {label} in precondition: {value}, {label} in object meta: {actual}"
            raise errors.conflict(resource, metadata["name"], why)


def begin(strategy: Strategy, ctx: Context, obj: Tree, options: DeleteOptions, now: float) -> tuple[Grace, int]:
    """Decide on grace and mark `obj` accordingly. Returns the verdict and the seconds of grace granted."""
    metadata = obj["metadata"]
    check_preconditions(strategy, metadata, options)
    if options.grace_period_seconds is not None and options.grace_period_seconds < 0:
        options = replace(options, grace_period_seconds=1)
    if metadata.get("deletionTimestamp"):
        return _again(metadata, options.grace_period_seconds, now)
    granted = strategy.graceful(ctx, obj, options)
    if granted is None:
        return Grace.NONE, 0
    metadata["deletionTimestamp"] = times.text(now + times.duration(granted))
    metadata["deletionGracePeriodSeconds"] = granted
    if metadata.get("generation", 0) > 0:
        metadata["generation"] += 1
    return Grace.GRACEFUL, granted


def _again(metadata: Tree, wanted: int | None, now: float) -> tuple[Grace, int]:
    """A second deletion: it may shorten the grace of the first, never lengthen it."""
    current = metadata.get("deletionGracePeriodSeconds") or 0
    if current == 0:
        return Grace.NONE, 0
    if wanted is None or wanted >= current:
        return Grace.PENDING, current
    moved = times.seconds(metadata["deletionTimestamp"]) - times.duration(current) + times.duration(wanted)
    if moved < now:
        moved = now
        wanted = 1 if wanted else 0
    metadata["deletionTimestamp"] = times.text(moved)
    metadata["deletionGracePeriodSeconds"] = wanted
    return Grace.GRACEFUL, wanted


def _orphans(strategy: Strategy, finalizers: list[str], options: DeleteOptions) -> bool:
    if strategy.garbage_collection == UNSUPPORTED:
        return False
    if options.orphan_dependents is not None:
        return options.orphan_dependents
    if options.propagation_policy:
        return options.propagation_policy == "Orphan"
    for finalizer in finalizers:
        if finalizer in (ORPHAN_FINALIZER, FOREGROUND_FINALIZER):
            return finalizer == ORPHAN_FINALIZER
    return strategy.garbage_collection == ORPHAN


def _foreground(strategy: Strategy, finalizers: list[str], options: DeleteOptions) -> bool:
    if strategy.garbage_collection == UNSUPPORTED or options.orphan_dependents is not None:
        return False
    if options.propagation_policy:
        return options.propagation_policy == "Foreground"
    for finalizer in finalizers:
        if finalizer in (ORPHAN_FINALIZER, FOREGROUND_FINALIZER):
            return finalizer == FOREGROUND_FINALIZER
    return False


def set_policy_finalizers(strategy: Strategy, metadata: Tree, options: DeleteOptions) -> bool:
    """Add or take away the two finalizers the garbage collector waits for. True when that changed anything."""
    old: list[str] = metadata.get("finalizers", [])
    new = [f for f in old if f not in (ORPHAN_FINALIZER, FOREGROUND_FINALIZER)]
    if _orphans(strategy, old, options):
        new.append(ORPHAN_FINALIZER)
    if _foreground(strategy, old, options):
        new.append(FOREGROUND_FINALIZER)
    if set(new) == set(old):
        return False
    if new:
        metadata["finalizers"] = new
    else:
        metadata.pop("finalizers", None)
    return True


def mark(metadata: Tree, now: float) -> None:
    """Being deleted, waiting for finalizers only."""
    stamp = metadata.get("deletionTimestamp")
    if not stamp and metadata.get("generation", 0) > 0:
        metadata["generation"] += 1
    if not stamp or times.seconds(stamp) > now:
        metadata["deletionTimestamp"] = times.text(now)
    metadata["deletionGracePeriodSeconds"] = 0
