"""The kubelet's HTTPS endpoint: what the API server asks a node for.

Started by `run` on a listener of the server's own kind. Only callers with a client certificate of the cluster's
authority that makes them members of system:masters are let in: in process mode they can run anything. Logs are in
`log_answer`, connections both ways in `streams`. Paths and texts: kubernetes `pkg/kubelet/server/server.go`.
"""

from __future__ import annotations

import time
from typing import Final

import orjson

from orlop.api.errors import APIError
from orlop.api.http import Answer, Request, Response
from orlop.auth.x509 import read_certificate
from orlop.node.agent import Agent, Work
from orlop.node.container import State
from orlop.node.identity import Identity
from orlop.node.log_answer import BadQuery, LogQuery, log_answer
from orlop.node.runtime import Runtime
from orlop.node.settings import NodeSettings
from orlop.node.streams import Streams
from orlop.registry import times
from orlop.server.listener import Listener
from orlop.world.clock import Clock

MASTERS: Final = "system:masters"
GRACE: Final = 2.0
"""Seconds that open connections get at the end."""
_TEXT: Final = "text/plain; charset=utf-8"
_STREAMS: Final = ("exec", "attach", "portForward")


def _text(status: int, text: str) -> Response:
    return Response(status, f"{text}\n".encode(), _TEXT)


class Endpoint:
    def __init__(self, settings: NodeSettings, agent: Agent, runtime: Runtime, identity: Identity,
                 clock: Clock) -> None:
        self._settings, self._agent, self._runtime, self._clock = settings, agent, runtime, clock
        self._listener = Listener(self.handle, ssl_context=identity.context(), clock=clock)
        self._streams = Streams(runtime)

    async def start(self) -> int:
        """The port bound. Raises OSError."""
        return await self._listener.start(self._settings.address, self._settings.port)

    async def stop(self) -> None:
        self._streams.close()
        await self._listener.drain(GRACE)

    # --- routes --------------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Answer:
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
            return Response(200, orjson.dumps(self._summary()))
        if first == "metrics":
            return Response(200, self._metrics().encode(), "text/plain; version=0.0.4; charset=utf-8")
        if first == "logs":
            return Response(200, b"<pre>\n</pre>\n", "text/html; charset=utf-8")
        return _text(404, "404 page not found")

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

    # --- figures -------------------------------------------------------------------------------------------------

    def _summary(self) -> dict[str, object]:
        now = times.text(self._clock.now())
        pods = [{"podRef": {key: pod["metadata"][key] for key in ("name", "namespace", "uid")}, "startTime": now,
                 "containers": [{"name": one["name"], "startTime": now} for one in pod["spec"]["containers"]]}
                for pod in self._agent.pods()]
        node = {"nodeName": self._settings.name, "startTime": now,
                "cpu": {"time": now, "usageCoreNanoSeconds": time.process_time_ns()}}
        return {"node": node, "pods": pods}

    def _metrics(self) -> str:
        running = sum(any(c.alive for c in work.life.containers) for work in self._agent.works())
        return ("# HELP kubelet_running_pods Number of pods that have a running pod sandbox\n"
                f"# TYPE kubelet_running_pods gauge\nkubelet_running_pods {running}\n")


def _unauthorized(request: Request) -> Response | None:
    if request.peer_certificate is None:
        return _text(401, "Unauthorized")
    try:
        user = read_certificate(request.peer_certificate).user
    except APIError:
        user = None
    return None if user is not None and MASTERS in user.groups else _text(403, "Forbidden")
