"""What kube-apiserver 1.36 keeps in etcd, for tests that put it into a storage and serve it.

`ITEMS` are the keys and values as they stand in etcd. `load` puts them into a storage of the contract through the
stored form; an etcd is filled with `Item.value` as it is. `check` asks a server over such a storage for every object.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.embedding import Reply
from orlop.kinds import catalog
from orlop.kinds.declaration import Resource
from orlop.kinds.stored_form import ROOT, StoredForm
from orlop.storage.interface import Storage

Tree = dict[str, Any]
FILE: Final = Path(__file__).parent / "data" / "etcd" / "layout.json"
SERVICE_RANGE: Final = "10.96.0.0/16"
"""The server's --service-cluster-ip-range."""
TTL: Final = 3600
"""Seconds to live of what hangs on a lease."""
Ask = Callable[[str, str], Awaitable[Reply]]
"""From method and path to the answer."""


class Item(NamedTuple):
    key: str
    tree: Tree
    leased: bool

    @property
    def value(self) -> bytes:
        """As upstream's JSON serializer writes it."""
        return orjson.dumps(self.tree) + b"\n"

    @property
    def kind(self) -> GroupVersionKind:
        return GroupVersion.parse(self.tree["apiVersion"]).kind(self.tree["kind"])

    @property
    def resource(self) -> Resource | None:
        """The built-in resource it belongs to; None for what the API does not serve by itself."""
        return next((r for r in catalog.RESOURCES if r.stored and self.key.startswith(f"{ROOT}/{r.prefix}/")), None)


ITEMS: Final = [Item(entry["key"], entry["value"], entry["lease"]) for entry in orjson.loads(FILE.read_bytes())]


async def load(storage: Storage, form: StoredForm) -> None:
    """Create every item in a started, empty storage."""
    for item in ITEMS:
        body = form.from_storage(item.key, item.value).value
        await storage.create(item.key, body, ttl=TTL if item.leased else 0)


def places(item: Item, resource: Resource) -> list[tuple[str, str]]:
    """The collections in which an object shows, in every version: (path, apiVersion)."""
    namespace = item.tree["metadata"].get("namespace", "")
    scope = f"/namespaces/{namespace}" if namespace else ""
    rows = [row for row in catalog.RESOURCES if row.stored and row.prefix == resource.prefix]
    return [(f"/{'apis' if row.group else 'api'}/{version}{scope}/{row.plural}", str(version))
            for row in rows for version in row.group_versions]


async def check(ask: Ask) -> int:
    """GET and LIST each object in each version; how many objects were found."""
    found = 0
    for item in ITEMS:
        resource = item.resource
        if resource is None:
            continue
        found += 1
        metadata = item.tree["metadata"]
        for path, version in places(item, resource):
            reply = await ask("GET", f"{path}/{metadata['name']}")
            assert reply.status == 200, (path, reply.body)
            shown = reply.json()
            assert (shown["apiVersion"], shown["kind"]) == (version, item.kind.kind)
            assert shown["metadata"].pop("resourceVersion")
            assert metadata.items() <= shown["metadata"].items(), (path, metadata, shown)
            if shown["apiVersion"] == item.tree["apiVersion"] and shown["kind"] not in ("PersistentVolumeClaim", "Job"):
                assert shown == item.tree
            listed = (await ask("GET", path)).json()["items"]
            assert [one["metadata"]["uid"] for one in listed].count(metadata["uid"]) == 1
    return found
