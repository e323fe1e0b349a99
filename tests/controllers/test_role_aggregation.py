"""Aggregated cluster roles hold the rules of the roles they select."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orlop

ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
READ = {"apiGroups": ["example.com"], "resources": ["boats"], "verbs": ["get"]}
WRITE = {"apiGroups": ["example.com"], "resources": ["boats"], "verbs": ["update"]}


def play(scenario: Callable[[orlop.Server], Awaitable[None]]) -> None:
    async def playing() -> None:
        async with asyncio.timeout(30), orlop.Server(listen=False) as server:
            await scenario(server)

    asyncio.run(playing())


async def create(server: orlop.Server, name: str, rules: list[dict[str, Any]], **members: Any) -> None:
    labels = members.pop("labels", {})
    role = {"metadata": {"name": name, "labels": labels}, "rules": rules, **members}
    reply = await server.request("POST", ROLES, role)
    assert reply.status == 201, reply.body


async def rules_become(server: orlop.Server, name: str, rules: list[dict[str, Any]]) -> None:
    """Return when the role has exactly these rules."""
    async with await server.watch(f"{ROLES}?fieldSelector=metadata.name%3D{name}") as events:
        async for event in events:
            if (event["object"].get("rules") or []) == rules:
                return


def test_rules_follow_the_selected_roles() -> None:
    """Rules come in with a role that is selected, in order of name and without repeats, and go with it."""

    async def scenario(server: orlop.Server) -> None:
        rule = {"clusterRoleSelectors": [{"matchLabels": {"to": "sum"}}]}
        await create(server, "sum", [], aggregationRule=rule)
        await create(server, "b", [WRITE, READ], labels={"to": "sum"})
        await rules_become(server, "sum", [WRITE, READ])
        await create(server, "a", [READ], labels={"to": "sum"})
        await rules_become(server, "sum", [READ, WRITE])
        assert (await server.request("DELETE", f"{ROLES}/b")).status == 200
        await rules_become(server, "sum", [READ])

    play(scenario)


def test_the_bootstrap_roles_are_filled() -> None:
    """`view` of a fresh server allows reading pods."""

    async def scenario(server: orlop.Server) -> None:
        async with await server.watch(f"{ROLES}?fieldSelector=metadata.name%3Dview") as events:
            async for event in events:
                if any("pods" in rule.get("resources", ()) for rule in event["object"].get("rules") or ()):
                    return

    play(scenario)
