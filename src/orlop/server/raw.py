"""A connection after 101: bytes both ways.

Made by the connection for an `Upgrade`, used by the handler that took it (SPDY, WebSocket, a tunnel). No
time-out of HTTP applies any more; who does not read what is written to it is cut at
`Limits.stream_backlog`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orlop.server.link import Link

log = logging.getLogger(__name__)


class HandedOver:
    """An Upgraded connection. Bytes that arrive while nobody listens are kept, and reading pauses."""

    __slots__ = ("_connection", "_early", "_open", "_paused", "on_data", "on_drained", "on_lost")

    def __init__(self, connection: Link) -> None:
        self._connection = connection
        self.on_data: Callable[[bytes], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self._early = b""
        self._open, self._paused = True, False

    @property
    def backlog(self) -> int:
        return self._connection.unsent()

    @property
    def congested(self) -> bool:
        """The client takes less than it is sent; `on_drained` tells when it has caught up."""
        return self._connection.paused

    def write(self, data: bytes) -> None:
        if self._open and data:
            self._connection.send(data)
            if self._connection.unsent() > self._connection.shared.limits.stream_backlog:
                self._connection.abort()

    def close(self) -> None:
        """Send what was written, then close."""
        if self._open:
            self._open, self.on_lost, self.on_drained = False, None, None
            self._connection.close(self._connection.shared.limits.stall_seconds)

    def abort(self) -> None:
        """Cut the connection; what was not sent is lost."""
        if self._open:
            self._open, self.on_lost, self.on_drained = False, None, None
            self._connection.abort()

    def pause_reading(self) -> None:
        if self._open and not self._paused:
            self._paused = True
            self._connection.pause_reading()

    def resume_reading(self) -> None:
        if self._open and self._paused:
            self._paused = False
            early, self._early = self._early, b""
            if early:
                self.received(early)
            if not self._paused:
                self._connection.resume_reading()

    def received(self, data: bytes) -> None:
        if not self._open:
            return
        if self.on_data is None or self._paused:
            self._early += data
            self.pause_reading()
            return
        try:
            self.on_data(data)
        except Exception:
            log.exception("the taker of an upgraded connection failed")
            self._connection.abort()

    def drained(self) -> None:
        told = self.on_drained
        if self._open and told is not None:
            try:
                told()
            except Exception:
                log.exception("the taker of an upgraded connection failed")
                self._connection.abort()

    def lost(self) -> None:
        told, self.on_lost = self.on_lost, None
        self._open = False
        if told is not None:
            try:
                told()
            except Exception:
                log.exception("the taker of an upgraded connection failed when told of its loss")
