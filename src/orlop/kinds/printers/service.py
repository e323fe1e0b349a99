"""Cells of services and what stands behind them: endpoints, endpoint slices.

Upstream: `pkg/printers/internalversion/printers.go` (printService, formatEndpoints, formatDiscovery*).
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import NONE, UNKNOWN, Cell, age, metadata_of, name_of, spec_of, status_of
from orlop.kinds.printers.format import LIST_MAX, format_labels, list_with_more


def service_cells(service: Tree) -> list[Cell]:
    metadata, spec = metadata_of(service), spec_of(service)
    cluster_ips = spec.get("clusterIPs")
    ports = ",".join([_port(port) for port in spec.get("ports") or ()])
    return [
        name_of(metadata), spec.get("type") or "", cluster_ips[0] if cluster_ips else NONE,
        _external(spec, status_of(service)), ports or NONE, age(metadata),
        format_labels(spec.get("selector")),
    ]


def _port(port: Tree) -> str:
    number, node_port = port.get("port") or 0, port.get("nodePort")
    numbers = f"{number}:{node_port}" if node_port else f"{number}"
    return f"{numbers}/{port.get('protocol') or ''}"


def _external(spec: Tree, status: Tree) -> str:
    """Where the service is reachable from outside, by its type."""
    kind = spec.get("type")
    addresses: list[str] = spec.get("externalIPs") or []
    if kind in ("ClusterIP", "NodePort"):
        return ",".join(addresses) or NONE
    if kind == "LoadBalancer":
        balancer = ingress_points(status)
        return ",".join([balancer, *addresses] if balancer else addresses) or "<pending>"
    if kind == "ExternalName":
        return spec.get("externalName") or ""
    return UNKNOWN


def ingress_points(status: Tree) -> str:
    """The addresses of a service's or ingress's load balancer: by IP, else by host name, in order."""
    points = (status.get("loadBalancer") or {}).get("ingress") or ()
    return ",".join(sorted({p.get("ip") or p.get("hostname") or "" for p in points} - {""}))


def endpoints_cells(endpoints: Tree) -> list[Cell]:
    metadata = metadata_of(endpoints)
    return [name_of(metadata), _endpoints(endpoints.get("subsets") or ()), age(metadata)]


def _endpoints(subsets: Sequence[Tree]) -> str:
    """Every ready address with every port of its subset; unready ones are left out."""
    if not subsets:
        return NONE
    pairs: list[str] = []
    for subset in subsets:
        addresses = [address.get("ip") or "" for address in subset.get("addresses") or ()]
        ports = subset.get("ports")
        if not ports:
            pairs += addresses
        for port in ports or ():
            pairs += [_join(address, port.get("port") or 0) for address in addresses]
    return list_with_more(pairs) if len(pairs) > LIST_MAX else ",".join(pairs)


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def endpoint_slice_cells(endpoint_slice: Tree) -> list[Cell]:
    metadata = metadata_of(endpoint_slice)
    ports = [_slice_port(port) for port in endpoint_slice.get("ports") or ()]
    endpoints = endpoint_slice.get("endpoints") or ()
    addresses = [address for endpoint in endpoints for address in endpoint.get("addresses") or ()]
    return [name_of(metadata), endpoint_slice.get("addressType") or "", list_with_more(ports),
            list_with_more(addresses), age(metadata)]


def _slice_port(port: Tree) -> str:
    """A port without number stands for all ports of its name, "*" without a name either."""
    number, name = port.get("port"), port.get("name")
    if number is not None:
        return str(number)
    return "*" if name is None else str(name)
