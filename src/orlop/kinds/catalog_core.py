"""The core group ("") of Kubernetes 1.36: every resource under /api/v1.

Read through `kinds.catalog`. Order: the plural's, as discovery lists them. Behaviour: kube-apiserver
`pkg/registry/core/rest`.
"""

from __future__ import annotations

from functools import partial

from orlop.kinds.declaration import Resource, Subresource

READ_WRITE = ("get", "patch", "update")
STATUS = Subresource("status", READ_WRITE)
SCALE = Subresource("scale", READ_WRITE, "Scale", "autoscaling", "v1")

_STREAM = ("create", "get")
_PROXY = ("create", "delete", "get", "patch", "update")

core = partial(Resource, "")

POD_ROOMS = (
    Subresource("attach", _STREAM, "PodAttachOptions"),
    Subresource("binding", ("create",), "Binding"),
    Subresource("ephemeralcontainers", READ_WRITE),
    Subresource("eviction", ("create",), "Eviction", "policy", "v1"),
    Subresource("exec", _STREAM, "PodExecOptions"),
    Subresource("log", ("get",)),
    Subresource("portforward", _STREAM, "PodPortForwardOptions"),
    Subresource("proxy", _PROXY, "PodProxyOptions"),
    Subresource("resize", READ_WRITE),
    STATUS,
)

CORE: tuple[Resource, ...] = (
    core("Binding", "bindings", verbs=("create",), stored=False),
    core("ComponentStatus", "componentstatuses", namespaced=False, short_names=("cs",),
         verbs=("get", "list"), stored=False),
    core("ConfigMap", "configmaps", short_names=("cm",)),
    core("Endpoints", "endpoints", short_names=("ep",), prefix="services/endpoints"),
    core("Event", "events", short_names=("ev",)),
    core("LimitRange", "limitranges", short_names=("limits",)),
    core("Namespace", "namespaces", namespaced=False, short_names=("ns",),
         verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
         subresources=(Subresource("finalize", ("update",)), STATUS)),
    core("Node", "nodes", namespaced=False, short_names=("no",), prefix="minions",
         subresources=(Subresource("proxy", _PROXY, "NodeProxyOptions"), STATUS)),
    core("PersistentVolumeClaim", "persistentvolumeclaims", short_names=("pvc",), subresources=(STATUS,)),
    core("PersistentVolume", "persistentvolumes", namespaced=False, short_names=("pv",),
         subresources=(STATUS,)),
    core("Pod", "pods", short_names=("po",), categories=("all",), subresources=POD_ROOMS),
    core("PodTemplate", "podtemplates"),
    core("ReplicationController", "replicationcontrollers", short_names=("rc",), categories=("all",),
         subresources=(SCALE, STATUS), prefix="controllers"),
    core("ResourceQuota", "resourcequotas", short_names=("quota",), subresources=(STATUS,)),
    core("Secret", "secrets"),
    core("ServiceAccount", "serviceaccounts", short_names=("sa",),
         subresources=(Subresource("token", ("create",), "TokenRequest", "authentication.k8s.io", "v1"),)),
    core("Service", "services", short_names=("svc",), categories=("all",), prefix="services/specs",
         subresources=(Subresource("proxy", _PROXY, "ServiceProxyOptions"), STATUS)),
)  # fmt: skip
