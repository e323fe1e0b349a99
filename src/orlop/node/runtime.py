"""What runs containers, or acts as if it did: the contract between `agent`, the kubelet endpoint and a runtime.

Implemented by `fake_runtime` and `process_runtime`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol

from orlop.api.tree import Tree
from orlop.node.container import Role
from orlop.node.log import Log

CONFIG_ERROR: Final = "CreateContainerConfigError"
"""What the container needs is not there, or cannot be read. It is tried again soon."""
RUN_ERROR: Final = "RunContainerError"
"""The container was made, and its command cannot be run."""
PULL_ERROR: Final = "ErrImagePull"
"""The image cannot be had. Between attempts the container waits with PULL_BACK_OFF."""
PULL_BACK_OFF: Final = "ImagePullBackOff"
MOUNT_ERROR: Final = "FailedMount"
"""A volume of the pod cannot be made. Kubelets say so in an event alone."""


class StartFailure(Exception):
    """A container cannot be started. `reason` is what its status says, but for MOUNT_ERROR."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


class Refusal(Exception):
    """What was asked for cannot be done (no such container, nobody listens on the port)."""


class Exit(NamedTuple):
    code: int
    reason: str = ""
    message: str = ""


class Run(NamedTuple):
    """One run of a container that is to be started; `attempt` counts from 0. `pod_ip` is where on this machine the
    pod's address is: what a process may listen on."""

    pod: Tree
    container: Tree
    role: Role
    attempt: int
    pod_ip: str

    @property
    def key(self) -> tuple[str, str]:
        return self.pod["metadata"]["uid"], self.container["name"]


OnExit = Callable[[Exit], None]
"""Called once, on the event loop, when a run has ended by itself or was stopped."""


class Session(Protocol):
    """A command beside a container, or the container itself (attach). Output comes to `on_output` of whoever opened it,
    with the stream's name (`stdout`, `stderr`) and bytes; b"" at its end."""

    async def write(self, data: bytes) -> None:
        """To its standard input; returns when it was taken. After its end: dropped."""

    def close_input(self) -> None: ...
    def resize(self, columns: int, rows: int) -> None: ...

    async def wait(self) -> int:
        """The exit code, once all output was handed over."""

    def kill(self) -> None:
        """The client is gone. A command is ended; what is attached to goes on."""


OnOutput = Callable[[str, bytes], Awaitable[None]]
"""Takes output, and returns when more may come."""


class Runtime(Protocol):
    version: str

    async def start(self, run: Run, on_exit: OnExit) -> str:
        """Start a container; returns its id. Raises StartFailure."""

    def resume(self, run: Run, on_exit: OnExit, started: float) -> bool:
        """Take up a run that another process of this node had begun; False: it is gone."""

    def stop(self, uid: str, container: str, grace: float) -> None:
        """Ask it to end, after `grace` seconds by force; `on_exit` tells when it has."""

    async def remove(self, uid: str) -> None:
        """The pod is gone: let go of everything it had."""

    def log(self, uid: str, container: str, previous: bool) -> Log | None: ...

    def sessions(self, uid: str, container: str) -> tuple[int, ...]:
        """The sessions (setsid(2)) of its processes and of the commands beside it; none when nothing runs."""

    async def execute(self, uid: str, container: str, command: Sequence[str], stdin: bool, tty: bool,
                      on_output: OnOutput) -> Session:
        """Raises Refusal."""

    async def attach(self, uid: str, container: str, stdin: bool, on_output: OnOutput) -> Session:
        """Raises Refusal."""

    async def dial(self, uid: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to a port of the pod. Raises Refusal."""

    async def close(self) -> None:
        """End everything that runs; returns when it has ended."""
