"""Real members of etcd on loopback, for the tests: one for a whole session, or a cluster of one's own.

The program is what ORLOP_ETCD names, or `etcd` on the path. Nothing is synced to disk, and elections are quick: the
faults that we make are those of processes and networks.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

PATIENCE = 30.0


def etcd_program() -> str:
    """Its path, "" when there is none."""
    return os.environ.get("ORLOP_ETCD") or shutil.which("etcd") or ""


MISSING = "" if etcd_program() else "etcd is neither on the path nor named by ORLOP_ETCD"


def free_ports(count: int) -> list[int]:
    """Below those that the system gives to connections: or else one of them could have a port before its member has,
    or while the member is down."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            if port not in ports:
                ports.append(port)
    return ports


class Member:
    """One process. `scheme` is of its clients."""

    def __init__(self, name: str, directory: Path, port: int, peer: int, peers: str, options: Sequence[str],
                 scheme: str = "http") -> None:
        self.name, self.endpoint = name, f"{scheme}://127.0.0.1:{port}"
        self.port = port
        peer_url = f"http://127.0.0.1:{peer}"
        self._command = [
            etcd_program(), "--name", name, "--data-dir", str(directory / name),
            "--listen-client-urls", self.endpoint, "--advertise-client-urls", self.endpoint,
            "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
            "--initial-cluster", peers, "--unsafe-no-fsync", "--log-level", "error", *options,
        ]  # fmt: skip
        self._log = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.005)
        raise RuntimeError(f"etcd did not start: {self._log.read_text()[-2000:]}")

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Cluster:
    """`endpoints`: of all members, whether they run or not."""

    def __init__(self, directory: Path, size: int = 1, options: Sequence[str] = (), scheme: str = "http") -> None:
        ports = free_ports(2 * size)
        peers = ",".join(f"m{i}=http://127.0.0.1:{ports[size + i]}" for i in range(size))
        timing = ("--heartbeat-interval", "20", "--election-timeout", "200" if size > 1 else "100")
        self.members = [
            Member(f"m{i}", directory, ports[i], ports[size + i], peers, (*timing, *options), scheme)
            for i in range(size)
        ]

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(member.endpoint for member in self.members)

    def __enter__(self) -> Cluster:
        for member in self.members:
            member.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        for member in self.members:
            try:
                member.signal(signal.SIGCONT)
            except AssertionError:
                continue
            member.kill()


@cache
def shared() -> Cluster:
    """One member for all tests of this process, each with a prefix of its own."""
    directory = Path(tempfile.mkdtemp(prefix="orlop-etcd-"))
    cluster = Cluster(directory)
    cluster.members[0].start()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(cluster.stop)
    return cluster
