"""The one type between transports and the rest of the server: a handler answers a request.

Called by the connection and by the in-process transport; implemented by the filter chain. A handler that
answers synchronously costs no task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from orlop.api.http import Answer, Request, Response
from orlop.server import refusal

log = logging.getLogger(__name__)

Handler = Callable[[Request], Answer | Awaitable[Answer]]

Observer = Callable[[Request, int, float, float, int], None]
"""Called after each answer with (request, status, start, end, bytes of the body); start and end by the
monotonic clock. Status 499: the client left before the answer."""

CLIENT_GONE = 499

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Their pending answers are cancelled when the client leaves; those of other methods run to their end,
because what they write is shared with other requests (a group commit)."""


def failed(request: Request, error: BaseException) -> Response:
    """The answer for a handler that raised: logged here, told to the client without particulars."""
    log.error("%s %s: the handler failed", request.method, request.raw_path, exc_info=error)
    return refusal.handler_failed()


def observed(observer: Observer, request: Request, status: int, start: float, end: float, size: int) -> None:
    """Report to the observer; its failure must not harm the connection."""
    try:
        observer(request, status, start, end, size)
    except Exception:
        log.exception("the observer of requests failed")


def future_of(answer: Awaitable[Answer], loop: asyncio.AbstractEventLoop) -> asyncio.Future[Answer]:
    """The future of an awaitable answer; a coroutine gets its one task here, a future needs none."""
    if asyncio.isfuture(answer):
        return answer
    if asyncio.iscoroutine(answer):
        return loop.create_task(answer)
    return loop.create_task(_wait(answer))


async def _wait(answer: Awaitable[Answer]) -> Answer:
    return await answer
