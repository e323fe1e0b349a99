"""Three servers on three members of etcd, behind one balancer: as an operator would run them, on one machine."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final

from etcd_server import Cluster

from balancer import Balancer
from server_process import ServerProcess

SIZE: Final = 3
SHARED: Final = ("ca.crt", "ca.key", "sa.key", "sa.pub", "admin.token")
"""What all servers of a storage must have in common: who signs, and who the administrator is (docs/replicas.md)."""


class ReplicaSet:
    """`etcd`: the members; `servers`: the replicas; `balancer`: what clients are pointed at. Entered, all run."""

    def __init__(self, directory: Path, size: int = SIZE, members: int = SIZE) -> None:
        self._stack = ExitStack()
        self.directory = directory
        self.etcd = Cluster(directory, members)
        flags = ("--etcd-servers", ",".join(self.etcd.endpoints), "--namespace-deletion-grace", "0")
        self.servers = [ServerProcess(directory / f"replica-{n}", *flags) for n in range(size)]
        self.balancer = Balancer([])

    def __enter__(self) -> ReplicaSet:
        with ExitStack() as stack:
            stack.enter_context(self.etcd)
            for server in self.servers:
                stack.callback(server.kill)
            first = self.servers[0].start()
            for server in self.servers[1:]:
                server.data_dir.mkdir(mode=0o700)
                for name in SHARED:
                    shutil.copy2(first.data_dir / name, server.data_dir / name)
                server.start()
            self.balancer = stack.enter_context(Balancer([server.port for server in self.servers]))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.balancer.port}"

    def stderr(self) -> str:
        """What all servers said, for a failing test."""
        return "\n".join(f"--- {server.data_dir.name}\n{server.stderr()[-2000:]}" for server in self.servers)


class Balanced(ServerProcess):
    """A replica set as one server, for clients that are made for one."""

    def __init__(self, replicas: ReplicaSet) -> None:
        first = replicas.servers[0]
        super().__init__(first.data_dir)
        self.url, self.port = replicas.url, replicas.balancer.port
        self._kubeconfig = replicas.directory / "kubeconfig"
        own = first.kubeconfig.read_text()
        self._kubeconfig.write_text(own.replace(first.url, replicas.url))

    @property
    def kubeconfig(self) -> Path:
        return self._kubeconfig
