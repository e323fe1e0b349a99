"""Definitions as well-known projects write theirs: objects, valid or not, fare as they do with kube-apiserver."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import crd_shapes as shapes
import pytest
from crd_answers import comparable
from served import play

import orlop

RECORDED = Path(__file__).parent.parent / "data" / "crds" / "answers.jsonl"


def recorded(kind: str) -> list[list[dict[str, Any]]]:
    lines = (json.loads(line) for line in RECORDED.read_text().splitlines())
    return [line["steps"] for line in lines if line["kind"] == kind]


async def serve(server: orlop.Server, definition: dict[str, Any]) -> None:
    reply = await server.request("POST", shapes.PATH, definition)
    assert reply.status == 201, reply.body
    spec = definition["spec"]
    for version in spec["versions"]:
        while (await server.request("GET", f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}")
               ).status != 200:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", sorted(shapes.ALL))
def test_objects_are_judged_as_upstream_judges_them(kind: str) -> None:
    """Creations, patches, applies of two managers, status, scale and tables: answers, causes and warnings."""

    async def scenario(server: orlop.Server) -> None:
        await serve(server, shapes.ALL[kind])
        for steps in recorded(kind):
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
