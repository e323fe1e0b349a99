"""The garbage collector in a whole server: policies, races, references that lead nowhere or elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import served
from served import MAPS, MERGE

import orlop
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.garbage_collector import GarbageCollector
from orlop.controllers.ownership_feed import OwnershipFeed
from orlop.controllers.writer import Writer
from orlop.kinds.declaration import Resource
from orlop.server.application import defaults
from orlop.storage.interface import Entry

SECRETS = "/api/v1/namespaces/default/secrets"
SETS = "/apis/apps/v1/namespaces/default/replicasets"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"
NODES = "/apis/storage.k8s.io/v1/storageclasses"
Object = dict[str, Any]
Scenario = Callable[[orlop.Server], Awaitable[None]]
MAP = GroupVersionKind("", "v1", "ConfigMap")
SELECTOR = {"matchLabels": {"app": "a"}}
TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}


def play(scenario: Scenario, **settings: Any) -> None:
    served.play(scenario, **{"garbage_collector_controller": True, "storage": "memory", **settings})


async def make(server: orlop.Server, name: str, *owners: Object, path: str = MAPS, **metadata: Any) -> Object:
    if owners:
        metadata["ownerReferences"] = list(owners)
    body: Object = {"metadata": {"name": name, **metadata}}
    if "apps" in path:
        body["spec"] = {"selector": SELECTOR, "template": TEMPLATE}
    if path.endswith("pods"):
        body["spec"] = TEMPLATE["spec"]
    if path.endswith("storageclasses"):
        body["provisioner"] = "a"
    reply = await server.request("POST", path, body)
    assert reply.status == 201, reply.body
    made: Object = reply.json()
    return made


def ref(owner: Object, *, block: bool = False, **other: Any) -> Object:
    """A reference to it."""
    metadata = owner["metadata"]
    found = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return found | ({"blockOwnerDeletion": True} if block else {}) | other


async def delete(server: orlop.Server, name: str, policy: str = "Background", path: str = MAPS) -> None:
    reply = await server.request("DELETE", f"{path}/{name}", query={"propagationPolicy": policy})
    assert reply.status == 200, reply.body


async def names(server: orlop.Server, path: str = MAPS) -> list[str]:
    found = (await server.request("GET", path)).json()["items"]
    return [item["metadata"]["name"] for item in found if not item["metadata"]["name"].startswith("kube-root")]


async def get(server: orlop.Server, name: str, path: str = MAPS) -> Object:
    found: Object = (await server.request("GET", f"{path}/{name}")).json()
    return found


async def owners(server: orlop.Server, name: str, path: str = MAPS) -> list[str]:
    references = (await get(server, name, path))["metadata"].get("ownerReferences") or []
    return [reference["name"] for reference in references]


def collector_of(server: orlop.Server, without: str = "") -> GarbageCollector:
    """A collector of the test's own, over the server's stores, which does not know the kind `without`."""
    app = server.running.application
    writer = Writer(app.stores, app.schema, defaults)
    return GarbageCollector(writer, [each for each in app.resources if each.kind != without], app.outside.clock.now)


async def quiet(seconds: float = 60.0) -> None:
    """Let everything happen."""
    await asyncio.sleep(seconds)


def test_background_takes_the_dependents_along() -> None:
    """What an owner that is gone had, and what that had in turn."""

    async def scenario(server: orlop.Server) -> None:
        top = await make(server, "top", path=DEPLOYMENTS)
        middle = await make(server, "middle", ref(top), path=SETS)
        for number in range(5):
            await make(server, f"p{number}", ref(middle), path=PODS)
        await make(server, "other", path=PODS)
        await delete(server, "top", path=DEPLOYMENTS)
        await quiet()
        assert await names(server, SETS) == [] and await names(server, PODS) == ["other"]

    play(scenario)


def test_one_owner_left() -> None:
    """Only the references to those that are gone go."""

    async def scenario(server: orlop.Server) -> None:
        one, two = await make(server, "one"), await make(server, "two", path=SECRETS)
        await make(server, "d", ref(one), ref(two))
        await delete(server, "one")
        await quiet()
        assert await owners(server, "d") == ["two"]
        await delete(server, "two", path=SECRETS)
        await quiet()
        assert await names(server) == []

    play(scenario)


def test_foreground_waits() -> None:
    """The owner stays until what blocks it is gone, and no longer; dependents that have dependents wait in turn."""

    async def scenario(server: orlop.Server) -> None:
        top = await make(server, "top")
        middle = await make(server, "middle", ref(top, block=True))
        await make(server, "held", ref(middle, block=True), finalizers=["example.com/wait"])
        await make(server, "loose", ref(top), finalizers=["example.com/wait"])
        await delete(server, "top", "Foreground")
        await quiet()
        assert await names(server) == ["held", "loose", "middle", "top"]
        assert (await get(server, "middle"))["metadata"]["finalizers"] == ["foregroundDeletion"]
        for name in ("held", "loose"):
            assert "deletionTimestamp" in (await get(server, name))["metadata"]
        await served.patch(server, "held", {"metadata": {"finalizers": None}})
        await quiet()
        assert await names(server) == ["loose"]

    play(scenario)


@pytest.mark.parametrize("policy", ["Foreground", "Orphan"])
def test_without_dependents(policy: str) -> None:
    """Nothing waits for nothing."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        await delete(server, "a", policy)
        await quiet()
        assert await names(server) == []

    play(scenario)


def test_orphan() -> None:
    """The dependents stay, without the reference, and so do theirs."""

    async def scenario(server: orlop.Server) -> None:
        top, other = await make(server, "top", path=SETS), await make(server, "other")
        one = await make(server, "one", ref(top))
        await make(server, "two", ref(top, block=True), ref(other))
        await make(server, "three", ref(one))
        await delete(server, "top", "Orphan", SETS)
        await quiet()
        assert await names(server, SETS) == []
        assert await names(server) == ["one", "other", "three", "two"]
        assert await owners(server, "one") == [] and await owners(server, "two") == ["other"]

    play(scenario)


def test_unblocked_by_another_owner() -> None:
    """A dependent with a solid owner is not deleted in the foreground: it loses the reference, the owner goes."""

    async def scenario(server: orlop.Server) -> None:
        going, staying = await make(server, "going"), await make(server, "staying")
        await make(server, "d", ref(going, block=True), ref(staying))
        await delete(server, "going", "Foreground")
        await quiet()
        assert await names(server) == ["d", "staying"] and await owners(server, "d") == ["staying"]

    play(scenario)


def test_unblocked_by_hand() -> None:
    """Whoever takes blockOwnerDeletion or the reference away lets the owner go."""

    async def scenario(server: orlop.Server) -> None:
        for name in ("a", "b"):
            owner = await make(server, name)
            held = ref(owner, block=True)
            await make(server, f"{name}-held", held, finalizers=["example.com/wait"])
            await delete(server, name, "Foreground")
            await quiet()
            left = [held | {"blockOwnerDeletion": False}] if name == "a" else []
            await served.patch(server, f"{name}-held", {"metadata": {"ownerReferences": left}})
            await quiet()
            assert name not in await names(server)

    play(scenario)


def test_cycles_end() -> None:
    """Objects that own each other go all, although each blocks the other."""

    async def scenario(server: orlop.Server) -> None:
        one = await make(server, "one")
        two = await make(server, "two", ref(one, block=True))
        await served.patch(server, "one", {"metadata": {"ownerReferences": [ref(two, block=True)]}})
        await delete(server, "one", "Foreground")
        await quiet(300)
        assert await names(server) == []

    play(scenario)


def test_too_late() -> None:
    """A dependent made after its owner has gone, a reference added later, an owner of the same name made anew."""

    async def scenario(server: orlop.Server) -> None:
        gone = await make(server, "owner")
        await delete(server, "owner")
        again = await make(server, "owner")
        await make(server, "late", ref(gone))
        await make(server, "right", ref(again))
        await make(server, "alone")
        await quiet()
        assert await names(server) == ["alone", "owner", "right"]
        await served.patch(server, "alone", {"metadata": {"ownerReferences": [ref(gone)]}})
        await quiet()
        assert await names(server) == ["owner", "right"]

    play(scenario)


def test_made_anew_at_once() -> None:
    """The dependents of one that is deleted and made again in one breath are not the new one's."""

    async def scenario(server: orlop.Server) -> None:
        old = await make(server, "owner")
        for number in range(20):
            await make(server, f"d{number}", ref(old))
        await quiet()
        deletion, creation = (asyncio.ensure_future(one) for one in (delete(server, "owner"), make(server, "owner")))
        await deletion
        await creation
        await quiet()
        assert await names(server) == ["owner"]

    play(scenario)


def test_owner_waits_for_latecomers() -> None:
    """A dependent made while its owner waits in the foreground is deleted too; the owner goes after it."""

    async def scenario(server: orlop.Server) -> None:
        owner = await make(server, "owner", finalizers=["example.com/wait"])
        await make(server, "first", ref(owner, block=True), finalizers=["example.com/wait"])
        await delete(server, "owner", "Foreground")
        await quiet()
        await make(server, "second", ref(owner, block=True))
        await quiet()
        assert await names(server) == ["first", "owner"]

    play(scenario)


def test_owner_waits_for_those_not_yet_looked_at() -> None:
    """An owner is not let go while news of dependents waits to be looked at."""

    async def scenario(server: orlop.Server) -> None:
        collector = collector_of(server)
        collector.start()
        await quiet()
        collector._task.cancel()  # from now on only the workers look
        owner = await make(server, "owner")
        await make(server, "d", ref(owner, block=True), finalizers=["example.com/wait"])
        await delete(server, "owner", "Foreground")
        collector._queue.add("/registry/configmaps/default/owner")
        await quiet()
        assert await names(server) == ["d", "owner"]
        await collector.stop()

    play(scenario, garbage_collector_controller=False)


def test_elsewhere() -> None:
    """An owner in another namespace is none, and a warning says so; one of the cluster is one everywhere."""

    async def scenario(server: orlop.Server) -> None:
        there = "/api/v1/namespaces/kube-system/configmaps"
        far, whole = await make(server, "far", path=there), await make(server, "whole", path=NODES)
        wrong = await make(server, "wrong", ref(far))
        await make(server, "right", ref(whole))
        await quiet()
        assert await names(server) == ["right"]
        events = (await server.request("GET", "/api/v1/namespaces/default/events")).json()["items"]
        assert len(events) == 1
        event, uid = events[0], far["metadata"]["uid"]
        assert (event["type"], event["reason"], event["count"]) == ("Warning", "OwnerRefInvalidNamespace", 1)
        assert event["message"] == (f"ownerRef [v1/ConfigMap, namespace: default, name: far, uid: {uid}] does not "
                                    'exist in namespace "default"')
        assert event["source"] == {"component": "garbage-collector-controller"}
        assert event["involvedObject"] == {"kind": "ConfigMap", "namespace": "default", "name": "wrong",
                                           "uid": wrong["metadata"]["uid"], "apiVersion": "v1"}
        await delete(server, "whole", path=NODES)
        await quiet()
        assert await names(server) == []

    play(scenario)


def test_objects_of_the_cluster_and_owners_in_namespaces() -> None:
    """Such a reference can never be right; the object is left alone, and a warning says why."""

    async def scenario(server: orlop.Server) -> None:
        owner = await make(server, "owner")
        await make(server, "a", ref(owner), path=NODES)
        await make(server, "b", ref(owner, uid="no-such-uid"), path=NODES)
        await quiet()
        await delete(server, "owner")
        await quiet()
        assert {"a", "b"} <= set(await names(server, NODES))
        events = (await server.request("GET", "/api/v1/namespaces/default/events")).json()["items"]
        assert [event["involvedObject"]["name"] for event in events] == ["a"]
        assert events[0]["message"].endswith('does not exist in namespace ""')

    play(scenario)


def test_unknown_kinds_are_left_alone() -> None:
    """Nobody can tell whether such an owner is there; nor does another owner's end count then. Once the reference is
    gone, the rest does."""

    async def scenario(server: orlop.Server) -> None:
        known = await make(server, "known")
        strange = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "w", "uid": "w"}
        await make(server, "a", strange)
        await make(server, "b", ref(known), strange)
        await delete(server, "known")
        await quiet()
        assert await names(server) == ["a", "b"]
        await served.patch(server, "b", {"metadata": {"ownerReferences": [ref(known)]}})
        await quiet()
        assert await names(server) == ["a"]

    play(scenario)


def test_every_served_version_names_the_kind() -> None:
    """A reference may use another version than the object was made with."""

    async def scenario(server: orlop.Server) -> None:
        path = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
        body = {"metadata": {"name": "h"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "a",
                                                                       "apiVersion": "apps/v1"}, "maxReplicas": 3}}
        owner = (await server.request("POST", path, body)).json()
        await make(server, "one", ref(owner, apiVersion="autoscaling/v1"))
        await make(server, "two", ref(owner))
        await quiet()
        assert await names(server) == ["one", "two"]
        await delete(server, "h", path=path)
        await quiet()
        assert await names(server) == []

    play(scenario)


def test_wrong_coordinates() -> None:
    """The right uid under a wrong name or kind is no owner; with one right reference to the same uid it is."""

    async def scenario(server: orlop.Server) -> None:
        owner = await make(server, "owner")
        await make(server, "name", ref(owner, name="other"))
        await make(server, "kind", ref(owner, kind="Secret"))
        await make(server, "right", ref(owner))
        await quiet()
        assert await names(server) == ["owner", "right"]

    play(scenario)


def test_an_existing_policy_is_honoured() -> None:
    """A dependent that carries the finalizer `orphan` lets its own dependents live."""

    async def scenario(server: orlop.Server) -> None:
        top = await make(server, "top")
        middle = await make(server, "middle", ref(top), finalizers=["orphan"])
        await make(server, "low", ref(middle))
        await delete(server, "top")
        await quiet()
        assert await names(server) == ["low"] and await owners(server, "low") == []

    play(scenario)


def test_what_was_there_before() -> None:
    """A collector that starts finds the work that was left undone."""

    async def scenario(server: orlop.Server) -> None:
        owner, waiting = await make(server, "owner"), await make(server, "waiting")
        await make(server, "d", ref(owner))
        await make(server, "w", ref(waiting, block=True))
        await delete(server, "owner")
        await delete(server, "waiting", "Foreground")
        await quiet()
        assert await names(server) == ["d", "w", "waiting"]
        collector = collector_of(server)
        collector.start()
        await quiet()
        assert await names(server) == []
        collector._feed.graph.check_invariants()
        await collector.stop()
        owner = await make(server, "owner")
        await make(server, "d", ref(owner))
        await delete(server, "owner")
        await quiet()
        assert await names(server) == ["d"]

    play(scenario, garbage_collector_controller=False)


def test_finalizers_of_the_collector_are_the_last() -> None:
    """An owner that waits for others too stays, without the collector's finalizer."""

    async def scenario(server: orlop.Server) -> None:
        owner = await make(server, "owner", finalizers=["example.com/wait"])
        await make(server, "d", ref(owner, block=True))
        await delete(server, "owner", "Foreground")
        await quiet()
        assert (await get(server, "owner"))["metadata"]["finalizers"] == ["example.com/wait"]
        assert await names(server) == ["owner"]
        reply = await server.request("PATCH", f"{MAPS}/owner", {"metadata": {"finalizers": None}}, headers=MERGE)
        assert reply.status == 200 and await names(server) == []

    play(scenario)


def test_a_kind_that_appears() -> None:
    """References to its objects count from then on, and its objects are followed."""

    async def scenario(server: orlop.Server) -> None:
        collector = collector_of(server, without="Secret")
        collector.start()
        owner = await make(server, "owner", path=SECRETS)
        await make(server, "kept", ref(owner))
        await make(server, "lost", ref(owner, uid="another"))
        await quiet()
        assert await names(server) == ["kept", "lost"]
        app = server.running.application
        secrets: Resource = next(each for each in app.resources if each.kind == "Secret")
        await collector.follow(secrets, app.stores[("", "secrets")])
        await quiet()
        assert await names(server) == ["kept"]
        await delete(server, "owner", path=SECRETS)
        await quiet()
        assert await names(server) == []
        await collector.stop()

    play(scenario, garbage_collector_controller=False)


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
def test_ten_thousand(policy: str) -> None:
    """One owner of very many: each dependent is written once, and looked at a bounded number of times."""
    number = 10_000

    async def scenario(server: orlop.Server) -> None:
        looks: dict[str, int] = {}
        collector = collector_of(server)
        reconcile = collector._queue._reconcile

        async def counted(key: str) -> bool:
            looks[key] = looks.get(key, 0) + 1
            return await reconcile(key)

        collector._queue._reconcile = counted
        collector.start()
        owner = await make(server, "owner", path=SECRETS)
        app = server.running.application
        writer, maps = Writer(app.stores, app.schema, defaults), app.stores[("", "configmaps")]
        others = len(maps.cache)
        for start in range(0, number, 500):
            await asyncio.gather(*(writer.create(MAP, "configmaps", {"metadata": {
                "name": f"d{which}", "namespace": "default", "ownerReferences": [ref(owner, block=True)]}})
                for which in range(start, start + 500)))
        await quiet()
        assert not looks
        before = served.now(server)
        await delete(server, "owner", policy, SECRETS)
        await quiet()
        waiting = 0 if policy == "Background" else 1  # the owner is marked first
        assert served.now(server) - before == number + 1 + waiting
        assert await names(server, SECRETS) == []
        assert len(maps.cache) == (number if policy == "Orphan" else 0) + others
        assert sum(looks.values()) <= number + 2 and max(looks.values()) <= 2
        collector._feed.graph.check_invariants()
        assert not collector._feed.graph.owners and not collector._feed.graph.dependents
        await collector.stop()

    play(scenario, garbage_collector_controller=False)


def test_what_is_of_no_concern_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects without owners are not; owners and dependents are not for changes that are not about that."""
    decoded: list[str] = []
    state = OwnershipFeed._state

    def noting(self: OwnershipFeed, kind: Any, entry: Entry) -> Any:
        decoded.append(entry.key.rpartition("/")[2])
        return state(self, kind, entry)

    monkeypatch.setattr(OwnershipFeed, "_state", noting)

    async def scenario(server: orlop.Server) -> None:
        applied = '{"metadata":{"ownerReferences":[{}]}}'
        await make(server, "alone", annotations={"kubectl.kubernetes.io/last-applied-configuration": applied})
        await quiet()
        assert decoded == []
        owner = await make(server, "owner")
        await make(server, "d", ref(owner))
        await quiet()
        assert sorted(decoded) == ["d", "owner"]
        decoded.clear()
        for name in ("alone", "owner", "d"):
            for value in "ab":
                await served.patch(server, name, {"data": {"k": value}})
                await quiet()
        assert decoded == []
        await delete(server, "alone")
        await quiet()
        assert decoded == []
        await served.patch(server, "d", {"metadata": {"ownerReferences": [ref(owner, block=True)]}})
        await quiet()
        assert decoded == ["d"]

    play(scenario)


def test_one_that_cannot_be_read_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch,
                                                          caplog: pytest.LogCaptureFixture) -> None:
    """It is told of in the log."""
    state = OwnershipFeed._state

    def failing(self: OwnershipFeed, kind: Any, entry: Entry) -> Any:
        if entry.key.endswith("/bad"):
            raise KeyError("bad")
        return state(self, kind, entry)

    monkeypatch.setattr(OwnershipFeed, "_state", failing)

    async def scenario(server: orlop.Server) -> None:
        owner = await make(server, "owner")
        for name in ("bad", "good"):
            await make(server, name, ref(owner))
        await delete(server, "owner")
        await quiet()
        assert await names(server) == ["bad"]

    play(scenario)
    assert "the owners of /registry/configmaps/default/bad cannot be told" in caplog.text


def test_names_that_look_like_the_end() -> None:
    """The text of the references is not mistaken where a name contains what ends it."""

    async def scenario(server: orlop.Server) -> None:
        owner = await make(server, "owner")
        odd = ref(owner, uid="odd", name='a}]b"')
        await make(server, "d", odd, ref(owner))
        await quiet()
        assert await owners(server, "d") == ["owner"]
        await make(server, "e", ref(owner))
        await quiet()
        await served.patch(server, "e", {"metadata": {"ownerReferences": [odd | {"name": "a}]"}]}})
        await quiet()
        assert await names(server) == ["d", "owner"]

    play(scenario)


def test_the_elected_one_collects() -> None:
    """Where servers elect, the elected one does it."""

    async def scenario(server: orlop.Server) -> None:
        await quiet()
        owner = await make(server, "owner")
        await make(server, "d", ref(owner))
        await delete(server, "owner")
        await quiet()
        assert await names(server) == []

    play(scenario, leader_elect=True)


def test_changed_in_between() -> None:
    """An object whose owners change right before it is deleted is judged again; other changes do not save it."""

    async def scenario(server: orlop.Server) -> None:
        cache = server.running.application.stores[("", "configmaps")]
        collector = collector_of(server)
        remove = collector._delete_if

        async def late(item: Any, policy: str, conditions: Any) -> None:
            if conditions.resource_version is not None and item.key not in seen:
                seen.add(item.key)
                body: Tree = {"data": {"k": "v"}}
                if item.key.endswith("/saved"):
                    body = {"metadata": {"ownerReferences": [ref(staying)]}}
                await served.patch(server, item.metadata["name"], body)
            await remove(item, policy, conditions)

        seen: set[str] = set()
        collector._delete_if = late  # type: ignore[method-assign]
        collector.start()
        going, staying = await make(server, "going"), await make(server, "staying")
        for name in ("saved", "lost"):
            await make(server, name, ref(going))
        await delete(server, "going")
        await quiet()
        assert len(seen) == 2 and len(cache.cache) and await names(server) == ["saved", "staying"]
        await collector.stop()

    play(scenario, garbage_collector_controller=False)


def test_events_know_no_policies() -> None:
    """Nobody collects them, so they are deleted at once whatever is asked for."""

    async def scenario(server: orlop.Server) -> None:
        path = "/api/v1/namespaces/default/events"
        reply = await server.request("POST", path, {"metadata": {"name": "e"}, "involvedObject": {
            "namespace": "default", "kind": "Pod", "name": "p"}})
        assert reply.status == 201, reply.body
        await delete(server, "e", "Foreground", path)
        assert await names(server, path) == []

    play(scenario, garbage_collector_controller=False)
