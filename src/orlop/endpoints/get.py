"""GET one object. Called by the router with a request whose context is complete; asks the registry's `Getter`.
Behaviour: apiserver `endpoints/handlers/get.go`."""

from __future__ import annotations

from collections.abc import Awaitable

from orlop.api.http import Answer, Request
from orlop.api.query_options import parse_get
from orlop.codec.negotiation import Representation
from orlop.endpoints import response
from orlop.endpoints.scope import Scope
from orlop.registry.interface import Object
from orlop.storage.interface import Entry


def get(scope: Scope, request: Request) -> Answer | Awaitable[Answer]:
    """Synchronous unless the read must wait for a revision."""
    representation = response.negotiate(request)
    found = scope.storage.get(request.context, request.context.info.name, parse_get(request))
    if isinstance(found, Entry | dict):
        return response.answer_object(scope, request, found, 200, representation)
    return _later(scope, request, found, representation)


async def _later(scope: Scope, request: Request, found: Awaitable[Object], representation: Representation) -> Answer:
    return response.answer_object(scope, request, await found, 200, representation)
