"""The kubelet's HTTPS endpoint: what the API server asks a node for.

Started by `run` on a listener of the server's own kind. Only callers with a client certificate of the cluster's
authority that makes them members of system:masters are let in: in process mode they can run anything. Logs are in
`log_answer`, connections both ways in `streams`, figures in `stats`, the node's own logs in `node_logs`. Paths and
texts: kubernetes `pkg/kubelet/server/server.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

import orjson

from orlop.api.errors import APIError
from orlop.api.http import Answer, Request, Response
from orlop.auth.x509 import read_certificate
from orlop.node import node_logs
from orlop.node.agent import Agent, Work
from orlop.node.container import State
from orlop.node.identity import Identity
from orlop.node.log_answer import BadQuery, LogQuery, log_answer
from orlop.node.node_logs import NodeLogs
from orlop.node.runtime import Runtime
from orlop.node.settings import NodeSettings
from orlop.node.stats import Stats
from orlop.node.streams import Streams
from orlop.server.listener import Listener
from orlop.world.clock import Clock

MASTERS: Final = "system:masters"
GRACE: Final = 2.0
"""Seconds that open connections get at the end."""
_TEXT: Final = "text/plain; charset=utf-8"
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
_STREAMS: Final = ("exec", "attach", "portForward")


def _text(status: int, text: str) -> Response:
    return Response(status, f"{text}\n".encode(), _TEXT)


class Endpoint:
    def __init__(self, settings: NodeSettings, agent: Agent, runtime: Runtime, identity: Identity,
                 clock: Clock) -> None:
        self._settings, self._agent, self._runtime, self._clock = settings, agent, runtime, clock
        self._listener = Listener(self.handle, ssl_context=identity.context(), clock=clock)
        self._streams, self._node_logs = Streams(runtime), NodeLogs(agent, runtime)
        self._stats = Stats(settings, agent, runtime, clock)

    async def start(self) -> int:
        """The port bound. Raises OSError."""
        return await self._listener.start(self._settings.listening, self._settings.port)

    async def stop(self) -> None:
        self._streams.close()
        await self._listener.drain(GRACE)

    # --- routes --------------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        if refused := _unauthorized(request):
            return refused
        first, *rest = request.path.strip("/").split("/")
        if first == "containerLogs" and len(rest) == 3:
            return self._logs(request, *rest)
        if first in _STREAMS and len(rest) in (2, 3, 4):
            return self._stream(request, first, rest)
        if first == "healthz":
            return Response(200, b"ok", _TEXT)
        if first in ("pods", "runningpods"):
            items = self._agent.pods()
            return Response(200, orjson.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}))
        if request.path.rstrip("/") == "/stats/summary":
            return self._summary(request)
        if request.path == "/metrics":
            return Response(200, self._stats.metrics().encode(), _METRICS)
        if request.path == "/metrics/resource":
            return self._resources()
        if request.path.startswith(node_logs.ROOT):
            return self._node_logs.answer(request)
        return _text(404, "404 page not found")

    async def _summary(self, request: Request) -> Answer:
        brief = request.parameters.get("only_cpu_and_memory") == ["true"]
        return Response(200, orjson.dumps(await self._stats.summary(brief)))

    async def _resources(self) -> Answer:
        return Response(200, (await self._stats.resources()).encode(), _METRICS)

    def _find(self, namespace: str, name: str) -> Work | Response:
        found = self._agent.find(namespace, name)
        return found if found is not None else _text(404, f'pod "{name}" not found')

    def _logs(self, request: Request, namespace: str, name: str, container: str) -> Answer:
        work = self._find(namespace, name)
        if isinstance(work, Response):
            return work
        try:
            query = LogQuery.parse(request, self._clock.now())
        except BadQuery as error:
            return _text(400, f'{{"message": "{error}"}}')
        found = work.life.container(container)
        if found is None:
            return _text(404, f'container "{container}" not found in pod "{name}"')
        if query.previous and (found.last is None or not found.last.id):
            return _text(400, f'previous terminated container "{container}" in pod "{name}" not found')
        log = self._runtime.log(work.pod["metadata"]["uid"], container, query.previous)
        if log is None:
            if found.state in (State.WAITING, State.STARTING) and found.last is None:
                reason = found.reason or ("PodInitializing" if not work.life.initialized else "ContainerCreating")
                return _text(400, f'container "{container}" in pod "{name}" is waiting to start: {reason}')
            return _text(400, f'container "{container}" in pod "{name}" is not available')
        return log_answer(log, query)

    def _stream(self, request: Request, verb: str, place: list[str]) -> Answer:
        work = self._find(place[0], place[1])
        if isinstance(work, Response):
            return work
        uid = work.pod["metadata"]["uid"]
        if verb == "portForward":
            return self._streams.forward(request, uid)
        container = work.life.container(place[-1]) if len(place) > 2 else None
        if container is None:
            return _text(404, f"container not found ({place[-1]})")
        if container.state is not State.RUNNING:
            return _text(500, f"container not found (\"{container.name}\")")
        terminal = bool(container.spec.get("tty"))
        return self._streams.command(request, uid, container.name, verb == "attach", terminal)


def _unauthorized(request: Request) -> Response | None:
    if request.peer_certificate is None:
        return _text(401, "Unauthorized")
    try:
        user = read_certificate(request.peer_certificate).user
    except APIError:
        user = None
    return None if user is not None and MASTERS in user.groups else _text(403, "Forbidden")
