"""Pod templates: what Deployments, Jobs and the like make pods of.

Called by the strategies of those kinds. Texts and their order: kubernetes `pkg/apis/core/validation/validation.go`
(ValidatePodTemplateSpec); what an update may keep: `pkg/api/pod/util.go`.
"""

from __future__ import annotations

from orlop.api.field import Path, forbidden
from orlop.api.tree import Tree
from orlop.api.validation import validate_annotations, validate_labels
from orlop.kinds.checks import Errors
from orlop.kinds.pod_rules import pod_annotations, profiles, spec
from orlop.kinds.pod_rules.allowances import TEMPLATE, for_update
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.pod_rules.visits import placed_containers


def allowances(old: Tree | None) -> Allowances:
    """What a template may keep of the faults of the stored one."""
    return TEMPLATE if old is None else for_update(old.get("spec"), old.get("metadata"), TEMPLATE)


def template(path: Path, tree: Tree, allow: Allowances = TEMPLATE) -> Errors:
    metadata, inner = tree.get("metadata") or {}, tree.get("spec") or {}
    notes = metadata.get("annotations") or {}
    found: Errors = validate_labels(metadata.get("labels") or {}, path.child("labels"))
    found += validate_annotations(notes, path.child("annotations"))
    found += pod_annotations.rules(path.child("annotations"), notes, inner, bad_cost=allow.deletion_cost)
    place = path.child("spec")
    found += spec.rules(place, inner, allow)
    if pod_annotations.matters(notes):
        found += profiles.agreeing_seccomp(place, notes, inner, placed_containers(place, inner))
    if inner.get("ephemeralContainers"):
        found.append(forbidden(place.child("ephemeralContainers"),
                               "ephemeral containers not allowed in pod template"))
    return found
