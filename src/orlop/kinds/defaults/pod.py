"""Defaults of pods and of everything that holds a pod template.

Run on decoded bodies by the endpoints (`schema.compile_defaults` over the merged tables of `kinds.defaults`); hand
on trees that validation may take for complete. Two defaulters visit a whole pod spec by hand, because every write of a
pod pays for them. Values: kubernetes `pkg/apis/core/v1/defaults.go`, `zz_generated.defaults.go`, and the parts of
`conversion.go` that fill in twin fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

from orlop.api import quantity
from orlop.api.tree import Tree
from orlop.kinds.defaults.volumes import default_volumes
from orlop.kinds.image_names import pull_policy
from orlop.kinds.pod_rules.pod_resources import aggregate_limits, aggregate_requests, is_pod_level
from orlop.kinds.resource_names import HUGE_PAGES, overcommits

_MILLI: Final = -3
_KNOWN_QUANTITIES: Final = 4096
"""How many quantities are remembered as rounded; the least recently used goes first."""
_INIT_ANNOTATIONS: Final = (
    "pod.beta.kubernetes.io/init-containers", "pod.alpha.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-container-statuses", "pod.alpha.kubernetes.io/init-container-statuses")


@lru_cache(_KNOWN_QUANTITIES)
def rounded(text: str) -> str:
    """A quantity rounded up to thousandths, the finest that requests and limits keep."""
    amount = quantity.parse(text)
    if amount.scale >= _MILLI:
        return text
    kept = quantity.Quantity(amount.value(_MILLI), _MILLI, amount.format)
    return text if kept.compare(amount) == 0 else str(kept)


def round_amounts(amounts: Tree | None) -> None:
    for name, text in (amounts or {}).items():
        if (kept := rounded(text)) is not text:
            amounts[name] = kept  # type: ignore[index]


def _round_resources(resources: Tree) -> None:
    for amounts in (resources.get("limits"), resources.get("requests")):
        if amounts:
            round_amounts(amounts)


def _http_get(action: Tree) -> None:
    if not action.get("path"):
        action["path"] = "/"
    if not action.get("scheme"):
        action["scheme"] = "HTTP"


def _probe(probe: Tree) -> None:
    get = probe.get
    if not get("timeoutSeconds"):
        probe["timeoutSeconds"] = 1
    if not get("periodSeconds"):
        probe["periodSeconds"] = 10
    if not get("successThreshold"):
        probe["successThreshold"] = 1
    if not get("failureThreshold"):
        probe["failureThreshold"] = 3
    http = get("httpGet")
    if http is not None:
        _http_get(http)
    elif "grpc" in probe and probe["grpc"].get("service") is None:
        probe["grpc"]["service"] = ""


def _lifecycle(lifecycle: Tree) -> None:
    for handler in (lifecycle.get("postStart"), lifecycle.get("preStop")):
        if handler is not None and "httpGet" in handler:
            _http_get(handler["httpGet"])


def _environment(variables: Iterable[Tree]) -> None:
    for variable in variables:
        source = variable.get("valueFrom")
        if source is None:
            continue
        reference = source.get("fieldRef")
        if reference is not None and not reference.get("apiVersion"):
            reference["apiVersion"] = "v1"
        if "fileKeyRef" in source and source["fileKeyRef"].get("optional") is None:
            source["fileKeyRef"]["optional"] = False


def _container(container: Tree) -> None:
    get = container.get
    if not get("imagePullPolicy"):
        container["imagePullPolicy"] = pull_policy(get("image") or "")
    if not get("terminationMessagePath"):
        container["terminationMessagePath"] = "/dev/termination-log"
    if not get("terminationMessagePolicy"):
        container["terminationMessagePolicy"] = "File"
    for port in get("ports") or ():
        if not port.get("protocol"):
            port["protocol"] = "TCP"
    variables = get("env")
    if variables:
        _environment(variables)
    resources = get("resources")
    if resources:
        _round_resources(resources)
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _probe(container[name])
    if "lifecycle" in container:
        _lifecycle(container["lifecycle"])


def _pod_spec(spec: Tree) -> None:
    get = spec.get
    if not get("dnsPolicy"):
        spec["dnsPolicy"] = "ClusterFirst"
    if not get("restartPolicy"):
        spec["restartPolicy"] = "Always"
    if get("securityContext") is None:
        spec["securityContext"] = {}
    if get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = 30
    if not get("schedulerName"):
        spec["schedulerName"] = "default-scheduler"
    account = get("serviceAccountName") or get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in get("containers") or ():
        _container(container)
    for container in get("initContainers") or ():
        _container(container)
    for container in get("ephemeralContainers") or ():
        _container(container)
    volumes = get("volumes")
    if volumes:
        default_volumes(volumes)
    if "overhead" in spec:
        round_amounts(spec["overhead"])
    if "resources" in spec:
        _round_resources(spec["resources"])


def _requests_from_limits(containers: Iterable[Tree]) -> None:
    """Only pods, not templates: what is limited is requested."""
    for container in containers:
        resources: Tree = container.get("resources") or {}
        limits = resources.get("limits")
        if limits:
            resources["requests"] = {**limits, **(resources.get("requests") or {})}


def _host_ports(containers: Iterable[Tree]) -> None:
    for container in containers:
        for port in container.get("ports") or ():
            if not port.get("hostPort"):
                port["hostPort"] = port.get("containerPort") or 0


def _pod_resources(spec: Tree) -> None:
    """Requests of the pod as a whole, from what its containers ask for and from its own limits."""
    resources = spec["resources"]
    limits, requests = resources.get("limits") or {}, dict(resources.get("requests") or {})
    if requests or limits:
        for name, amount in aggregate_limits(spec).items():
            if name.startswith(HUGE_PAGES) and name not in limits:
                limits[name] = amount
                resources["limits"] = limits
    if not limits:
        return
    for name, amount in aggregate_requests(spec).items():
        if name not in requests and is_pod_level(name) and overcommits(name):
            requests[name] = amount
    for name, amount in limits.items():
        if name not in requests and is_pod_level(name):
            requests[name] = amount
    if requests:
        resources["requests"] = requests


def _addresses(status: Tree) -> None:
    """podIP is the first of podIPs; a podIP that differs wins."""
    address, listed = status.get("podIP"), status.get("podIPs")
    if address:
        if not listed or listed[0].get("ip") != address:
            status["podIPs"] = [{"ip": address}]
    elif listed:
        status["podIP"] = listed[0].get("ip") or ""


def _pod(pod: Tree) -> None:
    spec = pod.get("spec")
    if spec is None:
        return
    get = spec.get
    grace = get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0:
        spec["terminationGracePeriodSeconds"] = 1
    containers, early = get("containers") or (), get("initContainers") or ()
    _requests_from_limits(containers)
    if early:
        _requests_from_limits(early)
    if "resources" in spec:
        _pod_resources(spec)
    if get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    if get("hostNetwork"):
        _host_ports(containers)
        _host_ports(early)
    status = pod.get("status")
    if status and ("podIP" in status or "podIPs" in status):
        _addresses(status)
    drop_init_annotations(pod)


def drop_init_annotations(holder: Tree) -> None:
    """Annotations in which init containers lived before they were a field."""
    annotations = holder["metadata"].get("annotations") if "metadata" in holder else None
    if annotations:
        for name in _INIT_ANNOTATIONS:
            if name in annotations:
                del annotations[name]


def _template(template: Tree) -> None:
    if "metadata" in template:
        drop_init_annotations(template)


def _replication_controller(controller: Tree) -> None:
    spec = controller.setdefault("spec", {})
    if spec.get("replicas") is None:
        spec["replicas"] = 1
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        if not controller["metadata"].get("labels"):
            controller["metadata"]["labels"] = dict(labels)


DEFAULTERS: Mapping[str, Callable[[Tree], None]] = {
    "io.k8s.api.core.v1.Pod": _pod,
    "io.k8s.api.core.v1.PodSpec": _pod_spec,
    "io.k8s.api.core.v1.PodTemplateSpec": _template,
    "io.k8s.api.core.v1.ReplicationController": _replication_controller,
}
