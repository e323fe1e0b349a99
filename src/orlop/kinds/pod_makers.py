"""The makers of pods and of the rooms that lead to them: bindings, and the proxies of nodes and services.

Merged into `workload_makers.WORKLOAD_MAKERS`. The connection to kubelets and the transport of proxies come from the
settings (`kubelet`, `proxy_transport`), or are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orlop.kinds import node, service
from orlop.kinds.binding import Bindings, LegacyBindings
from orlop.kinds.declaration import Resource
from orlop.kinds.pod_storage import kubelet_locator, pod_storage
from orlop.kinds.proxy import NodeProxy, ServiceProxy
from orlop.kinds.rooms import Maker, RestOptions, Rooms

_PODS: Final = ("", "pods")


def pod_rooms(resource: Resource, options: RestOptions) -> Rooms:
    settings = options.settings
    return pod_storage(resource, options, settings.get("kubelet"), settings.get("proxy_transport")).rooms()


def binding_rooms(resource: Resource, options: RestOptions) -> Rooms:
    """The collection `bindings`. Its row comes before that of pods: the store is looked up when it is needed."""
    return {"": LegacyBindings(lambda: Bindings(options.stores[_PODS], options.outside.clock))}


def node_rooms(resource: Resource, options: RestOptions) -> Rooms:
    settings = options.settings
    proxy = NodeProxy(kubelet_locator(options), settings.get("kubelet"), settings.get("proxy_transport"))
    return {**node.rooms(resource, options), "proxy": proxy}


def service_rooms(resource: Resource, options: RestOptions) -> Rooms:
    proxy = ServiceProxy(options.stores, options.settings.get("proxy_transport"), options.outside.entropy)
    return {**service.rooms(resource, options), "proxy": proxy}


POD_MAKERS: Final[Mapping[tuple[str, str], Maker]] = {
    _PODS: pod_rooms,
    ("", "bindings"): binding_rooms,
    ("", "nodes"): node_rooms,
    ("", "services"): service_rooms,
}
"""By (group, plural)."""
