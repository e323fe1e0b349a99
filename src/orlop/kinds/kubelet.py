"""Where a node's kubelet listens, and what is needed to talk to it.

The rooms behind pods and nodes (logs, exec, proxy) ask a `KubeletLocator` where to go and a `KubeletConnection` to go
there; the proxies of pods and services use a `ProxyTransport`. Who carries the bytes is made elsewhere and may be
missing: then every answer is the one for a kubelet that does not listen. Behaviour: kubernetes
`pkg/kubelet/client/kubelet_client.go`, `pkg/util/node/node.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote_plus

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.http import Answer, Request
from orlop.api.options import GetOptions
from orlop.api.tree import Tree
from orlop.registry.store import Store
from orlop.storage.interface import Entry

ADDRESS_TYPES: Final = ("Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP")
"""Which of a node's addresses are tried first."""
_PORT: Final = 10250
_WEBSOCKETS: Final = "ExtendWebSocketsToKubelet"
_HOSTNAME_LABEL: Final = "kubernetes.io/hostname"


@dataclass(frozen=True, slots=True)
class Location:
    """A URL in pieces. `query` is encoded already, `host` has no brackets. `websockets`: the kubelet there speaks all
    WebSocket subprotocols itself, so that nothing is to be translated for it."""

    scheme: str
    host: str
    port: str = ""
    path: str = ""
    query: str = ""
    websockets: bool = False

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    def __str__(self) -> str:
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{self.authority}{self.path}{query}"


class KubeletConnection(Protocol):
    """The way to kubelets, with the server's own credentials. Raises APIError for what cannot be reached."""

    def read(self, location: Location, request: Request) -> Answer | Awaitable[Answer]:
        """GET, passed on as it comes: logs."""

    def upgrade(self, location: Location, request: Request) -> Answer | Awaitable[Answer]:
        """A connection both ways: exec, attach, port-forward."""

    def relay(self, location: Location, request: Request) -> Answer | Awaitable[Answer]:
        """Any request: the proxy of nodes."""


class ProxyTransport(Protocol):
    """The way to pods, without credentials."""

    def relay(self, location: Location, request: Request) -> Answer | Awaitable[Answer]: ...


def encode(parameters: Sequence[tuple[str, str]]) -> str:
    """A query as Go writes it: sorted by name, the values of one name in order."""
    ordered = sorted(parameters, key=lambda pair: pair[0])
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in ordered)


def refused(location: Location) -> str:
    """Go's words for a port nobody listens on."""
    return f"dial tcp {location.authority}: connect: connection refused"


def unreachable_upgrade(location: Location) -> APIError:
    return errors.unknown(f"error dialing backend: {refused(location)}")


def unreachable_log(location: Location) -> APIError:
    return errors.unknown(f'Get "{location}": {refused(location)}')


def unreachable_service(location: Location) -> APIError:
    return errors.service_unavailable(f"error trying to reach service: {refused(location)}")


class KubeletLocator:
    """Finds kubelets in the status of their nodes. `stores` by (group, plural)."""

    def __init__(self, stores: Mapping[tuple[str, str], Store],
                 address_types: Sequence[str] = ADDRESS_TYPES) -> None:
        self._stores, self._types = stores, tuple(address_types)

    def locate(self, ctx: Context, node: str) -> Location:
        """Raises 404 (which names the request's resource, not nodes) and 500 for a node without an address."""
        found = self._stores[("", "nodes")].get(ctx, node, GetOptions())
        tree = found.tree() if isinstance(found, Entry) else {}
        status: Tree = tree.get("status") or {}
        endpoint = (status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
        return Location("https", self._host(tree, status), str(endpoint.get("Port") or _PORT),
                        websockets=_WEBSOCKETS in (status.get("declaredFeatures") or ()))

    def _host(self, node: Tree, status: Tree) -> str:
        addresses = status.get("addresses") or ()
        for kind in self._types:
            for address in addresses:
                if address.get("type") == kind:
                    return str(address.get("address") or "")
            label = (node["metadata"].get("labels") or {}).get(_HOSTNAME_LABEL)
            if kind == "Hostname" and label:
                return str(label)
        shown = " ".join(f"{{{a.get('type') or ''} {a.get('address') or ''}}}" for a in addresses)
        raise errors.unknown(f"no preferred addresses found; known addresses: [{shown}]")
