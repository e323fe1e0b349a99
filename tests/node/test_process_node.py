"""A node in process mode beside a server: containers are processes, with logs, exec and port-forward."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from node_scenarios import PODS, cluster, pod, until

import orlop


def play(scenario: Callable[[orlop.Server], Awaitable[None]]) -> None:
    async def playing() -> None:
        async with asyncio.timeout(30), cluster(1, "process") as server:
            await scenario(server)

    asyncio.run(playing())


async def log(server: orlop.Server, name: str, query: str = "") -> str:
    reply = await server.request("GET", f"{PODS}/{name}/log{query}")
    assert reply.status == 200, reply.body
    return reply.body.decode()


def test_a_command_runs_and_its_output_is_the_log() -> None:
    """The command's exit code decides the phase; its environment has the downward API, its log what it wrote."""

    async def scenario(server: orlop.Server) -> None:
        made = pod("one", command=["sh", "-c", "echo I am $NAME at $IP; echo wrong >&2; exit 4"], restartPolicy="Never")
        made["spec"]["containers"][0]["env"] = [
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
        await server.request("POST", PODS, made)
        found = await until(server, "one", lambda p: p["status"]["phase"] == "Failed")
        assert found["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 4
        text = await log(server, "one")
        twin = "127." + found["status"]["podIP"].partition(".")[2]  # what can be listened on
        assert sorted(text.splitlines()) == [f"I am one at {twin}", "wrong"]
        assert (await log(server, "one", "?tailLines=1")).count("\n") == 1
        assert (await log(server, "one", "?limitBytes=3")) == text[:3]

    play(scenario)


def test_a_log_is_followed_to_its_end() -> None:
    """follow gives what is written from the beginning until the container ends."""

    async def scenario(server: orlop.Server) -> None:
        script = "for n in 1 2 3; do echo $n; sleep 0.1; done"
        await server.request("POST", PODS, pod("one", command=["sh", "-c", script], restartPolicy="Never"))
        await until(server, "one", lambda p: p["status"]["phase"] in ("Running", "Succeeded"))
        assert await log(server, "one", "?follow=true") == "1\n2\n3\n"

    play(scenario)


def test_configuration_comes_as_environment_and_files() -> None:
    """Config maps and secrets are variables, and files where ORLOP_MOUNT_NAME and the mount path below the root say."""

    async def scenario(server: orlop.Server) -> None:
        base = "/api/v1/namespaces/default"
        await server.request("POST", f"{base}/configmaps", {"metadata": {"name": "c"}, "data": {"color": "teal"}})
        await server.request("POST", f"{base}/secrets", {"metadata": {"name": "s"}, "stringData": {"word": "hush"}})
        script = "echo $color $(cat $ORLOP_MOUNT_CONF/color) $(cat etc/conf/color) $WORD"
        made = pod("one", command=["sh", "-c", script], restartPolicy="Never",
                   volumes=[{"name": "conf", "configMap": {"name": "c"}}])
        container = made["spec"]["containers"][0]
        container["envFrom"] = [{"configMapRef": {"name": "c"}}]
        container["env"] = [{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "word"}}}]
        container["volumeMounts"] = [{"name": "conf", "mountPath": "/etc/conf"}]
        await server.request("POST", PODS, made)
        await until(server, "one", lambda p: p["status"]["phase"] == "Succeeded")
        assert await log(server, "one") == "teal teal teal hush\n"

    play(scenario)


def test_a_deleted_pod_is_asked_to_end_and_nothing_of_it_stays() -> None:
    """SIGTERM reaches the process; what it started in the background ends with it."""

    async def scenario(server: orlop.Server) -> None:
        script = "sleep 1000 & echo $!; trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done"
        await server.request("POST", PODS, pod("one", command=["sh", "-c", script]))
        await until(server, "one", lambda p: p["status"]["phase"] == "Running")
        stream = await server.watch(f"{PODS}?fieldSelector=metadata.name%3Done")
        followed = asyncio.create_task(log(server, "one", "?follow=true"))
        while (await log(server, "one")) == "":
            await asyncio.sleep(0)
        assert (await server.request("DELETE", f"{PODS}/one")).status == 200
        async for event in stream:
            if event["type"] == "DELETED":
                break
        written = (await followed).split()
        assert written[-1] == "bye"
        assert not _lives(int(written[0]))

    play(scenario)


def test_a_container_without_a_command_says_so() -> None:
    """There are no images that could bring a command."""

    async def scenario(server: orlop.Server) -> None:
        await server.request("POST", PODS, pod("one"))
        found = await until(server, "one", lambda p: "waiting" in (
            p["status"].get("containerStatuses") or [{"state": {}}])[0]["state"] and p["status"][
                "containerStatuses"][0]["state"]["waiting"]["reason"] == "CreateContainerConfigError")
        assert "no command given" in found["status"]["containerStatuses"][0]["state"]["waiting"]["message"]

    play(scenario)


def _lives(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
