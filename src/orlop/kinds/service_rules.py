"""Rules of a service by itself, and of its change.

Called by `service`; the rules of addresses and families are in `service_addresses`. Behaviour: kubernetes
`pkg/apis/core/validation` ValidateService, ValidateServiceUpdate, ValidateServiceStatusUpdate.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import Path, duplicate, forbidden, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE, validate_labels
from orlop.kinds import ip
from orlop.kinds.checks import (
    PROTOCOLS,
    SPEC,
    STATUS,
    Errors,
    chosen,
    dns_label,
    dns_subdomain,
    one_of,
    port_number,
    port_number_or_name,
    printed,
    qualified_name,
)
from orlop.kinds.go_form import Form
from orlop.kinds.ingress import hostname
from orlop.kinds.service_addresses import address_changes, related_fields
from orlop.kinds.service_fields import (
    CLUSTER_IP,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT,
    is_external,
    is_headless,
    needs_health_port,
)

MAX_AFFINITY_SECONDS: Final = 86400
_TYPES: Final = (CLUSTER_IP, EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT)
_AFFINITIES: Final = ("ClientIP", "None")
_TRAFFIC: Final = ("Cluster", "Local")
_DISTRIBUTIONS: Final = ("PreferClose", "PreferSameZone", "PreferSameNode")
_IP_MODES: Final = ("Proxy", "VIP")
_PORTS: Final = SPEC.child("ports")
_CLASS: Final = SPEC.child("loadBalancerClass")
_TOPOLOGY_HINTS: Final = "service.kubernetes.io/topology-aware-hints"
_TOPOLOGY_MODE: Final = "service.kubernetes.io/topology-mode"
_RANGES_ANNOTATION: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"
_ONLY_BALANCED: Final = "may only be used when `type` is 'LoadBalancer'"
_PORT_FORM: Final = Form({
    "Name": ("", ""), "Protocol": ("protocol", ""), "AppProtocol": ("", None), "Port": ("port", 0),
    "TargetPort": ("", 0), "NodePort": ("", 0)})


def service_rules(service: Tree) -> Errors:
    """Everything but metadata."""
    spec: Tree = service.get("spec") or {}
    annotations: Tree = service["metadata"].get("annotations") or {}
    found = _topology(annotations) if annotations else []
    kind = spec.get("type") or ""
    ports: list[Tree] = spec.get("ports") or []
    if not ports and kind != EXTERNAL_NAME and not is_headless(spec):
        found.append(required(_PORTS))
    found += _of_type(spec, kind)
    names: set[str] = set()
    for index, port in enumerate(ports):
        found += _port(_PORTS.index(index), port, len(ports) > 1, names)
    if spec.get("selector"):
        found += validate_labels(spec["selector"], SPEC.child("selector"))
    found += _affinity(spec) + related_fields(spec)
    for index, text in enumerate(spec.get("externalIPs") or ()):
        place = SPEC.child("externalIPs").index(index)
        found += ip.valid(place, text) or ip.ordinary(place, text)
    found += chosen(SPEC.child("type"), kind, _TYPES)
    if kind == CLUSTER_IP:
        found += [forbidden(_PORTS.index(index).child("nodePort"), "may not be used when `type` is 'ClusterIP'")
                  for index, port in enumerate(ports) if port.get("nodePort")]
    found += _doubles(ports) + _source_ranges(spec, kind, annotations)
    return found + _balancing(spec, kind) + _traffic(spec, kind)


def _topology(annotations: Tree) -> Errors:
    mode, hints = annotations.get(_TOPOLOGY_MODE), annotations.get(_TOPOLOGY_HINTS)
    if mode is None or hints is None or mode == hints:
        return []
    return [invalid(Path("metadata.annotations").key(_TOPOLOGY_MODE), mode,
                    f"must match annotations[{_TOPOLOGY_HINTS}] when both are specified")]


def _of_type(spec: Tree, kind: str) -> Errors:
    if kind in (LOAD_BALANCER, NODE_PORT):
        if is_headless(spec):
            return [invalid(SPEC.child("clusterIPs").index(0), "None", f"may not be set to 'None' for {kind} services")]
        return []
    if kind != EXTERNAL_NAME:
        return []
    found = [forbidden(SPEC.child(name), "may not be set for ExternalName services")
             for name in ("clusterIPs", "ipFamilies") if spec.get(name)]
    if spec.get("ipFamilyPolicy") is not None:
        found.append(forbidden(SPEC.child("ipFamilyPolicy"), "may not be set for ExternalName services"))
    name = (spec.get("externalName") or "").removesuffix(".")
    place = SPEC.child("externalName")
    return found + (dns_subdomain(place, name) if name else [required(place)])


def _port(path: Path, port: Tree, needs_name: bool, names: set[str]) -> Errors:
    found: Errors = []
    name = port.get("name") or ""
    if name:
        found += dns_label(path.child("name"), name)
        if name in names:
            found.append(duplicate(path.child("name"), name))
        names.add(name)
    elif needs_name:
        found.append(required(path.child("name")))
    found += port_number(path.child("port"), port.get("port") or 0)
    found += chosen(path.child("protocol"), port.get("protocol"), PROTOCOLS)
    found += port_number_or_name(path.child("targetPort"), port.get("targetPort") or 0)
    if port.get("appProtocol") is not None:
        found += qualified_name(path.child("appProtocol"), port["appProtocol"])
    return found


def _affinity(spec: Tree) -> Errors:
    kind, config = spec.get("sessionAffinity"), spec.get("sessionAffinityConfig")
    found = chosen(SPEC.child("sessionAffinity"), kind, _AFFINITIES)
    place = SPEC.child("sessionAffinityConfig")
    if kind == "None" and config is not None:
        found.append(forbidden(place, "must not be set when session affinity is None"))
    elif kind == "ClientIP":
        found += _client_ip(place, config)
    return found


def _client_ip(path: Path, config: Tree | None) -> Errors:
    needed = "when session affinity type is ClientIP"
    if config is None:
        return [required(path, needed)]
    client = config.get("clientIP")
    if client is None:
        return [required(path.child("clientIP"), needed)]
    seconds = client.get("timeoutSeconds")
    place = path.child("clientIP.timeoutSeconds")
    if seconds is None:
        return [required(place, needed)]
    if not 0 < seconds <= MAX_AFFINITY_SECONDS:
        return [invalid(place, seconds, f"must be greater than 0 and less than {MAX_AFFINITY_SECONDS}")]
    return []


def _doubles(ports: list[Tree]) -> Errors:
    """No two ports are the same, as node ports or as ports."""
    found: Errors = []
    if len(ports) < 2:
        return found
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        if port.get("nodePort"):
            key = (port.get("protocol") or "", port["nodePort"])
            if key in seen:
                found.append(duplicate(_PORTS.index(index).child("nodePort"), port["nodePort"]))
            seen.add(key)
    seen = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol") or "", port.get("port") or 0)
        if key in seen:
            found.append(duplicate(_PORTS.index(index), _PORT_FORM.text(port)))
        seen.add(key)
    return found


def _source_ranges(spec: Tree, kind: str, annotations: Tree) -> Errors:
    found: Errors = []
    ranges = spec.get("loadBalancerSourceRanges")
    if ranges:
        path = SPEC.child("LoadBalancerSourceRanges")
        if kind != LOAD_BALANCER:
            found.append(forbidden(path, _ONLY_BALANCED))
        for index, text in enumerate(ranges):
            found += ip.valid_cidr(path.index(index), text.strip())
    elif _RANGES_ANNOTATION in annotations:
        path = Path("metadata.annotations").key(_RANGES_ANNOTATION)
        if kind != LOAD_BALANCER:
            found.append(forbidden(path, _ONLY_BALANCED))
        value = annotations[_RANGES_ANNOTATION].strip()
        for text in value.split(",") if value else ():
            found += ip.valid_cidr(path, text.strip())
    return found


def _balancing(spec: Tree, kind: str) -> Errors:
    found: Errors = []
    allocates = spec.get("allocateLoadBalancerNodePorts")
    if kind == LOAD_BALANCER:
        if allocates is None:
            found.append(required(Path("allocateLoadBalancerNodePorts")))
    elif allocates is not None:
        found.append(forbidden(SPEC.child("allocateLoadBalancerNodePorts"), _ONLY_BALANCED))
    return found + _balancer_class(spec)


def _balancer_class(spec: Tree) -> Errors:
    name = spec.get("loadBalancerClass")
    if name is None:
        return []
    if spec.get("type") == LOAD_BALANCER:
        return qualified_name(_CLASS, name)
    return [forbidden(_CLASS, _ONLY_BALANCED)]


def _traffic(spec: Tree, kind: str) -> Errors:
    found: Errors = []
    outside, place = spec.get("externalTrafficPolicy") or "", SPEC.child("externalTrafficPolicy")
    if is_external(spec):
        found += chosen(place, outside, _TRAFFIC)
    elif outside:
        found.append(invalid(place, outside, "may only be set for externally-accessible services"))
    port, place = spec.get("healthCheckNodePort") or 0, SPEC.child("healthCheckNodePort")
    if needs_health_port(spec):
        found += port_number(place, port) if port else [required(place)]
    elif port:
        found.append(invalid(place, port, (
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'")))
    inside, place = spec.get("internalTrafficPolicy"), SPEC.child("internalTrafficPolicy")
    if inside is not None:
        found += one_of(place, inside, _TRAFFIC)
    elif kind in (NODE_PORT, LOAD_BALANCER, CLUSTER_IP):
        found.append(required(place))
    distribution = spec.get("trafficDistribution")
    if distribution is not None:
        found += one_of(SPEC.child("trafficDistribution"), distribution, _DISTRIBUTIONS)
    return found


def service_changes(service: Tree, before: Tree) -> Errors:
    """What a change must leave alone."""
    new: Tree = service.get("spec") or {}
    old: Tree = before.get("spec") or {}
    found = address_changes(new, old)
    if new.get("type") == old.get("type") == LOAD_BALANCER:
        name = new.get("loadBalancerClass")
        if name != old.get("loadBalancerClass"):
            found.append(invalid(_CLASS, printed(name), "may not change once set"))
    found += _balancer_class(new)  # upstream looks at it here and among the rules
    if needs_health_port(new) and needs_health_port(old) \
            and new.get("healthCheckNodePort") != old.get("healthCheckNodePort"):
        found.append(forbidden(SPEC.child("healthCheckNodePort"), IMMUTABLE))
    return found


def balancer_status(service: Tree) -> Errors:
    """What a load balancer reports; only services that have one may report."""
    points = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    path = STATUS.child("loadBalancer.ingress")
    if points and (service.get("spec") or {}).get("type") != LOAD_BALANCER:
        return [forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")]
    found: Errors = []
    for index, point in enumerate(points):
        place = path.index(index)
        address, mode = point.get("ip"), point.get("ipMode")
        if address:
            found += ip.valid(place.child("ip"), address)
        if mode is None:
            if address:
                found.append(required(place.child("ipMode"), "must be specified when `ip` is set"))
        elif not address:
            found.append(forbidden(place.child("ipMode"), "may not be specified when `ip` is not set"))
        elif mode not in _IP_MODES:
            found.append(not_supported(place.child("ipMode"), mode, _IP_MODES))
        if point.get("hostname"):
            found += hostname(place.child("hostname"), point["hostname"])
    return found
