"""The official Python client's streams, which speak the older WebSocket forms."""

from __future__ import annotations

import asyncio
from typing import Any

from kubelet_site import Cluster, cluster
from listener_wire import on_loop


def api(here: Cluster) -> Any:
    from kubernetes import client, config

    config_ = client.Configuration()
    config.load_kube_config(str(here.place / "admin.kubeconfig"), client_configuration=config_)
    return client.CoreV1Api(client.ApiClient(config_))


@on_loop
async def test_exec() -> None:
    """Output of both kinds, input, and the exit code."""
    from kubernetes.stream import stream

    async with cluster() as here:
        core = api(here)

        def both() -> str:
            return str(stream(core.connect_get_namespaced_pod_exec, "p", "default", command=["both"], stdout=True,
                              stderr=True))

        def cat() -> tuple[str, int]:
            open_ = stream(core.connect_get_namespaced_pod_exec, "p", "default", command=["exit", "3"], stdin=True,
                           stdout=True, _preload_content=False)
            open_.run_forever(timeout=10)
            return open_.read_stdout(), open_.returncode

        text = await asyncio.to_thread(both)
        assert "to stdout\n" in text and "to stderr\n" in text
        assert await asyncio.to_thread(cat) == ("", 3)
        await here.quiet()


@on_loop
async def test_port_forward() -> None:
    """Bytes to a port and back."""
    from kubernetes.stream import portforward

    async with cluster() as here:
        core = api(here)

        def forward() -> bytes:
            ports = portforward(core.connect_get_namespaced_pod_portforward, "p", "default", ports="80")
            end = ports.socket(80)
            end.settimeout(10)
            end.sendall(b"x" * 200_000)
            got = b""
            while len(got) < 200_000:
                got += end.recv(1 << 16)
            end.close()
            return got

        assert await asyncio.to_thread(forward) == b"x" * 200_000
        await here.quiet()
