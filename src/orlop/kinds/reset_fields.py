"""Which fields each room of a built-in kind resets: what a client sends there is thrown away, so nobody comes to
own it there.

Endpoints read it when they compute managedFields, and make a filter of `apply.filters` of it; the resetting itself
is the strategies' work, and custom resources, whose rooms are declared at run time, are not listed. Behaviour:
kube-apiserver 1.36 `GetResetFields` of `pkg/registry/<group>/<kind>/strategy.go`, of apiextensions-apiserver
`pkg/registry/customresourcedefinition/strategy.go` and of kube-aggregator `pkg/registry/apiservice/strategy.go`,
as far as the stores in `storage/storage.go` and `etcd.go` hand it on to the installer.

A kind or room that is absent resets nothing. So it is with scale, which owns its fields by a rule of its own, and
with the pods' ephemeralcontainers and resize: their strategies have a filter, but their stores do not show it to
the installer, so it has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orlop.kinds import catalog

Path = tuple[str, ...]
Rooms = Mapping[str, tuple[Path, ...]]

MAIN: Final = ""
"""The room of the resource itself."""

_METADATA: Final = ("metadata",)
_SPEC: Final = ("spec",)
_STATUS: Final = ("status",)


def _rooms(*on_status: Path) -> Rooms:
    """Of a kind whose main room resets the status."""
    return {MAIN: (_STATUS,), "status": on_status}


_PLAIN: Final = _rooms(_SPEC)
"""The rule: the main room leaves the status alone, the status room the spec."""

_WHOLE: Final = _rooms(_METADATA, _SPEC)
"""Stricter: the status room has no say about the metadata either."""

RESET_FIELDS: Final[Mapping[tuple[str, str], Rooms]] = MappingProxyType({
    ("", "namespaces"): {**_PLAIN, "finalize": (_STATUS,)},
    ("", "nodes"): _PLAIN,
    ("", "persistentvolumeclaims"): _PLAIN,
    ("", "persistentvolumes"): _PLAIN,
    ("", "pods"): _rooms(_SPEC, ("metadata", "deletionTimestamp"), ("metadata", "ownerReferences")),
    ("", "replicationcontrollers"): _PLAIN,
    ("", "resourcequotas"): _PLAIN,
    ("", "services"): _PLAIN,
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"): _WHOLE,
    # The status room of definitions does keep metadata that is sent, so it lets managers own it.
    ("apiextensions.k8s.io", "customresourcedefinitions"): _PLAIN,
    ("apiregistration.k8s.io", "apiservices"): _WHOLE,
    ("apps", "daemonsets"): _PLAIN,
    ("apps", "deployments"): _rooms(_SPEC, ("metadata", "labels")),
    ("apps", "replicasets"): _PLAIN,
    ("apps", "statefulsets"): _PLAIN,
    ("autoscaling", "horizontalpodautoscalers"): _PLAIN,
    ("batch", "cronjobs"): _PLAIN,
    ("batch", "jobs"): _PLAIN,
    # A request is final once made: the main room resets its spec too, though a create does set it. The signer and
    # the approver each have one part of the status.
    ("certificates.k8s.io", "certificatesigningrequests"): {
        MAIN: (_SPEC, _STATUS),
        "status": (_SPEC, ("status", "conditions")),
        "approval": (_SPEC, ("status", "certificate")),
    },
    ("flowcontrol.apiserver.k8s.io", "flowschemas"): _WHOLE,
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"): _WHOLE,
    ("networking.k8s.io", "ingresses"): _PLAIN,
    # The main room does so since 1.36 (feature gate ServiceCIDRStatusFieldWiping); before, it reset nothing.
    ("networking.k8s.io", "servicecidrs"): _WHOLE,
    ("policy", "poddisruptionbudgets"): _PLAIN,
    ("resource.k8s.io", "resourceclaims"): _WHOLE,
    ("storage.k8s.io", "volumeattachments"): _WHOLE,
})  # fmt: skip
"""By group and plural, for every served version: upstream's lists name all of them, and all alike."""


def reset_fields(group: str, plural: str, version: str, subresource: str = MAIN) -> tuple[Path, ...]:
    """The fields that writes to this room reset; none for what is not listed or not served in that version."""
    resource = catalog.resource(group, plural)
    if resource is None or version not in resource.versions:
        return ()
    return RESET_FIELDS.get((group, plural), {}).get(subresource, ())
