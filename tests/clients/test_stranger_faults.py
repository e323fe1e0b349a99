"""A node, a server or a client dies in the middle of streams between real processes: every other side learns of it."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from strangers import SECONDS, forwarded, started

from api_caller import ApiCaller
from kubectl_command import Kubectl, kubectl_for
from server_process import FreshServer, ServerProcess

FLAGS = ("--scheduler", "--simulated-network", "10.64.0.0/10", "--shutdown-grace", "1")
POD = {"metadata": {"name": "worker"}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
    "name": "main", "image": "i", "command": ["python3", "-c", """
import os, socket, time
server = socket.create_server((os.environ["IP"], 8080))
print("begun", flush=True)
held = [server.accept() for _ in range(3)]
time.sleep(1000)
"""], "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}]}}
LONG = ("exec", "worker", "--", "sh", "-c", "echo begun $$; sleep 1000")


@contextmanager
def node(server: ServerProcess, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`orlop node` in a process of its own; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "orlop", "node", "--kubeconfig", str(server.kubeconfig), "--name", "far", "--mode",
         "process", "--simulated-network", "10.64.0.0/10", "--data-dir", str(directory / "node")],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)  # fmt: skip
    try:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(b"far ready at "):
            assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def client(fresh_server: FreshServer, tmp_path: Path) -> Iterator[tuple[ServerProcess, Kubectl]]:
    server = fresh_server(*FLAGS, storage="memory")
    yield server, kubectl_for(server, tmp_path)


@contextmanager
def streams(kubectl: Kubectl) -> Iterator[tuple[list[subprocess.Popen[bytes]], int, socket.socket]]:
    """A followed log, a command and a forwarded connection, all begun: the clients, the command's process and the
    connection."""
    with (started(kubectl, "logs", "-f", "worker") as log, started(kubectl, *LONG) as command,
          forwarded(kubectl, "worker", 8080) as port):
        assert log.stdout is not None and log.stdout.readline() == b"begun\n"
        assert command.stdout is not None
        pid = int(command.stdout.readline().split()[1])
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.sendall(b"hello")
            yield [log, command], pid, connection


def ready(server: ServerProcess, kubectl: Kubectl) -> None:
    caller = ApiCaller(server)
    kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    assert caller.call("POST", "/api/v1/namespaces/default/pods", POD).code == 201
    kubectl("wait", "--for=condition=Ready", "pod/worker", "--timeout=30s")
    caller.close()


def ended(connection: socket.socket) -> bool:
    """Whether the other side closed or cut it."""
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


def gone(pid: int) -> None:
    """Return when the process has ended."""
    end = os.pidfd_open(pid)
    try:
        assert select.select([end], [], [], SECONDS)[0], "the process is still there"
    finally:
        os.close(end)


def test_the_node_is_killed(client: tuple[ServerProcess, Kubectl], tmp_path: Path) -> None:
    """Its clients end, the forwarded connection too, its processes with it; the server goes on."""
    server, kubectl = client
    with node(server, tmp_path) as far:
        ready(server, kubectl)
        with streams(kubectl) as (clients, pid, connection):
            far.kill()
            for each in clients:
                each.wait(SECONDS)
            assert ended(connection)
            gone(pid)
        assert kubectl("get", "node", "far", "-o", "name").out == "node/far\n"


def test_the_server_is_stopped(client: tuple[ServerProcess, Kubectl], tmp_path: Path) -> None:
    """It ends in time although streams are open, and the clients with it."""
    server, kubectl = client
    with node(server, tmp_path):
        ready(server, kubectl)
        with streams(kubectl) as (clients, _, connection):
            server.stop()
            for each in clients:
                each.wait(SECONDS)
            assert ended(connection)


def test_clients_are_killed(client: tuple[ServerProcess, Kubectl], tmp_path: Path) -> None:
    """The command ends with its client; the pod's own process does not."""
    server, kubectl = client
    with node(server, tmp_path):
        ready(server, kubectl)
        with streams(kubectl) as (clients, pid, _):
            for each in clients:
                each.kill()
            gone(pid)
        assert kubectl("get", "pod", "worker", "-o", "jsonpath={.status.phase}").out == "Running"
