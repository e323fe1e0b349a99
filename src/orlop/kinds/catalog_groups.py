"""The named groups of Kubernetes 1.36: every resource under /apis.

Read through `kinds.catalog`. A group a table, in order of the plural. Behaviour: kube-apiserver
`pkg/registry/<group>/rest`, apiextensions-apiserver, kube-aggregator.
"""

from __future__ import annotations

from functools import partial

from orlop.api.gvk import GroupVersion
from orlop.kinds.catalog_core import READ_WRITE, SCALE, STATUS
from orlop.kinds.declaration import Resource, Subresource

_REVIEW = ("create",)
_EXTENSIONS = ("api-extensions",)

admission = partial(Resource, "admissionregistration.k8s.io")
apiextensions = partial(Resource, "apiextensions.k8s.io")
apiregistration = partial(Resource, "apiregistration.k8s.io")
apps = partial(Resource, "apps")
authentication = partial(Resource, "authentication.k8s.io")
authorization = partial(Resource, "authorization.k8s.io")
autoscaling = partial(Resource, "autoscaling")
batch = partial(Resource, "batch")
certificates = partial(Resource, "certificates.k8s.io")
coordination = partial(Resource, "coordination.k8s.io")
discovery = partial(Resource, "discovery.k8s.io")
events = partial(Resource, "events.k8s.io")
flowcontrol = partial(Resource, "flowcontrol.apiserver.k8s.io")
networking = partial(Resource, "networking.k8s.io")
node = partial(Resource, "node.k8s.io")
policy = partial(Resource, "policy")
rbac = partial(Resource, "rbac.authorization.k8s.io")
dynamic = partial(Resource, "resource.k8s.io")
scheduling = partial(Resource, "scheduling.k8s.io")
storage = partial(Resource, "storage.k8s.io")

_ADMISSION_STORED = GroupVersion("admissionregistration.k8s.io", "v1beta1")
"""The mutating policies became v1 in 1.36 and stay stored as v1beta1 for one release, for the way back."""

ADMISSIONREGISTRATION = (
    admission("MutatingAdmissionPolicy", "mutatingadmissionpolicies", namespaced=False,
              categories=_EXTENSIONS, storage_version=_ADMISSION_STORED),
    admission("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", namespaced=False,
              categories=_EXTENSIONS, storage_version=_ADMISSION_STORED),
    admission("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", namespaced=False,
              categories=_EXTENSIONS),
    admission("ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False,
              categories=_EXTENSIONS, subresources=(STATUS,)),
    admission("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", namespaced=False,
              categories=_EXTENSIONS),
    admission("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", namespaced=False,
              categories=_EXTENSIONS),
)  # fmt: skip

APIEXTENSIONS = (
    apiextensions("CustomResourceDefinition", "customresourcedefinitions", namespaced=False,
                  short_names=("crd", "crds"), categories=_EXTENSIONS, subresources=(STATUS,),
                  prefix="apiextensions.k8s.io/customresourcedefinitions",
                  storage_version=GroupVersion("apiextensions.k8s.io", "v1beta1")),
)  # fmt: skip

APIREGISTRATION = (
    apiregistration("APIService", "apiservices", namespaced=False, categories=_EXTENSIONS,
                    subresources=(STATUS,), prefix="apiregistration.k8s.io/apiservices"),
)  # fmt: skip

APPS = (
    apps("ControllerRevision", "controllerrevisions"),
    apps("DaemonSet", "daemonsets", short_names=("ds",), categories=("all",), subresources=(STATUS,)),
    apps("Deployment", "deployments", short_names=("deploy",), categories=("all",),
         subresources=(SCALE, STATUS)),
    apps("ReplicaSet", "replicasets", short_names=("rs",), categories=("all",),
         subresources=(SCALE, STATUS)),
    apps("StatefulSet", "statefulsets", short_names=("sts",), categories=("all",),
         subresources=(SCALE, STATUS)),
)  # fmt: skip

AUTHENTICATION = (
    authentication("SelfSubjectReview", "selfsubjectreviews", namespaced=False, verbs=_REVIEW,
                   stored=False),
    authentication("TokenReview", "tokenreviews", namespaced=False, verbs=_REVIEW, stored=False),
)  # fmt: skip

AUTHORIZATION = (
    authorization("LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=_REVIEW,
                  stored=False),
    authorization("SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False,
                  verbs=_REVIEW, stored=False),
    authorization("SelfSubjectRulesReview", "selfsubjectrulesreviews", namespaced=False,
                  verbs=_REVIEW, stored=False),
    authorization("SubjectAccessReview", "subjectaccessreviews", namespaced=False,
                  verbs=_REVIEW, stored=False),
)  # fmt: skip

AUTOSCALING = (
    autoscaling("HorizontalPodAutoscaler", "horizontalpodautoscalers", short_names=("hpa",),
                categories=("all",), subresources=(STATUS,), versions=("v2", "v1")),
)  # fmt: skip

BATCH = (
    batch("CronJob", "cronjobs", short_names=("cj",), categories=("all",), subresources=(STATUS,)),
    batch("Job", "jobs", categories=("all",), subresources=(STATUS,)),
)

CERTIFICATES = (
    certificates("CertificateSigningRequest", "certificatesigningrequests", namespaced=False,
                 short_names=("csr",), subresources=(Subresource("approval", READ_WRITE), STATUS)),
)  # fmt: skip

COORDINATION = (coordination("Lease", "leases"),)

DISCOVERY = (discovery("EndpointSlice", "endpointslices"),)

EVENTS = (
    # The same objects as the core group's events: one place in storage, one stored version.
    events("Event", "events", short_names=("ev",), storage_version=GroupVersion("", "v1")),
)

FLOWCONTROL = (
    flowcontrol("FlowSchema", "flowschemas", namespaced=False, subresources=(STATUS,)),
    flowcontrol("PriorityLevelConfiguration", "prioritylevelconfigurations",
                namespaced=False, subresources=(STATUS,)),
)  # fmt: skip

NETWORKING = (
    networking("IngressClass", "ingressclasses", namespaced=False),
    networking("Ingress", "ingresses", short_names=("ing",), subresources=(STATUS,),
               prefix="ingress"),
    networking("IPAddress", "ipaddresses", namespaced=False, short_names=("ip",)),
    networking("NetworkPolicy", "networkpolicies", short_names=("netpol",)),
    networking("ServiceCIDR", "servicecidrs", namespaced=False, subresources=(STATUS,)),
)  # fmt: skip

NODE = (node("RuntimeClass", "runtimeclasses", namespaced=False),)

POLICY = (
    policy("PodDisruptionBudget", "poddisruptionbudgets", short_names=("pdb",), subresources=(STATUS,)),
)

RBAC = (
    rbac("ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    rbac("ClusterRole", "clusterroles", namespaced=False),
    rbac("RoleBinding", "rolebindings"),
    rbac("Role", "roles"),
)

DYNAMIC_RESOURCES = (
    dynamic("DeviceClass", "deviceclasses", namespaced=False),
    dynamic("ResourceClaim", "resourceclaims", subresources=(STATUS,)),
    dynamic("ResourceClaimTemplate", "resourceclaimtemplates"),
    dynamic("ResourceSlice", "resourceslices", namespaced=False),
)

SCHEDULING = (
    scheduling("PriorityClass", "priorityclasses", namespaced=False, short_names=("pc",)),
)

STORAGE = (
    storage("CSIDriver", "csidrivers", namespaced=False),
    storage("CSINode", "csinodes", namespaced=False),
    storage("CSIStorageCapacity", "csistoragecapacities"),
    storage("StorageClass", "storageclasses", namespaced=False, short_names=("sc",)),
    storage("VolumeAttachment", "volumeattachments", namespaced=False, subresources=(STATUS,)),
    storage("VolumeAttributesClass", "volumeattributesclasses", namespaced=False,
            short_names=("vac",)),
)  # fmt: skip

NAMED: tuple[Resource, ...] = (
    *APIREGISTRATION, *APPS, *EVENTS, *AUTHENTICATION, *AUTHORIZATION, *AUTOSCALING, *BATCH, *CERTIFICATES,
    *NETWORKING, *POLICY, *RBAC, *STORAGE, *ADMISSIONREGISTRATION, *APIEXTENSIONS, *SCHEDULING, *COORDINATION,
    *NODE, *DISCOVERY, *DYNAMIC_RESOURCES, *FLOWCONTROL,
)  # fmt: skip
