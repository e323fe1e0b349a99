"""A node that reaches its server over HTTPS, and whom its endpoint lets in."""

from __future__ import annotations

import asyncio
import ssl

import httptools
from node_scenarios import PODS, account, pod, until

import orlop
from orlop.cli.node import tls_context
from orlop.cli.remote import read_kubeconfig
from orlop.node.beside import Plan, cluster_beside
from orlop.node.https import HttpsApi
from orlop.node.identity import issue
from orlop.node.run import running_node
from orlop.node.settings import NodeSettings


def test_a_node_over_https() -> None:
    """It registers, runs a pod, answers the server's question for a log, and signs off."""

    async def scenario() -> None:
        plan = Plan(0, scheduler=True)
        async with asyncio.timeout(30), orlop.Server() as server, cluster_beside(server.running, plan):
            await account(server)
            credentials = read_kubeconfig(server.kubeconfig)
            api = HttpsApi(credentials.server, tls_context(credentials), credentials.token)
            identity = issue(credentials.authority.encode(), credentials.server, ["far", "127.0.0.1"], 1.8e9)
            async with running_node(NodeSettings("far"), api, identity):
                await server.request("POST", PODS, pod("one", {"orlop.dev/log": "from afar"}))
                await until(server, "one", lambda p: p["status"]["phase"] == "Running")
                reply = await server.request("GET", f"{PODS}/one/log")
                assert (reply.status, reply.body) == (200, b"from afar\n")
            await api.close()

    asyncio.run(scenario())


async def _status(port: int, context: ssl.SSLContext) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(b"GET /pods HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    parser = httptools.HttpResponseParser(object())
    parser.feed_data(answer)
    return int(parser.get_status_code())


def test_only_masters_are_let_in() -> None:
    """Without a certificate nobody is; the administrator's is good enough."""

    async def scenario() -> None:
        async with asyncio.timeout(30), orlop.Server() as server, cluster_beside(server.running, Plan(1)) as (node,):
            admin = tls_context(read_kubeconfig(server.kubeconfig))
            nobody = ssl.create_default_context()
            for context in (admin, nobody):
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            assert await _status(node.port, nobody) == 401
            assert await _status(node.port, admin) == 200

    asyncio.run(scenario())
