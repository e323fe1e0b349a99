"""Members of etcd in network namespaces of their own, joined by a bridge: to be cut off as a network cuts off.

A cut says nothing: no reset, no refusal, packets just do not arrive. Needs root and iproute2.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from etcd_server import PATIENCE, etcd_program

BRIDGE = "orlop-br"
_NET = "10.77.0"


def missing() -> str:
    """Why these tests cannot run, "" when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    return "" if etcd_program() else "etcd is neither on the path nor named by ORLOP_ETCD"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


class Host:
    """One member in one namespace."""

    def __init__(self, number: int, directory: Path, size: int) -> None:
        self.namespace, self.link = f"orlop-m{number}", f"orlop-v{number}"
        self.address = f"{_NET}.{11 + number}"
        self.endpoint = f"http://{self.address}:2379"
        self._inner = f"orlop-w{number}"
        peers = ",".join(f"m{i}=http://{_NET}.{11 + i}:2380" for i in range(size))
        peer = f"http://{self.address}:2380"
        self._command = [
            "ip", "netns", "exec", self.namespace, etcd_program(), "--name", f"m{number}",
            "--data-dir", str(directory / f"m{number}"), "--listen-client-urls", self.endpoint,
            "--advertise-client-urls", self.endpoint, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", peers, "--heartbeat-interval", "50", "--election-timeout", "500",
            "--unsafe-no-fsync", "--log-level", "error",
        ]  # fmt: skip
        self._log = directory / f"m{number}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def build(self) -> None:
        _run("ip", "netns", "add", self.namespace)
        _run("ip", "link", "add", self.link, "type", "veth", "peer", "name", self._inner)
        _run("ip", "link", "set", self._inner, "netns", self.namespace)
        _run("ip", "link", "set", self.link, "master", BRIDGE, "up")
        self._inside("link", "set", "lo", "up")
        self._inside("addr", "add", f"{self.address}/24", "dev", self._inner)
        self._inside("link", "set", self._inner, "up")

    def _inside(self, *arguments: str) -> None:
        _run("ip", "-n", self.namespace, *arguments)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def remove(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        subprocess.run(("ip", "netns", "delete", self.namespace), capture_output=True, check=False)
        subprocess.run(("ip", "link", "delete", self.link), capture_output=True, check=False)

    def unplug(self) -> None:
        """Nobody reaches it any more."""
        _run("ip", "link", "set", self.link, "down")

    def plug(self) -> None:
        _run("ip", "link", "set", self.link, "up")

    def shun(self, other: Host) -> None:
        """Packets to that member are thrown away; clients are still answered."""
        self._inside("route", "add", "blackhole", f"{other.address}/32")

    def meet(self, other: Host) -> None:
        self._inside("route", "delete", "blackhole", f"{other.address}/32")


class Network:
    """`size` members. Entered, they run and have elected a leader."""

    def __init__(self, directory: Path, size: int = 3) -> None:
        self.hosts = [Host(number, directory, size) for number in range(size)]
        self._stack = ExitStack()

    def __enter__(self) -> Network:
        with ExitStack() as stack:
            _run("ip", "link", "add", BRIDGE, "type", "bridge")
            stack.callback(subprocess.run, ("ip", "link", "delete", BRIDGE), capture_output=True)
            _run("ip", "addr", "add", f"{_NET}.1/24", "dev", BRIDGE)
            _run("ip", "link", "set", BRIDGE, "up")
            for host in self.hosts:
                stack.callback(host.remove)
                host.build()
                host.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stack.close()

    @property
    def endpoints(self) -> str:
        return ",".join(host.endpoint for host in self.hosts)

    def split(self, one: Host) -> None:
        """Cut a member off from the other members, not from clients."""
        for other in self.hosts:
            if other is not one:
                one.shun(other)

    def heal(self, one: Host) -> None:
        for other in self.hosts:
            if other is not one:
                one.meet(other)

    def scatter(self) -> None:
        """No member reaches another."""
        for one, other in itertools.permutations(self.hosts, 2):
            one.shun(other)

    def gather(self) -> None:
        for one, other in itertools.permutations(self.hosts, 2):
            one.meet(other)


__all__ = ["PATIENCE", "Host", "Network", "missing"]
