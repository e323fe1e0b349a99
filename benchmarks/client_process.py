"""Client processes: they make the requests, so that the server's process does nothing else.

Started by `Clients`, steered through pipes: each process has its share of the connections, holds them open for the
whole run, and answers an order with what it saw.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from itertools import pairwise
from multiprocessing.connection import Connection as Pipe
from typing import Any, NamedTuple

import http_connection
from http_connection import Connection
from measured_server import Target
from workloads import BY_NAME

PROCESSES = 4
CONNECTIONS = 16


class Seen(NamedTuple):
    """Latencies in seconds, and the statuses of failures."""

    latencies: list[float]
    failures: list[int]


class _Process:
    """What runs in one client process."""

    def __init__(self, pipe: Pipe, target: Target, connections: int) -> None:
        self._pipe, self._target, self._number = pipe, target, connections
        self._tls = http_connection.context(target)
        self._open: list[Connection] = []
        self._watching: list[Connection] = []
        self._lines = 0

    async def run(self) -> None:
        self._open = [await self._connect() for _ in range(self._number)]
        self._pipe.send("ready")
        loop = asyncio.get_running_loop()
        while True:
            order, *arguments = await loop.run_in_executor(None, self._pipe.recv)
            if order == "stop":
                return
            self._pipe.send(await getattr(self, order)(*arguments))

    async def _connect(self) -> Connection:
        return await http_connection.connect(self._target, self._tls)

    async def drive(self, workload: str, first: int, last: int) -> Seen:
        """Requests number `first` to `last` (exclusive), as fast as answers come."""
        numbers = iter(range(first, last))
        seen = Seen([], [])
        await asyncio.gather(*(self._work(one, BY_NAME[workload], numbers, seen) for one in self._open))
        return seen

    async def _work(self, connection: Connection, make: Any, numbers: Iterator[int], seen: Seen) -> None:
        for i in numbers:
            request = make(self._target, i)
            began = time.monotonic()
            answer = await connection.call(request)
            seen.latencies.append(time.monotonic() - began)
            if answer.status >= 300:
                seen.failures.append(answer.status)

    async def trickle(self, workload: str, first: int, last: int, pause: float) -> Seen:
        """The same requests one by one, with a pause after each."""
        seen = Seen([], [])
        for i in range(first, last):
            await self._work(self._open[0], BY_NAME[workload], iter((i,)), seen)
            await asyncio.sleep(pause)
        return seen

    async def watch(self, request: bytes, watchers: int) -> int:
        """Open watches; returns when the headers of all have arrived."""
        self._lines = 0
        self._watching = [await self._connect() for _ in range(watchers)]
        for connection in self._watching:
            connection.watch(request, self._arrived)
        return watchers

    def _arrived(self, lines: int) -> None:
        self._lines += lines

    async def arrived(self) -> int:
        """Events that all watches of this process have received together."""
        return self._lines

    async def unwatch(self) -> int:
        for connection in self._watching:
            connection.close()
        self._watching = []
        return 0


def _main(pipe: Pipe, target: Target, connections: int) -> None:
    asyncio.run(_Process(pipe, target, connections).run())


class Clients:
    """All client processes, as one. `numbers` of requests are dealt out in equal shares."""

    def __init__(self, target: Target, processes: int = PROCESSES, connections: int = CONNECTIONS) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Pipe] = []
        self._processes = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            share = max(1, connections // processes)
            process = context.Process(target=_main, args=(theirs, target, share), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()

    def _order(self, orders: list[tuple[Any, ...]]) -> list[Any]:
        for pipe, order in zip(self._pipes, orders, strict=True):
            pipe.send(order)
        return [pipe.recv() for pipe in self._pipes]

    def _all(self, *order: Any) -> list[Any]:
        return self._order([order] * len(self._pipes))

    def drive(self, workload: str, first: int, last: int) -> Seen:
        number = len(self._pipes)
        bounds = [first + (last - first) * n // number for n in range(number + 1)]
        parts = self._order([("drive", workload, low, high) for low, high in pairwise(bounds)])
        return Seen(sorted(x for part in parts for x in part.latencies), [x for part in parts for x in part.failures])

    def trickle(self, workload: str, first: int, last: int, pause: float) -> Seen:
        """One process sends alone."""
        self._pipes[0].send(("trickle", workload, first, last, pause))
        seen: Seen = self._pipes[0].recv()
        return seen

    def watch(self, request: bytes, watchers: int) -> int:
        """Open about so many watches; returns how many."""
        return sum(self._all("watch", request, max(1, watchers // len(self._pipes))))

    def arrived(self) -> int:
        return sum(self._all("arrived"))

    def unwatch(self) -> None:
        self._all("unwatch")

    def stop(self) -> None:
        for pipe in self._pipes:
            pipe.send(("stop",))
        for process in self._processes:
            process.join()
