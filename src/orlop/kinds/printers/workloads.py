"""Cells of the kinds that run pods: apps, replication controllers, pod templates.

Upstream: the functions print<Kind> of `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import NONE, Cell, age, metadata_of, name_of, spec_of, status_of
from orlop.kinds.printers.format import (
    InvalidSelector,
    format_label_selector,
    format_labels,
    names_and_images,
    selector_text,
)


def pod_template_cells(pod_template: Tree) -> list[Cell]:
    template = pod_template.get("template") or {}
    return [name_of(metadata_of(pod_template)), *names_and_images(template),
            format_labels(metadata_of(template).get("labels"))]


def replication_controller_cells(controller: Tree) -> list[Cell]:
    metadata, spec, status = metadata_of(controller), spec_of(controller), status_of(controller)
    return [
        name_of(metadata), spec.get("replicas") or 0, status.get("replicas") or 0,
        status.get("readyReplicas") or 0,
        age(metadata), *names_and_images(spec.get("template")), format_labels(spec.get("selector")),
    ]


def replica_set_cells(replica_set: Tree) -> list[Cell]:
    metadata, spec, status = metadata_of(replica_set), spec_of(replica_set), status_of(replica_set)
    return [
        name_of(metadata), spec.get("replicas") or 0, status.get("replicas") or 0,
        status.get("readyReplicas") or 0,
        age(metadata), *names_and_images(spec.get("template")), format_label_selector(spec.get("selector")),
    ]


def deployment_cells(deployment: Tree) -> list[Cell]:
    metadata, spec, status = metadata_of(deployment), spec_of(deployment), status_of(deployment)
    try:
        selector = selector_text(spec.get("selector"))
    except InvalidSelector:
        selector = "<invalid>"
    return [
        name_of(metadata), f"{status.get('readyReplicas') or 0}/{spec.get('replicas') or 0}",
        status.get("updatedReplicas") or 0, status.get("availableReplicas") or 0, age(metadata),
        *names_and_images(spec.get("template")), selector,
    ]


def stateful_set_cells(stateful_set: Tree) -> list[Cell]:
    metadata, spec, status = metadata_of(stateful_set), spec_of(stateful_set), status_of(stateful_set)
    ready = f"{status.get('readyReplicas') or 0}/{spec.get('replicas') or 0}"
    return [name_of(metadata), ready, age(metadata), *names_and_images(spec.get("template"))]


def daemon_set_cells(daemon_set: Tree) -> list[Cell]:
    metadata, spec, status = metadata_of(daemon_set), spec_of(daemon_set), status_of(daemon_set)
    template = spec.get("template") or {}
    return [
        name_of(metadata), status.get("desiredNumberScheduled") or 0,
        status.get("currentNumberScheduled") or 0,
        status.get("numberReady") or 0, status.get("updatedNumberScheduled") or 0,
        status.get("numberAvailable") or 0,
        format_labels(spec_of(template).get("nodeSelector")), age(metadata), *names_and_images(template),
        format_label_selector(spec.get("selector")),
    ]


def controller_revision_cells(revision: Tree) -> list[Cell]:
    metadata = metadata_of(revision)
    return [name_of(metadata), _controller(metadata), revision.get("revision") or 0, age(metadata)]


def _controller(metadata: Tree) -> str:
    """The owner that controls the object, as kind.group/name."""
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            group, slash, _ = (owner.get("apiVersion") or "").rpartition("/")
            kind = owner.get("kind") or ""
            name = owner.get("name") or ""
            qualified = f"{kind}.{group}" if slash and group else kind
            return f"{qualified.lower()}/{name}" if qualified else name
    return NONE
