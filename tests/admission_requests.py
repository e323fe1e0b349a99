"""Requests as admission plugins see them, for the tests of single plugins."""

from __future__ import annotations

import asyncio
from typing import Any

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.api.context import Context, User
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind, GroupVersionResource
from orlop.api.tree import Tree

PODS = GroupVersionResource("", "v1", "pods")
CLAIMS = GroupVersionResource("", "v1", "persistentvolumeclaims")
REQUESTS = GroupVersionResource("certificates.k8s.io", "v1", "certificatesigningrequests")
CONFIG_MAPS = GroupVersionResource("", "v1", "configmaps")


def request(obj: Tree | None, old: Tree | None = None, resource: GroupVersionResource = PODS, subresource: str = "",
            user: str = "eve") -> Attributes:
    """A creation, or with `old` an update."""
    return Attributes(Context(User(user)), CREATE if old is None else UPDATE, GroupVersionKind("", "v1", "K"), resource,
                      subresource, "ns", "x", obj, old, False)


def refusal(step: Any, attributes: Attributes) -> str:
    """What a plugin's step says against a request, without the words that open every refusal; "" when nothing."""
    async def run() -> None:
        if (pending := step(attributes)) is not None:
            await pending

    try:
        asyncio.run(run())
    except APIError as error:
        return error.message.partition(" is forbidden: ")[2] or error.message
    return ""


def pod(spec: Tree | None = None, **metadata: Any) -> Tree:
    return {"metadata": {"name": "x", **metadata}, "spec": spec or {}}
