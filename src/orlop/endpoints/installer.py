"""From rest storage to routes: what a resource can do decides which methods its paths have.

Called while a server is assembled (and by later issues whenever a kind appears at run time). Asks each rest storage
which protocols of `registry.interface` it implements. Behaviour: apiserver `endpoints/installer.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from orlop.endpoints.connect import connect
from orlop.endpoints.create import create
from orlop.endpoints.custom_route import CustomRoute, Room, Verb
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

_PROTOCOLS = (Getter, Updater, Deleter, Lister, Creater, CollectionDeleter, Watcher)
_known: WeakKeyDictionary[type, frozenset[type]] = WeakKeyDictionary()
"""Abilities by class. Asking for a protocol looks up each of its members; a server asks a thousand times."""


def abilities(storage: object) -> frozenset[type]:
    """Which of the protocols a rest storage implements: its class decides."""
    found = _known.get(type(storage))
    if found is None:
        found = _known[type(storage)] = frozenset(each for each in _PROTOCOLS if isinstance(storage, each))
    return found


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
    able = abilities(storage)
    if Getter in able and "get" in verbs:
        items["GET"] = get
    if Updater in able and "update" in verbs:
        items["PUT"] = update
    if Updater in able and Getter in able and "patch" in verbs:
        items["PATCH"] = patch
    if Deleter in able and "delete" in verbs:
        items["DELETE"] = delete
    if Lister in able and "list" in verbs:
        collection["GET"] = list_
        if made.scope.namespaced:
            made.anywhere["GET"] = list_
    if Creater in able and "create" in verbs:
        collection["POST"] = create
    if CollectionDeleter in able and "deletecollection" in verbs:
        collection["DELETE"] = delete_collection
    if Watcher in able and "watch" in verbs:
        made.watch = list_


def _subresource(made: Route, storage: object, verbs: frozenset[str]) -> None:
    items = made.items
    able = abilities(storage)
    if isinstance(storage, Connecter):
        for method in storage.connect_methods:
            items[method] = connect
        made.deep = made.scope.subresource == "proxy"
        return
    if Getter in able and "get" in verbs:
        items["GET"] = get
    if Updater in able:
        if "update" in verbs:
            items["PUT"] = update
        if "patch" in verbs:
            items["PATCH"] = patch
    if Creater in able and "create" in verbs:
        items["POST"] = create
    if Deleter in able and "delete" in verbs:
        items["DELETE"] = delete


_MAIN = {"get": get, "list": list_, "watch": list_, "create": create, "update": update, "patch": patch,
         "delete": delete, "deletecollection": delete_collection}
_NEEDED: dict[str, set[type]] = {"get": {Getter}, "list": {Lister}, "watch": {Watcher}, "create": {Creater},
                                 "update": {Updater}, "patch": {Updater, Getter}, "delete": {Deleter},
                                 "deletecollection": {CollectionDeleter}}
_BEHIND = {"get": get, "update": update, "patch": patch}


def custom_route(scopes: Mapping[str, Scope], ready: asyncio.Future[None] | None = None) -> CustomRoute:
    """The route of a custom resource in one version; `scopes` by subresource."""
    rooms = {name: Room(scope, _able(scope.storage, _BEHIND if name else _MAIN)) for name, scope in scopes.items()}
    main = scopes[""]
    return CustomRoute(main.resource.group_resource, main.namespaced, rooms, ready)


def _able(storage: object, verbs: Mapping[str, Verb]) -> Mapping[str, Verb]:
    """Those of the verbs that a rest storage can do."""
    able = abilities(storage)
    return {verb: made for verb, made in verbs.items() if able >= _NEEDED[verb]}


def install(router: Router, scope: Scope, verbs: frozenset[str]) -> Route:
    made = route(scope, verbs)
    router.add(made)
    return made
