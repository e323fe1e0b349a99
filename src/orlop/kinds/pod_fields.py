"""Members of pod specs that the server takes out, because their gates are off, or completes, before it looks at them.

Called by the strategies of pods and of kinds with pod templates. Behaviour: kubernetes `pkg/api/pod/util.go`
(DropDisabledPodFields), `pkg/registry/core/pod/strategy.go` (mutatePodAffinity, applyAppArmorVersionSkew).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from orlop.api.context import Context
from orlop.api.field import Path
from orlop.api.tree import Tree
from orlop.kinds.pod_rules.profiles import APPARMOR_PREFIX, apparmor, apparmor_field
from orlop.kinds.pod_rules.scheduling import PREFERRED, REQUIRED
from orlop.kinds.pod_rules.visits import containers_of
from orlop.kinds.pod_rules.warnings import APPARMOR

_PROJECTIONS: Final = ("clusterTrustBundle", "podCertificate")
_STATUSES: Final = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_ANNOTATIONS: Final = Path("metadata.annotations")


def drop_gated(spec: Tree, old: Tree | None) -> None:
    """What the stored object has may stay."""
    before = old or {}
    if "schedulingGroup" in spec and "schedulingGroup" not in before:
        del spec["schedulingGroup"]
    for container in containers_of(spec):
        lifecycle = container.get("lifecycle")
        if lifecycle is not None and "stopSignal" in lifecycle and not _has_stop_signal(before):
            del lifecycle["stopSignal"]
            if not lifecycle:
                del container["lifecycle"]
    for volume in spec.get("volumes") or ():
        for part in (volume.get("projected") or {}).get("sources") or ():
            for kind in _PROJECTIONS:
                if kind in part and not _projects(before, kind):
                    del part[kind]
        claim = ((volume.get("ephemeral") or {}).get("volumeClaimTemplate") or {}).get("spec") or {}
        if "claims" in (claim.get("resources") or ()):
            del claim["resources"]["claims"]


def drop_gated_status(status: Tree, old: Tree) -> None:
    """As `drop_gated`, for what kubelets report."""
    if "nodeAllocatableResourceClaimStatuses" not in old:
        status.pop("nodeAllocatableResourceClaimStatuses", None)
    for mount in _mounts(status):
        if "volumeStatus" in mount and not any("volumeStatus" in had for had in _mounts(old)):
            del mount["volumeStatus"]


def _mounts(status: Tree) -> Iterator[Tree]:
    for kind in _STATUSES:
        for container in status.get(kind) or ():
            yield from container.get("volumeMounts") or ()


def _has_stop_signal(spec: Tree) -> bool:
    return any("stopSignal" in (container.get("lifecycle") or ()) for container in containers_of(spec))


def _projects(spec: Tree, kind: str) -> bool:
    return any(kind in part for volume in spec.get("volumes") or ()
               for part in (volume.get("projected") or {}).get("sources") or ())


def apply_label_keys(spec: Tree, labels: Mapping[str, str]) -> None:
    """Where a rule speaks of "pods with my value of this label", write the value into its selector."""
    for term in _terms(spec.get("affinity") or {}):
        _apply(term, "matchLabelKeys", "In", labels)
        _apply(term, "mismatchLabelKeys", "NotIn", labels)
    for constraint in spec.get("topologySpreadConstraints") or ():
        _apply(constraint, "matchLabelKeys", "In", labels)


def _terms(affinity: Tree) -> Iterator[Tree]:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        for weighted in terms.get(PREFERRED) or ():
            yield weighted.get("podAffinityTerm") or {}
        yield from terms.get(REQUIRED) or ()


def _apply(holder: Tree, member: str, operator: str, labels: Mapping[str, str]) -> None:
    keys: Iterable[Any] = holder.get(member) or ()
    selector = holder.get("labelSelector")
    if selector is None:
        return
    for key in keys:
        if key in labels:
            requirement = {"key": key, "operator": operator, "values": [labels[key]]}
            selector["matchExpressions"] = [*(selector.get("matchExpressions") or ()), requirement]


def settle_apparmor(ctx: Context, metadata: Tree, spec: Tree) -> None:
    """AppArmor annotations become fields, with a remark, before anything looks at the fields."""
    notes: Mapping[str, str] = metadata.get("annotations") or {}
    if (spec.get("os") or {}).get("name") == "windows" or not any(key.startswith(APPARMOR_PREFIX) for key in notes):
        return
    whole = (spec.get("securityContext") or {}).get("appArmorProfile")
    for container in containers_of(spec):
        key = APPARMOR_PREFIX + (container.get("name") or "")
        if key not in notes or "appArmorProfile" in (container.get("securityContext") or ()):
            continue
        profile = apparmor_field(notes[key])
        if profile is not None and apparmor(_ANNOTATIONS, profile):
            profile = None
        if profile is not None and profile == whole:
            continue
        if profile is not None:
            container.setdefault("securityContext", {})["appArmorProfile"] = profile
        ctx.warn(f"{_ANNOTATIONS.key(key)}: {APPARMOR}")
