"""What happens to a new object before it is stored, for every kind alike (apiserver `pkg/registry/rest/create.go`)."""

from __future__ import annotations

from collections.abc import Awaitable

from orlop.api import errors, validation
from orlop.api.context import Context
from orlop.api.field import FieldError
from orlop.api.tree import Tree
from orlop.registry import times
from orlop.registry.strategy import Strategy
from orlop.world.clock import Clock
from orlop.world.entropy import Entropy

GENERATED_NAME_ATTEMPTS = 8
"""How often generateName draws another suffix after a collision."""
MAX_GENERATED_BASE = 58
"""generateName is cut to this, so that name and suffix fit into 63 characters."""


def wipe_system_fields(metadata: Tree) -> None:
    """Take out what only the server sets."""
    for name in ("creationTimestamp", "uid", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        metadata.pop(name, None)


def fill_system_fields(metadata: Tree, clock: Clock, entropy: Entropy) -> None:
    metadata["creationTimestamp"] = times.text(clock.now())
    metadata["uid"] = entropy.uid()


def needs_name(metadata: Tree) -> bool:
    return bool(metadata.get("generateName")) and not metadata.get("name")


def generate_name(metadata: Tree, entropy: Entropy) -> None:
    metadata["name"] = metadata["generateName"][:MAX_GENERATED_BASE] + entropy.suffix()


def match_namespace(expected: str, metadata: Tree) -> None:
    """Take the request's namespace; refuse an object that names another."""
    namespace = metadata.get("namespace", "")
    if namespace == expected:
        return
    if not expected:
        metadata.pop("namespace", None)
    elif not namespace:
        metadata["namespace"] = expected
    else:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request")


def before_create(strategy: Strategy, ctx: Context, obj: Tree) -> Awaitable[None] | None:
    """Prepare and validate. System fields and a generated name must be in place. Raises 400 or 422. What is returned is
    to be awaited: it is the rest of it."""
    metadata = obj["metadata"]
    match_namespace(ctx.namespace if strategy.namespaced else "", metadata)
    strategy.prepare_for_create(ctx, obj)
    found = validation.validate_object_meta(metadata, strategy.namespaced, strategy.check_name)
    if strategy.checks_core_finalizers and metadata.get("finalizers"):
        found += validation.validate_core_finalizers(metadata)
    verdict = strategy.validate(ctx, obj)
    if not isinstance(verdict, list):
        return _judged_later(strategy, ctx, obj, found, verdict)
    _judged(strategy, ctx, obj, found + verdict)
    return None


async def _judged_later(strategy: Strategy, ctx: Context, obj: Tree, found: list[FieldError],
                        verdict: Awaitable[list[FieldError]]) -> None:
    _judged(strategy, ctx, obj, found + await verdict)


def _judged(strategy: Strategy, ctx: Context, obj: Tree, found: list[FieldError]) -> None:
    if found:
        raise errors.invalid(strategy.kind, obj["metadata"].get("name", ""), found)
    for text in strategy.warnings_on_create(ctx, obj):
        ctx.warn(text)
    strategy.canonicalize(obj)
