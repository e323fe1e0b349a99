"""What a resize may do to a pod: cpu and memory of its containers and of the whole, nothing else.

Called by the strategy of `pods/resize`. Texts and their order: kubernetes `pkg/apis/core/validation/validation.go`
(ValidatePodResize and its parts).
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import Path, forbidden, invalid
from orlop.api.tree import Tree
from orlop.kinds import internal_form
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.pod_rules.pod import pod
from orlop.kinds.pod_rules.pod_annotations import MIRROR
from orlop.kinds.pod_rules.pod_resources import qos_class
from orlop.kinds.pod_rules.spec import ROOT
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.pod_rules.visits import is_sidecar
from orlop.kinds.resource_names import CPU, MEMORY
from orlop.schema.types import Type

_COMPUTE: Final = (CPU, MEMORY)
_KINDS: Final = ("containers", "initContainers")
_RESTARTED: Final = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
_ONLY: Final = "only cpu and memory resources are mutable"


def resize(new: Tree, old: Tree, allow: Allowances, kind: Type) -> Errors:
    """`kind` is the type of the spec."""
    found = pod(new, allow)
    spec, before = new["spec"], old["spec"]
    if MIRROR in (old["metadata"].get("annotations") or ()):
        return [forbidden(ROOT, "static pods cannot be resized")]
    if (before.get("os") or {}).get("name") == "windows":
        return [forbidden(ROOT, "windows pods cannot be resized")]
    status: Tree = new.get("status") or {}
    former: Tree = old.get("status") or {}
    if (former.get("qosClass") or qos_class(before)) != qos_class(spec):
        found.append(invalid(SPEC, status.get("qosClass") or "",
                             "Pod QOS Class may not change as a result of resizing"))
    if not _is_supported(former):
        found.append(forbidden(SPEC, "Pod running on node without support for resize"))
    compared = dict(spec)
    if _limited(spec) or _limited(before):
        found += _whole(spec, before, compared, kind)
    if former.get("nodeAllocatableResourceClaimStatuses"):
        found.append(forbidden(SPEC, "pods with node allocatable resource claims cannot be resized"))
    misplaced = _order(spec, before)
    if misplaced:
        return found + misplaced
    found += _removals(spec, before) + _regular(spec, before, compared, kind) + _early(spec, before, compared, kind)
    if not found and not internal_form.same(kind, compared, before):
        found.append(forbidden(SPEC, _ONLY))
    return found


def _is_supported(status: Tree) -> bool:
    """As the first running container tells: nodes that can resize report resources."""
    for container in status.get("containerStatuses") or ():
        if "running" in (container.get("state") or ()):
            return "resources" in container
    return True


def _limited(spec: Tree) -> bool:
    whole = spec.get("resources") or {}
    return bool(whole.get("requests") or whole.get("limits"))


def _order(spec: Tree, before: Tree) -> Errors:
    found: Errors = []
    for kind in _KINDS:
        containers, former = spec.get(kind) or [], before.get(kind) or []
        if len(containers) != len(former):
            found.append(forbidden(SPEC.child(kind), f"{kind} may not be added or removed on resize"))
            continue
        found += [forbidden(SPEC.child(kind).index(position).child("name"),
                            f"{kind} may not be renamed or reordered on resize")
                  for position, (new, old) in enumerate(zip(containers, former, strict=True))
                  if new.get("name") != old.get("name")]
    return found


def _removed(new: Tree | None, old: Tree | None) -> bool:
    return any(name not in (new or ()) for name in old or ())


def _removals(spec: Tree, before: Tree) -> Errors:
    found: Errors = []
    for kind in ("initContainers", "containers"):
        for position, (new, old) in enumerate(zip(spec.get(kind) or (), before.get(kind) or (), strict=True)):
            place = SPEC.child(kind).index(position).child("resources")
            found += _removals_of_one(place, new.get("resources") or {}, old.get("resources") or {})
    return found


def _removals_of_one(path: Path, new: Tree, old: Tree, of_what: str = "resource") -> Errors:
    return [forbidden(path.child(kind), f"{of_what} {kind} cannot be removed") for kind in ("requests", "limits")
            if _removed(new.get(kind), old.get(kind))]


def _former_compute(resources: Tree, old: Tree) -> Tree:
    """Resources with the cpu and memory that were there."""
    compared = {}
    for kind in ("limits", "requests"):
        amounts = {name: text for name, text in (resources.get(kind) or {}).items() if name not in _COMPUTE}
        had = old.get(kind) or {}
        amounts.update({name: had[name] for name in _COMPUTE if name in had})
        if amounts:
            compared[kind] = amounts
    return compared


def _whole(spec: Tree, before: Tree, compared: Tree, kind: Type) -> Errors:
    """The pod's own resources; puts the former ones into `compared` where only cpu and memory changed."""
    new, old = spec.get("resources"), before.get("resources")
    if old is not None and new is None:
        return [forbidden(SPEC.child("resources"), "pod-level resources cannot be removed")]
    found = _removals_of_one(SPEC.child("resources"), new or {}, old or {}, "pod-level resource")
    if new is not None:
        kept = _former_compute(new, old or {})
        if new.get("claims"):
            kept["claims"] = new["claims"]
        if kept or old is not None:
            compared["resources"] = kept
        else:
            del compared["resources"]
    inner = kind.fields["resources"].type
    if not internal_form.same(inner, compared.get("resources"), old):
        found.append(forbidden(SPEC, "only cpu and memory resources are mutable at pod-level"))
    return found


def _with_former_compute(container: Tree, old: Tree) -> Tree:
    return {**container, "resources": _former_compute(container.get("resources") or {}, old.get("resources") or {})}


def _regular(spec: Tree, before: Tree, compared: Tree, kind: Type) -> Errors:
    element = kind.fields["containers"].type.element
    former = before.get("containers") or []
    compared["containers"] = [_with_former_compute(new, old)
                              for new, old in zip(spec.get("containers") or (), former, strict=True)]
    return [forbidden(SPEC, _ONLY) for new, old in zip(compared["containers"], former, strict=True)
            if not internal_form.same(element, new, old)]


def _early(spec: Tree, before: Tree, compared: Tree, kind: Type) -> Errors:
    found: Errors = []
    element = kind.fields["containers"].type.element
    kept: list[Tree] = []
    for position, (new, old) in enumerate(zip(spec.get("initContainers") or (), before.get("initContainers") or (),
                                              strict=True)):
        place, settled = SPEC.child("initContainers").index(position), _with_former_compute(new, old)
        if not internal_form.same(element, settled, old):
            found.append(forbidden(place, "only cpu and memory resources for init or sidecar containers are mutable"))
        if not is_sidecar(new) and not internal_form.same(element, new, old):
            found += [forbidden(place, _RESTARTED) for policy in new.get("resizePolicy") or ()
                      if policy.get("restartPolicy") == "RestartContainer"]
        kept.append(settled)
    if kept:
        compared["initContainers"] = kept
    return found
