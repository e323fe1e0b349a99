"""Pods as a whole: what must hold of every one, and what only of a new one.

Called by the strategies of pods. Texts and their order: kubernetes `pkg/apis/core/validation/validation.go`
(validatePodMetadataAndSpec, ValidatePodCreate).
"""

from __future__ import annotations

from orlop.api.field import Path, forbidden
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.pod_rules import pod_annotations, profiles, spec
from orlop.kinds.pod_rules.containers import untrimmed_image
from orlop.kinds.pod_rules.projections import tokens_without_account
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.pod_rules.visits import placed_containers

ANNOTATIONS = Path("metadata.annotations")


def pod(tree: Tree, allow: Allowances) -> Errors:
    """Metadata is checked elsewhere, except for annotations with a meaning."""
    metadata, inner = tree["metadata"], tree.get("spec") or {}
    notes = metadata.get("annotations") or {}
    found = pod_annotations.rules(ANNOTATIONS, notes, inner, bad_cost=allow.deletion_cost)
    found += spec.rules(SPEC, inner, allow, metadata.get("name") or "", notes)
    if not inner.get("serviceAccountName") and inner.get("volumes"):
        found += tokens_without_account(SPEC.child("volumes"), inner["volumes"])
    for kind in ("containers", "initContainers"):
        for position, container in enumerate(inner.get(kind) or ()):
            image = container.get("image")
            if image and (image[0].isspace() or image[-1].isspace()):
                found += untrimmed_image(SPEC.child(kind).index(position), container)
    return found


def new_pod(tree: Tree, allow: Allowances) -> Errors:
    found = pod(tree, allow)
    inner = tree.get("spec") or {}
    if inner.get("ephemeralContainers"):
        found.append(forbidden(SPEC.child("ephemeralContainers"), "cannot be set on create"))
    if inner.get("nodeName") and inner.get("schedulingGates"):
        found.append(forbidden(SPEC.child("nodeName"), "cannot be set until all schedulingGates have been cleared"))
    notes = tree["metadata"].get("annotations")
    if pod_annotations.matters(notes):
        containers = placed_containers(SPEC, inner)
        found += profiles.agreeing_seccomp(SPEC, notes, inner, containers)
        found += profiles.agreeing_apparmor(notes, inner, containers)
    return found
