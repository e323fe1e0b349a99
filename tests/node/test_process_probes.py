"""A node in process mode beside a server: probes, hooks, last words, sidecars and debug containers, with real
processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from node_scenarios import PODS, cluster, pod, until

import orlop

SERVER = """
import http.server, os, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = 200 if pathlib.Path('up').exists() or self.path == '/start' else 503
        self.send_response(code); self.end_headers()
        if self.path == '/start': pathlib.Path('up').touch()
    def log_message(self, *args): print(self.headers['User-Agent'], self.path, flush=True)
http.server.HTTPServer((os.environ['IP'], 8080), Handler).serve_forever()
"""
OFTEN = {"periodSeconds": 1, "failureThreshold": 1}


def play(scenario: Callable[[orlop.Server], Awaitable[None]]) -> None:
    async def playing() -> None:
        async with asyncio.timeout(60), cluster(1, "process") as server:
            await scenario(server)

    asyncio.run(playing())


def sh(script: str) -> dict[str, Any]:
    return {"exec": {"command": ["sh", "-c", script]}}


async def create(server: orlop.Server, made: dict[str, Any], **container: Any) -> None:
    made["spec"]["containers"][0].update(container)
    reply = await server.request("POST", PODS, made)
    assert reply.status == 201, reply.body


async def told(server: orlop.Server, reason: str) -> dict[str, Any]:
    """The first event of that reason."""
    async with await server.watch("/api/v1/namespaces/default/events") as events:
        async for event in events:
            found: dict[str, Any] = event["object"]
            if found.get("reason") == reason:
                return found
    raise AssertionError("the watch ended")


async def gone(server: orlop.Server, name: str) -> None:
    async with await server.watch(f"{PODS}?fieldSelector=metadata.name%3D{name}") as events:
        assert (await server.request("DELETE", f"{PODS}/{name}")).status == 200
        async for event in events:
            if event["type"] == "DELETED":
                return


def ready(found: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in found["status"].get("conditions") or ())


def status_of(found: dict[str, Any]) -> dict[str, Any]:
    one: dict[str, Any] = (found["status"].get("containerStatuses") or [{"state": {}, "restartCount": 0}])[0]
    return one


def test_a_command_decides_readiness() -> None:
    """The pod becomes ready with its probe, and what the probe said before is told."""

    async def scenario(server: orlop.Server) -> None:
        made = pod("one", command=["sh", "-c", "read word; touch up; exec sleep 1000"])
        await create(server, made, stdin=True, readinessProbe={**sh("cat up || exit 3"), **OFTEN})
        found = await until(server, "one", lambda p: p["status"]["phase"] == "Running")
        assert not ready(found) and status_of(found)["started"]
        event = await told(server, "Unhealthy")
        assert event["message"].startswith("Readiness probe failed: cat: ")
        assert event["involvedObject"]["fieldPath"] == "spec.containers{main}"
        reply = await server.request("GET", f"{PODS}/one/log")
        assert reply.status == 200
        home = Path(server.kubeconfig).parent
        (root,) = home.glob("nodes/*/pods/*/roots/main")
        (root / "up").touch()
        assert status_of(await until(server, "one", ready))["ready"]

    play(scenario)


def test_a_failed_liveness_probe_restarts_the_container() -> None:
    async def scenario(server: orlop.Server) -> None:
        made = pod("one", command=["sleep", "1000"], terminationGracePeriodSeconds=5)
        await create(server, made, livenessProbe={**sh("echo broken; exit 1"), **OFTEN})
        found = await until(server, "one", lambda p: status_of(p)["restartCount"] == 1)
        assert status_of(found)["lastState"]["terminated"]["exitCode"] == 143
        assert (await told(server, "Unhealthy"))["message"] == "Liveness probe failed: broken\n"
        assert (await told(server, "Killing"))["message"] == "Container main failed liveness probe, will be restarted"

    play(scenario)


def test_http_probes_of_a_server() -> None:
    """Readiness follows the startup probe; both find the server at the pod's address, by the port's name."""

    async def scenario(server: orlop.Server) -> None:
        made = pod("one", command=["python3", "-u", "-c", SERVER])
        await create(
            server, made, ports=[{"name": "web", "containerPort": 8080}],
            env=[{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            startupProbe={"httpGet": {"port": "web", "path": "/start"}, "periodSeconds": 1, "failureThreshold": 50},
            readinessProbe={"httpGet": {"port": 8080, "path": "/ready"}, **OFTEN},
            livenessProbe={"tcpSocket": {"port": "web"}, **OFTEN})
        await until(server, "one", ready)
        text = (await server.request("GET", f"{PODS}/one/log")).body.decode().splitlines()
        assert text[:2] == ["kube-probe/1.36 /start", "kube-probe/1.36 /ready"]

    play(scenario)


def test_a_command_that_takes_too_long_has_failed() -> None:
    async def scenario(server: orlop.Server) -> None:
        made = pod("one", command=["sleep", "1000"])
        await create(server, made, readinessProbe={**sh("sleep 1000"), **OFTEN})
        assert (await told(server, "Unhealthy"))["message"] == (
            'Readiness probe failed: command timed out: "sh -c sleep 1000" timed out after 1s')

    play(scenario)


def test_hooks_run_after_the_start_and_before_the_end(tmp_path: Path) -> None:
    """The preStop hook before the signal; both see the container's environment."""

    async def scenario(server: orlop.Server) -> None:
        script = f"trap 'echo term >>{tmp_path}/said; exit 0' TERM; while :; do sleep 0.05; done"
        hooks = {"postStart": sh(f"echo $WORD >>{tmp_path}/said"), "preStop": sh(f"echo stop >>{tmp_path}/said")}
        await create(server, pod("one", command=["sh", "-c", script]), lifecycle=hooks,
                     env=[{"name": "WORD", "value": "start"}])
        await until(server, "one", ready)
        await gone(server, "one")
        assert (tmp_path / "said").read_text().split() == ["start", "stop", "term"]

    play(scenario)


def test_failed_hooks() -> None:
    """A failed postStart hook ends the container; events name neither command nor output."""

    async def scenario(server: orlop.Server) -> None:
        await create(server, pod("one", command=["sleep", "1000"], terminationGracePeriodSeconds=5),
                     lifecycle={"postStart": sh("echo no; exit 4")})
        found = await until(server, "one", lambda p: (status_of(p)["state"].get("waiting") or {}).get(
            "reason") == "PostStartHookError")
        assert 'Exec lifecycle hook ([sh -c echo no; exit 4]) for Container "main" in Pod "one_default(' in (
            status_of(found)["state"]["waiting"]["message"])
        assert (await told(server, "FailedPostStartHook"))["message"] == "PostStartHook failed"
        await create(server, pod("two", command=["sleep", "1000"]), lifecycle={"preStop": sh("exit 4")})
        await until(server, "two", ready)
        await gone(server, "two")
        assert (await told(server, "FailedPreStopHook"))["message"] == "PreStopHook failed"

    play(scenario)


def test_last_words() -> None:
    """What a container wrote into the file for it, or at the end of its log."""

    async def scenario(server: orlop.Server) -> None:
        said = pod("said", command=["sh", "-c", "echo farewell >$ORLOP_TERMINATION_LOG"], restartPolicy="Never")
        await create(server, said)
        logged = pod("logged", command=["sh", "-c", "echo oh no; exit 1"], restartPolicy="Never")
        await create(server, logged, terminationMessagePolicy="FallbackToLogsOnError")
        for name, phase, text in (("said", "Succeeded", "farewell\n"), ("logged", "Failed", "oh no\n")):
            found = await until(server, name, lambda p, phase=phase: p["status"]["phase"] == phase)  # type: ignore[misc]
            assert status_of(found)["state"]["terminated"]["message"] == text

    play(scenario)


def test_a_command_that_is_not_there() -> None:
    """It fails a pod that never restarts, with the reason that container runtimes give."""

    async def scenario(server: orlop.Server) -> None:
        await create(server, pod("one", command=["/no/such/program"], restartPolicy="Never"))
        found = await until(server, "one", lambda p: p["status"]["phase"] == "Failed")
        ended = status_of(found)["state"]["terminated"]
        assert (ended["exitCode"], ended["reason"]) == (128, "StartError") and "/no/such/program" in ended["message"]

    play(scenario)


def test_sidecars_are_up_first_and_go_last(tmp_path: Path) -> None:
    async def scenario(server: orlop.Server) -> None:
        def loop(name: str) -> list[str]:
            say = f"echo {name}"
            return ["sh", "-c", f"{say} up >>{tmp_path}/said; trap '{say} down >>{tmp_path}/said; exit 0' TERM; "
                                "touch up; while :; do sleep 0.05; done"]

        sidecars = [{"name": name, "image": "i", "command": loop(name), "restartPolicy": "Always",
                     "startupProbe": {**sh("test -e up"), "periodSeconds": 1, "failureThreshold": 30}}
                    for name in ("a", "b")]
        await create(server, pod("one", command=loop("main"), initContainers=sidecars))
        await until(server, "one", lambda p: ready(p) and (tmp_path / "said").read_text().count("up") == 3)
        await gone(server, "one")
        assert (tmp_path / "said").read_text().splitlines() == [
            "a up", "b up", "main up", "main down", "b down", "a down"]

    play(scenario)


def test_a_debug_container_runs_beside_the_others() -> None:
    """It is added to a pod that runs, is attached to, and never started again."""

    async def scenario(server: orlop.Server) -> None:
        await create(server, pod("one", command=["sleep", "1000"]))
        await until(server, "one", ready)
        added = {"name": "debug", "image": "i", "command": ["sh", "-c", "echo here $HOSTNAME; exit 3"]}
        reply = await server.request("PATCH", f"{PODS}/one/ephemeralcontainers",
                                     {"spec": {"ephemeralContainers": [added]}},
                                     headers={"content-type": "application/strategic-merge-patch+json"})
        assert reply.status == 200, reply.body
        found = await until(server, "one", lambda p: "terminated" in (
            p["status"].get("ephemeralContainerStatuses") or [{"state": {}}])[0]["state"])
        assert found["status"]["ephemeralContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
        assert found["status"]["phase"] == "Running" and ready(found)
        reply = await server.request("GET", f"{PODS}/one/log?container=debug")
        assert reply.body == b"here one\n"

    play(scenario)


def test_a_pod_waits_for_its_volumes() -> None:
    """Nothing of it begins before, and an event says what is missing; the status does not."""

    async def scenario(server: orlop.Server) -> None:
        await create(server, pod("one", command=["cat", "/dev/null"], restartPolicy="Never",
                                 volumes=[{"name": "conf", "configMap": {"name": "c"}}]))
        event = await told(server, "FailedMount")
        assert event["message"] == 'MountVolume.SetUp failed for volume "conf" : configmap "c" not found'
        assert "fieldPath" not in event["involvedObject"]
        found = (await server.request("GET", f"{PODS}/one")).json()
        assert status_of(found)["state"] == {"waiting": {"reason": "ContainerCreating"}}
        assert "podIP" not in found["status"]
        await server.request("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "c"}})
        await until(server, "one", lambda p: p["status"]["phase"] == "Succeeded")

    play(scenario)
