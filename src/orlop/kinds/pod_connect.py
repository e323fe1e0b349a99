"""pods/NAME/exec, attach and portforward: a connection both ways to a container, through its kubelet.

Made by `pod_storage`. Finds the container and the node; who carries the bytes is the `KubeletConnection`. Behaviour and
texts: kubernetes `pkg/registry/core/pod/rest/subresources.go`, streamLocation in `pod/strategy.go`, apimachinery
`pkg/util/proxy/upgradeaware.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Final

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.gotext import NumberError, parse_int64
from orlop.api.gvk import GroupResource
from orlop.api.http import Answer, Request
from orlop.auth.interface import Attributes, Authorizer
from orlop.kinds.kubelet import KubeletConnection, KubeletLocator, encode, unreachable_upgrade
from orlop.kinds.pod_log import flag
from orlop.kinds.pod_target import container, find, node
from orlop.registry.store import Store

EXEC: Final = "exec"
ATTACH: Final = "attach"
PORT_FORWARD: Final = "portForward"
_FLAGS: Final[Mapping[str, str]] = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
"""What clients send, and what kubelets read."""


def wants_upgrade(request: Request) -> bool:
    return "upgrade" in request.headers.get("connection", "").lower()


class Streams:
    """One of the three rooms; `verb` is the kubelet's name for it."""

    connect_methods = ("GET", "POST")

    def __init__(self, verb: str, pods: Store, locator: KubeletLocator, kubelet: KubeletConnection | None,
                 authorizer: Authorizer | None) -> None:
        self._verb, self._pods, self._locator, self._kubelet = verb, pods, locator, kubelet
        self._authorizer = authorizer

    def connect(self, ctx: Context, name: str, path: str, request: Request) -> Answer | Awaitable[Answer]:
        query = self._query(request)
        self._authorize_create(ctx)
        pod = find(self._pods, ctx, name)
        place = f"/{self._verb}/{ctx.namespace}/{name}"
        if self._verb != PORT_FORWARD:
            place = f"{place}/{container(pod, request.parameter('container'))}"
        location = replace(self._locator.locate(ctx, node(pod, name)), path=place, query=query)
        if not wants_upgrade(request):
            raise errors.bad_request("Upgrade request required")
        if self._kubelet is None:
            raise unreachable_upgrade(location)
        return self._kubelet.upgrade(location, request)

    def _authorize_create(self, ctx: Context) -> None:
        """WebSocket clients come with GET, SPDY clients with POST: both need the right to create. Raises 403."""
        if ctx.info.verb == "create":
            return
        if self._authorizer is None:
            raise errors.internal("no authorizer available")
        asked = Attributes.of(ctx.user, ctx.info).asked_by(ctx.user, "create")
        decision = self._authorizer.authorize(asked)
        if not decision.allowed:
            resource = GroupResource(ctx.info.group, ctx.info.resource)
            raise errors.forbidden(resource, ctx.info.name, decision.reason)

    def _query(self, request: Request) -> str:
        if self._verb == PORT_FORWARD:
            ports = [str(_port(text)) for text in request.parameters.get("ports", ())]
            return encode([("port", ",".join(ports))]) if ports else ""
        sent = [(kubelet, "1") for name, kubelet in _FLAGS.items() if flag(request, name)]
        if self._verb == EXEC:
            sent += [("command", text) for text in request.parameters.get("command", ())]
        return encode(sent)


def _port(text: str) -> int:
    try:
        return parse_int64(text)
    except NumberError as error:
        raise errors.bad_request(str(error)) from None
