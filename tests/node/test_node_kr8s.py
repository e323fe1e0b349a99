"""kr8s against a node in process mode: exec (v4, without input) and port-forward over its plain WebSocket form."""

from __future__ import annotations

import asyncio
import io

import kr8s.asyncio
import pytest
from kr8s.asyncio.objects import Pod
from node_scenarios import PODS, cluster, pod, until

import orlop

SERVER = """
import os, socketserver
class Upper(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())
socketserver.ThreadingTCPServer.allow_reuse_address = True
server = socketserver.ThreadingTCPServer((os.environ["IP"], 8080), Upper)
print("listening", flush=True)
server.serve_forever()
"""


async def _running_pod(server: orlop.Server) -> Pod:
    made = pod("web", command=["python3", "-c", SERVER])
    made["spec"]["containers"][0]["env"] = [
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    await server.request("POST", PODS, made)
    await until(server, "web", lambda p: p["status"]["phase"] == "Running")
    api = await kr8s.asyncio.api(kubeconfig=str(server.kubeconfig))
    found = await Pod.get("web", namespace="default", api=api)
    async for line in found.logs(follow=True):
        if line == "listening":
            break
    return found


async def _exec(web: Pod) -> None:
    out = io.BytesIO()
    done = await web.exec(["sh", "-c", "echo out; echo err >&2; exit 3"], stdout=out, check=False)
    assert (done.returncode, done.stdout, done.stderr, out.getvalue()) == (3, b"out\n", b"err\n", b"out\n")
    assert (await web.exec(["true"])).returncode == 0


async def _forward(web: Pod) -> None:
    async def shouted(port: int, number: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"line %d\n" % number)
        answer = await reader.readline()
        writer.close()
        return answer

    async with web.portforward(8080, local_port="auto") as port:
        answers = await asyncio.gather(*(shouted(port, number) for number in range(10)))
    assert answers == [b"LINE %d\n" % number for number in range(10)]


@pytest.mark.filterwarnings("ignore:Kubernetes version:UserWarning")
def test_exec_and_port_forward() -> None:
    """Outputs and exit codes; ten connections through one forwarded port."""

    async def playing() -> None:
        async with asyncio.timeout(60), cluster(1, "process") as server:
            web = await _running_pod(server)
            await _exec(web)
            await _forward(web)

    asyncio.run(playing())
