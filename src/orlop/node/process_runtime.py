"""Containers as local processes of the user who runs the node: nothing is isolated, and no image is used.

A `Runtime`, used by `agent` in process mode. A container's command must be given; it runs with the container's
environment, in a directory that stands for the container's root (`volumes`). Commands beside it have the same
environment and directory; ports are reached on the pod's own loopback address, else on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from orlop.api.tree import Tree
from orlop.node.api import Api
from orlop.node.environment import expand, inherited, variables_of
from orlop.node.identity import Identity
from orlop.node.log import Log
from orlop.node.pod_kubeconfig import write_kubeconfig
from orlop.node.process import Process
from orlop.node.reaper import Reaper
from orlop.node.runtime import Exit, OnExit, OnOutput, Refusal, Run, Session, StartFailure
from orlop.node.settings import NodeSettings
from orlop.node.sources import Sources
from orlop.node.termination import VARIABLE, make_file, message_of
from orlop.node.volumes import make_volumes, mount, work_dir
from orlop.world.clock import Clock

log = logging.getLogger(__name__)

DIAL_SECONDS: Final = 10.0
HOSTNAME_LENGTH: Final = 63
ATTACHED_PIECES: Final = 16
"""Pieces of a container's output that wait for one who is attached; then the container waits."""
_NO_COMMAND: Final = ("no command given: process mode runs the container's command and args on this machine, and has "
                      "no images that could bring one")


_Listener = asyncio.Queue[tuple[str, bytes]]
"""Output of a container, stream by stream; the stream "" is the end of all."""


@dataclass(slots=True)
class _Container:
    """`listeners`: who is attached, and is given what it writes before more is read."""

    process: Process
    task: asyncio.Task[None]
    env: dict[str, str]
    directory: Path
    stdin_once: bool = False
    listeners: set[_Listener] = field(default_factory=set)
    log: Log = field(default_factory=Log)
    previous: Log | None = None
    beside: set[Process] = field(default_factory=set)


@dataclass(slots=True)
class _Pod:
    home: Path
    ip: str
    volumes: dict[str, Path] | None = None
    containers: dict[str, _Container] = field(default_factory=dict)
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


class ProcessRuntime:
    version = "orlop-process"

    def __init__(self, settings: NodeSettings, api: Api, clock: Clock, identity: Identity) -> None:
        assert settings.data_dir is not None
        self._settings, self._clock, self._identity = settings, clock, identity
        self._home = settings.data_dir / "pods"
        self._sources = Sources(api)
        self._pods: dict[str, _Pod] = {}
        self._reaper = Reaper()

    # --- containers ----------------------------------------------------------------------------------------------

    async def start(self, run: Run, on_exit: OnExit) -> str:
        uid, name = run.key
        pod = self._pods.get(uid)
        if pod is None:
            pod = self._pods[uid] = _Pod(self._home / uid, run.pod_ip)
        try:
            env, directory = await self._furnish(pod, run)
            termination = make_file(run.container, pod.home / "roots" / name)
        except OSError as error:
            raise StartFailure("CreateContainerConfigError", str(error)) from error
        env[VARIABLE] = str(termination)
        command = [expand(part, env) for part in
                   (*(run.container.get("command") or ()), *(run.container.get("args") or ()))]
        if not run.container.get("command"):
            raise StartFailure("CreateContainerConfigError", _NO_COMMAND)
        process = await Process.spawn(command, env, directory, bool(run.container.get("stdin")),
                                      bool(run.container.get("tty")), self._reaper)
        former = pod.containers.get(name)
        output = Log()
        said = partial(message_of, run.container, termination, log=output, containers=_count(run.pod))
        task = asyncio.create_task(self._follow(uid, name, process, output, said, on_exit), name=f"container-{name}")
        pod.containers[name] = _Container(process, task, env, directory, bool(run.container.get("stdinOnce")),
                                          log=output, previous=former.log if former else None)
        return secrets.token_hex(32)

    def resume(self, run: Run, on_exit: OnExit, started: float) -> bool:
        """Processes end with their node."""
        return False

    async def _furnish(self, pod: _Pod, run: Run) -> tuple[dict[str, str], Path]:
        place = {"hostIP": self._settings.listening, "podIP": run.pod_ip}
        async with pod.making:
            if pod.volumes is None:
                pod.home.mkdir(mode=0o700, parents=True, exist_ok=True)
                pod.volumes = await make_volumes(run.pod, pod.home, self._sources, place)
        root = pod.home / "roots" / run.container["name"]
        mounts = mount(run.container, root, pod.volumes)
        base = {**inherited(), "HOSTNAME": _hostname(run.pod), **self._server(), **mounts}
        if kubeconfig := write_kubeconfig(pod.home, run, pod.volumes, self._identity):
            base["KUBECONFIG"] = str(kubeconfig)
        env = await variables_of(run.pod, run.container, self._sources, place, base)
        return env, work_dir(run.container, root)

    def _server(self) -> dict[str, str]:
        """Where the API server is, as programs within a cluster look for it."""
        place = urlsplit(self._identity.server)
        if not place.hostname:
            return {}
        return {"KUBERNETES_SERVICE_HOST": place.hostname, "KUBERNETES_SERVICE_PORT": str(place.port or 443),
                "KUBERNETES_SERVICE_PORT_HTTPS": str(place.port or 443)}

    async def _follow(self, uid: str, name: str, process: Process, output: Log, said: Callable[..., str],
                      on_exit: OnExit) -> None:
        async def write(stream: str, data: bytes) -> None:
            if data:
                output.write(stream, data, self._clock.now())
                for listener in self._listeners(uid, name, output):
                    await listener.put((stream, data))

        code = await process.run(write)
        output.close(self._clock.now())
        for listener in self._listeners(uid, name, output):
            await listener.put(("", b""))
        found = self._find(uid, name)
        for other in list(found.beside) if found is not None else ():
            other.signal(signal.SIGKILL)
        on_exit(Exit(code, "", said(code=code)))

    def _listeners(self, uid: str, name: str, output: Log) -> list[_Listener]:
        """Of the run that writes to this log."""
        found = self._find(uid, name)
        return list(found.listeners) if found is not None and found.log is output else []

    def stop(self, uid: str, container: str, grace: float) -> None:
        found = self._find(uid, container)
        if found is not None:
            found.process.stop(grace)

    def _find(self, uid: str, container: str) -> _Container | None:
        pod = self._pods.get(uid)
        return pod.containers.get(container) if pod is not None else None

    async def remove(self, uid: str) -> None:
        pod = self._pods.pop(uid, None)
        if pod is None:
            return
        for container in pod.containers.values():
            for process in (container.process, *container.beside):
                process.signal(signal.SIGKILL)
        await asyncio.gather(*(container.task for container in pod.containers.values()), return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, partial(shutil.rmtree, pod.home, ignore_errors=True))

    async def close(self) -> None:
        await asyncio.gather(*(self.remove(uid) for uid in list(self._pods)))
        await asyncio.get_running_loop().run_in_executor(None, self._reaper.close)

    # --- beside them ---------------------------------------------------------------------------------------------

    def log(self, uid: str, container: str, previous: bool) -> Log | None:
        found = self._find(uid, container)
        return None if found is None else found.previous if previous else found.log

    def sessions(self, uid: str, container: str) -> tuple[int, ...]:
        found = self._find(uid, container)
        return () if found is None else (found.process.pid, *(other.pid for other in found.beside))

    async def execute(self, uid: str, container: str, command: Sequence[str], stdin: bool, tty: bool,
                      on_output: OnOutput) -> Session:
        found = self._find(uid, container)
        if found is None or found.task.done():
            raise Refusal(f"container {container} is not running")
        if not command:
            raise Refusal("no command given")
        env: Mapping[str, str] = {**found.env, "TERM": "xterm"} if tty else found.env
        try:
            process = await Process.spawn(command, env, found.directory, stdin, tty, self._reaper)
        except StartFailure as failure:
            raise Refusal(failure.message) from failure
        return _Beside(process, found, on_output)

    async def attach(self, uid: str, container: str, stdin: bool, on_output: OnOutput) -> Session:
        found = self._find(uid, container)
        if found is None or found.log.closed:
            raise Refusal(f"container {container} is not running")
        return _Attached(found, on_output)

    async def dial(self, uid: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        pod = self._pods.get(uid)
        if pod is None:
            raise Refusal("the pod is not running")
        for host in (pod.ip, "127.0.0.1"):
            try:
                async with asyncio.timeout(DIAL_SECONDS):
                    return await asyncio.open_connection(host, port)
            except (OSError, TimeoutError) as error:
                log.info("%s:%d: %s", host, port, error)
        raise Refusal(f"failed to connect to localhost:{port}: connection refused")


class _Beside:
    """A command beside a container; ends with it."""

    def __init__(self, process: Process, container: _Container, on_output: OnOutput) -> None:
        self._process, self._container, self._output = process, container, on_output
        container.beside.add(process)
        self.write, self.close_input, self.resize = process.write, process.close_input, process.resize

    async def wait(self) -> int:
        try:
            return await self._process.run(self._output)
        finally:
            self._container.beside.discard(self._process)

    def kill(self) -> None:
        self._process.signal(signal.SIGKILL)


class _Attached:
    """The container itself, from now on. It waits with its output for whoever is attached and takes it slowly."""

    def __init__(self, container: _Container, on_output: OnOutput) -> None:
        self._container, self._output = container, on_output
        self._pieces: _Listener = asyncio.Queue(ATTACHED_PIECES)
        self._left = asyncio.Event()
        container.listeners.add(self._pieces)
        self.write, self.resize = container.process.write, container.process.resize

    def close_input(self) -> None:
        if self._container.stdin_once:
            self._container.process.close_input()

    async def wait(self) -> int:
        copying = asyncio.create_task(self._copy())
        leaving = asyncio.create_task(self._left.wait())
        try:
            await asyncio.wait((copying, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            copying.cancel()
            leaving.cancel()
            self._leave()
        return 0

    async def _copy(self) -> None:
        while True:
            stream, data = await self._pieces.get()
            if not stream:
                break
            await self._output(stream, data)
        for stream in ("stdout", "stderr"):
            await self._output(stream, b"")

    def _leave(self) -> None:
        """The container is not to wait any more."""
        self._container.listeners.discard(self._pieces)
        while not self._pieces.empty():
            self._pieces.get_nowait()
        self.close_input()

    def kill(self) -> None:
        """The container goes on."""
        self._left.set()


def _hostname(pod: Tree) -> str:
    spec = pod["spec"]
    found: str = spec.get("hostnameOverride") or spec.get("hostname") or pod["metadata"]["name"]
    return found[:HOSTNAME_LENGTH].rstrip("-.")


def _count(pod: Tree) -> int:
    """The containers of the pod, of all kinds."""
    spec = pod["spec"]
    return sum(len(spec.get(member) or ()) for member in ("initContainers", "containers", "ephemeralContainers"))
