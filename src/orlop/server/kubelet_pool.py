"""Requests of ours to kubelets and pods over connections that are kept alive.

Used by `kubelet_client`. A connection that turns out to be closed by its server before it answered anything is replaced
once, if the request may be repeated: one with a body may not. Behaviour: Go's `net/http` `transport.go`.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from orlop.api.http import Incoming
from orlop.kinds.kubelet import Location
from orlop.server.kubelet_dial import dial
from orlop.server.kubelet_wire import Head, Wire, WireError
from orlop.server.simulated_network import Twin, itself

MOST_IDLE_EACH: Final = 25
"""Idle connections kept to one place: further ones are closed."""
MOST_IDLE: Final = 512
"""Idle connections kept to all places together: further ones are closed."""
IDLE_SECONDS: Final = 90.0
"""An idle connection is closed after this long."""
REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_Key = tuple[str, str, str, int]


class Pool:
    """`open` counts the connections in use and idle. `twin` tells where addresses are."""

    def __init__(self, twin: Twin = itself) -> None:
        self._twin = twin
        self._idle: dict[_Key, list[Wire]] = {}
        self._timers: dict[Wire, asyncio.TimerHandle] = {}
        self._open: set[Wire] = set()

    @property
    def open(self) -> int:
        return len(self._open)

    async def ask(self, location: Location, context: ssl.SSLContext | None, head: bytes, body: bytes,
                  method: str, incoming: Incoming | None = None) -> tuple[Wire, Head]:
        """Raises DialError and WireError. The wire is the caller's, who delivers its body and then gives it `back`."""
        key = (location.scheme, location.host, location.port, id(context))
        wire = self._take(key)
        if wire is not None:
            try:
                return wire, await wire.ask(head, body, method == "HEAD", incoming)
            except WireError as error:
                if not error.untouched or method not in REPEATABLE or body or incoming is not None:
                    raise
        wire = await self.connect(location, context)
        return wire, await wire.ask(head, body, method == "HEAD", incoming)

    async def connect(self, location: Location, context: ssl.SSLContext | None) -> Wire:
        """A connection that is not shared. Raises DialError."""
        wire = await dial(location, context, Wire, self._twin)
        self._open.add(wire)
        wire.on_free = lambda: self._forget(wire)
        return wire

    def back(self, location: Location, context: ssl.SSLContext | None, wire: Wire) -> None:
        """The answer is read whole: keep the connection, or close it."""
        key = (location.scheme, location.host, location.port, id(context))
        idle = self._idle.setdefault(key, [])
        if not wire.idle() or len(idle) >= MOST_IDLE_EACH or len(self._timers) >= MOST_IDLE:
            wire.abort()
            if not idle:
                del self._idle[key]
            return
        idle.append(wire)
        self._timers[wire] = asyncio.get_running_loop().call_later(IDLE_SECONDS, wire.abort)

    def close(self) -> None:
        """Cut everything, also what is in use."""
        for wire in list(self._open):
            wire.abort()

    def _take(self, key: _Key) -> Wire | None:
        idle = self._idle.get(key)
        while idle:
            wire = idle.pop()
            if not idle:
                del self._idle[key]
            self._timers.pop(wire).cancel()
            if wire.idle():
                return wire
        return None

    def _forget(self, wire: Wire) -> None:
        self._open.discard(wire)
        timer = self._timers.pop(wire, None)
        if timer is not None:
            timer.cancel()
            for key, idle in list(self._idle.items()):
                if wire in idle:
                    idle.remove(wire)
                    if not idle:
                        del self._idle[key]
