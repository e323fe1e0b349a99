"""Quotas are kept by servers that share a storage."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from etcd_server import MISSING, Cluster
from served import MERGE

import orlop

pytestmark = [pytest.mark.xdist_group("replicas"), pytest.mark.skipif(bool(MISSING), reason=MISSING)]

CORE = "/api/v1/namespaces/default"


async def create(server: orlop.Server, name: str) -> int:
    code: int = (await server.request("POST", f"{CORE}/configmaps", {"metadata": {"name": name}})).status
    return code


def test_no_more_than_fit_through_two_servers(tmp_path: Path) -> None:
    """Fifty creations through two servers against a quota of ten: ten pass."""

    async def scenario(endpoints: tuple[str, ...]) -> None:
        first = orlop.Server(listen=False, etcd_servers=endpoints, storage="etcd", data_dir=tmp_path / "a")
        async with first as one:
            second = orlop.Server(listen=False, etcd_servers=endpoints, storage="etcd", data_dir=tmp_path / "b")
            async with second as other:
                quota = f"{CORE}/resourcequotas"
                hard = {"configmaps": "10"}
                await one.request("POST", quota, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
                status = {"status": {"hard": hard, "used": {"configmaps": "0"}}}
                await one.request("PATCH", f"{quota}/q/status", status, headers=MERGE)
                while (await other.request("GET", f"{quota}/q")).json()["status"] != status["status"]:
                    await asyncio.sleep(0.05)
                codes = await asyncio.gather(*(create((one, other)[n % 2], f"c{n}") for n in range(50)))
                assert Counter(codes) == {201: 10, 403: 40}
                assert (await one.request("GET", f"{quota}/q")).json()["status"]["used"] == hard

    with Cluster(tmp_path, 1) as etcd:
        asyncio.run(scenario(tuple(etcd.endpoints)))
