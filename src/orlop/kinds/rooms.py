"""From the catalog to rest storage: what answers for each resource and each of its subresources.

Called while a server is assembled; hands the installer one `Rooms` per catalog row. A kind that needs more than the
generic stores has a maker in MAKERS, in a file of its own; all others get a `Store` for themselves and one for their
status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import Form, MainStrategy, StatusStrategy
from orlop.kinds.selectors import field_selectors
from orlop.registry.store import Hooks, Outside, Store
from orlop.registry.strategy import Strategy
from orlop.schema.interface import Schema
from orlop.storage.interface import Storage
from orlop.storage.watch_cache import WatchCache

Rooms = Mapping[str, Any]
"""Rest storage by subresource; "" is the resource itself."""


@dataclass(frozen=True, slots=True)
class RestOptions:
    """What rest storage is made from. `cache` gives the watch cache of a stored resource, `schema` its compiled
    schema, `stores` the stores made so far by (group, plural): a kind may need another one's. `storage` is what lies
    below all caches, for what is stored and is no object of the API."""

    cache: Callable[[Resource], WatchCache]
    schema: Callable[[GroupVersionKind], Schema]
    outside: Outside
    settings: Mapping[str, Any] = field(default_factory=dict)
    stores: dict[tuple[str, str], Store] = field(default_factory=dict)
    storage: Storage | None = None


Maker = Callable[[Resource, RestOptions], Rooms]


def form(resource: Resource, options: RestOptions) -> Form:
    """The `Form` of a catalog row."""

    def empty() -> Tree:
        tree: Tree = {}
        options.schema(hub_kind(resource)).decode(tree, None)
        return tree

    selectors = field_selectors(resource.group, resource.storage_version.version, resource.plural)
    return Form(resource.group_kind, resource.namespaced, selectors.values, empty,
                resource.subresource("status") is not None)


def hub_kind(resource: Resource) -> GroupVersionKind:
    """The kind in which stores hold a resource: its storage version where that is served (by this group or, for
    events, the other), else the preferred one (upstream stores some kinds in a beta version)."""
    stored = resource.storage_version
    served = stored.version in resource.versions or stored.group != resource.group
    return resource.storage_kind if served else resource.in_version(resource.versions[0])


def prefix(resource: Resource) -> str:
    return f"/registry/{resource.prefix}/"


def store(resource: Resource, options: RestOptions, strategy: Strategy, hooks: Hooks | None = None) -> Store:
    """The generic store of a resource under a strategy."""
    made = Store(resource.group_resource, options.cache(resource), prefix(resource), strategy, options.outside, hooks)
    options.stores[resource.group_resource] = made
    return made


def stores(resource: Resource, options: RestOptions, main: type[MainStrategy],
           status: type[StatusStrategy] = StatusStrategy, hooks: Hooks | None = None) -> dict[str, Any]:
    """Main and status store from two strategy classes."""
    shape = form(resource, options)
    made = store(resource, options, main(shape), hooks)
    rooms: dict[str, Any] = {"": made}
    if shape.has_status:
        rooms["status"] = made.with_strategy(status(shape))
    return rooms


def rooms(resource: Resource, options: RestOptions, makers: Mapping[tuple[str, str], Maker]) -> Rooms:
    """The rest storage of one catalog row."""
    maker = makers.get(resource.group_resource)
    if maker is not None:
        return maker(resource, options)
    return stores(resource, options, MainStrategy)
