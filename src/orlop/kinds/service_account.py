"""ServiceAccounts. Their tokens come from the room in `token_request`.

Made by `makers`. Behaviour: kubernetes `pkg/registry/core/serviceaccount/strategy.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from orlop.api.context import Context
from orlop.api.tree import Tree
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores
from orlop.kinds.token_request import TokenRequests

_ENFORCE: Final = "kubernetes.io/enforce-mountable-secrets"
_DEPRECATED: Final = (f"metadata.annotations[{_ENFORCE}]: deprecated in v1.32+; prefer separate namespaces to isolate "
                      "access to mounted secrets")


class ServiceAccountStrategy(MainStrategy):
    returns_deleted_object = True

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        secrets = obj.get("secrets")
        if secrets:
            obj["secrets"] = [{"name": secret["name"]} if secret.get("name") else {} for secret in secrets]

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        self.prepare_for_create(ctx, obj)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return (_DEPRECATED,) if _enforces(obj) else ()

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return (_DEPRECATED,) if _enforces(obj) and not _enforces(old) else ()


def _enforces(account: Tree) -> bool:
    return _ENFORCE in (account["metadata"].get("annotations") or ())


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    made: dict[str, Any] = stores(resource, options, ServiceAccountStrategy)
    issuer = options.settings.get("token_issuer")
    if issuer is not None:
        audiences = tuple(options.settings.get("audiences") or ())
        made["token"] = TokenRequests(options.stores, issuer, audiences, options.outside)
    return made
