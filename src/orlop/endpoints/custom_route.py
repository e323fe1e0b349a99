"""The routes of one custom resource in one version: found by verb, not by method.

Made by `installer.custom_route` at run time; `router.find` asks `find` for paths that no built-in route has. Upstream
serves custom resources by another handler than built-in ones, and it shows: subresources that do not exist are objects
that were not found, an object can be created by POST to its own path, unknown paths are answered in plain text.
Behaviour: apiextensions-apiserver `pkg/apiserver/customresource_handler.go` ServeHTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from orlop.api import errors
from orlop.api.context import RequestInfo
from orlop.api.errors import APIError
from orlop.api.gvk import GroupResource
from orlop.api.http import Answer, Request
from orlop.endpoints.scope import Scope

Verb = Callable[[Scope, Request], Answer | Awaitable[Answer]]

_ANYWHERE: Final = frozenset({"list", "watch"})
"""What a namespaced resource offers across all namespaces."""
_NAMED: Final = frozenset({"get", "update", "patch", "delete"})


def page_not_found() -> APIError:
    """The 404 of paths that no handler of upstream's wants."""
    refusal = errors.generic(404, "", GroupResource("", ""))
    refusal.plain = "404 page not found\n"
    return refusal


class Room(NamedTuple):
    """The resource or a subresource: verbs by their names."""

    scope: Scope
    verbs: Mapping[str, Verb]


class CustomRoute:
    """`rooms` by subresource. `ready`: requests wait until then, where objects are not loaded yet."""

    def __init__(self, resource: GroupResource, namespaced: bool, rooms: Mapping[str, Room],
                 ready: asyncio.Future[None] | None = None) -> None:
        self._resource, self._namespaced, self.rooms, self._ready = resource, namespaced, rooms, ready

    def find(self, info: RequestInfo) -> tuple[Verb, Scope]:
        """The verb and its scope. Where there is no such verb it is one that refuses: before that, requests are told
        what the scope warns of. Raises the 404 of paths that are nobody's."""
        verb = info.verb
        if self._namespaced is not bool(info.namespace) and (info.namespace or verb not in _ANYWHERE):
            raise page_not_found()
        room = self.rooms.get(info.subresource)
        if room is None:
            return _refusing(errors.not_found(self._resource, info.name)), self.rooms[""].scope
        found = room.verbs.get(verb)
        if found is None:
            return _refusing(errors.method_not_supported(self._resource, verb)), room.scope
        if verb in _NAMED and not info.name:
            return _refusing(errors.bad_request("name must be provided")), room.scope
        if self._ready is not None and not self._ready.done():
            return _after(self._ready, found), room.scope
        return found, room.scope


def _refusing(error: APIError) -> Verb:
    def refuse(scope: Scope, request: Request) -> Answer:
        raise error

    return refuse


def _after(ready: asyncio.Future[None], verb: Verb) -> Verb:
    async def wait(scope: Scope, request: Request) -> Answer:
        await asyncio.shield(ready)
        answer = verb(scope, request)
        return await answer if isinstance(answer, Awaitable) else answer

    return wait
