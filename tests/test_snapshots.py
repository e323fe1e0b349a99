"""Snapshots in the library: taken, restored under open watches, forked, and the beginning of other servers."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import orlop
from orlop.registry.store import Outside
from orlop.storage.errors import Closed
from orlop.world.clock import ManualClock
from orlop.world.entropy import RandomEntropy

CORE = "/api/v1"
MAPS = f"{CORE}/namespaces/default/configmaps"
ALONE: dict[str, Any] = dict.fromkeys(
    ("namespace_controller", "service_account_controller", "root_ca_controller", "role_aggregation_controller"), False)
Object = dict[str, Any]


def on_each_storage(scenario: Callable[[orlop.Server], Coroutine[Any, Any, None]]) -> Callable[[str], None]:
    """The scenario as a test with a server in memory, and with one on disk."""

    @pytest.mark.parametrize("storage", ["memory", "sqlite"])
    def test(storage: str) -> None:
        async def run() -> None:
            async with orlop.Server(listen=False, storage=storage, **ALONE) as server:
                await scenario(server)

        asyncio.run(run())

    test.__doc__ = scenario.__doc__
    return test


async def put(server: orlop.Server, name: str, value: str) -> Object:
    """Make or change a config map."""
    obj = {"metadata": {"name": name}, "data": {"k": value}}
    reply = await server.request("PUT", f"{MAPS}/{name}", obj)
    if reply.status == 404:
        reply = await server.request("POST", MAPS, obj)
    assert reply.ok, reply.body
    return dict(reply.json())


async def listed(server: orlop.Server, path: str = MAPS) -> dict[str, Object]:
    reply = await server.request("GET", path)
    assert reply.ok, reply.body
    return {item["metadata"]["name"]: item for item in reply.json()["items"]}


async def whole(server: orlop.Server) -> dict[str, bytes]:
    """All that is stored, without resourceVersions."""
    from orlop.storage.interface import unstamp

    return {key: unstamp(entry.body) for key, entry in (await server.snapshot()).state.entries.items()}


class Informer:
    """What a client knows that lists once and then follows a watch, strictly."""

    def __init__(self, events: orlop.Watch, known: dict[str, Object]) -> None:
        self._events, self.known = events, known
        self.seen: list[str] = []

    async def read_until(self, revision: int) -> None:
        """Follow until an event of `revision` came."""
        while True:
            event = await anext(self._events)
            obj = event["object"]
            name = obj["metadata"]["name"]
            assert (event["type"] == "ADDED") == (name not in self.known), event
            if event["type"] == "DELETED":
                del self.known[name]
            else:
                assert event["type"] != "MODIFIED" or self.known[name]["metadata"]["uid"] == obj["metadata"]["uid"]
                self.known[name] = obj
            self.seen.append(f"{event['type']} {name}")
            if int(obj["metadata"]["resourceVersion"]) >= revision:
                return


@contextlib.asynccontextmanager
async def informer(server: orlop.Server, **query: str) -> AsyncIterator[Informer]:
    reply = (await server.request("GET", MAPS, query=query)).json()
    known = {item["metadata"]["name"]: item for item in reply["items"]}
    following = {"resourceVersion": reply["metadata"]["resourceVersion"], **query}
    async with await server.watch(MAPS, query=following) as events:
        yield Informer(events, known)


@on_each_storage
async def test_watches_see_what_differs(server: orlop.Server) -> None:
    """Over a restoration an informer's picture goes from the one state to the other, by the events that it takes."""
    for name in ("kept", "changed", "gone", "anew"):
        await put(server, name, "then")
    before, snapshot = await whole(server), await server.snapshot()
    then = await listed(server)
    async with informer(server) as all_maps, informer(server, fieldSelector="metadata.name=kept") as one:
        for name in ("changed", "new", "anew"):
            await server.request("DELETE", f"{MAPS}/anew")
            await put(server, name, "now")
        await server.request("DELETE", f"{MAPS}/gone")
        reached = await server.restore(snapshot)
        marked = await put(server, "kept", "marked")
        await all_maps.read_until(reached)
        assert all_maps.seen[-5:] == [
            "DELETED anew", "DELETED new", "MODIFIED changed", "ADDED gone", "ADDED anew"]  # fmt: skip
        await one.read_until(int(marked["metadata"]["resourceVersion"]))
        assert one.seen == ["MODIFIED kept"], "what did not change made no event"
        await server.restore(snapshot)
        now = await listed(server)
        content = {name: (obj["data"], obj["metadata"]["uid"]) for name, obj in now.items() if name in then}
        assert content == {name: (obj["data"], obj["metadata"]["uid"]) for name, obj in then.items()}
        assert then["changed"]["metadata"]["resourceVersion"] != now["changed"]["metadata"]["resourceVersion"]
    after = await whole(server)
    assert {key: after[key] for key in before} == before


@on_each_storage
async def test_restoring_twice(server: orlop.Server) -> None:
    """The second time there is nothing to do; and one snapshot restores again and again."""
    await put(server, "a", "1")
    snapshot = await server.snapshot()
    for _ in range(3):
        await put(server, "a", "2")
        await put(server, "b", "2")
        reached = await server.restore(snapshot)
        assert await server.restore(snapshot) == reached
        assert set(await listed(server)) >= {"a"} and "b" not in await listed(server)
        assert (await listed(server))["a"]["data"] == {"k": "1"}


@on_each_storage
async def test_older_than_history(server: orlop.Server) -> None:
    """A snapshot keeps the objects, not a revision to look up: compaction does not touch it."""
    await put(server, "a", "1")
    snapshot = await server.snapshot()
    await put(server, "a", "2")
    storage = server.running.application.storage
    await storage.compact(storage.revision)
    await server.restore(snapshot)
    assert (await listed(server))["a"]["data"] == {"k": "1"}


@on_each_storage
async def test_a_list_in_pages_goes_on(server: orlop.Server) -> None:
    """A continue token shows the rest of the state in which the list began, also when that was undone meanwhile."""
    for number in range(4):
        await put(server, f"a{number}", "1")
    snapshot = await server.snapshot()
    for number in range(4):
        await put(server, f"a{number}", "2")
    first = (await server.request("GET", MAPS, query={"limit": 2})).json()
    await server.restore(snapshot)
    second = (await server.request("GET", MAPS, query={"continue": first["metadata"]["continue"]})).json()
    found = [item for item in first["items"] + second["items"] if item["metadata"]["name"].startswith("a")]
    assert [item["data"] for item in found] == [{"k": "2"}] * 4
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


@on_each_storage
async def test_addresses_and_ports(server: orlop.Server) -> None:
    """What services had is theirs again, and what they took meanwhile is free."""

    async def make(name: str, address: str, port: int) -> orlop.Reply:
        spec = {"type": "NodePort", "clusterIP": address, "ports": [{"port": 80, "nodePort": port}]}
        return await server.request("POST", f"{CORE}/namespaces/default/services",
                                    {"metadata": {"name": name}, "spec": spec})

    assert (await make("a", "10.0.0.50", 30050)).status == 201
    snapshot = await server.snapshot()
    await server.request("DELETE", f"{CORE}/namespaces/default/services/a")
    assert (await make("b", "10.0.0.51", 30051)).status == 201
    await server.restore(snapshot)
    assert (await make("c", "10.0.0.50", 30060)).status == 422
    assert (await make("c", "10.0.0.60", 30050)).status == 422
    assert (await make("c", "10.0.0.51", 30051)).status == 201
    async with await server.fork() as other:
        spec = {"clusterIP": "10.0.0.50", "ports": [{"port": 80}]}
        path = f"{CORE}/namespaces/default/services"
        assert (await other.request("POST", path, {"metadata": {"name": "d"}, "spec": spec})).status == 422


@on_each_storage
async def test_rights_are_restored(server: orlop.Server) -> None:
    """Authorization follows at once: it reads the objects that came back."""
    may = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "eve"},
           "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
           "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "eve"}]}  # fmt: skip
    as_eve = {"Impersonate-User": "eve"}
    snapshot = await server.snapshot()
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings"
    assert (await server.request("POST", path, may)).ok
    granted = await server.snapshot()
    assert (await server.request("GET", MAPS, headers=as_eve)).ok
    await server.restore(snapshot)
    assert (await server.request("GET", MAPS, headers=as_eve)).status == 403
    await server.restore(granted)
    assert (await server.request("GET", MAPS, headers=as_eve)).ok


@on_each_storage
async def test_a_fork_knows_nothing_of_its_origin(server: orlop.Server) -> None:
    """Nor the origin of the fork: the same objects and credentials to begin with, then two worlds."""
    made = await put(server, "a", "1")
    accounts = f"{CORE}/namespaces/default/serviceaccounts"
    assert (await server.request("POST", accounts, {"metadata": {"name": "bot"}})).ok
    token = (await server.request("POST", f"{accounts}/bot/token", {})).json()
    async with await server.fork() as other:
        assert await listed(other) == await listed(server) and other.token == server.token
        assert made.items() >= (await listed(other))["a"].items(), "also the resourceVersion"
        review = {"spec": {"token": token["status"]["token"]}}
        told = await other.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
        assert told.json()["status"]["authenticated"] is True, "tokens are good for both"
        async with informer(server) as here, informer(other) as there:
            mine = await put(server, "mine", "1")
            theirs = await put(other, "theirs", "1")
            await here.read_until(int(mine["metadata"]["resourceVersion"]))
            await there.read_until(int(theirs["metadata"]["resourceVersion"]))
            assert here.seen == ["ADDED mine"] and there.seen == ["ADDED theirs"]
        assert "theirs" not in await listed(server) and "mine" not in await listed(other)
        await other.request("DELETE", f"{MAPS}/a")
        assert "a" in await listed(server)
        back = await server.restore(await other.snapshot())
        assert back > int(mine["metadata"]["resourceVersion"])
        assert {"theirs"} <= set(await listed(server)) and not {"mine", "a"} & set(await listed(server))
    assert (await server.request("GET", "/readyz")).ok


@on_each_storage
async def test_a_fork_has_no_past(server: orlop.Server) -> None:
    """Watches and lists from before are told so; from its own beginning on everything can be had."""
    early = await put(server, "a", "1")
    await put(server, "a", "2")
    async with await server.fork() as other:
        version = early["metadata"]["resourceVersion"]
        async with await other.watch(MAPS, query={"resourceVersion": version}) as events:
            event = await anext(events)
            assert (events.status, event.get("code") or event["object"]["code"]) in ((200, 410), (410, 410))
        exact = {"resourceVersion": version, "resourceVersionMatch": "Exact"}
        assert (await other.request("GET", MAPS, query=exact)).status == 410
        start = other.running.application.storage.revision
        async with await other.watch(MAPS, query={"resourceVersion": start}) as events:
            made = await put(other, "b", "1")
            assert (await anext(events))["object"] == {"kind": "ConfigMap", "apiVersion": "v1", **made}
            assert int(made["metadata"]["resourceVersion"]) == start + 1


def test_controllers_work_after_both() -> None:
    """In a fork, and after a restoration: namespaces get what is theirs, and are emptied."""

    async def scenario() -> None:
        async with orlop.Server(listen=False, namespace_deletion_grace=0.001) as server:
            snapshot = await server.snapshot()
            async with await server.fork() as other:
                for one in (server, other):
                    assert (await one.request("POST", f"{CORE}/namespaces", {"metadata": {"name": "n"}})).ok
                    await appears(one, f"{CORE}/namespaces/n/serviceaccounts", "default")
                await server.restore(snapshot)
                assert (await server.request("GET", f"{CORE}/namespaces/n")).status == 404
                assert (await server.request("POST", f"{CORE}/namespaces", {"metadata": {"name": "n"}})).ok
                await appears(server, f"{CORE}/namespaces/n/serviceaccounts", "default")
                deleting = await other.request("DELETE", f"{CORE}/namespaces/n")
                async with await other.watch(f"{CORE}/namespaces", query={
                        "resourceVersion": deleting.json()["metadata"]["resourceVersion"]}) as events:
                    while (await anext(events))["type"] != "DELETED":
                        continue

    asyncio.run(asyncio.wait_for(scenario(), 30))


async def appears(server: orlop.Server, path: str, name: str) -> None:
    """Return when an object of that name is there."""
    async with await server.watch(path) as events:
        while (await anext(events))["object"]["metadata"]["name"] != name:
            continue


def test_events_expire_as_they_would_have() -> None:
    """In a fork, and when they came back: at the time that was set when they were written."""

    async def scenario(storage: str) -> None:
        clock = ManualClock()
        outside = Outside(clock, RandomEntropy(1))
        async with orlop.Server(listen=False, event_ttl=100, storage=storage, outside=outside, **ALONE) as server:
            event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}}
            path = f"{CORE}/namespaces/default/events"
            assert (await server.request("POST", path, event)).ok
            snapshot = await server.snapshot()
            assert list(snapshot.state.expires.values()) == [clock.now() + 100]
            await server.request("DELETE", f"{path}/e")
            clock.advance(60)
            await server.restore(snapshot)
            async with await server.fork() as other:
                for one in (server, other):
                    await one.running.application.tick()
                    assert (await one.request("GET", f"{path}/e")).ok
                clock.advance(50)
                for one in (server, other):
                    await one.running.application.tick()
                    assert (await one.request("GET", f"{path}/e")).status == 404

    for storage in ("memory", "sqlite"):
        asyncio.run(scenario(storage))


def test_clock_and_chance_go_on() -> None:
    """Forks of a server with a clock and a seed of its own do the same as each other, and as it would."""

    async def scenario() -> None:
        clock = ManualClock()
        async with orlop.Server(listen=False, outside=Outside(clock, RandomEntropy(7)), **ALONE) as server:
            forks = [await server.fork(), await server.fork()]
            clock.advance(60)
            bodies = []
            for one in (server, *forks):
                async with contextlib.AsyncExitStack() as stack:
                    if one is not server:
                        await stack.enter_async_context(one)
                    made = await one.request("POST", MAPS, {"metadata": {"generateName": "a-"}})
                    bodies.append(made.body)
            assert bodies[0] == bodies[1] == bodies[2] and b"2023-11-14T22:14:20Z" in bodies[0]

    asyncio.run(scenario())


def test_a_server_begins_with_a_snapshot() -> None:
    """As often as wanted, after the end of the server that it is of, with other settings where given."""

    async def scenario() -> None:
        async with orlop.Server(listen=False, storage="sqlite", anonymous_auth=False) as server:
            await put(server, "a", "1")
            snapshot, token = await server.snapshot(), server.token
        assert len(snapshot) > 100 and f"revision {snapshot.revision}>" in repr(snapshot)
        assert token not in repr(snapshot)
        beginner = orlop.Server(state=snapshot, listen=False)
        for _ in range(2):
            async with beginner as server:
                assert (await listed(server))["a"]["data"] == {"k": "1"} and server.token == token
                await put(server, "a", "2")
                assert not server.config.anonymous_auth and server.config.storage == "memory"
        async with orlop.Server(state=snapshot, listen=False, anonymous_auth=True) as server:
            assert server.config.anonymous_auth and "a" in await listed(server)
        async with orlop.Server(orlop.Config(storage="memory"), state=snapshot, listen=False) as server:
            assert server.config.anonymous_auth and "a" in await listed(server)

    asyncio.run(scenario())


def test_restored_over_a_socket(tmp_path: Path) -> None:
    """The threaded form has it all; a fork listens on a port of its own, good for the same certificates and token."""
    with orlop.Server.in_thread(data_dir=tmp_path / "data") as server:
        server.request("POST", MAPS, {"metadata": {"name": "a"}})
        snapshot = server.snapshot()
        server.request("DELETE", f"{MAPS}/a")
        with server.fork() as other, orlop.Server.in_thread(state=snapshot) as third:
            context = ssl.create_default_context(cafile=str(server.kubeconfig.with_name("ca.crt")))
            for one, status in ((other, 404), (third, 200)):
                assert one.url != server.url and one.kubeconfig != server.kubeconfig
                request = urllib.request.Request(f"{one.url}{MAPS}/a",
                                                 headers={"Authorization": f"Bearer {server.token}"})
                try:
                    with urllib.request.urlopen(request, context=context, timeout=20) as answer:
                        assert answer.status == status
                except urllib.error.HTTPError as error:
                    assert error.code == status
        assert server.restore(snapshot) > snapshot.revision
        assert server.request("GET", f"{MAPS}/a").ok
    with orlop.Server.in_thread(data_dir=tmp_path / "data", listen=False) as server:
        assert server.request("GET", f"{MAPS}/a").ok, "restored to the disk"


def test_upon_busy_clients() -> None:
    """Snapshots, restorations and writers at the same time: every watch shows the state that a list shows."""

    async def scenario(storage: str) -> None:
        async with orlop.Server(listen=False, storage=storage, **ALONE) as server:
            snapshot = await server.snapshot()
            async with informer(server) as follower:

                async def write(name: str) -> None:
                    for number in range(30):
                        await server.request("POST", MAPS, {"metadata": {"name": f"{name}{number % 7}"}})
                        await server.request("DELETE", f"{MAPS}/{name}{(number + 3) % 7}")

                async def again() -> None:
                    for _ in range(5):
                        await asyncio.sleep(0.002)
                        await server.restore(snapshot)

                await asyncio.gather(*(write(name) for name in "abcd"), again())
                last = await put(server, "last", "1")
                await follower.read_until(int(last["metadata"]["resourceVersion"]))
                kind = {"kind": "ConfigMap", "apiVersion": "v1"}
                assert follower.known == {name: kind | obj for name, obj in (await listed(server)).items()}
                reached = await server.restore(snapshot)
                await follower.read_until(reached)
                assert follower.known == {}

    for storage in ("memory", "sqlite"):
        asyncio.run(scenario(storage))


DOCUMENT = (Path(__file__).parents[1] / "docs" / "snapshots.md").read_text()
TESTS, PROGRAM = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


def test_the_documented_tests_pass(tmp_path: Path) -> None:
    """docs/snapshots.md: its test module as it stands, in any order."""
    (tmp_path / "test_documented.py").write_text(TESTS)
    said = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path),
                           str(tmp_path)], capture_output=True, text=True, check=False)  # fmt: skip
    assert said.returncode == 0 and "3 passed" in said.stdout, said.stdout


def test_the_documented_program_prints_what_it_says() -> None:
    """docs/snapshots.md: the asynchronous example."""
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    printed = re.search(r"It prints `(.*?)`, `(.*?)` and `(.*?)`\.", DOCUMENT)
    assert printed is not None and said.stdout.splitlines() == list(printed.groups())


def test_wrong_use() -> None:
    """Is told at once."""

    async def scenario() -> None:
        server = orlop.Server(listen=False)
        calls: list[Callable[[], Awaitable[object]]] = [server.snapshot, server.fork]
        for call in calls:
            with pytest.raises(RuntimeError, match="does not run"):
                await call()
        async with server:
            snapshot = await server.snapshot()
            with pytest.raises(TypeError, match="in memory, not in sqlite"):
                orlop.Server(state=snapshot, storage="sqlite")
            with pytest.raises(TypeError, match="in memory, not in sqlite"):
                orlop.Server(orlop.Config(), state=snapshot)
            with pytest.raises(TypeError, match="not both"):
                orlop.Server(orlop.Config(storage="memory"), state=snapshot, anonymous_auth=True)
            await server.running.application.storage.close()
            with pytest.raises(Closed):
                await server.restore(snapshot)

    asyncio.run(scenario())
