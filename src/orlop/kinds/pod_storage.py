"""All rooms of pods, made at once: the pattern for kinds with many rooms.

Called by `workload_makers`. Everything shares the pods' one cache; what talks to kubelets gets the connection handed
in, or none. Behaviour: kubernetes `pkg/registry/core/pod/storage/storage.go` NewStorage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orlop.kinds.binding import Bindings, LegacyBindings
from orlop.kinds.declaration import Resource
from orlop.kinds.eviction import Evictions
from orlop.kinds.kubelet import ADDRESS_TYPES, KubeletConnection, KubeletLocator, ProxyTransport
from orlop.kinds.pod import EphemeralContainersStrategy, PodStatusStrategy, PodStrategy, ResizeStrategy
from orlop.kinds.pod_connect import ATTACH, EXEC, PORT_FORWARD, Streams
from orlop.kinds.pod_log import Logs
from orlop.kinds.proxy import PodProxy
from orlop.kinds.rooms import RestOptions, Rooms, form, store
from orlop.registry.store import Store
from orlop.schema.kind import KindSchema
from orlop.schema.types import Type


@dataclass(frozen=True, slots=True)
class PodStorage:
    """One member a room; `legacy_binding` is the resource `bindings`."""

    pod: Store
    binding: Bindings
    legacy_binding: LegacyBindings
    eviction: Evictions
    status: Store
    ephemeral_containers: Store
    resize: Store
    log: Logs
    proxy: PodProxy
    exec: Streams
    attach: Streams
    port_forward: Streams

    def rooms(self) -> Rooms:
        """By subresource, as the installer wants them."""
        made: dict[str, Any] = {
            "": self.pod, "attach": self.attach, "binding": self.binding,
            "ephemeralcontainers": self.ephemeral_containers, "eviction": self.eviction, "exec": self.exec,
            "log": self.log, "portforward": self.port_forward, "proxy": self.proxy, "resize": self.resize,
            "status": self.status,
        }
        return made


def spec_type(resource: Resource, options: RestOptions) -> Callable[[], Type]:
    """The type of a kind's spec, loaded when it is first asked for."""

    def load() -> Type:
        schema = options.schema(resource.storage_kind)
        if not isinstance(schema, KindSchema):
            raise TypeError(f"{resource.kind} has no type")
        return schema.type.fields["spec"].type.target

    return load


def kubelet_locator(options: RestOptions) -> KubeletLocator:
    """Prefers the addresses that the settings prefer."""
    return KubeletLocator(options.stores, options.settings.get("kubelet_preferred_address_types") or ADDRESS_TYPES)


def pod_storage(resource: Resource, options: RestOptions, kubelet: KubeletConnection | None,
                proxy_transport: ProxyTransport | None) -> PodStorage:
    shape, load, clock = form(resource, options), spec_type(resource, options), options.outside.clock
    pods = store(resource, options, PodStrategy(shape, load, clock))
    status = pods.with_strategy(PodStatusStrategy(shape))
    authorizer = options.settings.get("authorizer")
    locator, binding = kubelet_locator(options), Bindings(pods, clock)
    return PodStorage(
        pod=pods,
        binding=binding,
        legacy_binding=LegacyBindings(lambda: binding),
        eviction=Evictions(pods, status, options.stores, clock),
        status=status,
        ephemeral_containers=pods.with_strategy(EphemeralContainersStrategy(shape, load, clock)),
        resize=pods.with_strategy(ResizeStrategy(shape, load, clock)),
        log=Logs(pods, locator, kubelet),
        proxy=PodProxy(pods, proxy_transport),
        exec=Streams(EXEC, pods, locator, kubelet, authorizer),
        attach=Streams(ATTACH, pods, locator, kubelet, authorizer),
        port_forward=Streams(PORT_FORWARD, pods, locator, kubelet, authorizer),
    )
