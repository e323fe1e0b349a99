"""Bindings: the scheduler's word on where a pod runs. A room of pods, and a collection of its own from older days.

Made by `pod_storage`; writes straight into the pods' cache, past their strategies. Behaviour: kubernetes
`pkg/registry/core/pod/storage/storage.go` (BindingREST, LegacyBindingREST).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.field import Path, aggregate, not_supported, quote, required
from orlop.api.gvk import GroupResource
from orlop.api.options import CreateOptions
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.pod_conditions import set_condition
from orlop.registry.dry_run import DryRun
from orlop.registry.encoding import encode
from orlop.registry.error_mapping import interpret, precondition_failed
from orlop.registry.interface import Admit
from orlop.registry.store import Store
from orlop.storage.errors import KeyNotFound, StorageError
from orlop.storage.interface import Attributes, Entry, Write
from orlop.world.clock import Clock

_PODS: Final = GroupResource("", "pods")
_ROOM: Final = GroupResource("", "pods/binding")
_TARGET: Final = Path("target")
_SUCCESS: Final = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


class Bindings:
    """`preserves_metadata`: clients name the pod they mean by uid and resourceVersion."""

    preserves_metadata = True

    def __init__(self, pods: Store, clock: Clock) -> None:
        self._pods, self._clock = pods, clock

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        metadata = obj["metadata"]
        if metadata.get("name", "") != name:
            raise errors.bad_request("name in URL does not match name in Binding object")
        if found := _rules(obj):
            raise errors.unknown(aggregate(found))
        verdict = admit(obj, None)
        if verdict is not None:
            await verdict
        await self._assign(ctx, name, obj, options.dry_run)
        return dict(_SUCCESS)

    async def _assign(self, ctx: Context, name: str, binding: Tree, dry_run: bool) -> None:
        pods = self._pods
        if not name:
            raise errors.bad_request("Name parameter required.")
        key = pods.key(ctx, name)

        def assign(entry: Entry | None) -> Write:
            if entry is None:
                raise KeyNotFound(key)
            pod = entry.tree()
            _check_preconditions(pod["metadata"], binding["metadata"], name, key)
            if why := _obstacle(pod):
                raise errors.conflict(_ROOM, name, why)
            self._settle(pod, binding)
            labels = pod["metadata"].get("labels") or {}
            return Write(encode(pod), Attributes(labels, pods.strategy.fields(pod)))

        target = DryRun(pods.cache) if dry_run else pods.cache
        try:
            await target.guaranteed_update(key, assign, origin=pods.origin(ctx))
        except StorageError as error:
            raise interpret(error, _PODS, name) from None

    def _settle(self, pod: Tree, binding: Tree) -> None:
        pod["spec"]["nodeName"] = binding["target"]["name"]
        (pod.get("status") or {}).pop("nominatedNodeName", None)
        for member in ("annotations", "labels"):
            if given := binding["metadata"].get(member):
                pod["metadata"][member] = {**(pod["metadata"].get(member) or {}), **given}
        set_condition(pod, "PodScheduled", "True", self._clock.now())


class LegacyBindings:
    """POST to `bindings`: the pod is named in the body alone. `bindings` gives the room of pods."""

    preserves_metadata = True

    def __init__(self, bindings: Callable[[], Bindings]) -> None:
        self._bindings = bindings

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        return await self._bindings().create(ctx, obj["metadata"].get("name", ""), obj, admit, options)


def _rules(binding: Tree) -> Errors:
    target = binding.get("target") or {}
    found: Errors = []
    kind = target.get("kind") or ""
    if kind not in ("", "Node"):
        found.append(not_supported(_TARGET.child("kind"), kind, ("Node", "<empty>")))
    if not target.get("name"):
        found.append(required(_TARGET.child("name")))
    return found


def _check_preconditions(metadata: Tree, wanted: Tree, name: str, key: str) -> None:
    for member, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        given, actual = wanted.get(member), metadata.get(member, "")
        if given and given != actual:
            why = f"{label} in precondition: {given}, {label} in object meta: {actual}"
            raise precondition_failed(_PODS, name, key, why)


def _obstacle(pod: Tree) -> str:
    name, spec = pod["metadata"]["name"], pod["spec"]
    if pod["metadata"].get("deletionTimestamp"):
        return f"pod {name} is being deleted, cannot be assigned to a host"
    if spec.get("nodeName"):
        return f"pod {name} is already assigned to node {quote(spec['nodeName'])}"
    if spec.get("schedulingGates"):
        return f"pod {name} has non-empty .spec.schedulingGates"
    return ""
