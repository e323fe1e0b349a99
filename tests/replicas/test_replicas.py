"""Three replicas on three members of etcd: any one of each may go, and clients keep working."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from etcd_server import MISSING
from links import OverTls
from recorder import ACKNOWLEDGED, History
from validators import validate
from workload import Plan, run

from api_caller import ApiCaller
from client_go_program import Informers, built_program, make_namespace, write_map
from kubectl_command import Kubectl, kubectl_for
from replica_set import Balanced, ReplicaSet

pytestmark = [pytest.mark.xdist_group("replicas"), pytest.mark.skipif(bool(MISSING), reason=MISSING)]

PATIENCE = 30.0
"""The longest wait for what must come to be."""


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with ReplicaSet(tmp_path_factory.mktemp("replicas")) as made:
        yield made


@pytest.fixture(scope="module")
def balanced(replicas: ReplicaSet) -> Balanced:
    return Balanced(replicas)


@pytest.fixture(scope="module")
def kubectl(balanced: Balanced, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return kubectl_for(balanced, tmp_path_factory.mktemp("kubectl"))


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


def test_what_one_acknowledged_all_show(replicas: ReplicaSet) -> None:
    """A read that names no revision shows, on every replica, what any replica acknowledged before it, and what lets a
    caller in on one lets them in on all."""
    callers = [ApiCaller(server) for server in replicas.servers]
    path = "/api/v1/namespaces/default/configmaps"
    for turn in range(60):
        writer, reader = callers[turn % 3], callers[(turn + 1) % 3]
        name = f"fresh-{turn}"
        made = writer.call("POST", path, {"metadata": {"name": name}})
        assert made.code == 201
        seen = reader.call("GET", f"{path}/{name}")
        assert seen.code == 200 and seen.body["metadata"] == made.body["metadata"]
        listed = callers[(turn + 2) % 3].call("GET", f"{path}?fieldSelector=metadata.name={name}")
        assert [item["metadata"]["name"] for item in listed.body["items"]] == [name]
        assert reader.call("DELETE", f"{path}/{name}").code == 200
        assert writer.call("GET", f"{path}/{name}").code == 404
    for caller in callers:
        caller.close()


def test_a_namespace_is_there_for_all_at_once(replicas: ReplicaSet) -> None:
    """Objects go into a namespace that another replica has just acknowledged."""
    first, second = (ApiCaller(server) for server in replicas.servers[:2])
    for turn in range(10):
        assert first.call("POST", "/api/v1/namespaces", {"metadata": {"name": f"new-{turn}"}}).code == 201
        made = second.call("POST", f"/api/v1/namespaces/new-{turn}/configmaps", {"metadata": {"name": "a"}})
        assert made.code == 201, made.body
    first.close()
    second.close()


def test_one_runs_the_controllers(replicas: ReplicaSet, kubectl: Kubectl) -> None:
    """The built-in controllers run in the replica that has the Lease, and in another one when that is killed."""
    lease = ("get", "lease", "-n", "kube-system", "orlop-controllers", "-o", "jsonpath={.spec.holderIdentity}")

    def works(name: str) -> None:
        kubectl("create", "namespace", name)
        until(lambda: kubectl("get", "cm", "-n", name, "kube-root-ca.crt", ok=False).code == 0, f"content of {name}")
        kubectl("delete", "namespace", name, "--timeout=40s")

    works("before")
    holder = kubectl(*lease).out
    leader = next(server for server in replicas.servers if f":{server.port}_" in holder)
    leader.kill()
    until(lambda: kubectl(*lease, ok=False).out not in (holder, ""), "another leader")
    works("after")
    leader.start()


def test_the_loss_of_one_of_each(replicas: ReplicaSet, balanced: Balanced, kubectl: Kubectl,
                                 tmp_path_factory: pytest.TempPathFactory) -> None:
    """kubectl and an informer keep working while a member of etcd and a replica are killed, and while all replicas are
    restarted one after the other; the informer sees everything, once."""
    namespace = make_namespace(balanced, "loss")
    informers = Informers(built_program(tmp_path_factory.mktemp("go")), balanced, namespace)
    try:
        informers.until(step="synced")
        number = 0

        def change() -> None:
            nonlocal number
            number += 1
            said = kubectl("create", "configmap", f"map-{number}", f"--from-literal=v={number}", "-n", namespace,
                           ok=False)
            assert said.code == 0 or "connection" in said.err or "EOF" in said.err or "etcd" in said.err, said
            if said.code == 0:
                informers.until(event="add", object=f"configmap/map-{number}={number}")

        change()
        replicas.etcd.members[0].kill()
        for _ in range(3):
            change()
        replicas.servers[0].kill()
        for _ in range(3):
            change()
        assert number >= 5
        replicas.etcd.members[0].start()
        replicas.servers[0].start()
        for server in replicas.servers:
            server.stop()
            change()
            server.start()
            change()
        caller = ApiCaller(balanced)
        write_map(caller, namespace, "last", "1")
        informers.until(event="add", object="configmap/last=1")
        listed = caller.call("GET", f"/api/v1/namespaces/{namespace}/configmaps").body["items"]
        caller.close()
        wanted = {f"configmap/{one['metadata']['name']}={(one.get('data') or {}).get('v', '')}" for one in listed}
        assert wanted == {one for one in informers.have()["have"] if one.startswith("configmap/")}
    finally:
        informers.end()


def test_histories_while_members_and_replicas_die(tmp_path: Path) -> None:
    """Concurrent clients of all replicas, while members of etcd and replicas are killed: nothing acknowledged is lost,
    nothing happens twice, reads are linearizable, watches are complete, wherever they go on."""
    history = History()

    async def dying(replicas: ReplicaSet) -> None:
        for round in range(2):
            start = len(history.operations)
            member, server = replicas.etcd.members[round], replicas.servers[round + 1]
            await reached(start + 150)
            member.kill()
            await reached(start + 300)
            server.kill()
            await asyncio.to_thread(member.start)
            await asyncio.to_thread(server.start)

    async def reached(count: int) -> None:
        while len(history.operations) < count:
            await asyncio.sleep(0.005)

    async def playing(replicas: ReplicaSet) -> None:
        links = [partial(OverTls, server.url, server.ca, server.token) for server in replicas.servers]
        async with asyncio.TaskGroup() as group:
            deaths = group.create_task(dying(replicas))
            await run(links, Plan(11, clients=8, steps=130, names=6), history)
            deaths.cancel()

    with ReplicaSet(tmp_path) as replicas:
        asyncio.run(playing(replicas))
    print(history.summary())
    validate(history)
    assert sum(one.outcome == ACKNOWLEDGED for one in history.operations) > 300
