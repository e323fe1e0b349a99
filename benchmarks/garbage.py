"""How long the garbage collector takes for one owner of very many, and what others notice of it meanwhile.

    python benchmarks/garbage.py [--dependents 10000] [--storage sqlite] [--policy Background]

In one process without a socket. Says the time from the owner's deletion to the end, the longest turn of the event loop
meanwhile, and how long a read of another client took at most.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from typing import Any

import uvloop

import orlop
from orlop.server.run import GC_THRESHOLDS

MAPS = "/api/v1/namespaces/default/configmaps"
SETS = "/apis/apps/v1/namespaces/default/replicasets"
AT_ONCE = 100
PAUSE = 0.001


class Turns:
    """The longest time for which nobody else got a turn, and the longest read."""

    def __init__(self, server: orlop.Server) -> None:
        self._server = server
        self.longest = self.read = 0.0

    async def run(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(PAUSE)
            middle = time.perf_counter()
            reply = await self._server.request("GET", "/api/v1/namespaces/default")
            assert reply.status == 200
            self.longest = max(self.longest, middle - before - PAUSE)
            self.read = max(self.read, time.perf_counter() - middle)


async def make_all(server: orlop.Server, number: int) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    owner = (await server.request("POST", SETS, {
        "metadata": {"name": "owner"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}})).json()
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "owner", "uid": owner["metadata"]["uid"],
                 "blockOwnerDeletion": True, "controller": True}

    async def make(which: int) -> None:
        metadata = {"name": f"d{which}", "labels": {"number": str(which)}, "ownerReferences": [reference]}
        reply = await server.request("POST", MAPS, {"metadata": metadata, "data": {"key": "value" * 20}})
        assert reply.status == 201, reply.body

    for start in range(0, number, AT_ONCE):
        await asyncio.gather(*(make(which) for which in range(start, min(start + AT_ONCE, number))))


async def measure(options: argparse.Namespace) -> None:
    settings: dict[str, Any] = {"storage": options.storage, "root_ca_controller": False}
    async with orlop.Server(listen=False, **settings) as server:
        await make_all(server, options.dependents)
        gc.freeze()  # as `orlop serve` does
        gc.set_threshold(*GC_THRESHOLDS)
        application = server.running.application
        cache, sets = (application.stores[kind].cache for kind in (("", "configmaps"), ("apps", "replicasets")))
        kept = len(cache) - options.dependents
        turns = Turns(server)
        watching = asyncio.create_task(turns.run())
        await asyncio.sleep(0.5)
        idle, turns.longest, turns.read = (turns.longest, turns.read), 0.0, 0.0
        begun, cpu = time.perf_counter(), time.process_time()
        await server.request("DELETE", f"{SETS}/owner", query={"propagationPolicy": options.policy})
        orphaned = options.policy == "Orphan"
        while len(sets) or (len(cache) > kept and not orphaned):
            await asyncio.sleep(0.01)
        print(f"{options.dependents} dependents, {options.policy}, {options.storage}: "
              f"{time.perf_counter() - begun:.2f} s, CPU {time.process_time() - cpu:.2f} s; longest turn of the loop "
              f"{turns.longest * 1000:.1f} ms (idle {idle[0] * 1000:.1f}), longest read {turns.read * 1000:.1f} ms")
        watching.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dependents", type=int, default=10_000)
    parser.add_argument("--storage", default="sqlite")
    parser.add_argument("--policy", default="Background", choices=["Background", "Foreground", "Orphan"])
    uvloop.run(measure(parser.parse_args()))
