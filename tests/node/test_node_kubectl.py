"""kubectl against a node in process mode: exec, cp, attach-like input, port-forward, logs, over both protocols."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from node_scenarios import PODS, cluster, pod, until

import orlop

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
Kubectl = Callable[..., Awaitable[tuple[int, bytes, bytes]]]
SERVER = """
import http.server, os
http.server.test(http.server.SimpleHTTPRequestHandler, port=8080, bind=os.environ['IP'])
"""


def play(scenario: Callable[[orlop.Server, Kubectl], Awaitable[None]], **env: str) -> None:
    async def playing() -> None:
        async with asyncio.timeout(60), cluster(1, "process") as server:
            own = {**os.environ, "KUBECONFIG": str(server.kubeconfig),
                   "KUBECACHEDIR": str(server.kubeconfig.parent / "kube-cache"), **env}

            async def kubectl(*arguments: str, sent: bytes = b"") -> tuple[int, bytes, bytes]:
                process = await asyncio.create_subprocess_exec(
                    "kubectl", *arguments, env=own, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE)
                out, said = await process.communicate(sent)
                return process.returncode or 0, out, said

            made = pod("web", command=["python3", "-u", "-c", SERVER])
            made["spec"]["containers"][0]["env"] = [
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
            await server.request("POST", PODS, made)
            await until(server, "web", lambda p: p["status"]["phase"] == "Running")
            await scenario(server, kubectl)

    asyncio.run(playing())


@pytest.mark.parametrize("sockets", ["true", "false"])
def test_exec(sockets: str) -> None:
    """Both streams, exit codes, and binary input that arrives whole, over WebSocket and over SPDY."""

    async def scenario(server: orlop.Server, kubectl: Kubectl) -> None:
        code, out, said = await kubectl("exec", "web", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
        assert (code, out) == (3, b"out\n") and said.startswith(b"err\n")
        data = os.urandom(3_000_001)
        code, out, _ = await kubectl("exec", "-i", "web", "--", "sha256sum", sent=data)
        assert code == 0 and out.split()[0].decode() == hashlib.sha256(data).hexdigest()
        code, out, _ = await kubectl("exec", "-i", "web", "--", "cat", sent=data)
        assert code == 0 and out == data
        code, _, said = await kubectl("exec", "web", "--", "/no/such/program")
        assert code != 0 and b"/no/such/program" in said

    play(scenario, KUBECTL_REMOTE_COMMAND_WEBSOCKETS=sockets)


def test_copies_go_both_ways(tmp_path: Path) -> None:
    async def scenario(server: orlop.Server, kubectl: Kubectl) -> None:
        (tmp_path / "there").write_bytes(os.urandom(100_000))
        assert (await kubectl("cp", str(tmp_path / "there"), "web:copy"))[0] == 0
        assert (await kubectl("cp", "web:copy", str(tmp_path / "back")))[0] == 0
        assert (tmp_path / "back").read_bytes() == (tmp_path / "there").read_bytes()

    play(scenario)


def test_ports_are_forwarded() -> None:
    """Many connections at once through one kubectl."""

    async def scenario(server: orlop.Server, kubectl: Kubectl) -> None:
        env: dict[str, Any] = {**os.environ, "KUBECONFIG": str(server.kubeconfig)}
        process = await asyncio.create_subprocess_exec("kubectl", "port-forward", "web", ":8080", env=env,
                                                       stdout=asyncio.subprocess.PIPE)
        try:
            assert process.stdout is not None
            port = int((await process.stdout.readline()).split()[2].rpartition(b":")[2])

            async def fetch() -> bytes:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
                answer = await reader.read()
                writer.close()
                return answer

            await _listening(kubectl)
            assert all(b" 200 OK" in answer for answer in await asyncio.gather(*(fetch() for _ in range(20))))
        finally:
            process.terminate()
            await process.wait()

    play(scenario)


async def _listening(kubectl: Kubectl) -> None:
    while b"Serving" not in (await kubectl("logs", "web"))[1]:
        await asyncio.sleep(0)
