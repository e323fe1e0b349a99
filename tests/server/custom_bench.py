"""Definitions for tests of custom resources."""

from __future__ import annotations

import asyncio
from typing import Any

import orlop

Tree = dict[str, Any]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
SPEC: Tree = {"type": "object", "properties": {"size": {"type": "integer"}, "color": {"type": "string"}}}
STATUS: Tree = {"type": "object", "properties": {"size": {"type": "integer"}, "selector": {"type": "string"}}}
MERGE = {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}


def version(name: str = "v1", *, stored: bool = True, spec: Tree | None = None, **more: Any) -> Tree:
    schema = {"type": "object", "properties": {"spec": spec or SPEC, "status": STATUS}}
    return {"name": name, "served": True, "storage": stored, "schema": {"openAPIV3Schema": schema}, **more}


def definition(*versions: Tree, plural: str = "widgets", kind: str = "Widget", scope: str = "Namespaced",
               **spec: Any) -> Tree:
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.example.com"},
            "spec": {"group": "example.com", "scope": scope, "names": {"plural": plural, "kind": kind},
                     "versions": list(versions) or [version()], **spec}}


async def define(server: orlop.Server, *versions: Tree, **spec: Any) -> None:
    """Create a definition, and wait until it is established."""
    made = definition(*versions, **spec)
    reply = await server.request("POST", DEFINITIONS, made)
    assert reply.status == 201, reply.body
    await established(server, made["metadata"]["name"])


async def established(server: orlop.Server, name: str) -> None:
    for _ in range(1000):
        found = (await server.request("GET", f"{DEFINITIONS}/{name}")).json()
        conditions = {each["type"]: each["status"] for each in (found.get("status") or {}).get("conditions") or ()}
        if conditions.get("Established") == "True":
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{name} is not established: {found}")


async def until(server: orlop.Server, path: str, status: int) -> orlop.Reply:
    """Ask again and again until the answer has that status."""
    for _ in range(2000):
        reply = await server.request("GET", path)
        if reply.status == status:
            return reply
        await asyncio.sleep(0.01)
    raise AssertionError(f"{path} answers {reply.status}")


async def change(server: orlop.Server, spec: Tree, name: str = "widgets.example.com") -> None:
    reply = await server.request("PATCH", f"{DEFINITIONS}/{name}", {"spec": spec}, headers=MERGE)
    assert reply.status == 200, reply.body


def widget(name: str = "a", api_version: str = "example.com/v1", **members: Any) -> Tree:
    return {"apiVersion": api_version, "kind": "Widget", "metadata": {"name": name}, **members}


async def make(server: orlop.Server, obj: Tree, path: str = WIDGETS) -> Tree:
    reply = await server.request("POST", path, obj)
    assert reply.status == 201, reply.body
    made: Tree = reply.json()
    return made
