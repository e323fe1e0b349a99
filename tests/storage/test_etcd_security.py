"""TLS to etcd, certificates both ways, and users with passwords."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path

import etcd_certificates
import pytest
from etcd_server import Cluster
from etcd_tests import caught_up, increment, needs_etcd, storage_on
from storage_worlds import PREFIX, Recorder, body

from orlop.storage.errors import CannotOpen
from orlop.storage.etcd_options import EtcdTls

pytestmark = needs_etcd
KEY = PREFIX + "a"


def test_tls_both_ways(tmp_path: Path) -> None:
    """With the authority and a certificate of ours etcd serves; without, the start says why it cannot."""
    etcd_certificates.make(tmp_path)
    files = {name: str(tmp_path / name) for name in ("ca.crt", "server.crt", "server.key", "client.crt", "client.key")}
    options = ("--cert-file", files["server.crt"], "--key-file", files["server.key"],
               "--trusted-ca-file", files["ca.crt"], "--client-cert-auth")  # fmt: skip

    async def play() -> None:
        with Cluster(tmp_path, 1, options, "https") as cluster:
            ours = EtcdTls(files["ca.crt"], files["client.crt"], files["client.key"])
            async with storage_on(cluster.endpoints, "/registry", tls=ours) as storage:
                sink = Recorder()
                await storage.watch(PREFIX, 1, sink)
                await storage.create(KEY, body("a"))
                assert len(sink.seen) == 1
            with pytest.raises(CannotOpen, match="no-such-file"):
                async with storage_on(cluster.endpoints, "/registry", tls=EtcdTls(ca="/no-such-file")):
                    pass

    asyncio.run(play())


def _ask(endpoint: str, path: str, question: dict[str, object]) -> None:
    request = urllib.request.Request(f"{endpoint}/v3/{path}", json.dumps(question).encode())
    urllib.request.urlopen(request, timeout=10).read()


def _enable_users(endpoint: str) -> None:
    _ask(endpoint, "auth/user/add", {"name": "root", "password": "secret"})
    _ask(endpoint, "auth/role/add", {"name": "root"})
    _ask(endpoint, "auth/user/grant", {"user": "root", "role": "root"})
    _ask(endpoint, "auth/enable", {})


def test_users_with_passwords(tmp_path: Path) -> None:
    """A token is got at the start, and a new one when etcd forgets it (as it does when it starts again): reads, writes
    and the watch go on."""

    async def play() -> None:
        with Cluster(tmp_path, 1) as cluster:
            await asyncio.to_thread(_enable_users, cluster.endpoints[0])
            with pytest.raises(CannotOpen, match="user name is empty"):
                async with storage_on(cluster.endpoints, "/registry"):
                    pass
            with pytest.raises(CannotOpen, match="authentication failed"):
                async with storage_on(cluster.endpoints, "/registry", user="root", password="wrong"):
                    pass
            async with storage_on(cluster.endpoints, "/registry", user="root", password="secret") as storage:
                sink = Recorder()
                await storage.watch(PREFIX, storage.revision, sink)
                await storage.guaranteed_update(KEY, increment("a"))
                cluster.members[0].kill()
                cluster.members[0].start()
                await storage.guaranteed_update(KEY, increment("a"))
                assert (await storage.list(PREFIX)).entries
                await caught_up(storage)
                assert len(sink.seen) == 2

    asyncio.run(play())
