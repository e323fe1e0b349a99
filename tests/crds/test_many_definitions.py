"""Five hundred definitions at once: each is served, and every document names them all. Times are in benchmarks."""

from __future__ import annotations

import asyncio
from typing import Any

import crd_shapes as shapes
from served import play

import orlop

MANY = 500
GROUPS = 20
AGGREGATED = {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
SCHEMA = shapes.struct(spec=shapes.struct("size", size=shapes.COUNT, name=shapes.text(default="unnamed")))


def numbered(number: int) -> dict[str, Any]:
    made = shapes.definition(f"Crate{number}", shapes.version("v1", SCHEMA))
    group = f"g{number % GROUPS}.many.example.com"
    made["spec"]["group"] = group
    made["metadata"]["name"] = f"{made['spec']['names']['plural']}.{group}"
    return made


def place(definition: dict[str, Any]) -> str:
    spec = definition["spec"]
    return f"/apis/{spec['group']}/v1/namespaces/default/{spec['names']['plural']}"


async def served(server: orlop.Server, definition: dict[str, Any]) -> None:
    while (await server.request("GET", place(definition))).status != 200:
        await asyncio.sleep(0)
    reply = await server.request("GET", f"{shapes.PATH}/{definition['metadata']['name']}")
    assert {one["type"]: one["status"] for one in reply.json()["status"]["conditions"]} == {
        "NamesAccepted": "True", "Established": "True"}


def test_five_hundred_definitions_at_once() -> None:
    """Created all together: all are established, take, default and refuse objects, and are in discovery and in both
    OpenAPI documents."""

    async def scenario(server: orlop.Server) -> None:
        made = [numbered(number) for number in range(MANY)]
        replies = await asyncio.gather(*(server.request("POST", shapes.PATH, one) for one in made))
        assert {reply.status for reply in replies} == {201}
        for one in made:
            await served(server, one)
            spec, body = one["spec"], {"metadata": {"name": "a"}, "spec": {"size": 1}}
            head = {"apiVersion": f"{spec['group']}/v1", "kind": spec["names"]["kind"]}
            reply = await server.request("POST", place(one), head | body)
            assert (reply.status, reply.json()["spec"]) == (201, {"size": 1, "name": "unnamed"})
            assert (await server.request("POST", place(one), head | body | {"spec": {"size": -1}})).status == 422

        wanted = {(one["spec"]["group"], one["spec"]["names"]["plural"]) for one in made}
        groups = (await server.request("GET", "/apis", headers=AGGREGATED)).json()["items"]
        assert wanted <= {(group["metadata"]["name"], resource["resource"]) for group in groups
                          for version in group["versions"] for resource in version["resources"]}
        paths = (await server.request("GET", "/openapi/v2")).json()["paths"]
        assert all(place(one).replace("/default/", "/{namespace}/") in paths for one in made)
        for number in range(GROUPS):
            document = (await server.request("GET", f"/openapi/v3/apis/g{number}.many.example.com/v1")).json()
            kinds = {name.rpartition(".")[2] for name in document["components"]["schemas"]}
            assert kinds >= {f"Crate{which}" for which in range(number, MANY, GROUPS)}

    play(scenario)
