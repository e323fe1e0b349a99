"""Logs, exec, attach and port-forward through a whole server to a kubelet."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re

import orjson
import pytest
from kubelet_site import POD, cluster
from listener_wire import on_loop

from orlop.api.http import Response

EXEC = f"{POD}/exec?container=c"


@on_loop
async def test_log() -> None:
    """A log is the kubelet's text, asked for with the options, and the connection is kept for the next."""
    async with cluster() as here:
        for _ in range(2):
            got = await (await here.ask(f"{POD}/log?tailLines=3&timestamps=true")).answer()
            assert got.status == 200 and got.headers["content-type"] == "text/plain"
            assert got.body == b"log of /containerLogs/default/p/c tailLines=3&timestamps=true\n"
        assert here.client.pool.open == 1
        assert here.kubelet.requests[0].peer_certificate is not None


@pytest.mark.parametrize(("status", "text", "expected", "reason"), [
    (500, b"broken", "Internal error occurred: broken", "InternalError"),
    (400, b"no such", "no such", "BadRequest"),
    (404, b"gone", "the server could not find the requested resource ( pods/log p)", "NotFound"),
    (403, b"no", "no ( pods/log p)", "Forbidden"),
    (502, b"bad", 'an error on the server ("bad") has prevented the request from succeeding ( pods/log p)',
     "InternalError"),
    (418, b"tea", "the server responded with the status code 418 but did not return more information ( pods/log p)",
     ""),
])
def test_log_refused(status: int, text: bytes, expected: str, reason: str) -> None:
    """What a kubelet refuses is told in upstream's words."""
    @on_loop
    async def run() -> None:
        async with cluster() as here:
            here.kubelet.refusal = Response(status, text, "text/plain")
            got = await (await here.ask(f"{POD}/log")).answer()
            told = orjson.loads(got.body)
            assert (got.status, told["message"], told.get("reason", "")) == (status, expected, reason)
    run()


@on_loop
async def test_kubelet_that_does_not_listen() -> None:
    """Refused connections are told as Go tells them."""
    async with cluster() as here:
        await here.listener.drain(0.1)
        got = await (await here.ask(f"{POD}/log")).answer()
        text = orjson.loads(got.body)["message"]
        assert got.status == 500 and text.startswith('Get "https://127.0.0.1:')
        assert text.endswith("connect: connection refused") and "/containerLogs/default/p/c" in text
        got = await (await here.ask(f"{EXEC}&command=x&stdout=1", "Connection: Upgrade", "Upgrade: SPDY/3.1",
                                    method="POST")).answer()
        text = orjson.loads(got.body)["message"]
        assert got.status == 500 and text.startswith("error dialing backend: dial tcp 127.0.0.1:")
        socket = await here.websocket(f"{EXEC}&command=x&stdout=1", "v5.channel.k8s.io")
        assert await socket.receive() == b"\x01"
        told = orjson.loads((await socket.everything())[3])
        assert told["reason"] == "InternalError" and told["message"].startswith(
            'Internal error occurred: error sending request: Post "https://127.0.0.1:')


@on_loop
async def test_log_followed() -> None:
    """A followed log arrives as it is written, and a client that leaves cuts the kubelet's connection."""
    async with cluster() as here:
        wire = await here.ask(f"{POD}/log?follow=true")
        assert (await wire.head()).status == 200
        assert await wire.chunk() == b"first\n"
        assert here.client.pool.open == 1
        wire.cut()
        await here.kubelet.changed.wait()
        await here.quiet()
        assert len(here.kubelet.lost) == 1


@on_loop
async def test_kubelet_dies_while_a_log_is_followed() -> None:
    """The log ends, and nothing is left."""
    async with cluster() as here:
        wire = await here.ask(f"{POD}/log?follow=true")
        await wire.head()
        assert await wire.chunk() == b"first\n"
        here.kubelet.cut()
        assert await wire.chunk() == b""
        await here.quiet()


@on_loop
async def test_exec_by_kubectl() -> None:
    """Output on both channels, input, and exit codes, as kubectl shows them, with WebSocket and with SPDY."""
    async with cluster() as here:
        assert await here.kubectl("exec", "p", "--", "both") == (b"to stdout\n", b"to stderr\n")
        assert (await here.kubectl("exec", "-i", "p", "--", "cat", stdin=b"a\nb"))[0] == b"a\nb"
        _, err = await here.kubectl("exec", "p", "--", "exit", "42", code=42)
        assert b"exit code 42" in err
        _, err = await here.kubectl("exec", "p", "--", "fail", "it broke", code=1)
        assert b"it broke" in err
        assert (await here.kubectl("attach", "p"))[0] == b"attached\n"
        assert (await here.kubectl("logs", "p"))[0].startswith(b"log of")
        await here.quiet()


@on_loop
async def test_exec_by_kubectl_over_spdy() -> None:
    """Older clients get a connection handed over as it is."""
    async with cluster() as here:
        process = await here.kubectl_process("exec", "-i", "p", "--", "cat", stdin=True,
                                             KUBECTL_REMOTE_COMMAND_WEBSOCKETS="false")
        out, err = await process.communicate(b"over spdy")
        assert (process.returncode, out) == (0, b"over spdy"), err
        assert here.kubelet.requests[-1].headers["x-stream-protocol-version"].startswith("v5")
        await here.quiet()


@pytest.mark.parametrize("websockets", ["true", "false"])
def test_much_input_arrives_whole(websockets: str) -> None:
    """Megabytes of any bytes, by their hash."""
    @on_loop
    async def run() -> None:
        data = bytes(range(256)) * (32 << 10)
        async with cluster() as here:
            process = await here.kubectl_process("exec", "-i", "p", "--", "sha256", stdin=True,
                                                 KUBECTL_REMOTE_COMMAND_WEBSOCKETS=websockets)
            out, err = await process.communicate(data)
            assert out.decode().strip() == hashlib.sha256(data).hexdigest(), err
            await here.quiet()
    run()


@on_loop
async def test_much_output_arrives_whole() -> None:
    """Megabytes out of a container."""
    async with cluster() as here:
        out, _ = await here.kubectl("exec", "p", "--", "flood", str(16 << 20))
        assert len(out) == 16 << 20
        await here.quiet()


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io", ""])
def test_binary_subprotocols(protocol: str) -> None:
    """Each message begins with its channel; from v4 on the end is told as a Status."""
    @on_loop
    async def run() -> None:
        async with cluster() as here:
            socket = await here.websocket(f"{EXEC}&command=both&stdout=1&stderr=1", protocol)
            found = await socket.everything()
            assert found[1] == b"to stdout\n" and found[2] == b"to stderr\n"
            status = json.dumps({"metadata": {}, "status": "Success"}, separators=(",", ":")).encode()
            assert found.get(3, b"") == (status if protocol.startswith("v") else b"")
            await here.quiet()
    run()


@pytest.mark.parametrize("protocol", ["v4.base64.channel.k8s.io", "base64.channel.k8s.io"])
def test_base64_subprotocols(protocol: str) -> None:
    """Channels are digits and bytes are base64."""
    @on_loop
    async def run() -> None:
        async with cluster() as here:
            socket = await here.websocket(f"{EXEC}&command=both&stdout=1", protocol)
            assert await socket.receive() == b"1"
            assert await socket.receive() == b"1dG8gc3Rkb3V0Cg=="
    run()


@on_loop
async def test_stdin_is_closed_by_v5() -> None:
    """A client of v5 can end its input and still read."""
    async with cluster() as here:
        socket = await here.websocket(f"{EXEC}&command=cat&stdin=1&stdout=1", "v5.channel.k8s.io")
        socket.send(b"\x00hello ")
        socket.send(b"\x00again")
        socket.send(b"\xff\x00")
        found = await socket.everything()
        assert found[1] == b"hello again" and b'"Success"' in found[3]
        await here.quiet()


@on_loop
async def test_resize() -> None:
    """Sizes of the terminal reach the kubelet in order."""
    async with cluster() as here:
        socket = await here.websocket(f"{EXEC}&command=sizes&command=2&stdin=1&stdout=1&tty=1", "v5.channel.k8s.io")
        socket.send(b'\x04{"Width":80,"Height":24}\n')
        socket.send(b'\x04{"width":100,')
        socket.send(b'\x04"height":40}')
        await socket.everything()
        assert here.kubelet.sizes == [{"Width": 80, "Height": 24}, {"Width": 100, "Height": 40}]


@on_loop
async def test_exit_code_as_status() -> None:
    """The Status of a failed command is upstream's."""
    async with cluster() as here:
        socket = await here.websocket(f"{EXEC}&command=exit&command=7&stdout=1", "v5.channel.k8s.io")
        assert (await socket.everything())[3] == (
            b'{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: command '
            b'terminated with exit code 7","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode",'
            b'"message":"7"}]}}')


@on_loop
async def test_client_dies_during_exec() -> None:
    """The kubelet's session ends with the client, and nothing is left."""
    async with cluster() as here:
        socket = await here.websocket(f"{EXEC}&command=hang&stdin=1&stdout=1", "v5.channel.k8s.io")
        await here.kubelet.began.wait()
        socket.wire.cut()
        await here.kubelet.changed.wait()
        await here.quiet()
        assert not [task for task in asyncio.all_tasks() if re.search("kubelet_|spdy|websocket", repr(task))]


@on_loop
async def test_kubelet_dies_during_exec() -> None:
    """The client's connection ends, and nothing is left."""
    async with cluster() as here:
        socket = await here.websocket(f"{EXEC}&command=hang&stdin=1&stdout=1", "v5.channel.k8s.io")
        await here.kubelet.began.wait()
        here.kubelet.cut()
        await socket.everything()
        await here.quiet()


@on_loop
async def test_slow_client_slows_the_kubelet() -> None:
    """Nothing piles up for a client that does not read: the command waits."""
    async with cluster() as here:
        socket = await here.websocket(f"{EXEC}&command=flood&command={256 << 20}&stdout=1", "v5.channel.k8s.io")
        await here.kubelet.began.wait()
        counters = here.listener.counters
        seen = -1
        while counters.bytes_out != seen:
            seen = counters.bytes_out
            await asyncio.sleep(0.1)
        assert seen < 32 << 20
        socket.wire.cut()
        await here.quiet()


@on_loop
async def test_no_upgrade() -> None:
    """Exec needs an upgrade; a WebSocket needs the right to create."""
    async with cluster() as here:
        got = await (await here.ask(f"{EXEC}&command=x")).answer()
        assert got.status == 400 and orjson.loads(got.body)["message"] == "Upgrade request required"
        here.kubelet.refusal = Response(403, b"no", "text/plain", (("X-Accepted-Stream-Protocol-Versions", "v9"),))
        got = await (await here.ask(f"{EXEC}&command=x", "Connection: Upgrade", "Upgrade: SPDY/3.1",
                                    method="POST")).answer()
        assert (got.status, got.body, got.headers["x-accepted-stream-protocol-versions"]) == (403, b"no", "v9")
        socket = await here.websocket(f"{EXEC}&command=x&stdout=1", "v5.channel.k8s.io")
        told = orjson.loads((await socket.everything())[3])
        assert told["message"] == "Internal error occurred: unable to upgrade connection: no"


@on_loop
async def test_websockets_need_the_right_to_create() -> None:
    """A GET of a WebSocket client is asked for create as well."""
    async with cluster() as here:
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
                "rules": [{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get"]}]}
        binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b"},
                   "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
                   "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "u"}]}
        rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
        for path, body in ((f"{rbac}/roles", role), (f"{rbac}/rolebindings", binding)):
            wire = await here.ask(path, "Content-Type: application/json", method="POST", body=orjson.dumps(body))
            assert (await wire.answer()).status == 201
        got = await (await here.ask(f"{EXEC}&command=both&stdout=1", "Impersonate-User: u", "Connection: Upgrade",
                                    "Upgrade: websocket", "Sec-WebSocket-Protocol: v5.channel.k8s.io",
                                    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x")).answer()
        assert got.status == 403
        assert orjson.loads(got.body)["message"].startswith('pods "p" is forbidden: ')


@on_loop
async def test_log_over_a_websocket() -> None:
    """Browsers get messages, beginning with an empty one."""
    async with cluster() as here:
        socket = await here.websocket(f"{POD}/log?follow=true", "binary.k8s.io")
        assert await socket.receive() == b""
        assert await socket.receive() == b"first\n"
        socket.wire.cut()
        await here.kubelet.changed.wait()
        await here.quiet()
