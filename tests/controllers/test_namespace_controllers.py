"""Namespaces come with their content and go with it: the controllers in a whole server, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import orlop
from orlop.controllers import work_queue
from orlop.controllers.namespace_content import NamespaceContentController
from orlop.embedding import Reply
from orlop.storage.memory import MemoryStorage

MAPS = "/api/v1/namespaces/a/configmaps"
Scenario = Callable[[orlop.Server], Awaitable[None]]


def play(scenario: Scenario, **settings: Any) -> None:
    async def playing() -> None:
        settings.setdefault("namespace_deletion_grace", 0.0)
        async with asyncio.timeout(30), orlop.Server(listen=False, **settings) as server:
            await scenario(server)

    asyncio.run(playing())


async def make(server: orlop.Server, path: str, name: str, **metadata: Any) -> Reply:
    reply = await server.request("POST", path, {"metadata": {"name": name, **metadata}})
    assert reply.status == 201, reply.body
    return reply


async def wait_for(server: orlop.Server, path: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first event of a watch that is `wanted`."""
    async with await server.watch(path) as events:
        async for event in events:
            if wanted(event):
                return event
    raise AssertionError("the watch ended")


async def gone(server: orlop.Server, name: str) -> None:
    """Return when a namespace is gone."""
    async with await server.watch("/api/v1/namespaces") as events:
        if (await server.request("GET", f"/api/v1/namespaces/{name}")).status == 404:
            return
        async for event in events:
            if event["type"] == "DELETED" and event["object"]["metadata"]["name"] == name:
                return


def test_new_namespaces_are_furnished() -> None:
    """A default service account and the CA appear, also for namespaces that were there before."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "/api/v1/namespaces", "a")
        for namespace in ("a", "default", "kube-system"):
            await wait_for(server, f"/api/v1/namespaces/{namespace}/serviceaccounts",
                           lambda e: e["object"]["metadata"]["name"] == "default")
            event = await wait_for(server, f"/api/v1/namespaces/{namespace}/configmaps",
                                   lambda e: e["object"]["metadata"]["name"] == "kube-root-ca.crt")
            assert event["object"]["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")

    play(scenario)


def test_furniture_is_put_back() -> None:
    """What is deleted comes back, what is changed is put right."""

    async def scenario(server: orlop.Server) -> None:
        path = "/api/v1/namespaces/default/configmaps"
        ours: Callable[[dict[str, Any]], bool] = lambda e: (  # noqa: E731
            e["type"] == "ADDED" and e["object"]["metadata"]["name"] == "kube-root-ca.crt")
        first = (await wait_for(server, path, ours))["object"]
        changed = await server.request("PATCH", f"{path}/kube-root-ca.crt", {"data": {"ca.crt": "x"}},
                                       headers={"Content-Type": "application/merge-patch+json"})
        version = changed.json()["metadata"]["resourceVersion"]
        async with await server.watch(path, query={"resourceVersion": version}) as events:
            assert (await anext(events))["object"]["data"] == first["data"]
            await server.request("DELETE", f"{path}/kube-root-ca.crt")
            assert (await anext(events))["type"] == "DELETED"
            back = (await anext(events))["object"]
            assert back["data"] == first["data"] and back["metadata"]["uid"] != first["metadata"]["uid"]

    play(scenario)


def test_switches() -> None:
    """Each controller can be left out."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "/api/v1/namespaces", "a")
        assert (await server.request("DELETE", "/api/v1/namespaces/a")).json()["status"]["phase"] == "Terminating"
        await server.request("GET", "/api/v1/namespaces/a")
        reply = await server.request("GET", "/api/v1/namespaces/a")
        assert reply.status == 200 and "conditions" not in reply.json()["status"]
        for kind in ("serviceaccounts", "configmaps"):
            found = (await server.request("GET", f"/api/v1/{kind}")).json()["items"]
            assert [i["metadata"]["name"] for i in found] in (
                [], ["extension-apiserver-authentication", "kube-apiserver-legacy-service-account-token-tracking"])

    play(scenario, namespace_controller=False, service_account_controller=False, root_ca_controller=False)


def test_namespace_takes_its_content_along() -> None:
    """Everything in it is deleted, nothing can be made in it meanwhile, then it is gone."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "/api/v1/namespaces", "a")
        await make(server, MAPS, "m")
        await make(server, "/api/v1/namespaces/a/secrets", "s")
        reply = await server.request("DELETE", "/api/v1/namespaces/a")
        assert reply.json()["status"]["phase"] == "Terminating"
        late = await server.request("POST", MAPS, {"metadata": {"name": "late"}})
        assert late.status in (403, 404)
        await gone(server, "a")
        for kind in ("configmaps", "secrets", "serviceaccounts"):
            found = (await server.request("GET", f"/api/v1/{kind}")).json()["items"]
            assert "a" not in {item["metadata"]["namespace"] for item in found}

    play(scenario)


def test_finalizers_hold_a_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status says what holds it; it goes as soon as that is gone, not at some later look."""
    monkeypatch.setattr(work_queue, "FIRST_DELAY", 1000.0)

    async def scenario(server: orlop.Server) -> None:
        await make(server, "/api/v1/namespaces", "a")
        await make(server, MAPS, "held", finalizers=["example.com/wait"])
        await server.request("DELETE", "/api/v1/namespaces/a")

        def told(event: dict[str, Any]) -> bool:
            conditions = {c["type"]: c for c in event["object"].get("status", {}).get("conditions", ())}
            return event["object"]["metadata"]["name"] == "a" and "NamespaceContentRemaining" in conditions

        event = await wait_for(server, "/api/v1/namespaces", told)
        conditions = {c["type"]: c for c in event["object"]["status"]["conditions"]}
        assert conditions["NamespaceContentRemaining"]["message"] == (
            "Some resources are remaining: configmaps. has 1 resource instances")
        assert conditions["NamespaceFinalizersRemaining"]["message"] == (
            "Some finalizers are remaining: example.com/wait in 1 resource instances")
        for _ in range(100):  # turns in which the controller has all its looks
            await asyncio.sleep(0)
        await server.request("PATCH", f"{MAPS}/held", {"metadata": {"finalizers": None}},
                             headers={"Content-Type": "application/merge-patch+json"})
        await gone(server, "a")

    play(scenario)


class OrderedStorage(MemoryStorage):
    """Writes are accepted at once and committed one after the other, each when its gate lets it pass."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = asyncio.Lock()
        self.gates: dict[str, asyncio.Event] = {}

    async def _wait(self, key: str) -> None:
        gate = self.gates.pop(key, None)
        if gate is not None:
            await gate.wait()

    async def create(self, key: str, *args: Any, **kwargs: Any) -> Any:
        async with self._turn:
            await self._wait(key)
            return await super().create(key, *args, **kwargs)

    async def guaranteed_update(self, key: str, *args: Any, **kwargs: Any) -> Any:
        async with self._turn:
            await self._wait(key)
            return await super().guaranteed_update(key, *args, **kwargs)

    async def delete(self, key: str, *args: Any, **kwargs: Any) -> Any:
        async with self._turn:
            await self._wait(key)
            return await super().delete(key, *args, **kwargs)


def test_what_was_let_in_last_goes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object admitted before the namespace was seen to terminate, committed after, does not outlive it."""

    async def scenario(server: orlop.Server) -> None:
        storage: Any = server.running.application.storage
        await make(server, "/api/v1/namespaces", "a")
        first = storage.gates["/registry/namespaces/a"] = asyncio.Event()
        second = storage.gates["/registry/configmaps/a/late"] = asyncio.Event()
        deletion = asyncio.ensure_future(server.request("DELETE", "/api/v1/namespaces/a"))
        while "/registry/namespaces/a" in storage.gates:
            await asyncio.sleep(0)
        creation = asyncio.ensure_future(make(server, MAPS, "late"))
        while not storage._turn._waiters:
            await asyncio.sleep(0)
        first.set()
        await deletion
        for _ in range(50):  # turns in which a hasty controller lets the namespace go
            await asyncio.sleep(0)
        second.set()
        await creation
        await gone(server, "a")
        assert (await server.request("GET", MAPS)).json()["items"] == []

    storages: list[OrderedStorage] = []
    monkeypatch.setattr("orlop.server.run.make_storage", lambda *_: storages.append(OrderedStorage())
                        or storages[-1])
    play(scenario, service_account_controller=False, root_ca_controller=False)


def test_nothing_is_furnished_after_the_end() -> None:
    """A namespace that ends while its service account is being made gets no config map any more."""
    made: list[str] = []

    class Entry:
        def __init__(self, metadata: dict[str, Any]) -> None:
            self._metadata = metadata

        def tree(self) -> dict[str, Any]:
            return {"metadata": self._metadata}

    class Namespaces:
        prefix = "/registry/namespaces/"
        ending = False

        @property
        def cache(self) -> Any:
            return self

        def peek(self, key: str) -> Entry:
            return Entry({"deletionTimestamp": "now"} if self.ending else {})

    namespaces = Namespaces()

    class Writer:
        stores = {("", "namespaces"): namespaces}  # noqa: RUF012

        async def ensure(self, kind: Any, plural: str, obj: Any) -> bool:
            made.append(plural)
            namespaces.ending = True
            return True

        def peek(self, *args: str) -> None:
            return None

    writer: Any = Writer()
    controller = NamespaceContentController(writer, "certificate", True)
    assert asyncio.run(controller._reconcile("a")) is False
    assert made == ["serviceaccounts"]
