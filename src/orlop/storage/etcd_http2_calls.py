"""What is open on a connection: calls with one answer, and streams of messages both ways.

Made by `etcd_http2_channel`, fed by `etcd_http2_connection`, sent by `etcd_http2_sending`. Here it is decided what is
given back of a stream's window, and so how much of an answer can be on its way.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from math import inf
from typing import Final, Protocol

from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_http2_limits import STREAM_WINDOW, UNREAD_BYTES
from orlop.storage.etcd_http2_messages import Reassembly, Refusal

_STEP: Final = STREAM_WINDOW // 2
_NOTHING: Final = memoryview(b"")


class Call(ABC):
    """`deadline`: of the loop's clock. `window`: what etcd lets us send. `unsent`: of the request; `last`: our side
    ends behind it. `begun`: the answer's headers came. `debt`: bytes taken and not given back to the window."""

    __slots__ = ("begun", "deadline", "debt", "last", "number", "reassembly", "unsent", "window")

    def __init__(self, number: int, deadline: float, last: bool) -> None:
        self.number, self.deadline, self.last = number, deadline, last
        self.unsent = _NOTHING
        self.window = self.debt = 0
        self.begun = False
        self.reassembly = Reassembly()

    @abstractmethod
    def take(self, data: bytes, size: int) -> int:
        """DATA of which the frame had `size` bytes. How much of the window to give back. Raises Refusal."""

    @abstractmethod
    def end(self, error: EtcdError | None) -> None:
        """Nothing more will come."""


class Unary(Call):
    """`future`: the answer's bytes, or EtcdError."""

    __slots__ = ("answer", "future")

    def __init__(self, number: int, deadline: float, future: asyncio.Future[bytes]) -> None:
        Call.__init__(self, number, deadline, True)
        self.future = future
        self.answer: bytes | None = None

    def take(self, data: bytes, size: int) -> int:
        for message in self.reassembly.feed(data):
            if self.answer is not None:
                raise Refusal("INTERNAL", "a second answer to one request")
            self.answer = message
        self.debt += size
        if self.debt < _STEP:
            return 0
        back, self.debt = self.debt, 0
        return back

    def end(self, error: EtcdError | None) -> None:
        if self.future.done():  # its caller gave up in this very turn of the loop
            return
        if error is None:
            if self.answer is not None:
                self.future.set_result(self.answer)
                return
            error = EtcdError("INTERNAL", "an answer without a message")
        self.future.set_exception(error)


class Carrier(Protocol):
    """The connection, as a stream needs it."""

    def send(self, call: Call, message: bytes) -> None: ...

    def give_back(self, call: Call, size: int) -> None: ...

    def cancel(self, call: Call) -> None: ...


class Duplex(Call):
    """Messages both ways, for one reader. What it has not read is held up to `UNREAD_BYTES`."""

    __slots__ = ("_carrier", "_ended", "_error", "_queue", "_queued", "_waiter", "_where")

    def __init__(self, number: int, carrier: Carrier, where: str) -> None:
        Call.__init__(self, number, inf, False)
        self._carrier, self._where = carrier, where
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._waiter: asyncio.Future[None] | None = None
        self._ended, self._error = False, EtcdError("UNAVAILABLE", "the stream ended", where)

    def take(self, data: bytes, size: int) -> int:
        self.debt += size
        if self.debt > 2 * STREAM_WINDOW:
            raise Refusal("INTERNAL", "more data than there was room for")
        for message in self.reassembly.feed(data):
            self._queue.append(message)
            self._queued += len(message)
        if self._queue:
            self._wake()
        return self._room()

    def _room(self) -> int:
        if self.debt < _STEP or self._queued > UNREAD_BYTES:
            return 0
        back, self.debt = self.debt, 0
        return back

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self, error: EtcdError | None) -> None:
        self._ended = True
        if error is not None:
            self._error = error
        self._wake()

    async def read(self) -> bytes:
        """The next message. Raises EtcdError: the stream ended, or was cancelled."""
        while not self._queue:
            if self._ended:
                raise EtcdError(self._error.code, self._error.words, self._where)
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        message = self._queue.popleft()
        self._queued -= len(message)
        if self.debt >= _STEP and not self._ended:
            self._carrier.give_back(self, self._room())
        return message

    def write(self, message: bytes) -> None:
        """Raises EtcdError."""
        if self._ended:
            raise EtcdError(self._error.code, self._error.words, self._where)
        self._carrier.send(self, message)

    def cancel(self) -> None:
        if not self._ended:
            self.end(EtcdError("CANCELLED", "the stream was cancelled", self._where))
            self._queue.clear()
            self._carrier.cancel(self)
