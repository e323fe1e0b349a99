"""An API server with a pod on a fake kubelet, all in one loop, for tests of what goes between the two."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from fake_kubelet import FakeKubelet
from listener_wire import Wire

from orlop.server.config import Config
from orlop.server.kubelet_client import KubeletClient
from orlop.server.listener import Listener
from orlop.server.run import Running, running
from orlop.server.tls import server_context
from orlop.websocket.framing import BINARY, CLOSE, Piece, Receiver, frame

POD = "/api/v1/namespaces/default/pods/p"
KEY = b"\x01\x02\x03\x04"


@dataclass
class Cluster:
    server: Running
    listener: Listener
    kubelet: FakeKubelet
    place: Path
    port: int

    @property
    def client(self) -> KubeletClient:
        found = self.server.application.kubelet
        assert found is not None
        return found

    @property
    def token(self) -> str:
        return self.server.directory.admin_token

    async def connect(self) -> Wire:
        context = server_context_of_client(self.place)
        return Wire(*await asyncio.open_connection("127.0.0.1", self.server.port, ssl=context,
                                                   server_hostname="localhost"))

    async def ask(self, target: str, *headers: str, method: str = "GET", body: bytes = b"") -> Wire:
        wire = await self.connect()
        lines = [f"{method} {target} HTTP/1.1", "Host: api", f"Authorization: Bearer {self.token}", *headers]
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        wire.send("\r\n".join([*lines, "", ""]).encode() + body)
        return wire

    async def websocket(self, target: str, protocol: str) -> Socket:
        headers = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                   "Sec-WebSocket-Version: 13"]
        if protocol:
            headers.append(f"Sec-WebSocket-Protocol: {protocol}")
        wire = await self.ask(target, *headers)
        head = await wire.head()
        assert head.status == 101, (head, await wire.rest())
        assert head.headers.get("sec-websocket-protocol", "") == protocol.split(",")[0]
        return Socket(wire)

    async def kubectl(self, *arguments: str, stdin: bytes | None = None, code: int = 0) -> tuple[bytes, bytes]:
        process = await self.kubectl_process(*arguments, stdin=stdin is not None)
        out, err = await process.communicate(stdin)
        assert process.returncode == code, (process.returncode, out[-2000:], err[-2000:])
        return out, err

    async def kubectl_process(self, *arguments: str, stdin: bool = False, **environment: str) -> Any:
        return await asyncio.create_subprocess_exec(
            "kubectl", "--kubeconfig", str(self.place / "admin.kubeconfig"), *arguments,
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "HOME": str(self.place), **environment})

    async def quiet(self) -> None:
        """Return when nothing is left of any connection to the kubelet."""
        while self.client.tasks or any(True for _ in self.kubelet.sessions) or len(self.listener_connections()) > 0:
            await asyncio.sleep(0.005)

    def listener_connections(self) -> list[object]:
        idle = len(self.client.pool._timers)
        return list(range(self.client.pool.open - idle))


class Socket:
    """A WebSocket client."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.receiver = wire, Receiver(masked=False)
        self.messages: list[tuple[int, bytes]] = []
        self._text = b""
        self.closed = False

    def send(self, payload: bytes, opcode: int = BINARY) -> None:
        self.wire.send(frame(opcode, payload, KEY))

    async def receive(self) -> bytes | None:
        """The next message; None at the end."""
        while not self.messages:
            if self.closed:
                return None
            data = await self.wire.reader.read(1 << 16)
            if not data:
                self.closed = True
            for part in self.receiver.receive(data):
                if isinstance(part, Piece):
                    self._text += part.data
                    if part.last:
                        self.messages.append((part.opcode, self._text))
                        self._text = b""
                elif part.opcode == CLOSE:
                    self.closed = True
        return self.messages.pop(0)[1]

    async def everything(self) -> dict[int, bytes]:
        """All to the end, by channel."""
        found: dict[int, bytes] = {}
        while (message := await self.receive()) is not None:
            found[message[0]] = found.get(message[0], b"") + message[1:]
        return found


def server_context_of_client(place: Path) -> Any:
    import ssl

    return ssl.create_default_context(cafile=str(place / "ca.crt"))


def _node(port: int) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}}


def _pod() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
        "nodeName": "n", "automountServiceAccountToken": False,
        "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]}}


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await stack.enter_async_context(running(Config(
            data_dir=place, storage="memory", secure_port=0, shutdown_grace=0.2,
            disable_admission_plugins=("ServiceAccount",))))
        server.directory.write_kubeconfig(server.url)
        kubelet = FakeKubelet()
        context = server_context(place / "server.crt", place / "server.key", (place / "ca.crt",))
        listener = Listener(kubelet, ssl_context=context)
        port = await listener.start()
        stack.push_async_callback(listener.drain, 0.2)
        made = Cluster(server, listener, kubelet, place, port)
        for path, body in (("/api/v1/nodes", _node(port)), ("/api/v1/namespaces/default/pods", _pod())):
            wire = await made.ask(path, "Content-Type: application/json", method="POST", body=orjson.dumps(body))
            got = await wire.answer()
            assert got.status == 201, got.body
        pod = _pod() | {"status": {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}}
        wire = await made.ask(f"{POD}/status", "Content-Type: application/merge-patch+json", method="PATCH",
                              body=orjson.dumps({"status": pod["status"]}))
        assert (await wire.answer()).status == 200
        yield made
