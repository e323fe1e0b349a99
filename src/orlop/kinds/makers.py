"""Which kinds have rooms of their own making: everything else gets plain stores (`rooms`).

Read by the server's assembly. One row a resource; the workloads' rows are in `workload_makers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orlop.kinds import (
    api_service,
    component_status,
    config_map,
    csi,
    disruption_budget,
    endpoint_slice,
    endpoints,
    event,
    ingress,
    ingress_class,
    ip_address,
    lease,
    limit_range,
    namespace,
    network_policy,
    node,
    persistent_volume,
    persistent_volume_claim,
    priority_class,
    rbac,
    resource_quota,
    runtime_class,
    secret,
    service,
    service_account,
    service_cidr,
    signing_request,
    storage_class,
    volume_attachment,
)
from orlop.kinds.admission_registration import strategy as registration
from orlop.kinds.definitions import rooms as definitions
from orlop.kinds.devices import claim_template, device_class, resource_claim, resource_slice
from orlop.kinds.flow_control import flow_schema, priority_level
from orlop.kinds.rooms import Maker
from orlop.kinds.workload_makers import WORKLOAD_MAKERS

_ADMISSION: Final = "admissionregistration.k8s.io"
_DEVICES: Final = "resource.k8s.io"
_FLOW: Final = "flowcontrol.apiserver.k8s.io"
_NETWORKING: Final = "networking.k8s.io"
_STORAGE: Final = "storage.k8s.io"

MAKERS: Final[Mapping[tuple[str, str], Maker]] = {
    ("", "componentstatuses"): component_status.rooms,
    ("", "configmaps"): config_map.rooms,
    ("", "endpoints"): endpoints.rooms,
    ("", "events"): event.core_rooms,
    ("", "limitranges"): limit_range.rooms,
    ("", "namespaces"): namespace.rooms,
    ("", "nodes"): node.rooms,
    ("", "persistentvolumeclaims"): persistent_volume_claim.rooms,
    ("", "persistentvolumes"): persistent_volume.rooms,
    ("", "resourcequotas"): resource_quota.rooms,
    ("", "secrets"): secret.rooms,
    ("", "serviceaccounts"): service_account.rooms,
    ("", "services"): service.rooms,
    (_ADMISSION, "mutatingadmissionpolicies"): registration.policy_rooms,
    (_ADMISSION, "mutatingadmissionpolicybindings"): registration.binding_rooms,
    (_ADMISSION, "mutatingwebhookconfigurations"): registration.webhook_rooms,
    (_ADMISSION, "validatingadmissionpolicies"): registration.policy_rooms,
    (_ADMISSION, "validatingadmissionpolicybindings"): registration.binding_rooms,
    (_ADMISSION, "validatingwebhookconfigurations"): registration.webhook_rooms,
    ("apiextensions.k8s.io", "customresourcedefinitions"): definitions.rooms,
    ("apiregistration.k8s.io", "apiservices"): api_service.rooms,
    ("certificates.k8s.io", "certificatesigningrequests"): signing_request.rooms,
    ("coordination.k8s.io", "leases"): lease.rooms,
    ("discovery.k8s.io", "endpointslices"): endpoint_slice.rooms,
    ("events.k8s.io", "events"): event.group_rooms,
    (_FLOW, "flowschemas"): flow_schema.rooms,
    (_FLOW, "prioritylevelconfigurations"): priority_level.rooms,
    (_NETWORKING, "ingressclasses"): ingress_class.rooms,
    (_NETWORKING, "ingresses"): ingress.rooms,
    (_NETWORKING, "ipaddresses"): ip_address.rooms,
    (_NETWORKING, "networkpolicies"): network_policy.rooms,
    (_NETWORKING, "servicecidrs"): service_cidr.rooms,
    ("node.k8s.io", "runtimeclasses"): runtime_class.rooms,
    ("policy", "poddisruptionbudgets"): disruption_budget.rooms,
    (rbac.GROUP, "clusterrolebindings"): rbac.binding_rooms,
    (rbac.GROUP, "clusterroles"): rbac.role_rooms,
    (rbac.GROUP, "rolebindings"): rbac.binding_rooms,
    (rbac.GROUP, "roles"): rbac.role_rooms,
    (_DEVICES, "deviceclasses"): device_class.rooms,
    (_DEVICES, "resourceclaims"): resource_claim.rooms,
    (_DEVICES, "resourceclaimtemplates"): claim_template.rooms,
    (_DEVICES, "resourceslices"): resource_slice.rooms,
    ("scheduling.k8s.io", "priorityclasses"): priority_class.rooms,
    (_STORAGE, "csidrivers"): csi.driver_rooms,
    (_STORAGE, "csinodes"): csi.node_rooms,
    (_STORAGE, "csistoragecapacities"): csi.capacity_rooms,
    (_STORAGE, "storageclasses"): storage_class.class_rooms,
    (_STORAGE, "volumeattachments"): volume_attachment.rooms,
    (_STORAGE, "volumeattributesclasses"): storage_class.attributes_rooms,
    **WORKLOAD_MAKERS,
}
"""By (group, plural)."""
