"""Clients that orlop's authors did not write, as programs: kubectl of the machine over both transports, a newer kubectl
and an older client-go. And a server with a node in process mode, with a pod for them to reach.

Used by the tests of `clients` that play one scenario with each.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from api_caller import ApiCaller
from client_go_program import built_kubectl, built_older
from kubectl_command import Kubectl, kubectl_for
from server_process import ServerProcess

SECONDS: Final = 60.0
"""The longest wait for anything; what is right takes far less."""
EVERYONE: Final = ("machine", "machine-spdy", "newer", "older")
KUBECTLS: Final = ("machine", "machine-spdy", "newer")
"""Those that have all of kubectl's commands."""
NODE_FLAGS: Final = ("--nodes", "1", "--node-mode", "process", "--shutdown-grace", "1")
_TRANSPORT: Final = ("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "KUBECTL_PORT_FORWARD_WEBSOCKETS")
ECHO: Final = """
import os, socketserver, sys, threading
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.read())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, request_queue_size, daemon_threads = True, 128, True
server = Server((os.environ["IP"], 8080), Echo)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("listening", flush=True)
for line in sys.stdin:
    print("heard", line, end="", flush=True)
"""
"""Answers a connection with all it got as soon as the other side has ended; repeats the lines of its input."""


@dataclass(frozen=True)
class Site:
    """A running server, its clients by name, and requests of the administrator's."""

    server: ServerProcess
    clients: dict[str, Kubectl]
    caller: ApiCaller

    def make_pod(self, name: str, *command: str, **container: Any) -> None:
        """A pod whose only container runs."""
        own = {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        made = {"metadata": {"name": name, "labels": {"app": name}}, "spec": {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [{
                "name": "main", "image": "registry.example/main:1", "command": list(command), "env": [own],
                **container}]}}  # fmt: skip
        answer = self.caller.call("POST", "/api/v1/namespaces/default/pods", made)
        assert answer.code == 201, answer
        self.clients["machine"]("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Running", "--timeout=30s")


@contextmanager
def site_at(directory: Path) -> Iterator[Site]:
    """A server with one pod, `echo`, that listens; and the programs, built there."""
    machine = shutil.which("kubectl") is not None and directory / "home"
    server = ServerProcess(directory / "data", *NODE_FLAGS, storage="memory")
    built = {"newer": built_kubectl(directory), "older": built_older(directory)}
    try:
        (directory / "home").mkdir()
        first = kubectl_for(server.start(), directory / "home")
        clients = {name: replace(first, program=str(program)) for name, program in built.items()}
        for name, on in (("machine", "true"), ("machine-spdy", "false")):
            clients[name] = replace(first, environment={**first.environment, **dict.fromkeys(_TRANSPORT, on)})
        assert machine
        site = Site(server, clients, ApiCaller(server))
        site.make_pod("echo", "python3", "-c", ECHO, stdin=True)
        with started(first, "logs", "-f", "echo") as follower:
            assert follower.stdout is not None and follower.stdout.readline() == b"listening\n"
        yield site
        site.caller.close()
        server.stop()
    finally:
        server.kill()


@contextmanager
def started(client: Kubectl, *arguments: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The client while it runs, its output in pipes. It is killed at the end if it still does."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | options
    process = subprocess.Popen([client.program, *arguments], cwd=client.home, env=client.environment, **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def interrupt(process: subprocess.Popen[bytes]) -> int:
    """As ^C does; how it ended."""
    process.send_signal(signal.SIGINT)
    return process.wait(SECONDS)


@contextmanager
def forwarded(client: Kubectl, pod: str, port: int) -> Iterator[int]:
    """The local port that leads to the pod's."""
    with started(client, "port-forward", pod, f":{port}") as process:
        assert process.stdout is not None and process.stderr is not None
        found = re.search(rb"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found, process.stderr.read()
        yield int(found[1])


def echoed(port: int, size: int) -> bool:
    """Send random bytes, end our half only, and read to the end: whether the same came back."""
    sent = os.urandom(size)
    with socket.create_connection(("127.0.0.1", port), SECONDS) as end:
        end.sendall(sent)
        end.shutdown(socket.SHUT_WR)
        back = hashlib.sha256()
        while got := end.recv(1 << 16):
            back.update(got)
    return back.digest() == hashlib.sha256(sent).digest()
