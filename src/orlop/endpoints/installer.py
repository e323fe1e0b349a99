"""From rest storage to routes: what a resource can do decides which methods its paths have.

Called while a server is assembled (and by later issues whenever a kind appears at run time). Asks each rest storage
which protocols of `registry.interface` it implements. Behaviour: apiserver `endpoints/installer.go`.
"""

from __future__ import annotations

from orlop.endpoints.connect import connect
from orlop.endpoints.create import create
from orlop.endpoints.delete import delete, delete_collection
from orlop.endpoints.get import get
from orlop.endpoints.list import list_
from orlop.endpoints.patch import patch
from orlop.endpoints.router import Route, Router
from orlop.endpoints.scope import Scope
from orlop.endpoints.update import update
from orlop.registry.interface import (
    CollectionDeleter,
    Connecter,
    Creater,
    Deleter,
    Getter,
    Lister,
    Updater,
    Watcher,
)


def route(scope: Scope, verbs: frozenset[str]) -> Route:
    """The route of one resource or subresource, limited to the declared `verbs`."""
    made = Route(scope)
    storage = scope.storage
    if scope.subresource:
        _subresource(made, storage, verbs)
    else:
        _resource(made, storage, verbs)
    return made


def _resource(made: Route, storage: object, verbs: frozenset[str]) -> None:
    items, collection = made.items, made.collection
    if isinstance(storage, Getter) and "get" in verbs:
        items["GET"] = get
    if isinstance(storage, Updater) and "update" in verbs:
        items["PUT"] = update
    if isinstance(storage, Updater) and isinstance(storage, Getter) and "patch" in verbs:
        items["PATCH"] = patch
    if isinstance(storage, Deleter) and "delete" in verbs:
        items["DELETE"] = delete
    if isinstance(storage, Lister) and "list" in verbs:
        collection["GET"] = list_
        if made.scope.namespaced:
            made.anywhere["GET"] = list_
    if isinstance(storage, Creater) and "create" in verbs:
        collection["POST"] = create
    if isinstance(storage, CollectionDeleter) and "deletecollection" in verbs:
        collection["DELETE"] = delete_collection
    if isinstance(storage, Watcher) and "watch" in verbs:
        made.watch = list_


def _subresource(made: Route, storage: object, verbs: frozenset[str]) -> None:
    items = made.items
    if isinstance(storage, Connecter):
        for method in storage.connect_methods:
            items[method] = connect
        made.deep = made.scope.subresource == "proxy"
        return
    if isinstance(storage, Getter) and "get" in verbs:
        items["GET"] = get
    if isinstance(storage, Updater):
        if "update" in verbs:
            items["PUT"] = update
        if "patch" in verbs:
            items["PATCH"] = patch
    if isinstance(storage, Creater) and "create" in verbs:
        items["POST"] = create
    if isinstance(storage, Deleter) and "delete" in verbs:
        items["DELETE"] = delete


def install(router: Router, scope: Scope, verbs: frozenset[str]) -> Route:
    made = route(scope, verbs)
    router.add(made)
    return made
