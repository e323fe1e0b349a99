"""AlwaysPullImages: every image is pulled anew, so that whoever has no right to it cannot use a node's copy. Off unless
asked for.

Behaviour: kubernetes `plugin/pkg/admission/alwayspullimages/admission.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.admission.limit_constraints import aggregate
from orlop.api import errors
from orlop.api.field import Path, not_supported
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")
_ALWAYS: Final = "Always"
_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


class AlwaysPullImages:
    name = "AlwaysPullImages"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and not subresource and operation in (CREATE, UPDATE)

    def admit(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        spec = attributes.obj.get("spec")
        if not spec or _brings_nothing_new(spec, attributes.old):
            return
        for member in _CONTAINERS:
            if spec.get(member):
                spec[member] = [{**container, "imagePullPolicy": _ALWAYS} for container in spec[member]]
        if spec.get("volumes"):
            spec["volumes"] = [{**volume, "image": {**volume["image"], "pullPolicy": _ALWAYS}}
                               if volume.get("image") is not None else volume for volume in spec["volumes"]]

    def validate(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        spec = attributes.obj.get("spec") or {}
        if _brings_nothing_new(spec, attributes.old):
            return
        found = [attributes.forbidden(str(not_supported(path, policy, (_ALWAYS,)))).message
                 for path, policy in _policies(spec) if policy != _ALWAYS]
        if found:
            raise errors.unknown(aggregate(found))


def _policies(spec: Tree) -> Iterator[tuple[Path, str]]:
    for member in _CONTAINERS:
        for index, container in enumerate(spec.get(member) or ()):
            yield Path(f"spec.{member}").index(index).child("imagePullPolicy"), container.get("imagePullPolicy") or ""
    for index, volume in enumerate(spec.get("volumes") or ()):
        if volume.get("image") is not None:
            yield (Path("spec.volumes").index(index).child("image", "pullPolicy"),
                   volume["image"].get("pullPolicy") or "")


def _images(spec: Tree) -> set[str]:
    return {one.get("image") or "" for member in _CONTAINERS for one in spec.get(member) or ()}


def _brings_nothing_new(spec: Tree, old: Tree | None) -> bool:
    return old is not None and _images(spec) <= _images(old.get("spec") or {})
