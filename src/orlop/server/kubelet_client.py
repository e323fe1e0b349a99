"""The way to kubelets and pods: what `kinds.kubelet` asks for, carried out.

Made by the application, used by the rooms of pods, services and nodes. `KubeletClient` shows the server's certificate;
`PodTransport` shows nobody's. Which form a request takes on its way is decided here, and carried out next door.
Behaviour: kubernetes `pkg/registry/core/pod/rest`, `pkg/kubelet/client`.
"""

from __future__ import annotations

from collections.abc import Awaitable

from orlop.api import errors
from orlop.api.http import Answer, Request
from orlop.kinds import ip
from orlop.kinds.kubelet import Location
from orlop.kinds.pod_log import flag
from orlop.kinds.proxy import NOT_ALLOWED, reachable
from orlop.server import kubelet_log, kubelet_port_forward, kubelet_remote_command, kubelet_tunnel, kubelet_upgrade
from orlop.server.kubelet_dial import Credentials, DialError, resolve, unverified
from orlop.server.kubelet_pool import Pool
from orlop.server.kubelet_relay import Relay
from orlop.server.kubelet_tasks import Tasks
from orlop.server.simulated_network import Twin, itself
from orlop.websocket.handshake import is_upgrade, is_websocket


class KubeletClient:
    """A `KubeletConnection`."""

    def __init__(self, credentials: Credentials, twin: Twin = itself) -> None:
        self._credentials, self.pool, self.tasks = credentials, Pool(twin), Tasks()

    def read(self, location: Location, request: Request) -> Awaitable[Answer]:
        try:
            context = self._credentials.context(verify=not flag(request, "insecureSkipTLSVerifyBackend"))
        except DialError as error:
            raise errors.unknown(f'Get "{location}": {error}') from None
        return kubelet_log.read(self.pool, context, location, request, request.context.info.name)

    def upgrade(self, location: Location, request: Request) -> Answer | Awaitable[Answer]:
        """SPDY goes through as it is; WebSockets are translated to SPDY, which every kubelet speaks, unless the kubelet
        says that it does so itself."""
        try:
            context = self._credentials.context()
        except DialError as error:
            raise errors.unknown(f"error dialing backend: {error}") from None
        if location.websockets or not is_websocket(request):
            return kubelet_upgrade.upgrade(self.pool, context, location, request)
        if not location.path.startswith("/portForward/"):
            return kubelet_remote_command.translate(self.pool, context, location, request, self.tasks)
        if kubelet_tunnel.asked_for(request):
            return kubelet_tunnel.tunnel(self.pool, context, location, request)
        return kubelet_port_forward.translate(self.pool, context, location, request, self.tasks)

    async def relay(self, location: Location, request: Request) -> Answer:
        """Raises APIError."""
        await _check(location)
        try:
            context = self._credentials.context()
        except DialError as error:
            raise errors.service_unavailable(f"error trying to reach service: {error}") from None
        if is_upgrade(request):
            return await kubelet_upgrade.upgrade(self.pool, context, location, request)
        return await Relay(self.pool, context, location, request).run()

    async def close(self) -> None:
        """Cut everything."""
        self.pool.close()
        await self.tasks.close()


class PodTransport:
    """A `ProxyTransport`."""

    def __init__(self, twin: Twin = itself) -> None:
        self.pool, self._context = Pool(twin), unverified()

    async def relay(self, location: Location, request: Request) -> Answer:
        """Raises APIError."""
        await _check(location)
        if is_upgrade(request):
            return await kubelet_upgrade.upgrade(self.pool, self._context, location, request)
        return await Relay(self.pool, self._context, location, request).run()

    async def close(self) -> None:
        self.pool.close()


async def _check(location: Location) -> None:
    """Addresses were checked when they were found; a name may still stand for this host or this link. A port goes by
    its number."""
    if location.port and not location.port.isdigit():
        raise errors.service_unavailable(
            f"error trying to reach service: dial tcp: lookup tcp/{location.port}: unknown port")
    if ip.parse(location.host) is not None:
        return
    try:
        addresses = await resolve(location.host, int(location.port or 0))
    except DialError as error:
        raise errors.bad_request(str(error).removeprefix("dial tcp: ")) from None
    if not all(map(reachable, addresses)):
        raise errors.bad_request(NOT_ALLOWED)
