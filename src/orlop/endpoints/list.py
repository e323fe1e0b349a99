"""GET a collection. A watch asked for by `?watch=1` goes on to `endpoints.watch`. Asks the registry's `Lister`.
Behaviour: apiserver `endpoints/handlers/get.go` ListResource."""

from __future__ import annotations

from collections.abc import Awaitable

from orlop.api.http import Answer, Request
from orlop.api.options import ListOptions
from orlop.api.query_options import parse_list
from orlop.codec.negotiation import ALL_TYPES, Representation
from orlop.endpoints import response
from orlop.endpoints.scope import Scope
from orlop.endpoints.watch import watch
from orlop.registry.interface import ListResult


def list_options(scope: Scope, request: Request) -> ListOptions:
    """The query as ListOptions, field labels checked against the kind, the URL's name as a selector."""
    parts = request.context.info.parts
    return parse_list(request).resolved(scope.field_label, parts[1] if len(parts) > 1 else "")


def list_(scope: Scope, request: Request) -> Answer | Awaitable[Answer]:
    representation = response.negotiate(request, ALL_TYPES)
    options = list_options(scope, request)
    if options.watch or request.context.info.verb == "watch":
        return watch(scope, request, options)
    result = scope.storage.list(request.context, options)
    if isinstance(result, ListResult):
        return response.answer_list(scope, request, result, representation)
    return _later(scope, request, result, representation)


async def _later(scope: Scope, request: Request, result: Awaitable[ListResult],
                 representation: Representation) -> Answer:
    return response.answer_list(scope, request, await result, representation)
