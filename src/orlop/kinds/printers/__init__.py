"""Server-side printing of the built-in kinds: which columns a resource has and how an object fills them.

The table endpoint asks `printer` once per resource, then makes a row of each object; it encodes the cells,
adds what `includeObject` asks for and fills in `Relative` cells at the time of the request. Custom resources
have printers of their own, made from their definitions. Which kinds have one follows upstream's
`pkg/printers/internalversion/printers.go`; all others show their name and time of creation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from orlop.api.tree import Tree
from orlop.kinds.printers import (
    admissionregistration as admission,
)
from orlop.kinds.printers import (
    autoscaling,
    batch,
    certificates,
    config,
    misc,
    networking,
    node,
    pod,
    policy,
    rbac,
    resource,
    service,
    storage,
    workloads,
)
from orlop.kinds.printers.cells import Cell, Cells, Relative
from orlop.kinds.printers.columns import Column, columns_of

__all__ = ["Cell", "Cells", "Column", "Printer", "Relative", "printer"]


@dataclass(frozen=True, slots=True)
class Printer:
    """How one resource is shown as a Table.

    `cells` is a pure function of an object in its served version; it never changes the object, and stands any
    of its optional fields missing. `conditions` are the row's conditions, None for resources whose rows never
    have any. `order` is the sort key of rows in a list, None to keep the list's own order.
    """

    columns: tuple[Column, ...]
    cells: Cells
    conditions: Callable[[Tree], list[Tree]] | None = None
    order: Callable[[Tree], Any] | None = None


_CELLS: dict[str, Cells] = {
    "v1/componentstatuses": config.component_status_cells,
    "v1/configmaps": config.config_map_cells,
    "v1/endpoints": service.endpoints_cells,
    "v1/events": config.event_cells,
    "v1/namespaces": config.namespace_cells,
    "v1/nodes": node.node_cells,
    "v1/persistentvolumeclaims": storage.claim_cells,
    "v1/persistentvolumes": storage.volume_cells,
    "v1/pods": pod.pod_cells,
    "v1/podtemplates": workloads.pod_template_cells,
    "v1/replicationcontrollers": workloads.replication_controller_cells,
    "v1/resourcequotas": config.resource_quota_cells,
    "v1/secrets": config.secret_cells,
    "v1/serviceaccounts": config.service_account_cells,
    "v1/services": service.service_cells,
    "admissionregistration.k8s.io/v1/mutatingadmissionpolicies": admission.mutating_policy_cells,
    "admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings": admission.policy_binding_cells,
    "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": admission.webhook_configuration_cells,
    "admissionregistration.k8s.io/v1/validatingadmissionpolicies": admission.validating_policy_cells,
    "admissionregistration.k8s.io/v1/validatingadmissionpolicybindings": admission.policy_binding_cells,
    "admissionregistration.k8s.io/v1/validatingwebhookconfigurations": admission.webhook_configuration_cells,
    "apiregistration.k8s.io/v1/apiservices": misc.api_service_cells,
    "apps/v1/controllerrevisions": workloads.controller_revision_cells,
    "apps/v1/daemonsets": workloads.daemon_set_cells,
    "apps/v1/deployments": workloads.deployment_cells,
    "apps/v1/replicasets": workloads.replica_set_cells,
    "apps/v1/statefulsets": workloads.stateful_set_cells,
    "autoscaling/v1/horizontalpodautoscalers": autoscaling.autoscaler_v1_cells,
    "autoscaling/v1/scale": autoscaling.scale_cells,
    "autoscaling/v2/horizontalpodautoscalers": autoscaling.autoscaler_cells,
    "batch/v1/cronjobs": batch.cron_job_cells,
    "batch/v1/jobs": batch.job_cells,
    "certificates.k8s.io/v1/certificatesigningrequests": certificates.signing_request_cells,
    "coordination.k8s.io/v1/leases": policy.lease_cells,
    "discovery.k8s.io/v1/endpointslices": service.endpoint_slice_cells,
    "events.k8s.io/v1/events": config.event_cells,
    "flowcontrol.apiserver.k8s.io/v1/flowschemas": policy.flow_schema_cells,
    "flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations": policy.priority_level_cells,
    "networking.k8s.io/v1/ingressclasses": networking.ingress_class_cells,
    "networking.k8s.io/v1/ingresses": networking.ingress_cells,
    "networking.k8s.io/v1/ipaddresses": networking.ip_address_cells,
    "networking.k8s.io/v1/networkpolicies": networking.network_policy_cells,
    "networking.k8s.io/v1/servicecidrs": networking.service_cidr_cells,
    "node.k8s.io/v1/runtimeclasses": policy.runtime_class_cells,
    "policy/v1/poddisruptionbudgets": policy.disruption_budget_cells,
    "rbac.authorization.k8s.io/v1/clusterrolebindings": rbac.binding_cells,
    "rbac.authorization.k8s.io/v1/rolebindings": rbac.binding_cells,
    "resource.k8s.io/v1/deviceclasses": resource.device_class_cells,
    "resource.k8s.io/v1/resourceclaims": resource.resource_claim_cells,
    "resource.k8s.io/v1/resourceclaimtemplates": resource.claim_template_cells,
    "resource.k8s.io/v1/resourceslices": resource.resource_slice_cells,
    "scheduling.k8s.io/v1/priorityclasses": policy.priority_class_cells,
    "storage.k8s.io/v1/csidrivers": storage.csi_driver_cells,
    "storage.k8s.io/v1/csinodes": storage.csi_node_cells,
    "storage.k8s.io/v1/storageclasses": storage.storage_class_cells,
    "storage.k8s.io/v1/volumeattachments": storage.volume_attachment_cells,
    "storage.k8s.io/v1/volumeattributesclasses": storage.volume_attributes_class_cells,
}

_CONDITIONS = {"v1/pods": pod.pod_conditions}
_ORDERS = {"flowcontrol.apiserver.k8s.io/v1/flowschemas": policy.flow_schema_order}


@cache
def printer(group: str, version: str, plural: str) -> Printer:
    """The printer of a resource; ("autoscaling", "v1", "scale") prints the scale subresource of every kind.

    One is kept per resource asked for, a set that the catalog of kinds bounds.
    """
    key = f"{group}/{version}/{plural}" if group else f"{version}/{plural}"
    cells = _CELLS.get(key, misc.default_cells)
    return Printer(columns_of(key), cells, _CONDITIONS.get(key), _ORDERS.get(key))
