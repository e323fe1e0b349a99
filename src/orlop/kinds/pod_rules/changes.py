"""What an update may do to a pod: its images, a deadline that comes closer, more tolerations, fewer gates.

Called by the main strategy of pods. Texts and their order: kubernetes `pkg/apis/core/validation/validation.go`
(ValidatePodUpdate and its parts).
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.field import Path, forbidden, invalid, required
from orlop.api.tree import Tree
from orlop.kinds import internal_form
from orlop.kinds.checks import SPEC, Errors, printed
from orlop.kinds.pod_rules import pod_annotations, scheduling
from orlop.kinds.pod_rules.forms import NODE_TERM
from orlop.kinds.pod_rules.pod import ANNOTATIONS, pod
from orlop.kinds.pod_rules.scheduling import REQUIRED
from orlop.kinds.pod_rules.terms import Allowances
from orlop.schema.types import Type

_LONGEST_DEADLINE: Final = (1 << 31) - 1
_UPDATABLE: Final = (
    "`spec.containers[*].image`", "`spec.initContainers[*].image`", "`spec.activeDeadlineSeconds`",
    "`spec.tolerations` (only additions to existing tolerations)",
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)")
_NO_OTHERS: Final = f"pod updates may not change fields other than {','.join(_UPDATABLE)}\n"
_AFFINITY: Final = SPEC.child("affinity", "nodeAffinity")


def annotation_change(new: Tree, old: Tree, allow: Allowances) -> Errors:
    """The annotations with a meaning."""
    notes, before = new["metadata"].get("annotations") or {}, old["metadata"].get("annotations") or {}
    if not pod_annotations.matters(notes) and not pod_annotations.matters(before):
        return []
    found = pod_annotations.changes(ANNOTATIONS, notes, before)
    return found + pod_annotations.rules(ANNOTATIONS, notes, new["spec"], bad_cost=allow.deletion_cost)


def common(new: Tree, old: Tree, allow: Allowances) -> Errors:
    """The rules that every room of a pod has for updates. Upstream checks annotations twice, and says so twice."""
    return pod(new, allow) + annotation_change(new, old, allow)


def pod_change(new: Tree, old: Tree, allow: Allowances, kind: Type) -> Errors:
    """`kind` is the type of the spec."""
    found = common(new, old, allow)
    spec, before = new["spec"], old["spec"]
    for name in ("containers", "initContainers"):
        containers, former = spec.get(name) or [], before.get(name) or []
        if len(containers) != len(former):
            return [*found, forbidden(SPEC.child(name), "pod updates may not add or remove containers")]
        found += _images(SPEC.child(name), containers)
    wrong, fatal = _deadline(spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds"))
    found += wrong
    if fatal:
        return found
    found += _tolerations(spec.get("tolerations") or [], before.get("tolerations") or [])
    found += _gates(spec.get("schedulingGates") or [], before.get("schedulingGates") or [])
    if internal_form.same(kind, spec, before):
        return found
    compared = _with_former(spec, before)
    if before.get("schedulingGates"):
        found += _gated(compared, before)
    if not internal_form.same(kind, compared, before):
        found.append(forbidden(SPEC, _NO_OTHERS + internal_form.difference(kind, before, compared)))
    return found


def _images(path: Path, containers: list[Tree]) -> Errors:
    found: Errors = []
    for position, container in enumerate(containers):
        image, place = container.get("image") or "", path.index(position).child("image")
        if not image:
            found.append(required(place))
        if image != image.strip():
            found.append(invalid(place, image, "must not have leading or trailing whitespace"))
    return found


def _deadline(new: int | None, old: int | None) -> tuple[Errors, bool]:
    """And whether upstream stops looking there."""
    place = SPEC.child("activeDeadlineSeconds")
    if new is None:
        text = "must not update from a positive integer to nil value"
        return ([] if old is None else [invalid(place, printed(None), text)]), False
    if not 0 <= new <= _LONGEST_DEADLINE:
        return [invalid(place, new, f"must be between 0 and {_LONGEST_DEADLINE}, inclusive")], True
    if old is not None and old < new:
        return [invalid(place, new, "must be less than or equal to previous value")], True
    return [], False


def _tolerations(new: list[Tree], old: list[Tree]) -> Errors:
    place = SPEC.child("tolerations")
    if new == old:
        return scheduling.tolerations(place, new)
    kept = [_timeless(toleration) for toleration in new]
    if any(_timeless(toleration) not in kept for toleration in old):
        return [forbidden(place, "existing toleration can not be modified except its tolerationSeconds")]
    return scheduling.tolerations(place, new)


def _timeless(toleration: Tree) -> Tree:
    return {name: value for name, value in toleration.items() if name != "tolerationSeconds" and value}


def _gates(new: list[Tree], old: list[Tree]) -> Errors:
    known = {gate.get("name") for gate in old}
    added = {gate.get("name"): position for position, gate in enumerate(new) if gate.get("name") not in known}
    place = SPEC.child("schedulingGates")
    return [forbidden(place.index(position).child("name"),
                      f"only deletion is allowed, but found new scheduling gate '{name}'")
            for name, position in added.items()]


def _with_former(spec: Tree, before: Tree) -> Tree:
    """The new spec with everything that may change as it was."""
    compared = dict(spec)
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            compared[kind] = [_member(container, former, "image")
                              for container, former in zip(spec[kind], before[kind], strict=True)]
    for name in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        compared = _member(compared, before, name)
    grace = before.get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        compared["terminationGracePeriodSeconds"] = grace
    return compared


def _member(tree: Tree, before: Tree, name: str) -> Tree:
    """A copy with one member as it was."""
    copy = {key: value for key, value in tree.items() if key != name}
    if name in before:
        copy[name] = before[name]
    return copy


def _gated(compared: Tree, before: Tree) -> Errors:
    """A pod with gates may still be told more about where to run. Puts the former values into `compared`."""
    found: Errors = []
    nodes, former = compared.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    if nodes != former:
        if any(nodes.get(key) != value for key, value in former.items()):
            text = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            found.append(invalid(SPEC.child("nodeSelector"), printed(compared.get("nodeSelector")), text))
        compared["nodeSelector"] = former
    wanted, had = compared.get("affinity"), before.get("affinity")
    new, old = (wanted or {}).get("nodeAffinity"), (had or {}).get("nodeAffinity")
    if new == old:
        return found
    found += _node_affinity(new or {}, old or {})
    if wanted is None:
        compared["affinity"] = {"nodeAffinity": old}
    elif had is None and "podAffinity" not in wanted and "podAntiAffinity" not in wanted:
        del compared["affinity"]
    else:
        compared["affinity"] = _member(wanted, had or {}, "nodeAffinity")
    return found


def _node_affinity(new: Tree, old: Tree) -> Errors:
    if old.get(REQUIRED) is None:
        return []
    former = old[REQUIRED].get("nodeSelectorTerms") or []
    terms = (new.get(REQUIRED) or {}).get("nodeSelectorTerms")
    place = _AFFINITY.child(REQUIRED, "nodeSelectorTerms")
    if former and len(former) != len(terms or ()):
        text = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        return [invalid(place, NODE_TERM.text(terms), text)]
    text = "only additions are allowed (no mutations or deletions)"
    return [invalid(place.index(position), NODE_TERM.text(term), text)
            for position, (term, had) in enumerate(zip(terms or (), former, strict=False)) if not _extends(term, had)]


def _extends(term: Tree, had: Tree) -> bool:
    """Terms select less with every requirement more; one without any selects nothing."""
    parts: list[tuple[list[Any], list[Any]]] = [
        (term.get(name) or [], had.get(name) or []) for name in ("matchExpressions", "matchFields")]
    if not any(old for _, old in parts):
        return not any(new for new, _ in parts)
    return all(new[:len(old)] == old for new, old in parts)
