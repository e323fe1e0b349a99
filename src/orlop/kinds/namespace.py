"""Namespaces: a life in three acts (Active, Terminating, gone) and finalizers in the spec.

Made by `makers`; the namespace controller empties a terminating namespace and then takes its finalizer away through
the `finalize` room. Behaviour: kubernetes `pkg/registry/core/namespace` (strategy and storage).
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Final

from orlop.api import errors, names, validation
from orlop.api.context import Context
from orlop.api.field import Path, invalid
from orlop.api.gvk import GroupResource
from orlop.api.options import DeleteOptions
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy, StatusStrategy, carry
from orlop.kinds.rooms import RestOptions, Rooms, form, prefix
from orlop.registry import times
from orlop.registry.delete import FOREGROUND_FINALIZER, ORPHAN_FINALIZER, check_in_place
from orlop.registry.encoding import encode
from orlop.registry.error_mapping import interpret
from orlop.registry.interface import Admit, Object
from orlop.registry.store import Store
from orlop.storage.errors import KeyNotFound, StorageError
from orlop.storage.interface import Entry, Write

FINALIZER: Final = "kubernetes"
NAME_LABEL: Final = "kubernetes.io/metadata.name"
ACTIVE: Final = "Active"
TERMINATING: Final = "Terminating"
_NAMESPACES: Final = GroupResource("", "namespaces")
_FINALIZERS: Final = SPEC.child("finalizers")
_PHASE: Final = Path("status.Phase")
_STANDARD: Final = frozenset({FINALIZER, ORPHAN_FINALIZER, FOREGROUND_FINALIZER})


def finalizer(path: Path, name: str) -> Errors:
    found = validation.validate_finalizer_name(name, path)
    if "/" not in name and name not in _STANDARD:
        found.append(invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified"))
    return found


class _NamespaceRules:
    """What all rooms of a namespace share."""

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        return names.name_is_dns_label(name, prefix)

    def holds(self, obj: Tree) -> bool:
        """A namespace goes only when its content is gone, which its own finalizers stand for."""
        return bool((obj.get("spec") or {}).get("finalizers"))

    def canonicalize(self, obj: Tree) -> None:
        """Names may have been generated after defaulting: set the label now."""
        metadata = obj["metadata"]
        labels = metadata.get("labels")
        if labels is None:
            labels = metadata["labels"] = {}
        labels[NAME_LABEL] = metadata["name"]


class NamespaceStrategy(_NamespaceRules, MainStrategy):
    repeats_metadata_rules = ("whole", "change")

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        obj["status"] = {"phase": ACTIVE}
        spec = obj.setdefault("spec", {})
        finalizers = spec.setdefault("finalizers", [])
        if FINALIZER not in finalizers:
            finalizers.append(FINALIZER)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        carry(obj.setdefault("spec", {}), old.get("spec") or {}, "finalizers")
        carry(obj, old, "status")

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found: Errors = []
        for name in obj["spec"]["finalizers"]:
            found += finalizer(_FINALIZERS, name)
        return found


class NamespaceStatusStrategy(_NamespaceRules, StatusStrategy):
    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        phase = (obj.get("status") or {}).get("phase") or ""
        if not obj["metadata"].get("deletionTimestamp"):
            expected, when = ACTIVE, "empty"
        else:
            expected, when = TERMINATING, "not empty"
        if phase == expected:
            return []
        return [invalid(_PHASE, phase, f"may only be '{expected}' if `deletionTimestamp` is {when}")]


class NamespaceFinalizeStrategy(_NamespaceRules, MainStrategy):
    """The one room that may change spec.finalizers."""

    repeats_metadata_rules = ("change",)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        carry(obj, old, "status")

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found: Errors = []
        for index, name in enumerate((obj.get("spec") or {}).get("finalizers") or ()):
            found += finalizer(_FINALIZERS.index(index), name)
        return found


class NamespaceStore(Store):
    """A store whose first DELETE only begins the end: the phase becomes Terminating."""

    async def delete(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> tuple[Object, bool]:
        entry = self.cache.peek(self.key(ctx, name))
        if entry is None:
            raise errors.not_found(_NAMESPACES, name)
        namespace = entry.tree()
        check_in_place(_NAMESPACES, namespace["metadata"], options)
        if not namespace["metadata"].get("deletionTimestamp"):
            return await self._terminate(ctx, name, admit, options), False
        if (namespace.get("spec") or {}).get("finalizers"):
            return entry, False
        return await super().delete(ctx, name, admit, options)

    async def _terminate(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> Object:
        key = self.key(ctx, name)

        def begin(entry: Entry | None) -> Write | Awaitable[Write | None]:
            if entry is None:
                raise KeyNotFound(key)
            obj = entry.tree()
            check_in_place(_NAMESPACES, obj["metadata"], options)
            verdict = admit(obj, None)
            return self._terminating(obj, options) if verdict is None else after(verdict, obj)

        async def after(verdict: Awaitable[None], obj: Tree) -> Write:
            await verdict
            return self._terminating(obj, options)

        target = self.target(options.dry_run)
        try:
            return await target.guaranteed_update(key, begin, origin=self.origin(ctx))
        except StorageError as error:
            raise interpret(error, _NAMESPACES, name) from None

    def _terminating(self, obj: Tree, options: DeleteOptions) -> Write:
        metadata = obj["metadata"]
        if not metadata.get("deletionTimestamp"):
            metadata["deletionTimestamp"] = times.text(self.now())
        obj["status"] = {**(obj.get("status") or {}), "phase": TERMINATING}
        _set_policy_finalizers(metadata, options)
        return Write(encode(obj), self._attributes(obj))


def _set_policy_finalizers(metadata: Tree, options: DeleteOptions) -> None:
    current: list[str] = metadata.get("finalizers") or []
    wanted = [name for name in current if name not in (ORPHAN_FINALIZER, FOREGROUND_FINALIZER)]
    orphan, foreground = ORPHAN_FINALIZER in current, FOREGROUND_FINALIZER in current
    if options.orphan_dependents is not None:
        orphan, foreground = options.orphan_dependents, not options.orphan_dependents
    elif options.propagation_policy:
        orphan = options.propagation_policy == "Orphan"
        foreground = options.propagation_policy == "Foreground"
    if orphan:
        wanted.append(ORPHAN_FINALIZER)
    if foreground:
        wanted.append(FOREGROUND_FINALIZER)
    if set(wanted) == set(current):
        return
    if wanted:
        metadata["finalizers"] = wanted
    else:
        metadata.pop("finalizers", None)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    shape = form(resource, options)
    made = NamespaceStore(resource.group_resource, options.cache(resource), prefix(resource),
                          NamespaceStrategy(shape), options.outside)
    options.stores[resource.group_resource] = made
    return {"": made, "status": made.with_strategy(NamespaceStatusStrategy(shape)),
            "finalize": made.with_strategy(NamespaceFinalizeStrategy(shape))}
