"""/logs/: the directory of a node's logs, as a kubelet shows its /var/log, with the logs of containers in it.

Called by `endpoint`. There are no files: the directories are made of the pods, as container runtimes lay them out, and
their content of the logs in memory, in the form of the Container Runtime Interface. Answers are those of Go's file
server (net/http `fs.go`), for kubernetes `pkg/kubelet/kubelet_pods.go` (ServeLogs).

    pods/NAMESPACE_POD_UID/CONTAINER/RUN.log      containers/POD_NAMESPACE_CONTAINER-ID.log
"""

from __future__ import annotations

import html
import posixpath
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final
from urllib.parse import quote

from orlop.api.http import Request, Response
from orlop.node.agent import Agent, Work
from orlop.node.container import Container
from orlop.node.log import Line, Log
from orlop.node.runtime import Runtime

ROOT: Final = "/logs/"
_TEXT: Final = "text/plain; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"
_HEAD: Final = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n'

Listing = list[str]
"""The names in a directory; those of directories end with a slash."""


class NodeLogs:
    def __init__(self, agent: Agent, runtime: Runtime) -> None:
        self._agent, self._runtime = agent, runtime

    def answer(self, request: Request) -> Response:
        """To a request whose path begins with ROOT."""
        path = request.path.removeprefix(ROOT)
        found = self._find([part for part in path.split("/") if part])
        if found is None:
            return Response(404, b"404 page not found\n", _TEXT)
        base = posixpath.basename(path.rstrip("/"))
        if isinstance(found, Log):
            if path.endswith("/"):
                return _moved(f"../{base}", request)
            return Response(200, b"".join(map(_as_in_file, _lines(found))), _TEXT)
        if path and not path.endswith("/"):
            return _moved(f"{base}/", request)
        return Response(200, _page(found), _HTML)

    def _find(self, parts: list[str]) -> Listing | Log | None:
        works = {_directory(work): work for work in self._agent.works()}
        match parts:
            case []:
                return ["containers/", "pods/"]
            case ["pods"]:
                return [f"{name}/" for name in works]
            case ["pods", name] if name in works:
                return [f"{c.name}/" for c in works[name].life.containers if self._logs(works[name], c)]
            case ["pods", name, container, *rest] if name in works:
                known = works[name].life.container(container)
                logs = self._logs(works[name], known) if known is not None else {}
                if not logs or len(rest) > 1:
                    return None
                return logs.get(rest[0]) if rest else list(logs)
            case ["containers", *rest] if len(rest) < 2:
                logs = {_link(work, c): log for work in works.values() for c in work.life.containers if c.id
                        for log in list(self._logs(work, c).values())[-1:]}
                return logs.get(rest[0]) if rest else list(logs)
        return None

    def _logs(self, work: Work, container: Container) -> Mapping[str, Log]:
        """Of the newest run of a container and of the one before, by the names of their files."""
        find = partial(self._runtime.log, work.pod["metadata"]["uid"], container.name)
        known = ((container.restarts - 1, find(True)), (container.restarts, find(False)))
        return {f"{number}.log": log for number, log in known if log is not None}


def _directory(work: Work) -> str:
    metadata = work.pod["metadata"]
    return f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"


def _link(work: Work, container: Container) -> str:
    metadata = work.pod["metadata"]
    return f"{metadata['name']}_{metadata['namespace']}_{container.name}-{container.id}.log"


def _moved(place: str, request: Request) -> Response:
    query = f"?{request.query}" if request.query else ""
    return Response(301, b"", "", (("Location", quote(place, safe="/._-") + query),))


def _page(names: Iterable[str]) -> bytes:
    lines = (f'<a href="{quote(name, safe="/._-")}">{html.escape(name)}</a>\n' for name in sorted(names))
    return f"{_HEAD}{''.join(lines)}</pre>\n".encode()


def _lines(log: Log) -> list[Line]:
    return log.since(0, log.end)[0]


def _as_in_file(line: Line) -> bytes:
    moment = datetime.fromtimestamp(line.time, UTC)
    head = f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z {line.stream} {'F' if line.whole else 'P'} "
    return head.encode() + line.text + b"\n"
