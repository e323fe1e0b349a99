"""Stored values that are not spelled as this server would spell them: another version, another order, protobuf.

Called by `stored_form` for what its comparison of bytes does not recognise; slow and general. Gives the body in the
kind's hub version, as upstream has it after decoding a value from etcd: unknown members dropped, defaults filled in.
Behaviour: apiserver `pkg/storage/etcd3` decode and the scheme's codecs.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.api.tree import Tree
from orlop.codec import protobuf
from orlop.kinds import definition_conversion
from orlop.kinds.conversion import CONVERSIONS, Convert
from orlop.kinds.defaults import DEFAULTERS
from orlop.schema.interface import DecodeError
from orlop.schema.kind import KindSchema, Types
from orlop.storage.errors import ReadFailed

_ADMISSION: Final = "admissionregistration.k8s.io"
_FLOW: Final = "flowcontrol.apiserver.k8s.io"
_NETWORKING: Final = "networking.k8s.io"
_STORAGE: Final = "storage.k8s.io"

SAME: Final[frozenset[GroupVersionKind]] = frozenset({
    GroupVersionKind(_ADMISSION, "v1beta1", "MutatingAdmissionPolicy"),
    GroupVersionKind(_ADMISSION, "v1beta1", "MutatingAdmissionPolicyBinding"),
    GroupVersionKind(_ADMISSION, "v1beta1", "ValidatingAdmissionPolicy"),
    GroupVersionKind(_ADMISSION, "v1beta1", "ValidatingAdmissionPolicyBinding"),
    GroupVersionKind("batch", "v1beta1", "CronJob"),
    GroupVersionKind("coordination.k8s.io", "v1beta1", "Lease"),
    GroupVersionKind(_FLOW, "v1beta3", "FlowSchema"),
    GroupVersionKind(_FLOW, "v1beta3", "PriorityLevelConfiguration"),
    GroupVersionKind(_NETWORKING, "v1beta1", "IPAddress"),
    GroupVersionKind(_NETWORKING, "v1beta1", "IngressClass"),
    GroupVersionKind(_NETWORKING, "v1beta1", "ServiceCIDR"),
    GroupVersionKind("node.k8s.io", "v1beta1", "RuntimeClass"),
    GroupVersionKind("policy", "v1beta1", "PodDisruptionBudget"),
    GroupVersionKind("resource.k8s.io", "v1beta2", "DeviceClass"),
    GroupVersionKind("resource.k8s.io", "v1beta2", "ResourceClaim"),
    GroupVersionKind("resource.k8s.io", "v1beta2", "ResourceClaimTemplate"),
    GroupVersionKind("resource.k8s.io", "v1beta2", "ResourceSlice"),
    GroupVersionKind("scheduling.k8s.io", "v1beta1", "PriorityClass"),
    GroupVersionKind(_STORAGE, "v1beta1", "CSIDriver"),
    GroupVersionKind(_STORAGE, "v1beta1", "CSINode"),
    GroupVersionKind(_STORAGE, "v1beta1", "CSIStorageCapacity"),
    GroupVersionKind(_STORAGE, "v1beta1", "StorageClass"),
    GroupVersionKind(_STORAGE, "v1beta1", "VolumeAttachment"),
    GroupVersionKind(_STORAGE, "v1beta1", "VolumeAttributesClass"),
})
"""Versions that older servers stored and that have the members of v1."""

_MORE: Final[dict[GroupVersionKind, Convert]] = {
    GroupVersionKind("apiextensions.k8s.io", "v1beta1", "CustomResourceDefinition"): definition_conversion.from_beta,
    GroupVersionKind("events.k8s.io", "v1beta1", "Event"):
        CONVERSIONS[GroupVersionKind("events.k8s.io", "v1", "Event")][0],
}
"""Versions that are read and not served."""


class Reading:
    """One kind. `hub`: the version of bodies; `stored`: the version in which it is written."""

    def __init__(self, hub: GroupVersionKind, stored: GroupVersionKind, types: Types) -> None:
        self.hub, self._stored, self._types = hub, stored, types

    def body(self, key: str, value: bytes) -> bytes:
        """Raises ReadFailed."""
        try:
            return body_of(self._hub_tree(value))
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise ReadFailed(f"{key}: {_why(problem)}") from None

    def _hub_tree(self, value: bytes) -> Tree:
        kind, tree = self._tree(value)
        convert = CONVERSIONS[kind][0] if kind in CONVERSIONS else _MORE.get(kind)
        if convert is not None:
            tree = convert(tree)
        elif kind != self.hub and kind != self._stored and kind not in SAME:
            raise ValueError(f"no conversion is known from {kind.api_version} {kind.kind} to {self.hub.api_version}")
        schema = self._types.kind(self.hub)
        schema.decode(tree, None)
        schema.compile_defaults(DEFAULTERS)(tree)
        return tree

    def _tree(self, value: bytes) -> tuple[GroupVersionKind, Tree]:
        if value.startswith(protobuf.PREFIX):
            return self._from_protobuf(value)
        kind, tree = json_tree(value)
        self._expect(kind)
        schema = self._schema(kind)
        if schema is not None and kind != self.hub:
            schema.decode(tree, None)
        return kind, tree

    def _from_protobuf(self, value: bytes) -> tuple[GroupVersionKind, Tree]:
        envelope = protobuf.unwrap(value)
        kind = GroupVersion.parse(envelope.api_version).kind(envelope.kind)
        self._expect(kind)
        schema = self._schema(kind)
        if schema is None:
            if kind not in SAME and kind != self._stored:
                raise ValueError(f"{kind.api_version} {kind.kind} is not known")
            schema = self._types.kind(self.hub)
        return kind, schema.from_protobuf(envelope.raw)

    def _expect(self, kind: GroupVersionKind) -> None:
        """Another kind does not belong under this prefix."""
        if kind.kind != self.hub.kind:
            raise ValueError(f"a {self.hub.kind} is expected here, not a {kind.kind or 'thing without a kind'}")

    def _schema(self, kind: GroupVersionKind) -> KindSchema | None:
        """None for versions that are no longer served."""
        try:
            return self._types.kind(kind)
        except KeyError:
            return None


def json_tree(value: bytes) -> tuple[GroupVersionKind, Tree]:
    """A JSON value's kind, and its tree without it. Raises ValueError."""
    tree = orjson.loads(value)
    if not isinstance(tree, dict) or not isinstance(tree.get("metadata"), dict):
        raise ValueError("this is no object")
    version, kind = tree.pop("apiVersion", ""), tree.pop("kind", "")
    if not isinstance(version, str) or not isinstance(kind, str):
        raise ValueError("this is no object")
    return GroupVersion.parse(version).kind(kind), tree


def body_of(tree: Tree, tail: Tree | None = None) -> bytes:
    """The body of a tree, metadata first, without what storage adds by itself; `tail` comes last."""
    metadata = tree.pop("metadata")
    for name in ("resourceVersion", "selfLink"):
        metadata.pop(name, None)
    body: dict[str, Any] = {"metadata": metadata or {"creationTimestamp": None}}
    return orjson.dumps(body | tree | (tail or {}))



def _why(problem: Exception) -> str:
    if isinstance(problem, ValueError | DecodeError):
        return str(problem)
    return f"the stored value does not fit its kind ({type(problem).__name__}: {problem})"
