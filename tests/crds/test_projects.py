"""Definitions of well-known projects: all are accepted, and objects, valid or not, fare as they do with
kube-apiserver."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from functools import cache
from typing import Any

import crd_shapes as shapes
import projects
import pytest
from crd_answers import comparable
from served import play

import orlop

Tree = dict[str, Any]
NAMES = sorted(projects.definitions())


@cache
def recorded() -> dict[str, list[list[Tree]]]:
    """Flows of requests with upstream's answers, by definition."""
    found: dict[str, list[list[Tree]]] = defaultdict(list)
    for line in gzip.decompress((projects.DATA / "projects.jsonl.gz").read_bytes()).splitlines():
        flow = json.loads(line)
        found[flow["kind"]].append(flow["steps"])
    return found


async def serve(server: orlop.Server, definition: Tree) -> None:
    reply = await server.request("POST", shapes.PATH, definition)
    assert reply.status == 201, reply.body
    spec = definition["spec"]
    for version in spec["versions"]:
        path = f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}"
        while version["served"] and (await server.request("GET", path)).status != 200:
            pass


@pytest.mark.parametrize("name", NAMES)
def test_objects_are_judged_as_upstream_judges_them(name: str) -> None:
    """Creations, patches, applies of two managers, status, scale, tables and other versions: answers, causes, owners
    of fields and warnings."""

    async def scenario(server: orlop.Server) -> None:
        await serve(server, projects.definitions()[name])
        for steps in recorded()[name]:
            for step in steps:
                body = None if step["body"] is None else json.dumps(step["body"]).encode()
                reply = await server.request(step["method"], step["path"], body, headers={
                    "content-type": step["type"], "accept": step["accept"], "user-agent": "diff/1"})
                about = f"{step['method']} {step['path']} {step['body']}"
                assert reply.status == step["code"], (about, reply.body)
                assert comparable(reply.json()) == comparable(step["answer"]), about
                warnings = sorted(filter(None, re.split(", (?=299 )", reply.headers.get("warning", ""))))
                assert warnings == step["warnings"], about

    play(scenario)


def test_all_at_once() -> None:
    """One server takes them all; discovery names each kind, and OpenAPI has its shape in both versions."""

    async def scenario(server: orlop.Server) -> None:
        for name in NAMES:
            await serve(server, projects.definitions()[name])
        for name in NAMES:
            spec = projects.definitions()[name]["spec"]
            version = next(one["name"] for one in spec["versions"] if one["served"])
            listed = (await server.request("GET", f"/apis/{spec['group']}/{version}")).json()["resources"]
            assert any(one["kind"] == spec["names"]["kind"] for one in listed)
            document = (await server.request("GET", f"/openapi/v3/apis/{spec['group']}/{version}")).json()
            assert any(key.endswith(f".{spec['names']['kind']}") for key in document["components"]["schemas"])
        swagger = (await server.request("GET", "/openapi/v2")).json()
        for name in NAMES:
            kind = projects.definitions()[name]["spec"]["names"]["kind"]
            assert any(key.endswith(f".{kind}") for key in swagger["definitions"])

    play(scenario)
