"""What a resource can do, one small Protocol an ability.

The installer (`endpoints.installer`) asks which of these a rest storage has and makes a route of each; the endpoints
call them with decoded trees. `Store` has most of them for every stored kind; rooms such as pods/log or a review have
one or two. A user's own rest storage implements whichever it can. Modelled on apiserver `pkg/registry/rest/rest.go`.

Trees passed in and out are in the resource's storage ("hub") version, with defaults applied, without conversion:
versions are the endpoints' business.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from orlop.api.context import Context
from orlop.api.http import Answer, Request
from orlop.api.options import CreateOptions, DeleteOptions, GetOptions, ListOptions, Preconditions, UpdateOptions
from orlop.api.tree import Tree
from orlop.storage.interface import Entry, Revision

if TYPE_CHECKING:
    from orlop.storage.predicate import Predicate
    from orlop.storage.watch_cache import WatchCache

Object: TypeAlias = Entry | Tree
"""An object on its way out: as stored (bytes, the usual case), or a tree that was computed. Trees carry their own
kind and apiVersion or get the endpoint's."""

Admit: TypeAlias = "Callable[[Tree, Tree | None], Awaitable[None] | None]"
"""Validating admission of (new, old); raises APIError to refuse. Given by the endpoints, called at the right moment."""


class ListResult(NamedTuple):
    """One page. `items` in order; `revision` is what `metadata.resourceVersion` shows; `remaining` None when unknown
    (selectors) or nothing remains."""

    items: Sequence[Object]
    revision: Revision
    next: str = ""
    remaining: int | None = None


class UpdateSource(Protocol):
    """Where an update's new object comes from: the body of a PUT, or a patch applied to what is stored."""

    preconditions: Preconditions | None

    def updated(self, ctx: Context, old: Tree) -> Tree | Awaitable[Tree]:
        """The new object made from the current one (empty when there is none). `old` must not be changed. May be
        called again after a conflict."""


@runtime_checkable
class Getter(Protocol):
    def get(self, ctx: Context, name: str, options: GetOptions) -> Object | Awaitable[Object]: ...


@runtime_checkable
class Lister(Protocol):
    def list(self, ctx: Context, options: ListOptions) -> ListResult | Awaitable[ListResult]: ...


@runtime_checkable
class Creater(Protocol):
    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Object:
        """`name` is "" but for subresources (pods/NAME/binding), where it is the parent's."""


@runtime_checkable
class Updater(Protocol):
    async def update(self, ctx: Context, name: str, source: UpdateSource, admit_create: Admit, admit_update: Admit,
                     options: UpdateOptions, *, force_create: bool = False) -> tuple[Object, bool]:
        """Returns the stored object and whether it was created."""


@runtime_checkable
class Deleter(Protocol):
    async def delete(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> tuple[Object, bool]:
        """Returns the object or a Status tree, and whether it is gone at once (False: it is being deleted)."""


@runtime_checkable
class CollectionDeleter(Protocol):
    async def delete_collection(self, ctx: Context, admit: Admit, options: DeleteOptions,
                                selection: ListOptions) -> ListResult: ...


@runtime_checkable
class Watcher(Protocol):
    def watch_source(self, ctx: Context, options: ListOptions) -> tuple[WatchCache, Predicate]:
        """The cache to watch and what to watch in it."""

    def watch_after(self, ctx: Context, options: ListOptions) -> Awaitable[None] | None:
        """What the watch must wait for before it begins, None for nothing."""


@runtime_checkable
class Connecter(Protocol):
    """A room that answers by itself: logs, exec, proxy."""

    connect_methods: tuple[str, ...]

    def connect(self, ctx: Context, name: str, path: str, request: Request) -> Answer | Awaitable[Answer]: ...
