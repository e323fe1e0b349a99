"""What happens to a changed object before it is stored (apiserver `pkg/registry/rest/update.go`)."""

from __future__ import annotations

from collections.abc import Awaitable

from orlop.api import errors, validation
from orlop.api.context import Context
from orlop.api.field import FieldError
from orlop.api.tree import Tree
from orlop.registry.create import match_namespace
from orlop.registry.strategy import Strategy


def before_update(strategy: Strategy, ctx: Context, obj: Tree, old: Tree) -> Awaitable[None] | None:
    """Prepare and validate `obj`, which is to replace `old`. Raises 400 or 422. What is returned is to be awaited: it
    is the rest of it."""
    metadata, old_metadata = obj["metadata"], old["metadata"]
    match_namespace(ctx.namespace if strategy.namespaced else "", metadata)
    _carry(metadata, old_metadata, "generation")
    strategy.prepare_for_update(ctx, obj, old)
    if not metadata.get("uid"):
        _carry(metadata, old_metadata, "uid")
    if old_metadata.get("creationTimestamp"):
        metadata["creationTimestamp"] = old_metadata["creationTimestamp"]
    if old_metadata.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = old_metadata["deletionTimestamp"]
    metadata.pop("selfLink", None)
    if "deletionGracePeriodSeconds" in old_metadata and "deletionGracePeriodSeconds" not in metadata:
        metadata["deletionGracePeriodSeconds"] = old_metadata["deletionGracePeriodSeconds"]
    found = validation.validate_object_meta_update(metadata, old_metadata, strategy.namespaced)
    if found or metadata.get("finalizers") or metadata.get("generateName") != old_metadata.get("generateName"):
        found += _repeated(strategy, metadata, old_metadata)
    verdict = strategy.validate_update(ctx, obj, old)
    if not isinstance(verdict, list):
        return _judged_later(strategy, ctx, obj, old, found, verdict)
    _judged(strategy, ctx, obj, old, found + verdict)
    return None


async def _judged_later(strategy: Strategy, ctx: Context, obj: Tree, old: Tree, found: list[FieldError],
                        verdict: Awaitable[list[FieldError]]) -> None:
    _judged(strategy, ctx, obj, old, found + await verdict)


def _judged(strategy: Strategy, ctx: Context, obj: Tree, old: Tree, found: list[FieldError]) -> None:
    if found:
        raise errors.invalid(strategy.kind, obj["metadata"].get("name", ""), found)
    for text in strategy.warnings_on_update(ctx, obj, old):
        ctx.warn(text)
    strategy.canonicalize(obj)


def _repeated(strategy: Strategy, metadata: Tree, old: Tree) -> list[FieldError]:
    """The same complaints as upstream's kinds find them again, each kind's own update rules calling the common ones
    once more: clients see every cause as often as upstream has it."""
    finalizers = validation.validate_core_finalizers(metadata) if strategy.checks_core_finalizers else []
    again: list[FieldError] = []
    for rules in strategy.repeats_metadata_rules:
        if rules == "change":
            again += validation.validate_change(metadata, old) + finalizers
        else:
            again += validation.validate_object_meta(metadata, strategy.namespaced, strategy.check_name) + finalizers
    return again


def _carry(metadata: Tree, old: Tree, name: str) -> None:
    if name in old:
        metadata[name] = old[name]
    else:
        metadata.pop(name, None)


def deletes(obj: Tree, old: Tree) -> bool:
    """Whether this update took the last finalizer from an object whose deletion waited only for that."""
    metadata, old_metadata = obj["metadata"], old["metadata"]
    if metadata.get("finalizers") or not old_metadata.get("deletionTimestamp"):
        return False
    return not old_metadata.get("deletionGracePeriodSeconds")
