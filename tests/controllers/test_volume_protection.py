"""Claims and volumes that are deleted go when nothing uses them, and not before."""

from __future__ import annotations

import asyncio
from typing import Any

from served import MERGE, play

import orlop

CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
PODS = "/api/v1/namespaces/default/pods"
CLAIM = {"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"],
                                              "resources": {"requests": {"storage": "1Gi"}}}}
VOLUME = {"metadata": {"name": "v"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                                               "hostPath": {"path": "/x"}}}


def pod(node: str = "") -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "c", "image": "i"}],
                            "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "c"}}]}
    return {"metadata": {"name": "p"}, "spec": spec | ({"nodeName": node} if node else {})}


async def ask(server: orlop.Server, method: str, path: str, body: Any = None, **headers: str) -> int:
    return (await server.request(method, path, body, headers=headers)).status


async def gone(server: orlop.Server, path: str) -> None:
    while await ask(server, "GET", path) != 404:
        await asyncio.sleep(0.1)


def test_a_claim_waits_for_its_pod() -> None:
    """A scheduled pod holds the claim it mounts; when the pod is gone, so is the claim."""

    async def scenario(server: orlop.Server) -> None:
        assert await ask(server, "POST", CLAIMS, CLAIM) == 201
        assert await ask(server, "POST", PODS, pod("n")) == 201
        assert await ask(server, "DELETE", f"{CLAIMS}/c") == 200
        await asyncio.sleep(60)
        assert await ask(server, "GET", f"{CLAIMS}/c") == 200
        assert await ask(server, "DELETE", f"{PODS}/p?gracePeriodSeconds=0") == 200
        await gone(server, f"{CLAIMS}/c")

    play(scenario, volume_protection_controller=True)


def test_a_pod_without_a_node_holds_nothing() -> None:
    """It will never start with a claim that is being deleted."""

    async def scenario(server: orlop.Server) -> None:
        await ask(server, "POST", CLAIMS, CLAIM)
        assert await ask(server, "POST", PODS, pod()) == 201
        await ask(server, "DELETE", f"{CLAIMS}/c")
        await gone(server, f"{CLAIMS}/c")

    play(scenario, volume_protection_controller=True)


def test_a_volume_waits_until_it_is_not_bound() -> None:
    """Its phase decides."""

    async def scenario(server: orlop.Server) -> None:
        assert await ask(server, "POST", VOLUMES, VOLUME) == 201
        bound = {"status": {"phase": "Bound"}}
        assert await ask(server, "PATCH", f"{VOLUMES}/v/status", bound, **MERGE) == 200
        await ask(server, "DELETE", f"{VOLUMES}/v")
        await asyncio.sleep(60)
        assert await ask(server, "GET", f"{VOLUMES}/v") == 200
        await ask(server, "PATCH", f"{VOLUMES}/v/status", {"status": {"phase": "Released"}}, **MERGE)
        await gone(server, f"{VOLUMES}/v")

    play(scenario, volume_protection_controller=True)


def test_a_class_waits_for_who_names_it() -> None:
    """A claim that names a volume attributes class holds it."""

    async def scenario(server: orlop.Server) -> None:
        classes = "/apis/storage.k8s.io/v1/volumeattributesclasses"
        made = {"metadata": {"name": "k"}, "driverName": "d.example.com", "parameters": {"a": "b"}}
        assert await ask(server, "POST", classes, made) == 201
        claim = {**CLAIM, "spec": {**CLAIM["spec"], "volumeAttributesClassName": "k"}}
        assert await ask(server, "POST", CLAIMS, claim) == 201
        await ask(server, "DELETE", f"{classes}/k")
        await asyncio.sleep(60)
        assert await ask(server, "GET", f"{classes}/k") == 200
        await ask(server, "DELETE", f"{CLAIMS}/c")
        await gone(server, f"{classes}/k")

    play(scenario, volume_protection_controller=True)


def test_a_namespace_with_a_claim_ends() -> None:
    """What admission protects, the server lets go."""

    async def scenario(server: orlop.Server) -> None:
        await ask(server, "POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
        assert await ask(server, "POST", CLAIMS.replace("default", "n"), CLAIM) == 201
        await ask(server, "DELETE", "/api/v1/namespaces/n")
        await gone(server, "/api/v1/namespaces/n")

    play(scenario, volume_protection_controller=True, namespace_controller=True)
