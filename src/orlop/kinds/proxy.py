"""pods/NAME/proxy, services/NAME/proxy and nodes/NAME/proxy: requests passed on to what stands behind the object.

Made by `pod_storage` (pods) and `workload_makers` (services, nodes). Finds the address; who passes on is the
`ProxyTransport` or, for a node's own port, the `KubeletConnection`. Behaviour and texts: ResourceLocation in kubernetes
`pkg/registry/core/{pod,node}/strategy.go` and `pkg/registry/core/service/storage/storage.go`; apimachinery
`pkg/util/proxy`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Final, Protocol

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.gotext import NumberError, parse_int64
from orlop.api.http import Answer, Request, Response
from orlop.api.tree import Tree
from orlop.kinds import ip
from orlop.kinds.kubelet import (
    KubeletConnection,
    KubeletLocator,
    Location,
    ProxyTransport,
    unreachable_service,
    unreachable_upgrade,
)
from orlop.kinds.pod_connect import wants_upgrade
from orlop.kinds.pod_target import find, split
from orlop.registry.store import Store
from orlop.world.entropy import Entropy

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOT_ALLOWED: Final = "address not allowed"


class _Relay(Protocol):
    def relay(self, location: Location, request: Request) -> Answer | Awaitable[Answer]: ...


class _Proxy:
    """What the three rooms share."""

    connect_methods = METHODS

    def locate(self, ctx: Context, target: str) -> tuple[Location, _Relay | None]:
        """Where `target` (name, name:port or scheme:name:port) is, and the way there."""
        raise errors.bad_request(f"invalid request {target}")

    def connect(self, ctx: Context, name: str, path: str, request: Request) -> Answer | Awaitable[Answer]:
        location, way = self.locate(ctx, name)
        upgrade = wants_upgrade(request)
        rest = _cleaned(path, request.path.endswith("/"))
        location = replace(location, path=rest, query="" if upgrade else request.query)
        if not rest and request.method in ("GET", "HEAD") and not upgrade:
            query = f"?{request.query}" if request.query else ""
            return Response(301, b"", "", (("Location", f"{request.path}/{query}"),))
        if way is None:
            raise unreachable_upgrade(location) if upgrade else unreachable_service(location)
        return way.relay(location, request)


def _cleaned(path: str, slash: bool) -> str:
    """What follows `proxy`, without empty, "." and ".." elements; "" for nothing at all."""
    if not path:
        return "/" if slash else ""
    rest = posixpath.normpath("/" + path.lstrip("/"))
    return rest + "/" if slash and rest != "/" else rest


def reachable(address: str) -> bool:
    """Go's IsGlobalUnicast: neither this host nor this link nor many at once."""
    parsed = ip.parse(address)
    return parsed is not None and not (parsed.is_unspecified or parsed.is_loopback or parsed.is_multicast
                                       or parsed.is_link_local)


class PodProxy(_Proxy):
    def __init__(self, pods: Store, transport: ProxyTransport | None) -> None:
        self._pods, self._transport = pods, transport

    def locate(self, ctx: Context, target: str) -> tuple[Location, _Relay | None]:
        parts = split(target)
        if parts is None:
            raise errors.bad_request(f'invalid pod request "{target}"')
        scheme, name, port = parts
        pod = find(self._pods, ctx, name)
        if not port:
            port = _first_port(pod.get("spec") or {})
        addresses = (pod.get("status") or {}).get("podIPs") or ()
        address = addresses[0].get("ip") or "" if addresses else ""
        if not reachable(address):
            raise errors.bad_request(NOT_ALLOWED)
        return Location(scheme or "http", address, port), self._transport


def _first_port(spec: Tree) -> str:
    for container in spec.get("containers") or ():
        if container.get("ports"):
            return str(container["ports"][0].get("containerPort") or 0)
    return ""


class ServiceProxy(_Proxy):
    """`stores` by (group, plural)."""

    def __init__(self, stores: Mapping[tuple[str, str], Store], transport: ProxyTransport | None,
                 entropy: Entropy) -> None:
        self._stores, self._transport, self._entropy = stores, transport, entropy

    def locate(self, ctx: Context, target: str) -> tuple[Location, _Relay | None]:
        parts = split(target)
        if parts is None:
            raise errors.bad_request(f'invalid service request "{target}"')
        scheme, name, port = parts
        port = self._port_name(ctx, name, port)
        endpoints = find(self._stores[("", "endpoints")], ctx, name)
        subsets = endpoints.get("subsets") or ()
        if not subsets:
            raise errors.service_unavailable(f'no endpoints available for service "{name}"')
        for address, number in self._candidates(ctx, subsets, port):
            return Location(scheme or "http", address, str(number)), self._transport
        raise errors.service_unavailable(f'no endpoints available for service "{target}"')

    def _port_name(self, ctx: Context, name: str, port: str) -> str:
        """Endpoints know ports by name only."""
        try:
            number = parse_int64(port)
        except NumberError:
            return port
        service = find(self._stores[("", "services")], ctx, name)
        for declared in (service.get("spec") or {}).get("ports") or ():
            if declared.get("port") == number:
                return str(declared.get("name") or "")
        raise errors.service_unavailable(f'no service port {number} found for service "{name}"')

    def _candidates(self, ctx: Context, subsets: list[Tree], port: str) -> list[tuple[str, int]]:
        """Addresses of pods that have the port, in an order that differs from request to request."""
        found = []
        for subset in subsets:
            for declared in subset.get("ports") or ():
                if (declared.get("name") or "") == port:
                    found += [(address["ip"], declared.get("port") or 0) for address in subset.get("addresses") or ()
                              if self._is_pod(ctx, address)]
        start = int(self._entropy.uid().replace("-", "")[:8], 16) % len(found) if found else 0
        return found[start:] + found[:start]

    def _is_pod(self, ctx: Context, address: Tree) -> bool:
        """The proxy reaches pods only: anybody may write Endpoints."""
        target = address.get("targetRef") or {}
        if target.get("namespace") != ctx.namespace:
            return False
        pods = self._stores[("", "pods")]
        entry = pods.cache.peek(pods.key(ctx, target.get("name") or ""))
        listed = (entry.tree().get("status") or {}).get("podIPs") or () if entry is not None else ()
        return any(own.get("ip") == address.get("ip") for own in listed)


class NodeProxy(_Proxy):
    def __init__(self, locator: KubeletLocator, kubelet: KubeletConnection | None,
                 transport: ProxyTransport | None) -> None:
        self._locator, self._kubelet, self._transport = locator, kubelet, transport

    def locate(self, ctx: Context, target: str) -> tuple[Location, _Relay | None]:
        parts = split(target)
        if parts is None:
            raise errors.bad_request(f'invalid node request "{target}"')
        scheme, name, port = parts
        kubelet = self._locator.locate(ctx, name)
        if ip.parse(kubelet.host) is not None and not reachable(kubelet.host):
            raise errors.bad_request(NOT_ALLOWED)
        if port in ("", kubelet.port):
            return kubelet, self._kubelet
        return Location(scheme or "http", kubelet.host, port), self._transport
