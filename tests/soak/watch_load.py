"""One process of the load of `test_watchers`: many watchers, or the writer.

    python watch_load.py < commands > reports

The first line of standard input is the task as JSON. A watching process says {"ready": N} when all its watches are
open, and after the line with the last sequence numbers ({"last": {"NAMESPACE/NAME": N}}) what it saw. A writing process
writes for so many seconds, and says what it wrote. Times are CLOCK_MONOTONIC, which all processes share.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from array import array
from itertools import count
from typing import Any

import orjson
import uvloop

CONNECTING = 40
"""Handshakes at a time."""
SAMPLE = 7
"""Every so many events one is timed."""
PATIENCE = 60.0
"""Seconds until the last events have to be there."""
FILLING = "x" * 400


def say(report: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(report) + b"\n")
    sys.stdout.buffer.flush()


class Watcher(asyncio.Protocol):
    """One watch: checks that every object's sequence numbers come one after the other."""

    __slots__ = ("ended", "events", "headers", "load", "opened", "rest", "seen", "target", "transport", "wrong")

    def __init__(self, load: Load, target: str) -> None:
        self.load, self.target = load, target
        self.rest, self.headers = b"", False
        self.seen: dict[str, int] = {}
        self.events = 0
        self.ended = ""
        self.wrong = ""
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.load.request("GET", self.target))

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                self.take(line)
            elif line == b"\r" and not self.headers:
                self.headers = True
                self.opened.set_result(None)
            elif line.startswith(b"HTTP/1.1 ") and b" 200 " not in line:
                self.wrong = self.wrong or line.decode("latin-1")

    def take(self, line: bytes) -> None:
        event = orjson.loads(line)
        if event["type"] == "BOOKMARK":
            return
        if event["type"] != "MODIFIED":
            self.wrong = self.wrong or f"{event['type']}: {line[:300]!r}"
            return
        data, about = event["object"]["data"], event["object"]["metadata"]
        key = f"{about['namespace']}/{about['name']}"
        number = int(data["n"])
        if number != self.seen.get(key, 0) + 1 and not self.wrong:
            self.wrong = f"{key}: {number} after {self.seen.get(key, 0)}"
        self.seen[key] = number
        self.events += 1
        if self.events % SAMPLE == 0:
            self.load.delays.append(time.monotonic() - float(data["t"]))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.load.finishing:
            self.ended = f"ended: {error!r}"
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(self.ended))


class Load:
    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task
        self.context = ssl.create_default_context(cafile=task["ca"])
        self.delays = array("d")
        self.finishing = False

    def request(self, method: str, target: str, body: bytes = b"") -> bytes:
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {self.task['host']}:{self.task['port']}\r\n"
            f"Authorization: Bearer {self.task['token']}\r\nAccept: application/json\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    # watching

    async def watch(self) -> None:
        watchers = [Watcher(self, target) for target in self.task["targets"]]
        gate = asyncio.Semaphore(CONNECTING)

        async def opening(watcher: Watcher) -> None:
            async with gate:
                await asyncio.get_running_loop().create_connection(
                    lambda: watcher, self.task["host"], self.task["port"], ssl=self.context
                )
                await watcher.opened

        await asyncio.gather(*map(opening, watchers))
        say({"ready": len(watchers)})
        line = await asyncio.to_thread(sys.stdin.buffer.readline)
        last: dict[str, int] = orjson.loads(line)["last"]
        missing = await self.complete(watchers, last)
        self.finishing = True
        delays = sorted(self.delays)
        say({
            "events": sum(watcher.events for watcher in watchers),
            "ended": [f"{watcher.target}: {watcher.ended}" for watcher in watchers if watcher.ended][:5],
            "wrong": [f"{watcher.target}: {watcher.wrong}" for watcher in watchers if watcher.wrong][:5],
            "missing": missing[:5],
            "delays": delays[:: max(1, len(delays) // 2000)],
        })  # fmt: skip
        for watcher in watchers:
            watcher.transport.abort()

    async def complete(self, watchers: list[Watcher], last: dict[str, int]) -> list[str]:
        """Wait until every watcher saw the last state of each object that it watches; who did not."""
        wanted = [{key: last[key] for key in keys if last.get(key)} for keys in self.task["keys"]]
        until = time.monotonic() + PATIENCE
        while True:
            missing = [w.target for w, its in zip(watchers, wanted, strict=True) if w.seen != its]
            if not missing or time.monotonic() > until:
                return missing
            await asyncio.sleep(0.05)

    # writing

    async def write(self) -> None:
        """Open loop: write number i is due i/rate seconds after the start, whether or not those before are done."""
        task = self.task
        keys: list[str] = task["keys"]
        numbers = dict.fromkeys(keys, 0)
        refused: list[str] = []
        latencies = array("d")
        start, turn = time.monotonic(), count()

        async def writing() -> None:
            connected = asyncio.open_connection(task["host"], task["port"], ssl=self.context)
            reader, writer = await connected
            while (i := next(turn)) < task["rate"] * task["seconds"]:
                pause = start + i / task["rate"] - time.monotonic()
                if pause > 0:
                    await asyncio.sleep(pause)
                key = keys[i * 7919 % len(keys)]
                numbers[key] += 1
                writer.write(self.request("PUT", path_of(key), content(key, numbers[key])))
                sent = time.monotonic()
                status = await answered(reader)
                latencies.append(time.monotonic() - sent)
                if status != 200:
                    refused.append(f"{key}: {status}")
            writer.close()

        await asyncio.gather(*(writing() for _ in range(task["connections"])))
        ordered = sorted(latencies)
        say({
            "writes": len(latencies), "refused": refused[:5], "last": numbers, "took": time.monotonic() - start,
            "latencies": ordered[:: max(1, len(ordered) // 2000)],
        })  # fmt: skip


def path_of(key: str) -> str:
    namespace, name = key.split("/")
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}"


def app_of(name: str) -> str:
    return f"app-{name[-1]}"


def content(key: str, number: int) -> bytes:
    name = key.split("/")[1]
    return orjson.dumps({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"app": app_of(name)}},
        "data": {"n": str(number), "t": repr(time.monotonic()), "filling": FILLING},
    })  # fmt: skip


async def answered(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    at = head.lower().index(b"content-length:") + len(b"content-length:")
    await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
    return int(head.split(b" ", 2)[1])


async def main() -> None:
    load = Load(orjson.loads(sys.stdin.buffer.readline()))
    await (load.watch() if load.task["role"] == "watch" else load.write())


if __name__ == "__main__":
    uvloop.run(main())
