"""One etcd, as kube-apiserver leaves it and as we leave it: keys, values, leases."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import orjson
import pytest
from etcd_server import MISSING, shared

import orlop
import storage_layout
from orlop.storage.etcd_client import Client
from orlop.storage.etcd_options import EtcdOptions
from storage_layout import ITEMS, TTL

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


async def raw(client: Client, call: str, request: str, **fields: Any) -> Any:
    return await client.call(call, getattr(client.messages, request)(**fields))


async def put(client: Client, key: str, value: bytes, lease: int = 0) -> None:
    messages = client.messages
    operation = messages.RequestOp(put=messages.PutRequest(key=key.encode(), value=value, lease=lease))
    await client.call("Txn", messages.TxnRequest(success=[operation]).SerializeToString())


async def everything(client: Client, prefix: str) -> dict[str, Any]:
    """Keys and what etcd has of them."""
    found = await raw(client, "Range", "RangeRequest", key=prefix.encode(), range_end=prefix.encode() + b"\xff")
    return {kv.key.decode().removeprefix(prefix): kv for kv in found.kvs}


NOT_AGAIN = ("IPAddress", "CustomResourceDefinition", "Job")
"""Kinds whose stored objects a client may not create as they are."""


def settings(prefix: str) -> dict[str, Any]:
    return {"listen": False, "etcd_servers": shared().endpoints, "etcd_prefix": prefix,
            "service_cluster_ip_range": storage_layout.SERVICE_RANGE,
            "disable_admission_plugins": ("LimitRanger", "ServiceAccount")}


def test_what_kube_apiserver_wrote_is_served() -> None:
    """Every object of a real server's etcd is found by GET and LIST, in every version of its kind."""
    prefix = f"/layout-{uuid.uuid4()}/registry"

    async def serve() -> int:
        client = Client(EtcdOptions(shared().endpoints))
        await client.start()
        lease = (await raw(client, "LeaseGrant", "LeaseGrantRequest", ttl=TTL)).id
        for item in ITEMS:
            key = prefix + item.key.removeprefix(storage_layout.ROOT)
            await put(client, key, item.value, lease if item.leased else 0)
        await client.close()
        async with orlop.Server(**settings(prefix)) as server:
            return await storage_layout.check(server.request)

    assert asyncio.run(serve()) == 44


def test_what_we_write_is_where_kube_apiserver_looks() -> None:
    """Each object of the dump, made anew through the API, is stored under the dump's key with the dump's kind and
    version, with a lease where the dump has one; members that upstream sets are there."""
    prefix = f"/layout-{uuid.uuid4()}/registry"
    made: set[str] = set()

    async def serve() -> dict[str, Any]:
        async with orlop.Server(**settings(prefix)) as server:
            for item in sorted(ITEMS, key=lambda one: one.tree["kind"] != "Namespace"):
                if item.resource is None or item.tree["kind"] in NOT_AGAIN:
                    continue
                place, version = storage_layout.places(item, item.resource)[0]
                tree = {**item.tree, "apiVersion": version}
                keep = ("name", "namespace", "labels", "annotations", "finalizers")
                tree["metadata"] = {name: item.tree["metadata"][name] for name in keep if name in item.tree["metadata"]}
                if item.tree["kind"] == "Service":  # the addresses may be others
                    tree["spec"] = {name: tree["spec"][name] for name in tree["spec"] if "clusterIP" not in name}
                reply = await server.request("POST", place, tree)
                assert reply.status in (201, 409), (item.key, reply.json())
                made.add(item.key)
            client = Client(EtcdOptions(shared().endpoints))
            await client.start()
            stored = await everything(client, prefix)
            await client.close()
            return stored

    stored = asyncio.run(serve())
    for item in ITEMS:
        if item.key not in made:
            continue
        found = stored[item.key.removeprefix(storage_layout.ROOT)]
        assert bool(found.lease) == item.leased, item.key
        tree = orjson.loads(found.value)
        assert (tree["kind"], tree["apiVersion"]) == (item.tree["kind"], item.tree["apiVersion"]), item.key
        assert "resourceVersion" not in tree["metadata"] and found.value.endswith(b"}\n")
        assert list(tree)[:3] == list(item.tree)[:3]
    assert len(made) > 35
    assert "/ranges/servicenodeports" in stored and "/servicecidrs/kubernetes" in stored
