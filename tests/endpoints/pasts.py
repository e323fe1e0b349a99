"""What the tests of history, past states and undoing share: short ways to ask, and users with few rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from served import MAPS

import orlop
from orlop.embedding import Reply

HISTORY, UNDO = "/orlop/v1/history", "/orlop/v1/undo"
Scenario = Callable[[orlop.Server], Awaitable[None]]
Play = Callable[..., None]


def at(revision: int | str, path: str = f"{MAPS}/a") -> str:
    return f"/orlop/v1/at/{revision}{path}"


async def history(server: orlop.Server, path: str = f"{MAPS}/a", **query: str | int | bool) -> Any:
    reply = await server.request("GET", HISTORY + path, query=query)
    assert reply.status == 200, reply.body
    return reply.json()


async def undo(server: orlop.Server, path: str = f"{MAPS}/a", **query: str | int | bool) -> Reply:
    return await server.request("POST", UNDO + path, query=query)


async def allow(server: orlop.Server, user: str, verbs: list[str], *resources: str, names: tuple[str, ...] = (),
                group: str = "") -> dict[str, str]:
    """Give a user rights in the namespace default; the headers that make a request that user's."""
    base = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    rule = {"apiGroups": [group], "resources": list(resources), "verbs": verbs}
    if names:
        rule["resourceNames"] = list(names)
    made = await server.request("POST", f"{base}/roles", {"metadata": {"name": user}, "rules": [rule]})
    assert made.status == 201, made.body
    made = await server.request("POST", f"{base}/rolebindings", {
        "metadata": {"name": user}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]})
    assert made.status == 201, made.body
    return {"impersonate-user": user}
