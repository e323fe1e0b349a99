"""A bound on requests under way (apiserver `pkg/server/filters/maxinflight.go`, before priority and fairness).

Reads answer at once and never pile up; what can is writes waiting for their commit and reads waiting for a revision.
At the limit further ones are refused with 429 and a second to wait; watches do not count.
"""

from __future__ import annotations

from collections.abc import Awaitable

from orlop.api import errors
from orlop.api.http import Answer, Request

_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
RETRY_AFTER = 1


class InFlight:
    """`most_reading`, `most_mutating`: --max-requests-inflight and --max-mutating-requests-inflight, 0 for no limit."""

    def __init__(self, most_reading: int, most_mutating: int) -> None:
        self._most_reading, self._most_mutating = most_reading, most_mutating
        self.reading = 0
        self.mutating = 0

    def check(self, request: Request) -> None:
        reads = request.method in _READ_METHODS
        now, most = (self.reading, self._most_reading) if reads else (self.mutating, self._most_mutating)
        if most and now >= most and "system:masters" not in request.context.user.groups:
            raise errors.APIError(429, "TooManyRequests", "Too many requests, please try again later.",
                                  {"retryAfterSeconds": RETRY_AFTER}, RETRY_AFTER)

    async def counted(self, request: Request, answer: Awaitable[Answer]) -> Answer:
        if request.method in _READ_METHODS:
            self.reading += 1
            try:
                return await answer
            finally:
                self.reading -= 1
        self.mutating += 1
        try:
            return await answer
        finally:
            self.mutating -= 1
