"""What a server with very many objects costs: memory, start, lists, watches, and the loop's longest pause.

    python benchmarks/scale.py [--objects 100000] [--size 500] [--kind configmaps|pods] [--cold]

Fills a SQLite file, opens it in a process of its own, and asks an orlop without a socket for lists and watches as the
listener would. A ticker looks how long the event loop was away, another asks for one object all the while: what a
small client feels beside a huge one. `--cold` times the start of a whole server process, too. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import orjson

NAMESPACES, GROUPS, NODES = 100, 1000, 500
TICK = 0.0005
"""Seconds between two looks at the clock."""
FILL_BATCH = 2000
PAGE = 500
PIECE = 128 * 1024
EVENTS = 2000
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PROTOBUF = "application/vnd.kubernetes.protobuf"


def body(kind: str, i: int, size: int) -> bytes:
    """The stored form of object `i`, padded to `size` bytes."""
    tree: dict[str, Any] = {"metadata": {
        "name": f"o{i:07}", "namespace": f"ns{i % NAMESPACES}", "uid": f"00000000-0000-4000-8000-{i:012}",
        "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"app": f"app{i % GROUPS}", "tier": f"t{i % 3}"}}}
    if kind == "pods":
        container = {"name": "c", "image": "registry.example/web:1.2.3", "resources": {},
                     "terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent"}
        tree["spec"] = {"containers": [container], "restartPolicy": "Always", "nodeName": f"node{i % NODES}",
                        "dnsPolicy": "ClusterFirst", "terminationGracePeriodSeconds": 30}
        tree["status"] = {"phase": ("Running", "Pending", "Failed")[i % 7 % 3], "podIP": "10.0.0.1",
                          "containerStatuses": [{"name": "c", "ready": True, "restartCount": i % 5, "image": "x",
                                                 "imageID": "", "state": {"running": {}}}]}
        padding = size - len(orjson.dumps(tree)) - 40
        container["env"] = [{"name": f"E{n}", "value": "v" * 40} for n in range(padding // 66)]
        return orjson.dumps(tree)
    tree["data"] = {"k": "v" * max(0, size - len(orjson.dumps(tree)) - 18)}
    return orjson.dumps(tree)


async def fill(directory: Path, kind: str, objects: int, size: int) -> None:
    from orlop.storage.sqlite import SqliteStorage

    storage = SqliteStorage(directory)
    await storage.start()
    made: Iterable[int] = range(objects)
    for start in range(0, objects, FILL_BATCH):
        await asyncio.gather(*(
            storage.create(f"/registry/{kind}/ns{i % NAMESPACES}/o{i:07}", body(kind, i, size), known=None)
            for i in made[start:start + FILL_BATCH]))  # type: ignore[index]
    await storage.close()


def memory() -> float:
    """MiB held by this process."""
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Ticker:
    """Watches the loop: the longest time it was away, also in CPU time (on a shared machine the rest is others' doing),
    and the most memory held."""

    def __init__(self) -> None:
        self.longest = self.busiest = self.peak = 0.0
        self.slow = 0
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        last, busy_last, turn = time.perf_counter(), time.thread_time(), 0
        while True:
            await asyncio.sleep(TICK)
            now, busy = time.perf_counter(), time.thread_time()
            self.longest = max(self.longest, now - last - TICK)
            self.busiest = max(self.busiest, busy - busy_last)
            self.slow += busy - busy_last > 0.010
            last, busy_last, turn = now, busy, turn + 1
            if turn % 10 == 0:
                self.peak = max(self.peak, memory())

    def stop(self) -> None:
        self._task.cancel()


class Drain:
    """The far end of a stream, which takes everything at once."""

    on_lost: Callable[[], None] | None = None
    backlog = 0

    def __init__(self, until: bytes = b"") -> None:
        self.size = self.frames = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._until = until

    def write(self, frame: Any) -> None:
        self.size += len(frame.payload)
        self.frames += frame.payload.count(b'{"type":')
        if self._until and self._until in frame.payload and not self.done.done():
            self.done.set_result(None)

    def close(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def abort(self) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionResetError())


class Bench:
    def __init__(self, server: Any, kind: str, objects: int) -> None:
        self._server, self._handler = server, server.running.application.handler
        self._path, self._objects = f"/api/v1/{kind}", objects
        self._kind = kind
        self.cache = server.running.application.caches[f"/registry/{kind}/"]

    def _request(self, path: str, query: str, accept: str, method: str = "GET") -> Any:
        from orlop.api.http import Request

        return Request(method, path, query, {"authorization": f"Bearer {self._server.token}", "accept": accept,
                                             "user-agent": "bench"})

    async def ask(self, query: str = "", path: str = "", accept: str = "application/json", method: str = "GET",
                  channel: Drain | None = None) -> tuple[int, bytes]:
        """The size of an answer and its beginning (of a small one: all)."""
        from orlop.api.http import Response
        from orlop.server.pieces import joined

        answer = self._handler(self._request(path or self._path, query, accept, method))
        if isinstance(answer, Awaitable):
            answer = await answer
        if not isinstance(answer, Response):
            channel = channel or Drain()
            answer.open(channel)
            await channel.done
            return channel.size, b""
        assert answer.status == 200, answer.body
        pieces = [answer.body] if isinstance(answer.body, bytes) else answer.body
        size, first = sum(map(len, pieces)), b""
        for piece in joined(pieces, PIECE):
            first = first or bytes(piece[:PIECE])
            await asyncio.sleep(0)
        return size, first

    async def timed(self, what: str, work: Callable[[], Awaitable[Any]]) -> Any:
        gc.collect()
        before = memory()
        ticker = Ticker()
        await asyncio.sleep(0.01)
        ticker.longest, ticker.busiest, ticker.slow = 0.0, 0.0, 0
        asked = asyncio.ensure_future(self._small_gets())
        start, cpu = time.perf_counter(), time.process_time()
        result = await work()
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        await asyncio.sleep(4 * TICK)  # so that both see what the end of the work held up
        ticker.stop()
        asked.cancel()
        waits = sorted(self._waits) or [0.0]
        print(f"| {what} | {wall * 1e3:,.0f} | {cpu * 1e3:,.0f} | {ticker.longest * 1e3:.1f} "
              f"| {ticker.busiest * 1e3:.1f} | {ticker.slow} "
              f"| {waits[len(waits) // 2] * 1e3:.2f} / {waits[-1] * 1e3:.1f} "
              f"| {max(ticker.peak, memory()) - before:+,.0f} |", flush=True)
        return result

    async def _small_gets(self) -> None:
        """One object, again and again; how late each answer was."""
        self._waits: list[float] = []
        path = f"/api/v1/namespaces/ns1/{self._kind}/o0000001"
        due = time.perf_counter()
        while True:
            due = max(due + 0.001, time.perf_counter())
            await asyncio.sleep(0.001)
            await self.ask(path=path)
            self._waits.append(max(0.0, time.perf_counter() - due))

    async def run(self) -> None:
        print("\n| what | wall ms | CPU ms | longest pause ms | of it CPU ms | over 10 ms | small GET p50 / max ms "
              "| peak MiB |\n"
              "|---|---:|---:|---:|---:|---:|---:|---:|")
        await self.timed("list, whole", self.ask)
        await self.timed("list, as Table", lambda: self.ask(accept=TABLE))
        await self.timed("list, as Table again", lambda: self.ask(accept=TABLE))
        if self._objects <= 200_000:
            await self.timed("list, protobuf", lambda: self.ask(accept=PROTOBUF))
        await self.timed(f"list, pages of {PAGE}", self._pages)
        for what, query in (("label app=app1", "labelSelector=app%3Dapp1"),
                            ("label tier in (t0,t1)", "labelSelector=tier+in+(t0,t1)"),
                            ("field metadata.name", "fieldSelector=metadata.name%3Do0000001"),
                            ("field spec.nodeName", "fieldSelector=spec.nodeName%3Dnode1")):
            if "spec." in what and self._kind != "pods":
                continue
            await self.timed(f"list, {what}, first", lambda query=query: self.ask(query))
            await self._settled()
            await self.timed(f"list, {what}", lambda query=query: self.ask(query))
        one = f"/api/v1/namespaces/ns1/{self._kind}"
        await self.timed("list, one namespace", lambda: self.ask(path=one))
        await self.timed("watch, initial events", self._watch)
        await self.timed(f"{EVENTS} updates with one watcher", self._events)
        await self.timed("deletecollection, one namespace", lambda: self.ask(path=one, method="DELETE"))
        if self._objects <= 200_000:
            every = [f"/api/v1/namespaces/ns{i}/{self._kind}" for i in range(2, NAMESPACES)]

            async def rest() -> None:
                for path in every:
                    await self.ask(path=path, method="DELETE")

            await self.timed("deletecollection, the rest", rest)

    async def _settled(self) -> None:
        """Until what was begun in the background is done."""
        for _ in range(20_000):
            await asyncio.sleep(0)

    async def _pages(self) -> None:
        query, token = f"limit={PAGE}", b""
        while True:
            _, first = await self.ask(query + ("&continue=" + token.decode() if token else ""))
            head = first[:first.index(b"},")]
            if b'"continue":"' not in head:
                return
            token = head.partition(b'"continue":"')[2].partition(b'"')[0]

    async def _watch(self) -> None:
        channel = Drain(until=b"initial-events-end")
        query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        await self.ask(query, channel=channel)
        assert channel.frames == len(self.cache) + 1, channel.frames
        channel.on_lost()

    async def _events(self) -> None:
        channel = Drain(until=b"never")
        asking = asyncio.ensure_future(self.ask(f"watch=1&resourceVersion={self.cache.revision}", channel=channel))
        await asyncio.sleep(0.01)
        from orlop.storage.interface import Write, unstamp

        for start in range(0, EVENTS, 100):
            keys = [f"/registry/{self._kind}/ns{i % NAMESPACES}/o{i:07}" for i in range(start, start + 100)]
            await asyncio.gather(*(self.cache.guaranteed_update(
                key, lambda e: Write(unstamp(e.body).replace(b"2026-01-01", b"2026-01-02"))) for key in keys))
        while channel.frames < min(EVENTS, self._objects):
            await asyncio.sleep(0.001)
        channel.on_lost()
        asking.cancel()


@contextlib.asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Any]:
    import orlop

    off = dict.fromkeys(("namespace_controller", "service_account_controller", "root_ca_controller"), False)
    async with orlop.Server(listen=False, data_dir=directory, **off) as server:
        yield server


async def measure(directory: Path, kind: str, objects: int, size: int) -> None:
    import orlop  # noqa: F401
    import orlop.server.run as run
    from orlop.storage.sqlite import SqliteStorage
    from orlop.storage.watch_cache import WatchCache

    start = time.perf_counter()
    storage = SqliteStorage(directory)
    await storage.start()
    begun = time.perf_counter()
    cache = WatchCache(storage, f"/registry/{kind}/", lambda tree: None)  # type: ignore[arg-type, return-value]
    await cache.start()
    print(f"storage starts in {(begun - start) * 1e3:.0f} ms, the cache loads in "
          f"{(time.perf_counter() - begun) * 1e3:.0f} ms ({len(cache):,} objects)")
    await cache.close()
    await storage.close()
    del cache, storage
    gc.collect()
    before, start = memory(), time.perf_counter()
    async with opened(directory) as server:
        took = time.perf_counter() - start
        gc.collect()
        gc.freeze()
        gc.set_threshold(*run.GC_THRESHOLDS)
        bench = Bench(server, kind, objects)
        entry = next(iter(bench.cache.select(_everything(), limit=1).entries))
        accounted = (sys.getsizeof(entry) + 16 + sys.getsizeof(entry.key) + sys.getsizeof(entry.body)
                     + (sys.getsizeof(bench.cache._entries) + 8 * objects) / objects)
        print(f"a server without a socket starts in {took * 1e3:.0f} ms; {memory():.0f} MiB; an entry of "
              f"{len(entry.body)} B accounts for {accounted:.0f} B, bound {1.3 * len(entry.body) + 1000:.0f} B")
        await bench.run()
        held = [e for e in (bench.cache.peek(k) for k in list(bench.cache._entries)[:1]) if e is not None]
        print(f"\n{memory():.0f} MiB at the end (before: {before:.0f}); attributes and memo of the first entry: "
              f"{[(e.attributes, bool(e.memo)) for e in held]}")


def _everything() -> Any:
    from orlop.storage.predicate import EVERYTHING

    return EVERYTHING


async def resident(directory: Path, kind: str) -> None:
    """Memory per object, in a process that does nothing else."""
    from orlop.storage.sqlite import SqliteStorage
    from orlop.storage.watch_cache import WatchCache

    storage = SqliteStorage(directory)
    await storage.start()
    gc.collect()
    before = memory()
    cache = WatchCache(storage, f"/registry/{kind}/", lambda tree: None)  # type: ignore[arg-type, return-value]
    await cache.start()
    gc.collect()
    grown = (memory() - before) * (1 << 20) / max(1, len(cache))
    size = sum(len(e.body) for e in cache._entries.values()) / max(1, len(cache))
    print(f"memory per object: {grown:.0f} B for bodies of {size:.0f} B; bound {1.3 * size + 1000:.0f} B")
    await cache.close()
    await storage.close()


def cold(directory: Path) -> float:
    """Seconds from starting the command to its saying that it is ready."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "orlop", "serve", "--data-dir", str(directory), "--secure-port", "0",
               "--storage", "sqlite"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took = time.perf_counter() - start
        process.terminate()
    assert b"ready" in line, line
    return took


def in_child(*arguments: object) -> None:
    subprocess.run([sys.executable, __file__, *map(str, arguments)], check=True)


def run_loop(work: Any) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)


def main() -> None:
    parser = argparse.ArgumentParser(description="What very many objects cost.")
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=500, help="bytes of an object")
    parser.add_argument("--kind", choices=["configmaps", "pods"], default="configmaps")
    parser.add_argument("--cold", action="store_true", help="also time the start of a whole server process")
    parser.add_argument("--data-dir", type=Path, help="keep the file here; use a copy of it when it is there")
    parser.add_argument("--step", choices=["fill", "resident", "measure"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        steps = {"fill": lambda: fill(options.data_dir, options.kind, options.objects, options.size),
                 "resident": lambda: resident(options.data_dir, options.kind),
                 "measure": lambda: measure(options.data_dir, options.kind, options.objects, options.size)}
        run_loop(steps[options.step]())
        return
    with tempfile.TemporaryDirectory(prefix="orlop-scale-") as parent:
        directory = Path(parent) / "data"
        if options.data_dir and options.data_dir.exists():
            shutil.copytree(options.data_dir, directory)
        common = ("--objects", options.objects, "--size", options.size, "--kind", options.kind, "--data-dir")
        print(f"{options.objects:,} {options.kind} of {options.size} B")
        if not directory.exists():
            start = time.perf_counter()
            in_child("--step", "fill", *common, directory)
            print(f"filled in {time.perf_counter() - start:.1f} s")
            if options.data_dir:
                shutil.copytree(directory, options.data_dir)
        in_child("--step", "resident", *common, directory)
        if options.cold:
            empty = cold(Path(parent) / "empty")
            full = [cold(directory) for _ in range(3)]
            print(f"cold start to ready: {min(full):.2f} s (empty: {empty:.2f} s)")
        in_child("--step", "measure", *common, directory)


if __name__ == "__main__":
    main()
