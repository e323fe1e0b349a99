"""The `scale` room of workloads: a Scale made from the workload, and written back through the workload's own store.

Made by the workloads' makers. Behaviour and texts: kubernetes `pkg/registry/apps/{deployment,replicaset,statefulset}`
and `pkg/registry/core/replicationcontroller` storage (ScaleREST), `pkg/apis/autoscaling/validation` ValidateScale.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from orlop.api import errors, labels, names
from orlop.api.context import Context
from orlop.api.field import invalid
from orlop.api.gvk import GroupKind, GroupResource, GroupVersion
from orlop.api.options import GetOptions, Preconditions, UpdateOptions
from orlop.api.tree import Tree
from orlop.api.validation import validate_core_finalizers, validate_object_meta
from orlop.apply.scale import to_parent, to_scale
from orlop.kinds.checks import NOT_NEGATIVE, SPEC
from orlop.registry.interface import Admit, Object, UpdateSource
from orlop.registry.store import Store
from orlop.storage.interface import Entry

_KIND: Final = GroupKind("autoscaling", "Scale")
_REPLICAS: Final = ("f:spec", "f:replicas")
_METADATA: Final = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")

SelectorText = Callable[[Any], str]


def label_selector(selector: Any) -> str:
    try:
        return str(labels.from_label_selector(selector))
    except labels.SelectorError as error:
        raise errors.bad_request(str(error)) from None


def label_set(selector: Any) -> str:
    """The selector of ReplicationControllers."""
    return str(labels.from_set(selector or {}))


class Scale:
    def __init__(self, store: Store, selector_text: SelectorText = label_selector) -> None:
        self._store, self._text = store, selector_text
        self.version = str(GroupVersion(store.resource.group, "v1"))
        self.replicas = {self.version: _REPLICAS}

    def scale(self, workload: Tree) -> Tree:
        metadata, spec, status = workload["metadata"], workload.get("spec") or {}, workload.get("status") or {}
        wanted: Tree = {"replicas": spec["replicas"]} if spec.get("replicas") else {}
        actual: Tree = {"replicas": status.get("replicas") or 0}
        if text := self._text(spec.get("selector")):
            actual["selector"] = text
        kept = {name: metadata[name] for name in _METADATA if name in metadata}
        return {"metadata": kept, "spec": wanted, "status": actual}

    def get(self, ctx: Context, name: str, options: GetOptions) -> Object | Awaitable[Object]:
        found = self._store.get(ctx, name, options)
        return self._shown(found) if isinstance(found, Entry | dict) else self._get_later(found)

    async def _get_later(self, found: Awaitable[Object]) -> Object:
        return self._shown(await found)

    def _shown(self, found: Object) -> Tree:
        return self.scale(found.tree() if isinstance(found, Entry) else found)

    async def update(self, ctx: Context, name: str, source: UpdateSource, admit_create: Admit, admit_update: Admit,
                     options: UpdateOptions, *, force_create: bool = False) -> tuple[Object, bool]:
        def admit(new: Tree, old: Tree | None) -> Awaitable[None] | None:
            return admit_update(self.scale(new), self.scale(old) if old is not None else None)

        wrapped = _Scaled(self, source, self._store.resource)
        stored, _ = await self._store.update(ctx, name, wrapped, admit_create, admit, options)
        return self._shown(stored), False


class _Scaled:
    """The workload with the replicas of a Scale, which `source` makes from the current one."""

    def __init__(self, scales: Scale, source: UpdateSource, resource: GroupResource) -> None:
        self._scales, self._source, self._resource = scales, source, resource

    @property
    def preconditions(self) -> Preconditions | None:
        return self._source.preconditions

    @preconditions.setter
    def preconditions(self, value: Preconditions | None) -> None:
        self._source.preconditions = value

    def updated(self, ctx: Context, old: Tree) -> Tree | Awaitable[Tree]:
        current = self._scales.scale(old)
        owners = to_scale(old["metadata"].get("managedFields") or (), self._scales.replicas)
        if owners is not None:
            current["metadata"]["managedFields"] = owners
        scale = self._source.updated(ctx, current)
        return self._settle(old, scale) if isinstance(scale, dict) else self._settle_later(old, scale)

    async def _settle_later(self, old: Tree, scale: Awaitable[Tree]) -> Tree:
        return self._settle(old, await scale)

    def _settle(self, old: Tree, scale: Tree) -> Tree:
        metadata, own = scale["metadata"], old["metadata"]
        replicas = (scale.get("spec") or {}).get("replicas") or 0
        found = validate_object_meta(metadata, True, names.name_is_dns_subdomain) + validate_core_finalizers(metadata)
        if replicas < 0:
            found.append(invalid(SPEC.child("replicas"), replicas, NOT_NEGATIVE))
        if found:
            raise errors.invalid(_KIND, own["name"], found)
        uid = metadata.get("uid")
        if uid and uid != own["uid"]:
            room = GroupResource(self._resource.group, f"{self._resource.resource}/scale")
            raise errors.conflict(room, own["name"], (
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: {own['uid']}"))
        kept = {**own, "resourceVersion": metadata.get("resourceVersion", "")}
        scales = self._scales
        owners = to_parent(own.get("managedFields") or (), metadata.get("managedFields") or (), scales.version,
                           scales.replicas)
        if owners is None:
            kept.pop("managedFields", None)
        else:
            kept["managedFields"] = owners
        return {**old, "metadata": kept, "spec": {**old["spec"], "replicas": replicas}}
