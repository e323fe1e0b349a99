"""What the claims of a template will have.

Called by the strategy of templates. Behaviour: kubernetes `pkg/apis/resource/validation`, `pkg/apis/core/validation`
ValidateTemplateObjectMeta.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import forbidden
from orlop.api.tree import Tree
from orlop.api.validation import validate_annotations, validate_labels
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.devices.claim_spec import claim_spec

_UNTAKEN: Final = ("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation",
                   "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences",
                   "finalizers", "managedFields")
"""Metadata that a claim does not take from its template."""
_METADATA: Final = SPEC.child("metadata")


def template_spec(spec: Tree) -> Errors:
    metadata = spec.get("metadata") or {}
    found = validate_annotations(metadata.get("annotations") or {}, _METADATA.child("annotations"))
    found += validate_labels(metadata.get("labels") or {}, _METADATA.child("labels"))
    found += [forbidden(_METADATA.child("uID" if member == "uid" else member), "cannot be set")
              for member in _UNTAKEN if metadata.get(member)]
    return found + claim_spec(SPEC.child("spec"), spec.get("spec") or {})
