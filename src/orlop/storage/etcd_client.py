"""Calls to etcd: to a member that answers, as an authenticated user, within a limit of time.

Used by all of `etcd_*`; hands the single call on to `etcd_endpoint`. All calls go to one member until it fails, then
to the next. What is repeated is what may be: reads, and writes of which it is certain that they were not taken.
Knows whether etcd serves (`failure`), which readiness is made of.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any, Final

from orlop.storage.errors import CannotOpen
from orlop.storage.etcd_endpoint import Endpoint, WatchCall
from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_http2_headers import Metadata
from orlop.storage.etcd_messages import Messages
from orlop.storage.etcd_options import EtcdOptions
from orlop.storage.limits import ETCD_ATTEMPT, ETCD_PATIENCE, ETCD_RETRY_FIRST, ETCD_RETRY_MOST, ETCD_SHUN

_LEADER: Final = ("hasleader", "true")
"""A member that has lost its leader says so at once instead of trying."""


class Client:
    """`failure`: "" when etcd answered the last time, else in which words it did not. `on_shun`: told of a member that
    failed while there are others."""

    def __init__(self, options: EtcdOptions) -> None:
        if not options.endpoints:
            raise CannotOpen("etcd", "no server is named")
        self._options = options
        self.messages = Messages()
        self.failure = ""
        self.on_shun: Callable[[Endpoint], None] | None = None
        self._endpoints: list[Endpoint] = []
        self._metadata: Metadata = (_LEADER,)
        self._logging_in: asyncio.Task[None] | None = None

    async def start(self) -> None:
        options = self._options
        self._endpoints = [Endpoint(name, options.tls, self.messages) for name in options.endpoints]
        self.endpoint = self._endpoints[0]
        if options.user:
            await self.log_in()

    async def close(self) -> None:
        if self._logging_in is not None:
            self._logging_in.cancel()
        for endpoint in self._endpoints:
            await endpoint.close()

    @property
    def where(self) -> str:
        return ",".join(self._options.endpoints)

    async def call(
        self, name: str, request: Any, *, patience: float = ETCD_PATIENCE, repeatable: bool = True,
        attempt: float = ETCD_ATTEMPT,
    ) -> Any:
        """The answer of a member. Raises EtcdError: the last one when `patience` seconds did not suffice, at once when
        it is final, or when a call that is not `repeatable` was perhaps applied."""
        endpoint = self.endpoint
        try:
            answer = await endpoint.call(name, request, min(attempt, patience), self._metadata)
        except EtcdError as error:
            return await self._again(name, request, patience, repeatable, attempt, endpoint, error)
        self.failure = ""
        return answer

    async def _again(
        self, name: str, request: Any, patience: float, repeatable: bool, attempt: float, endpoint: Endpoint,
        error: EtcdError,
    ) -> Any:
        end = time.monotonic() + patience
        pause = ETCD_RETRY_FIRST
        while True:
            await self._make_way(endpoint, error, repeatable)
            left = end - time.monotonic() - pause
            if left <= 0:
                self.failure = str(error)
                raise error
            if (not error.stale_token and len(self._endpoints) == 1) or self.endpoint.shunned_until > time.monotonic():
                await asyncio.sleep(pause)
                pause = min(2 * pause, ETCD_RETRY_MOST)
            endpoint = self.endpoint
            try:
                answer = await endpoint.call(name, request, min(attempt, left), self._metadata)
            except EtcdError as next_error:
                error = next_error
                continue
            self.failure = ""
            return answer

    async def _make_way(self, endpoint: Endpoint, error: EtcdError, repeatable: bool) -> None:
        """See to it that another attempt may succeed; raises `error` where there must be none."""
        if error.stale_token and self._options.user:
            await self.log_in()
        elif error.transient:
            self.shun(endpoint)
            if error.perhaps_applied and not repeatable:
                raise error
        else:
            raise error

    def shun(self, endpoint: Endpoint) -> None:
        """It failed: go to the next that did not fail lately, or else to the one that failed longest ago."""
        now = time.monotonic()
        endpoint.shunned_until = now + ETCD_SHUN
        if endpoint is self.endpoint:
            at = self._endpoints.index(endpoint)
            others = self._endpoints[at + 1 :] + self._endpoints[: at + 1]
            self.endpoint = min(others, key=lambda one: max(one.shunned_until, now))
        if self.on_shun is not None and endpoint is not self.endpoint:
            self.on_shun(endpoint)

    async def log_in(self) -> None:
        """Get a token; all who need one at a time share it."""
        if self._logging_in is None or self._logging_in.done():
            self._logging_in = asyncio.ensure_future(self._log_in())
        await asyncio.shield(self._logging_in)

    async def _log_in(self) -> None:
        request = self.messages.AuthenticateRequest(name=self._options.user, password=self._options.password)
        error = EtcdError("UNAVAILABLE", "no attempt")
        for _ in range(2 * len(self._endpoints)):
            endpoint = self.endpoint
            try:
                answer = await endpoint.call("Authenticate", request, ETCD_ATTEMPT, (_LEADER,))
            except EtcdError as caught:
                error = caught
                if not error.transient:
                    raise
                self.shun(endpoint)
                continue
            self._metadata = (_LEADER, ("token", answer.token))
            return
        raise error

    def stream(self, endpoint: Endpoint) -> WatchCall:
        return endpoint.stream(self._metadata)

    async def version(self, endpoint: Endpoint) -> tuple[int, ...]:
        """Of the member: (3, 5, 13)."""
        answer = await endpoint.call("Status", self.messages.StatusRequest(), ETCD_ATTEMPT, self._metadata)
        return tuple(map(int, re.findall(r"\d+", answer.version)[:3]))
