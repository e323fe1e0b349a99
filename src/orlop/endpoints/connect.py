"""Rooms that answer by themselves (log, exec, attach, port-forward, proxy): find the room, let it answer.
Behaviour: apiserver `endpoints/handlers/rest.go` ConnectResource."""

from __future__ import annotations

from collections.abc import Awaitable

from orlop.admission.interface import CONNECT, Attributes
from orlop.api.http import Answer, Request
from orlop.endpoints.scope import Scope


def connect(scope: Scope, request: Request) -> Answer | Awaitable[Answer]:
    ctx = request.context
    info = ctx.info
    rest = "/".join(info.parts[3 if info.subresource else 2 :])
    attributes = Attributes(ctx, CONNECT, scope.kind, scope.resource, scope.subresource, ctx.namespace, info.name,
                            None, None, False)
    pending = scope.on_connect.review(attributes)
    if pending is not None:
        return _after(pending, scope, request, rest)
    answer: Answer | Awaitable[Answer] = scope.storage.connect(ctx, info.name, rest, request)
    return answer


async def _after(pending: Awaitable[None], scope: Scope, request: Request, rest: str) -> Answer:
    await pending
    answer = scope.storage.connect(request.context, request.context.info.name, rest, request)
    result: Answer = await answer if isinstance(answer, Awaitable) else answer
    return result
