"""Config maps, secrets and tokens of service accounts, as a node reads them for its pods.

Used by `environment` and `volumes`. Read when a container starts; changes show at its next start.
"""

from __future__ import annotations

import base64
from typing import Final

from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.node.api import Api, APIUnavailable
from orlop.node.runtime import CONFIG_ERROR, StartFailure

TOKEN_SECONDS: Final = 24 * 3600
"""Tokens are asked for this long at least, because they are not renewed while the pod runs."""
_PLURALS: Final = {"configMap": "configmaps", "secret": "secrets"}


class Sources:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def _get(self, method: str, path: str, body: Tree | None = None) -> tuple[int, Tree]:
        try:
            reply = await self._api.request(method, path, body)
        except APIUnavailable as error:
            raise StartFailure(CONFIG_ERROR, str(error)) from error
        return reply.status, reply.tree

    async def data(self, kind: str, namespace: str, name: str, optional: bool) -> dict[str, bytes]:
        """`kind` is configMap or secret. Raises StartFailure."""
        status, tree = await self._get("GET", f"/api/v1/namespaces/{namespace}/{_PLURALS[kind]}/{name}")
        if status == 404 and optional:
            return {}
        if status == 404:
            raise StartFailure(CONFIG_ERROR, f"{kind.lower()} {quote(name)} not found")
        if status >= 400:
            raise StartFailure(CONFIG_ERROR, tree.get("message") or f"status {status}")
        if kind == "secret":
            return {key: base64.b64decode(value) for key, value in (tree.get("data") or {}).items()}
        return {**{key: value.encode() for key, value in (tree.get("data") or {}).items()},
                **{key: base64.b64decode(value) for key, value in (tree.get("binaryData") or {}).items()}}

    async def token(self, pod: Tree, audience: str, seconds: int) -> bytes:
        """Of the pod's service account, bound to the pod. Raises StartFailure."""
        metadata = pod["metadata"]
        spec: Tree = {"expirationSeconds": max(seconds, TOKEN_SECONDS),
                      "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"],
                                         "uid": metadata["uid"]}}
        if audience:
            spec["audiences"] = [audience]
        account = pod["spec"].get("serviceAccountName") or "default"
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        status, tree = await self._get("POST", path, body)
        if status >= 400:
            raise StartFailure(CONFIG_ERROR, tree.get("message") or f"status {status}")
        token: str = tree["status"]["token"]
        return token.encode()
